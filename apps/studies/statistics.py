"""Paired comparisons of two arms. Sources and formulas: docs/studies.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
