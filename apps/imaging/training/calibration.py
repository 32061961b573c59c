"""Calibration of a vote: one temperature per module, and how far scores are from shares (Guo et al. 2017)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.ensemble import softmax

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.1, 20.0
"""Temperatures tried; beyond them nearly every score is 1 or every score is alike."""

UNFITTED = 1.0
"""Scores as the networks gave them."""

GRID_POINTS = 107
"""Temperatures of the first, coarse search: 5 % apart."""

REFINEMENTS = 40
"""Golden-section steps after it; they leave an interval of less than a millionth."""

BINS = 10
"""Equal bins of the score for the calibration error and the reliability diagram."""

LEAST_SCORE = 1e-12
"""A score of 0 for the true class counts as this, so that one sure mistake doesn't make the mean infinite."""


def voted_scores(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return the soft vote (series, classes) of logits (planes, series, classes): mean of each plane's softmax."""
    result: NDArray[np.float64] = softmax(logits, temperature).mean(axis=0)
    return result


def negative_log_likelihood(scores: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """Return the mean of -ln of the true class's score; `scores` (series, classes), `truth` (series,)."""
    of_truth = scores[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(of_truth, LEAST_SCORE)).mean())


def fit_temperature(logits: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """Return the temperature at which the soft vote's negative log-likelihood is least.

    The vote's likelihood can have more than one valley (a single softmax's has one), so a grid is searched
    first and its best point refined. Where the likelihood grows down to the lowest temperature (no mistakes, or too
    few series), the data would make every score 1; that is no evidence, and the scores stay as they are (1.0).

    Parameters
    ----------
    logits
        (planes, series, classes), of series whose classifiers did not learn from them.
    truth
        Class index of each series, (series,).

    Raises
    ------
    ValueError
        When there are no series.
    """
    if not len(truth):
        raise ValueError("a temperature needs at least one series")

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(voted_scores(logits, float(np.exp(log_temperature))), truth)

    grid = np.linspace(np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE), GRID_POINTS)
    best = int(np.argmin([loss(point) for point in grid]))
    if best == 0:
        return UNFITTED
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, GRID_POINTS - 1)])
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(REFINEMENTS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


@dataclass(frozen=True)
class Bin:
    """Series whose score lies in (low, high]: how many, their mean score and the share that was right."""

    low: float
    high: float
    n: int
    score: float
    right: float


def reliability(score: NDArray[np.floating], right: NDArray[np.bool_]) -> list[Bin]:
    """Return the bins that hold series; `score` (series,) of the class that was said."""
    index = np.clip(np.ceil(score * BINS).astype(int) - 1, 0, BINS - 1)
    return [
        Bin(
            low=position / BINS,
            high=(position + 1) / BINS,
            n=int(inside.sum()),
            score=float(score[inside].mean()),
            right=float(right[inside].mean()),
        )
        for position in range(BINS)
        if (inside := index == position).any()
    ]


def expected_calibration_error(score: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Return the mean distance between score and share right over the bins, weighted by their series."""
    return sum(part.n * abs(part.right - part.score) for part in reliability(score, right)) / max(len(score), 1)
