"""From plane classifiers to a label: network input, calibrated scores, soft vote, abstention.

Nothing here needs torch: training and serving call the same `network_input`, so a picture reaches a network
in the same form in both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apps.imaging.coverage import CoverageAnswer
from apps.imaging.errors import ImagingError
from apps.imaging.vocabulary import OUT_OF_SCOPE, PICTURE_SIZE, PLANES, WINDOW_LEVEL_HU, WINDOW_WIDTH_HU

SUM_TOLERANCE = 1e-3
"""How far the scores of one plane may sum from 1; a float32 softmax of a few classes stays within 1e-6."""


class NotAProbability(ImagingError):
    """Scores that cannot be averaged: not finite, negative, not summing to 1, or a plane that is missing."""


@dataclass(frozen=True)
class InputRecipe:
    """How a picture becomes the input of the networks of one module; it stands in the bundle and nowhere else.

    `windows_hu` holds (low, high) per channel in HU: (-450, 550) three times is the published channel copy,
    narrower windows spread the gray levels of blood and soft tissue. `mean` and `std` are per channel, for
    values 0 to 1.
    """

    size: int
    windows_hu: tuple[tuple[float, float], ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def shrink(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return the picture as (size, size), each pixel a triangle-weighted mean of those it covers
    (antialiased)."""
    if picture.shape == (size, size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR))


def network_input(picture: NDArray[np.uint8], recipe: InputRecipe) -> NDArray[np.float32]:
    """Return the network input (channels, rows, columns) of one picture (rows, columns)."""
    return normalise(shrink(picture, recipe.size), recipe)


def normalise(pictures: NDArray[np.uint8], recipe: InputRecipe) -> NDArray[np.float32]:
    """Window and standardise pictures (..., rows, columns) of the network's size to (..., channels, rows,
    columns)."""
    low_hu = WINDOW_LEVEL_HU - WINDOW_WIDTH_HU / 2
    levels_hu = low_hu + np.arange(256) * (WINDOW_WIDTH_HU / 255)
    tables = [
        (np.clip((levels_hu - low) / (high - low), 0, 1) - mean) / std
        for (low, high), mean, std in zip(recipe.windows_hu, recipe.mean, recipe.std, strict=True)
    ]
    return np.stack([table.astype(np.float32)[pictures] for table in tables], axis=-3)


@dataclass(frozen=True)
class Abstention:
    """When a module stays silent. Thresholds are read from the bundle, where held-out subjects put them.

    A module abstains when the voted score is below `min_score`, when fewer than `min_planes_agreeing` planes
    would have voted the same alone, when on average less than `min_tissue_share` of its pictures is brighter than
    `tissue_hu` (an all-air series has no label), or when its pictures are on average further than `max_distance`
    from those that it was trained on (`apps.imaging.novelty.distance`, 0 to 2).
    """

    min_score: float
    min_planes_agreeing: int
    tissue_hu: float
    min_tissue_share: float
    max_distance: float


def softmax(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return scores that sum to 1 along the last axis: softmax(logits / temperature).

    One temperature per module, found on held-out patients, makes a score a probability as far as those patients can
    tell (Guo et al., On Calibration of Modern Neural Networks, 2017, section 4.2). It never changes a plane's winner.
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def module_distance(planes: Mapping[str, float]) -> float:
    """Return how unlike the training pictures a series looks to a module: the mean distance of its three planes.

    The mean, as for the scores: one odd projection of an ordinary scan (arms, a couch) is outvoted.
    """
    return float(np.mean([planes[plane] for plane in PLANES]))


def soft_vote(planes: Mapping[str, Sequence[float] | NDArray[np.floating]]) -> NDArray[np.float64]:
    """Average the class probabilities of the three planes: the `argmax` of the result is the ensemble's
    class.

    y = argmax_i sum_j p_ij with planes j = 1..3 and classes i (ImageQC-net, Eq. 1); the mean has the same
    argmax and stays between 0 and 1.

    Parameters
    ----------
    planes
        Per plane (axial, sagittal, coronal) the probabilities, shape (classes,).

    Returns
    -------
    ndarray
        Mean probability per class, shape (classes,).

    Raises
    ------
    NotAProbability
        When a plane is missing or unknown, or its scores are not a probability.
    """
    if set(planes) != set(PLANES):
        raise NotAProbability(f"a soft vote needs the planes {', '.join(PLANES)}, not {', '.join(planes) or 'none'}")
    votes = {plane: np.asarray(planes[plane], dtype=np.float64) for plane in PLANES}
    shape = votes[PLANES[0]].shape
    for plane, vote in votes.items():
        if vote.ndim != 1 or vote.size < 2 or vote.shape != shape:
            raise NotAProbability(f"the {plane} plane gives scores of shape {vote.shape}, the first plane {shape}")
        if not np.isfinite(vote).all():
            raise NotAProbability(f"the {plane} plane gives a score that is not a finite number")
        if (vote < 0).any():
            raise NotAProbability(f"the {plane} plane gives a negative score, {vote.min():.4f}")
        if abs(vote.sum() - 1) > SUM_TOLERANCE:
            raise NotAProbability(f"the scores of the {plane} plane sum to {vote.sum():.4f}, not to 1")
    return np.mean([votes[plane] for plane in PLANES], axis=0)


@dataclass(frozen=True)
class ModuleAnswer:
    """What one module (body part or contrast) says of a series.

    `label` is None when it abstained; `scores` (voted) and `planes` (each plane's own) are always kept, so
    that a person sees what it would have said. `distance` says how unlike the training pictures the series is
    (`module_distance`); `activations` hold per plane where the evidence for the voted class lies, 0 to 255, rows and
    columns of the picture from its first corner (`apps.imaging.explanation`). Answers kept from bundles of format 1
    have neither. `silent` are the module's classes that are never a label; answers that were kept without them come
    from bundles which had this one.
    """

    label: str | None
    score: float
    scores: dict[str, float]
    planes: dict[str, dict[str, float]]
    abstained: bool
    reason: str
    distance: float | None = None
    activations: dict[str, list[list[int]]] = field(default_factory=dict)
    silent: Sequence[str] = (OUT_OF_SCOPE,)

    @property
    def guess(self) -> str:
        """The class that scores best, whether it is the label or not; empty where nothing was scored."""
        return max(self.scores, key=self.scores.__getitem__, default="")

    @property
    def is_out_of_scope(self) -> bool:
        """Whether the pictures look most like what the ensemble was not made for, a limb for example."""
        return self.guess in self.silent

    def to_json(self) -> dict[str, object]:
        """Return the answer as plain values; `reason` is empty when it is answered."""
        return {
            "label": self.label,
            "score": round(self.score, 4),
            "scores": _rounded(self.scores),
            "planes": {plane: _rounded(scores) for plane, scores in self.planes.items()},
            "abstained": self.abstained,
            "reason": self.reason,
            "distance": None if self.distance is None else round(self.distance, 4),
            "activations": self.activations,
            "silent": list(self.silent),
        }


@dataclass(frozen=True)
class Classification:
    """Both answers for a series and where they come from; `coverage` is None where the bundle does not tell it."""

    body_part: ModuleAnswer
    contrast: ModuleAnswer
    bundle: dict[str, str]
    device: str
    seconds: float
    recipe: str = ""
    coverage: CoverageAnswer | None = None

    @property
    def abstained(self) -> bool:
        """True when either label is not answered; the other one still stands on its own."""
        return self.body_part.abstained or self.contrast.abstained

    @property
    def reason(self) -> str:
        """The sentences of what was not answered, empty when both labels were."""
        return " ".join(answer.reason for answer in (self.body_part, self.contrast) if answer.abstained)

    def to_json(self) -> dict[str, object]:
        """Return both answers and their provenance as plain values."""
        return {
            "body_part": self.body_part.to_json(),
            "contrast": self.contrast.to_json(),
            "coverage": None if self.coverage is None else self.coverage.to_json(),
            "abstained": self.abstained,
            "reason": self.reason,
            "bundle": dict(self.bundle),
            "recipe": self.recipe,
            "device": self.device,
            "seconds": round(self.seconds, 4),
        }


def decide(
    module: str,
    classes: Sequence[str],
    planes: Mapping[str, NDArray[np.floating]],
    abstention: Abstention,
    tissue_share: float,
    *,
    silent: Sequence[str],
    distance: float,
) -> ModuleAnswer:
    """Vote, and say the label or why there is none.

    Parameters
    ----------
    module
        Name of the module, for the sentences: "body_part" or "contrast".
    classes
        Class names in the order of the scores.
    planes
        Per plane the probabilities, shape (classes,).
    abstention
        The module's thresholds.
    tissue_share
        Mean share of tissue in the module's pictures, 0 to 1 (`tissue_share`).
    silent
        Classes that are never a label: what the ensemble knows to be outside its task.
    distance
        How unlike the training pictures the series looks (`module_distance`).
    """
    voted = soft_vote(planes)
    best = int(np.argmax(voted))
    label, score = classes[best], float(voted[best])
    agreeing = sum(int(np.argmax(planes[plane])) == best for plane in PLANES)
    reason = _why_silent(
        module,
        label,
        score,
        agreeing,
        abstention,
        tissue_share=tissue_share,
        distance=distance,
        is_silent=label in silent,
    )
    return ModuleAnswer(
        label=None if reason else label,
        score=score,
        scores={name: float(value) for name, value in zip(classes, voted, strict=True)},
        planes={
            plane: {name: float(value) for name, value in zip(classes, planes[plane], strict=True)} for plane in PLANES
        },
        abstained=bool(reason),
        reason=reason,
        distance=distance,
        silent=tuple(silent),
    )


def tissue_share(pictures: Sequence[NDArray[np.uint8]], tissue_hu: float) -> float:
    """Return the mean share (0 to 1) of pixels that are brighter than `tissue_hu`."""
    low_hu = WINDOW_LEVEL_HU - WINDOW_WIDTH_HU / 2
    gray = (tissue_hu - low_hu) * 255 / WINDOW_WIDTH_HU
    return float(np.mean([(picture > gray).mean() for picture in pictures]))


def check_pictures(pictures: Mapping[str, NDArray[np.uint8]], needed: Sequence[str]) -> None:
    """Raise ValueError unless each needed picture is there as uint8 (512, 512)."""
    for name in needed:
        if name not in pictures:
            raise ValueError(f"the picture {name} is missing")
        picture = pictures[name]
        if picture.dtype != np.uint8 or picture.shape != (PICTURE_SIZE, PICTURE_SIZE):
            raise ValueError(
                f"the picture {name} is {picture.dtype} {picture.shape}, not uint8 {(PICTURE_SIZE, PICTURE_SIZE)}"
            )


def _why_silent(
    module: str,
    label: str,
    score: float,
    agreeing: int,
    abstention: Abstention,
    *,
    tissue_share: float,
    distance: float,
    is_silent: bool,
) -> str:
    """Return the sentence that explains an abstention, empty when the label stands."""
    asked, said = module.replace("_", " "), label.replace("_", " ")
    if tissue_share < abstention.min_tissue_share:
        return f"The {asked} is not answered: the pictures show next to no tissue, only air. Look at the series."
    if is_silent:
        return (
            f"The {asked} is not answered: the pictures look like none of those that the ensemble has a label for "
            f"({said}, score {score:.2f}). Look at the series and set the {asked} by hand."
        )
    if distance > abstention.max_distance:
        return (
            f"The {asked} is not answered: the picture is unlike those that the ensemble was trained on (distance "
            f"{distance:.4f}, limit {abstention.max_distance:.4f}). Look at the series and set the {asked} by hand."
        )
    if score < abstention.min_score:
        return (
            f"The {asked} is not answered: {said} scores best with {score:.2f}, below the limit of "
            f"{abstention.min_score:.2f}. Look at the series and set the {asked} by hand."
        )
    if agreeing < abstention.min_planes_agreeing:
        return (
            f"The {asked} is not answered: the planes disagree, {agreeing} of {len(PLANES)} say {said} and "
            f"{abstention.min_planes_agreeing} are needed. Look at the series and set the {asked} by hand."
        )
    return ""


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}
