"""The two tests against published examples and against their formulas worked out here."""

import itertools
import math

import pytest

from apps.studies.statistics import p_words, paired, saved

# Student 1908: extra hours of sleep of ten patients under two drugs; t = -4.0621, p = 0.002833.
SLEEP = (
    (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0),
    (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4),
)

# Hollander and Wolfe 1973, p. 29: depression scale before and after; V = 40, two-sided p = 0.0390625.
DEPRESSION = (
    (1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30),
    (0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29),
)


def test_the_t_test_is_students() -> None:
    found = paired(*SLEEP)
    assert found is not None
    assert found.t == pytest.approx(-4.0621, abs=5e-5)
    assert found.t_p == pytest.approx(0.002833, abs=5e-7)
    assert found.mean_difference == pytest.approx(-1.58)
    assert found.interval == pytest.approx((-2.4598858, -0.7001142), abs=1e-6)


def test_the_t_statistic_is_the_mean_over_its_standard_error() -> None:
    before, after = DEPRESSION
    differences = [x - y for x, y in zip(before, after, strict=True)]
    n, mean = len(differences), sum(differences) / len(differences)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in differences) / (n - 1))
    found = paired(before, after)
    assert found is not None
    assert found.t == pytest.approx(mean / (deviation / math.sqrt(n)))


def test_the_signed_rank_test_is_that_of_the_textbook() -> None:
    found = paired(*DEPRESSION)
    assert found is not None
    assert found.w == 5  # 45 - 40: the smaller of both sums of ranks
    assert found.w_p == pytest.approx(0.0390625)


def test_the_signed_rank_p_is_the_share_of_sign_patterns_as_extreme() -> None:
    ranks = range(1, 10)
    patterns = itertools.product((0, 1), repeat=9)
    sums = [sum(rank for rank, up in zip(ranks, pattern, strict=True) if up) for pattern in patterns]
    as_extreme = sum(one <= 5 or one >= 40 for one in sums) / len(sums)
    found = paired(*DEPRESSION)
    assert found is not None and found.w_p == pytest.approx(as_extreme)


def test_pairs_that_are_all_alike_have_no_p() -> None:
    found = paired([3.0, 4.0], [3.0, 4.0])
    assert found is not None
    assert (found.t_p, found.w_p, found.interval, found.mean_difference) == (None, None, None, 0)
    always_two = paired([3.0, 4.0, 5.0], [1.0, 2.0, 3.0])
    assert always_two is not None and always_two.t_p is None and always_two.w_p is not None


def test_one_pair_compares_nothing_and_odd_lists_are_an_error() -> None:
    assert paired([1.0], [2.0]) is None
    assert paired([], []) is None
    with pytest.raises(ValueError, match="make no pairs"):
        paired([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.0004, "p < 0.001"),
        (0.001, "p = 0.001"),
        (0.0391, "p = 0.039"),
        (None, "differences do not vary"),
    ],
)
def test_a_p_is_written_as_people_do(p: float | None, words: str) -> None:
    assert p_words(p) == words


def test_nothing_is_saved_of_no_time() -> None:
    assert saved(0, 0) is None
    assert saved(10, 15) == -0.5
