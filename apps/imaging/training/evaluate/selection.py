"""Which classifier per plane enters the ensemble: the one with the best tuning accuracy, as published."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apps.imaging.training.calibration import negative_log_likelihood
from apps.imaging.training.evaluate.votes import HELD_OUT, Judged, judge, plane_of, vote
from apps.imaging.training.run import Run
from apps.imaging.vocabulary import PICTURES, PLANES

PUBLISHED_CONVERSIONS = {"body_part": "mip", "contrast": "mid"}
"""What the published ensemble looks at (paper, Tables 2 and 3)."""


@dataclass(frozen=True)
class Tuning:
    """How a picture's classifiers did on held-out patients: means over the folds, in-scope series."""

    picture: str
    accuracy: float
    nll: float

    @property
    def rank(self) -> tuple[float, float, int]:
        """Smaller is better: accuracy, then likelihood, then the order of the nine pictures."""
        return (-self.accuracy, self.nll, PICTURES.index(self.picture))


def published_pictures(module: str) -> dict[str, str]:
    """Return the published picture per plane; empty for a module that the paper doesn't have."""
    conversion = PUBLISHED_CONVERSIONS.get(module)
    return {plane: f"{conversion}_{plane}" for plane in PLANES} if conversion else {}


def tuning_results(judged: Judged, without_fold: int | None = None) -> dict[str, Tuning]:
    """Return how each trained picture did on held-out patients, of all folds or of all but one."""
    results = {}
    for picture in PICTURES:
        single = vote(judged, [picture])
        if single is None:
            continue
        counted = single.in_scope & (single.folds != without_fold)
        folds = np.unique(single.folds[counted])
        if not len(folds):
            continue
        of_fold = [counted & (single.folds == fold) for fold in folds]
        results[picture] = Tuning(
            picture,
            float(np.mean([single.right[chosen].mean() for chosen in of_fold])),
            float(
                np.mean([negative_log_likelihood(single.scores[chosen], single.truth[chosen]) for chosen in of_fold])
            ),
        )
    return results


def best_per_plane(results: Mapping[str, Tuning]) -> dict[str, str]:
    """Return the best picture of each plane that has one."""
    best = {}
    for plane in PLANES:
        candidates = [result for picture, result in results.items() if plane_of(picture) == plane]
        if candidates:
            best[plane] = min(candidates, key=lambda result: result.rank).picture
    return best


def best_single(results: Mapping[str, Tuning]) -> str | None:
    """Return the best picture of all, None where nothing has tuning results."""
    return min(results.values(), key=lambda result: result.rank).picture if results else None


def best_pictures(run: Run) -> dict[str, dict[str, str]]:
    """Return per module and plane the picture whose classifiers did best on held-out patients.

    A plane without finished folds is left out: who needs all three has to look.
    """
    return {module: best_per_plane(tuning_results(judge(run, module, HELD_OUT))) for module in run.recipe.modules}
