"""When an ensemble stays silent: limits chosen on held-out patients, and what they cost and bring."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.training.evaluate.statistics import Counts, rounded
from apps.imaging.training.evaluate.votes import Vote

AIMS: Mapping[str, float] = {"body_part": 0.99, "contrast": 0.95}
"""Share of the answers that are to be right, per module."""

USUAL_AIM = 0.95
"""For modules that the paper doesn't have."""

MIN_COVERAGE = 0.85
"""A module that answers fewer in-scope series than this is little help, however right it is."""

LEAST_SCORE = 0.7
"""A calibrated score of 0.7 is right seven times of ten: less is no label, however well the held-out patients went.

They are no test objects and no animals; what an archive has never held is answered, if at all, with such scores.
"""

LEAST_SCORES: Mapping[str, float] = {"contrast": 0.6}
"""Of modules that need less. Two planes that are sure against a third that is as sure score 0.67 together: at 0.7 all
three have to agree. For contrast two are enough, because it is asked only of bodies that the body part module knows.
"""
CURVE_LIMITS = tuple(round(0.01 * step, 2) for step in range(101))

PLANES_AGREEING = (2, 3)
"""How many planes may be asked to agree: with one, the vote is not a vote."""

DISTANCE_QUANTILE = 0.99
"""Share of held-out in-scope series that count as familiar."""


@dataclass(frozen=True)
class Limits:
    """The limits of one module, and how they did where they were chosen."""

    min_score: float
    min_planes_agreeing: int
    max_distance: float
    aim: float
    min_coverage: float
    coverage: Counts
    right_of_answered: Counts

    @property
    def reached(self) -> bool:
        """Whether aim and coverage hold where the limits were chosen."""
        return self.covers and (self.right_of_answered.share or 0.0) >= self.aim

    @property
    def covers(self) -> bool:
        """Whether as many series are answered as were asked for."""
        return (self.coverage.share or 0.0) >= self.min_coverage

    @property
    def sentence(self) -> str:
        """How the choice went."""
        coverage, right = self.coverage.share or 0.0, self.right_of_answered.share or 0.0
        got = f"{100 * right:.1f} % of what is answered is right, with {100 * coverage:.1f} % answered"
        if self.reached:
            return f"The aim ({100 * self.aim:g} % right) holds where the limits were chosen: {got}."
        if self.covers:
            return (
                f"No limit reaches the aim ({100 * self.aim:g} % right) with at least {100 * self.min_coverage:g} % "
                f"answered; this is the best compromise: {got}."
            )
        if not self.coverage.right:
            return (
                f"Even the mildest limits answer no held-out series: none scores {self.min_score:g} with "
                f"{PLANES_AGREEING[0]} planes agreeing. The classifiers have learned too little to be used."
            )
        return (
            f"Even the mildest limits leave fewer than the {100 * self.min_coverage:g} % answered that were asked "
            f"for: {got}."
        )

    def to_json(self) -> dict[str, object]:
        """Return the limits as plain values."""
        return {
            "min_score": self.min_score,
            "min_planes_agreeing": self.min_planes_agreeing,
            "max_distance": self.max_distance,
            "aim": self.aim,
            "min_coverage": self.min_coverage,
            "reached": self.reached,
            "sentence": self.sentence,
        }


def least_score(module: str) -> float:
    """Return the score below which a module never answers."""
    return LEAST_SCORES.get(module, LEAST_SCORE)


def score_limits(module: str) -> list[float]:
    """Return the limits of the score that are tried, from the least to 0.99."""
    return [hundredths / 100 for hundredths in range(round(100 * least_score(module)), 100)]


def answered(vote: Vote, min_score: float, min_planes_agreeing: int, max_distance: float) -> NDArray[np.bool_]:
    """Return which series (series,) get a label: no silent class, score, planes and distance within the limits."""
    result: NDArray[np.bool_] = (
        vote.labels
        & (vote.score >= min_score)
        & (vote.agreeing >= min_planes_agreeing)
        & (vote.distance <= max_distance)
    )
    return result


def answered_at(vote: Vote, limits: Limits) -> NDArray[np.bool_]:
    """Return which series (series,) get a label at these limits."""
    return answered(vote, limits.min_score, limits.min_planes_agreeing, limits.max_distance)


def choose_limits(vote: Vote, aim: float, min_coverage: float = MIN_COVERAGE) -> Limits:
    """Choose the limits on the in-scope series of a calibrated vote over held-out patients.

    Of the limits at which `aim` of the answers are right and `min_coverage` of the series answered, those that
    answer most (ties: fewer planes, lower score). Where there are none, those with the most right among those that
    cover enough; where even the mildest do not cover enough, the mildest.

    Parameters
    ----------
    vote
        Of held-out patients, with the temperature of the bundle.
    aim
        Share of the answers that are to be right, 0 to 1.
    min_coverage
        Share of in-scope series that are to be answered, 0 to 1.

    Raises
    ------
    ValueError
        When there is no in-scope series.
    """
    known = vote.of(vote.in_scope)
    if not len(known.series):
        raise ValueError("limits need at least one held-out series that is in scope")
    # Rounded up, so that the series at the quantile stays within.
    max_distance = math.ceil(1e4 * float(np.quantile(known.distance, DISTANCE_QUANTILE, method="higher"))) / 1e4
    right = known.right
    candidates = []
    for planes in PLANES_AGREEING:
        for score in score_limits(vote.judged.module):
            given = answered(known, score, planes, max_distance)
            counts = Counts.of(given), Counts.of(right[given])
            candidates.append(Limits(score, planes, max_distance, aim, min_coverage, *counts))
    good = [limits for limits in candidates if limits.reached]
    if good:
        return max(good, key=lambda limits: (limits.coverage.right, -limits.min_planes_agreeing, -limits.min_score))
    covering = [limits for limits in candidates if limits.covers]
    if covering:
        return max(
            covering,
            key=lambda limits: (
                limits.right_of_answered.share or 0.0,
                limits.coverage.right,
                -limits.min_planes_agreeing,
                -limits.min_score,
            ),
        )
    return candidates[0]


def coverage_curve(vote: Vote, limits: Limits) -> list[dict[str, object]]:
    """Return accuracy against coverage while the score limit rises; planes and distance as chosen, in-scope series."""
    known = vote.of(vote.in_scope)
    points = []
    for min_score in CURVE_LIMITS:
        given = answered(known, min_score, limits.min_planes_agreeing, limits.max_distance)
        coverage = Counts.of(given)
        points.append(
            {"min_score": min_score, "coverage": rounded(coverage.share), **Counts.of(known.right[given]).to_json()}
        )
    return points
