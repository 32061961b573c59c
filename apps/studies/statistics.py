"""Comparisons of two arms and of two people. Sources and formulas: docs/studies.md, docs/review-quality.md."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from apps.imaging.training.evaluate.statistics import NINETY_FIVE_PERCENT, Interval, wilson

FEWEST_PAIRS = 2
"""A spread needs two differences."""


@dataclass(frozen=True)
class Paired:
    """Manual against AI-aided over `n` pairs; a difference above 0 says that the AI-aided reading was quicker.

    `t` and `t_p` are None where the differences do not vary, `w` and `w_p` where all are 0.
    """

    n: int
    mean_difference: float
    """Seconds, manual minus AI-aided."""
    interval: tuple[float, float] | None
    """95 % confidence interval of the mean difference, of Student's t distribution."""
    t: float | None
    t_p: float | None
    """Two-sided p of the paired t-test (Student 1908)."""
    w: float | None
    """The smaller of the sums of positive and of negative ranks."""
    w_p: float | None
    """Two-sided p of the signed-rank test (Wilcoxon 1945); differences of 0 are left out."""

    @property
    def t_words(self) -> str:
        """The p of the t-test as people write it."""
        return p_words(self.t_p)

    @property
    def w_words(self) -> str:
        """The p of the signed-rank test as people write it."""
        return p_words(self.w_p)


def p_words(p: float | None) -> str:
    """Return "p = 0.012", "p < 0.001", or why there is none."""
    if p is None:
        return "differences do not vary"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def paired(manual: Sequence[float], aided: Sequence[float]) -> Paired | None:
    """Compare two arms pair by pair; None with fewer than two pairs."""
    if len(manual) != len(aided):
        raise ValueError(f"{len(manual)} manual and {len(aided)} AI-aided values make no pairs")
    if len(manual) < FEWEST_PAIRS:
        return None
    # Only who opens a result waits the second that this import takes.
    from scipy import stats

    differences = [before - after for before, after in zip(manual, aided, strict=True)]
    mean = math.fsum(differences) / len(differences)
    t = t_p = w = w_p = interval = None
    if max(differences) - min(differences) > 0:
        student = stats.ttest_rel(manual, aided)
        t, t_p = float(student.statistic), float(student.pvalue)
        low, high = student.confidence_interval(0.95)
        interval = (float(low), float(high))
    if any(differences):
        wilcoxon = stats.wilcoxon(differences, zero_method="wilcox", method="auto")
        w, w_p = float(wilcoxon.statistic), float(wilcoxon.pvalue)
    return Paired(len(differences), mean, interval, t, t_p, w, w_p)


def saved(manual_seconds: float, aided_seconds: float) -> float | None:
    """Return the share of the manual time that the AI-aided reading saved; below 0 when it took longer."""
    return 1 - aided_seconds / manual_seconds if manual_seconds > 0 else None


def welch(first: Sequence[float], second: Sequence[float]) -> Interval | None:
    """Return the 95 % confidence interval of the difference of two means, first minus second (Welch 1947).

    The two need not vary alike. None where a spread cannot be told: fewer than two values, or none that differ.
    """
    if len(first) < FEWEST_PAIRS or len(second) < FEWEST_PAIRS:
        return None
    means, errors = [], []
    for values in (first, second):
        mean = math.fsum(values) / len(values)
        means.append(mean)
        variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
        errors.append(variance / len(values))
    squared = errors[0] + errors[1]
    if squared == 0:
        return None
    from scipy import stats

    parts = zip(errors, (first, second), strict=True)
    freedom = squared**2 / math.fsum(error**2 / (len(values) - 1) for error, values in parts)
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(squared)
    difference = means[0] - means[1]
    return difference - half, difference + half


def newcombe(hits: int, n: int, other_hits: int, other_n: int) -> Interval:
    """Return the 95 % interval of the difference of two independent shares, hits / n minus other_hits / other_n.

    Newcombe's hybrid of two Wilson intervals (Statistics in Medicine 17, 1998, method 10).
    """
    share, other = hits / n, other_hits / other_n
    (low, high), (other_low, other_high) = wilson(hits, n), wilson(other_hits, other_n)
    difference = share - other
    return (
        difference - math.hypot(share - low, other_high - other),
        difference + math.hypot(high - share, other - other_low),
    )


@dataclass(frozen=True)
class Kappa:
    """Agreement of two people beyond what their habits alone would give."""

    value: float
    observed: float
    """Share of pairs that agree."""
    expected: float
    """Share that would agree if each kept their habits and judged at random."""
    interval: Interval | None
    """95 %, of the large-sample standard error, cut off at -1 and 1; None where all agree, for it would be 0 then."""


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> Kappa | None:
    """Return Cohen's kappa of pairs of judgements (Cohen 1960); None where both always said one and the same.

    Its standard error is that of Fleiss, Cohen and Everitt (Psychological Bulletin 72, 1969, eq. 13), which does not
    assume that there is no agreement.
    """
    n = len(pairs)
    if n == 0:
        return None
    cells = {cell: count / n for cell, count in Counter(pairs).items()}
    rows, columns = defaultdict[str, float](float), defaultdict[str, float](float)
    for (first, second), share in cells.items():
        rows[first] += share
        columns[second] += share
    observed = math.fsum(share for (first, second), share in cells.items() if first == second)
    expected = math.fsum(rows[name] * columns[name] for name in rows.keys() & columns.keys())
    if math.isclose(expected, 1):
        return None
    agreeing = disagreeing = 0.0
    for (first, second), share in cells.items():
        if first == second:
            agreeing += share * ((1 - expected) - (columns[first] + rows[first]) * (1 - observed)) ** 2
        else:
            disagreeing += share * (columns[first] + rows[second]) ** 2
    off = (observed * expected - 2 * expected + observed) ** 2
    variance = (agreeing + (1 - observed) ** 2 * disagreeing - off) / (n * (1 - expected) ** 4)
    value = (observed - expected) / (1 - expected)
    if disagreeing == 0:
        return Kappa(value, observed, expected, None)
    half = NINETY_FIVE_PERCENT * math.sqrt(max(variance, 0.0))
    return Kappa(value, observed, expected, (max(-1.0, value - half), min(1.0, value + half)))
