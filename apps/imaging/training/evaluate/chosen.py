"""The ensemble of a module as a bundle ships it, and what a new patient would meet: chosen on the other folds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.training.calibration import UNFITTED, fit_temperature
from apps.imaging.training.evaluate.limits import AIMS, MIN_COVERAGE, USUAL_AIM, Limits, answered_at, choose_limits
from apps.imaging.training.evaluate.selection import best_per_plane, tuning_results
from apps.imaging.training.evaluate.votes import (
    NO_CLASS,
    Judged,
    Vote,
    joined_votes,
    vote_of_planes,
)
from apps.imaging.vocabulary import PLANES


@dataclass(frozen=True)
class Settings:
    """What is asked of the limits."""

    aims: Mapping[str, float]
    min_coverage: float

    def aim(self, module: str) -> float:
        """Return the share of a module's answers that are to be right."""
        return self.aims.get(module, USUAL_AIM)


USUAL_SETTINGS = Settings(AIMS, MIN_COVERAGE)


@dataclass(frozen=True)
class ChosenEnsemble:
    """One module of a bundle: a picture per plane, the temperature of its scores, its limits."""

    pictures: dict[str, str]
    temperature: float
    limits: Limits


@dataclass(frozen=True)
class Nested:
    """Held-out series, each voted and answered as chosen without its fold.

    `votes` over all held-out series, `answered` (series,), and what was chosen for each fold.
    """

    votes: Vote
    answered: NDArray[np.bool_]
    chosen: dict[int, ChosenEnsemble]


def choose_ensemble(
    judged: Judged,
    settings: Settings = USUAL_SETTINGS,
    without_fold: int | None = None,
    pictures: Mapping[str, str] | None = None,
) -> ChosenEnsemble | None:
    """Choose pictures, temperature and limits on held-out predictions, of all folds or of all but one.

    With `pictures` (plane to picture) only temperature and limits are chosen. None when a plane has no finished fold,
    or no in-scope series has all three pictures.
    """
    pictures = pictures or best_per_plane(tuning_results(judged, without_fold))
    plain = vote_of_planes(judged, pictures)
    if plain is None:
        return None
    plain = plain.of(plain.folds != without_fold)
    if not plain.in_scope.any():
        return None
    temperature = temperature_of(plain)
    limits = choose_limits(plain.at(temperature), settings.aim(judged.module), settings.min_coverage)
    return ChosenEnsemble({plane: pictures[plane] for plane in PLANES}, temperature, limits)


def temperature_of(vote: Vote) -> float:
    """Return the temperature fitted on the series whose class the networks know, silent classes too."""
    known = vote.truth != NO_CLASS
    return fit_temperature(vote.logits[:, known], vote.truth[known]) if known.any() else UNFITTED


def choose_nested(
    judged: Judged, settings: Settings = USUAL_SETTINGS, pictures: Mapping[str, str] | None = None
) -> Nested | None:
    """Judge each fold's patients with what is chosen on the other folds; None when there are no two folds.

    With `pictures` (plane to picture) only temperature and limits are chosen.
    """
    parts, given, chosen = [], [], {}
    folds = sorted({int(fold) for output in judged.outputs.values() for fold in np.unique(judged.folds[output.series])})
    for fold in folds if len(folds) > 1 else []:
        ensemble = choose_ensemble(judged, settings, fold, pictures)
        voted = vote_of_planes(judged, ensemble.pictures, ensemble.temperature) if ensemble else None
        if ensemble is None or voted is None:
            continue
        of_fold = voted.of(voted.folds == fold)
        if len(of_fold.series):
            parts.append(of_fold)
            given.append(answered_at(of_fold, ensemble.limits))
            chosen[fold] = ensemble
    if not parts:
        return None
    order = np.argsort(np.concatenate([part.series for part in parts]), kind="stable")
    return Nested(joined_votes(parts), np.concatenate(given)[order], chosen)
