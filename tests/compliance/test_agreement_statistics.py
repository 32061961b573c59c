"""Intervals and kappa against published examples."""

import pytest

from apps.studies.statistics import cohens_kappa, newcombe, welch

# Student 1908: extra hours of sleep under two drugs; as two groups, R's t.test gives t = -1.8608, df = 17.776 and
# the interval (-3.3654832, 0.2054832).
SLEEP = (
    (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0),
    (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4),
)

# Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (3rd edition 2003), table 18.1: 100 patients by
# two psychiatrists, psychotic, neurotic or organic. kappa = 0.68, standard error 0.087, interval 0.51 to 0.85 (of the
# rounded kappa; 0.50 to 0.85 without rounding).
DIAGNOSES = {
    ("psychotic", "psychotic"): 75,
    ("psychotic", "neurotic"): 1,
    ("psychotic", "organic"): 4,
    ("neurotic", "psychotic"): 5,
    ("neurotic", "neurotic"): 4,
    ("neurotic", "organic"): 1,
    ("organic", "organic"): 10,
}


def test_the_difference_of_two_means_has_welchs_interval() -> None:
    assert welch(*SLEEP) == pytest.approx((-3.3654832, 0.2054832), abs=1e-7)


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0, 2.0]), ([], []), ([3.0, 3.0], [5.0, 5.0])])
def test_without_a_spread_there_is_no_interval(first: list[float], second: list[float]) -> None:
    assert welch(first, second) is None


@pytest.mark.parametrize(
    ("shares", "interval"),
    [
        # Newcombe 1998, table II, method 10.
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
    ],
)
def test_the_difference_of_two_shares_has_newcombes_interval(
    shares: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    assert newcombe(*shares) == pytest.approx(interval, abs=5e-5)


def test_kappa_and_its_interval_are_the_published_ones() -> None:
    found = cohens_kappa([pair for pair, count in DIAGNOSES.items() for _ in range(count)])
    assert found is not None and found.interval is not None
    # 0.75 + 0.04 + 0.10 agree; 0.80 x 0.80 + 0.10 x 0.05 + 0.10 x 0.15 would by habit; (0.89 - 0.66) / 0.34.
    assert (found.observed, found.expected) == (pytest.approx(0.89), pytest.approx(0.66))
    assert found.value == pytest.approx(0.23 / 0.34)
    assert (found.interval[1] - found.interval[0]) / 2 / 1.959964 == pytest.approx(0.087, abs=1e-3)
    assert (round(found.interval[0], 2), round(found.interval[1], 2)) == (0.50, 0.85)


def test_kappa_of_a_fair_coin_is_nothing_and_of_contrariness_minus_one() -> None:
    coin = cohens_kappa([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")])
    assert coin is not None and coin.value == pytest.approx(0)
    contrary = cohens_kappa([("a", "b"), ("b", "a")])
    assert contrary is not None and contrary.value == pytest.approx(-1)


def test_kappa_says_nothing_where_all_is_one_verdict_and_no_interval_where_all_agree() -> None:
    assert cohens_kappa([]) is None
    assert cohens_kappa([("a", "a")] * 30) is None
    agreed = cohens_kappa([("a", "a"), ("b", "b")] * 15)
    assert agreed is not None and agreed.value == 1 and agreed.interval is None
