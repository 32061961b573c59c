"""Which regions of the body a series covers, from where to where: profiles of two pictures, read as one answer.

Each member of `[coverage]` in the bundle looks at a coronal or a sagittal maximum intensity projection and says for
each height of it how much it looks like the head, the neck, the chest, the abdomen and the pelvis. `decode` reads the
profiles; `CoverageAnswer.located` puts the answer in millimetres of the patient, which needs the slices' positions.

Fractions run from 0, the upper edge of the picture (most superior), to 1, its lower edge.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.imaging.vocabulary import REGIONS

PLANES_OF_COVERAGE = ("coronal", "sagittal")
"""The planes whose pictures have the heights of the body as their rows."""

REGIONS_OF = {
    "brain": ("head",),
    "neck": ("neck",),
    "chest": ("chest",),
    "abdomen": ("abdomen",),
    "abdomen_pelvis": ("abdomen", "pelvis"),
}
"""The regions that a series of each published body part covers; of other classes nothing is said."""

UNCUT_SHARE = 0.5
"""Share of the least length that a region needs whose ends are both on the series: less is a glimpse of it."""

_FRACTIONS = ("min_probability", "max_gap", "min_extent", "max_disagreement")


@dataclass(frozen=True)
class CoverageLimits:
    """When a height counts as a region, and when the answer is none. They stand in the bundle and nowhere else.

    A region is where its probability is `min_probability` or more. Gaps up to `max_gap` of the picture's height are
    closed and stretches below `min_extent` dropped; what then contradicts anatomy is not answered, nor are pictures
    whose profiles differ by more than `max_disagreement` on average. `min_length_mm` is the least length of each
    region that can be the whole of it, where the series ends inside it.
    """

    min_probability: float
    max_gap: float
    min_extent: float
    max_disagreement: float
    min_length_mm: Mapping[str, float]

    @classmethod
    def from_table(cls, table: Mapping[str, float]) -> "CoverageLimits":
        """Return the limits of the table `[coverage.limits]`: `min_probability` ..., and `min_head_mm` ... per region.

        Raises
        ------
        ValueError
            When a key is missing or not known, or a limit cannot be meant.
        """
        of_region = {f"min_{region}_mm": region for region in REGIONS}
        for name in (*_FRACTIONS, *of_region):
            if name not in table:
                raise ValueError(f"{name} is missing")
        for name, value in table.items():
            if name not in _FRACTIONS and name not in of_region:
                raise ValueError(f"{name} is not known")
            if name in _FRACTIONS and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value:g}, not between 0 and 1")
            if not np.isfinite(value) or value < 0:
                raise ValueError(f"{name} is {value:g}, not a length")
        return cls(
            **{name: float(table[name]) for name in _FRACTIONS},
            min_length_mm={region: float(table[name]) for name, region in of_region.items()},
        )

    def to_table(self) -> dict[str, float]:
        """Return the limits as the table that `from_table` reads."""
        lengths = {f"min_{region}_mm": length for region, length in self.min_length_mm.items()}
        return {**{name: getattr(self, name) for name in _FRACTIONS}, **lengths}


@dataclass(frozen=True)
class CoveredRegion:
    """One region that the series shows: `top` and `bottom` as fractions of the picture's height.

    `probability` is the mean within it, not calibrated. `cut_top` and `cut_bottom`: the series ends inside the region
    (or just where it ends). The lengths are None until the answer is `located`; `top_mm` and `bottom_mm` are z of the
    patient (LPS, superior is larger). `complete`: all of the region is there, as far as its ends and length tell.
    """

    name: str
    top: float
    bottom: float
    probability: float
    cut_top: bool
    cut_bottom: bool
    top_mm: float | None = None
    bottom_mm: float | None = None
    length_mm: float | None = None
    complete: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the region as plain values."""
        return {name: round(value, 4) if type(value) is float else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class CoverageAnswer:
    """The regions of a series from superior to inferior, or the sentence that says why they are not answered."""

    regions: tuple[CoveredRegion, ...]
    reason: str = ""
    least_mm: Mapping[str, float] = field(default_factory=dict)
    """Per region the length from which on it can be the whole of it; empty until the answer is `located`."""

    @property
    def answered(self) -> bool:
        """Whether the regions and their ends in mm can be relied on."""
        return not self.reason and all(region.length_mm is not None for region in self.regions)

    @property
    def words(self) -> str:
        """The regions in words, in the order of the body: "chest, abdomen and pelvis"."""
        return " and ".join(filter(None, [", ".join(self.names[:-1]), *self.names[-1:]]))

    @property
    def sentence(self) -> str:
        """What is covered, from where to where: "covers chest and neck: chest from 1234 to 960 mm (274 mm), ..."."""
        if not self.answered:
            return self.reason
        parts = [
            f"{region.name} from {region.top_mm:.0f} to {region.bottom_mm:.0f} mm ({region.length_mm:.0f} mm"
            f"{'' if region.complete else ', in part'})"
            for region in self.regions
        ]
        return f"covers {self.words}: {', '.join(parts)}"

    @property
    def short(self) -> str:
        """The regions with their lengths: "chest 274 mm, abdomen 110 mm (in part)"; empty when not answered."""
        if not self.answered:
            return ""
        return ", ".join(
            f"{region.name} {region.length_mm:.0f} mm" + ("" if region.complete else " (in part)")
            for region in self.regions
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions, from superior to inferior."""
        return tuple(region.name for region in self.regions)

    def region(self, name: str) -> CoveredRegion | None:
        """Return the region of that name, None when the series does not show it."""
        return next((region for region in self.regions if region.name == name), None)

    def covers(self, wanted: Collection[str]) -> bool:
        """Return whether all of the wanted regions are there, each to its ends; never where nothing is answered."""
        found = [self.region(name) for name in wanted]
        return bool(found) and self.answered and all(region is not None and region.complete for region in found)

    def lacking(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Return which of the wanted regions are not there or cut short; empty where nothing is answered."""
        return tuple(name for name in wanted if self.answered and not self.covers((name,)))

    def without(self, reason: str) -> "CoverageAnswer":
        """Return the same regions as not answered, for `reason`."""
        return replace(self, reason=reason)

    def located(self, top_mm: float, bottom_mm: float, limits: CoverageLimits) -> "CoverageAnswer":
        """Return the answer in millimetres.

        Parameters
        ----------
        top_mm, bottom_mm
            z (LPS) of the upper edge of the most superior and the lower edge of the most inferior slice.
        limits
            Of the bundle: the least lengths of regions that a series cuts.
        """

        def locate(region: CoveredRegion) -> CoveredRegion:
            top, bottom = (top_mm + edge * (bottom_mm - top_mm) for edge in (region.top, region.bottom))
            cut = region.cut_top or region.cut_bottom
            whole = top - bottom >= limits.min_length_mm[region.name] * (1 if cut else UNCUT_SHARE)
            return replace(
                region,
                top_mm=round(top, 1),
                bottom_mm=round(bottom, 1),
                length_mm=round(top - bottom, 1),
                complete=whole,
            )

        return replace(self, regions=tuple(map(locate, self.regions)), least_mm=dict(limits.min_length_mm))

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        return {
            "answered": self.answered,
            "regions": [region.to_json() for region in self.regions],
            "reason": self.reason,
            "least_mm": dict(self.least_mm),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "CoverageAnswer":
        """Return the answer that `to_json` wrote."""
        regions = tuple(CoveredRegion(**region) for region in stored["regions"])
        return cls(regions, stored["reason"], stored["least_mm"])


def decode(profiles: Mapping[str, NDArray[np.floating]], limits: CoverageLimits) -> CoverageAnswer:
    """Read the profiles of one series as the regions that it covers.

    The logits are averaged over the planes. An end of a region lies where the probability, taken as linear between the
    middles of two bins, passes `min_probability`; a region that holds the first or last bin is cut there.

    Parameters
    ----------
    profiles
        Per plane ("coronal", "sagittal", or one of them) the logits, shape (bins, regions), bin 0 at the top, regions
        in the order of `vocabulary.REGIONS`.
    limits
        Of the bundle.

    Returns
    -------
    CoverageAnswer
        In fractions of the height; with a reason when nothing is seen, the planes disagree or anatomy is contradicted.

    Raises
    ------
    ValueError
        When there is no plane or an unknown one, or the profiles are not finite numbers of one shape.
    """
    logits = _checked(profiles)
    probabilities = _sigmoid(np.mean(list(logits.values()), axis=0))  # (bins, regions)
    regions: list[CoveredRegion] = []
    scattered: list[str] = []
    for name, column in zip(REGIONS, probabilities.T, strict=True):
        stretches = _stretches(column, limits)
        if len(stretches) > 1:
            scattered.append(name)
        regions += [_region(name, stretch, column) for stretch in stretches]
    seen = tuple(sorted(regions, key=lambda region: (REGIONS.index(region.name), region.top)))
    apart = float(np.ptp([_sigmoid(profile) for profile in logits.values()], axis=0).mean(axis=0).max())
    if not seen:
        reason = "it shows none of the regions from head to pelvis"
    elif apart > limits.max_disagreement:
        reason = "seen from the front it shows other regions than from the side"
    elif scattered:
        reason = f"the {scattered[0]} seems to be at two heights"
    else:
        reason = _contradiction(seen, limits)
    return CoverageAnswer(seen, not_answered(reason) if reason else "")


def not_answered(reason: str) -> str:
    """Return the sentence of an answer that is none."""
    return f"What the series covers is not answered: {reason}. Look at the pictures."


def _checked(profiles: Mapping[str, NDArray[np.floating]]) -> dict[str, NDArray[np.float64]]:
    if not profiles or not set(profiles) <= set(PLANES_OF_COVERAGE):
        raise ValueError(f"coverage needs profiles of {' and '.join(PLANES_OF_COVERAGE)}, not of {list(profiles)}")
    logits = {plane: np.asarray(profile, dtype=np.float64) for plane, profile in profiles.items()}
    shapes = {profile.shape for profile in logits.values()}
    shape = next(iter(shapes))
    if len(shapes) > 1 or len(shape) != 2 or shape[0] < 2 or shape[1] != len(REGIONS):
        raise ValueError(f"profiles of shape {sorted(shapes)}, not (bins, {len(REGIONS)}) each")
    if not all(np.isfinite(profile).all() for profile in logits.values()):
        raise ValueError("a profile holds what is no finite number")
    return logits


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))


def _stretches(column: NDArray[np.float64], limits: CoverageLimits) -> list[tuple[float, float]]:
    """Return (top, bottom) of each stretch of one region, (bins,) probabilities: gaps closed, slivers dropped."""
    bins = len(column)
    inside = np.concatenate([[False], column >= limits.min_probability, [False]])
    starts = np.flatnonzero(inside[1:] & ~inside[:-1]).tolist()
    ends = np.flatnonzero(inside[:-1] & ~inside[1:]).tolist()

    def edge(outer: int, inner: int) -> float:
        """Return where the probability passes the limit between the middles of a bin outside and one inside."""
        if not 0 <= outer < bins:
            return float(outer >= bins)
        part = (limits.min_probability - column[outer]) / (column[inner] - column[outer])
        return float((outer + part * (inner - outer) + 0.5) / bins)

    joined: list[tuple[float, float]] = []
    for start, end in zip(starts, ends, strict=True):
        top, bottom = edge(start - 1, start), edge(end, end - 1)
        if joined and top - joined[-1][1] <= limits.max_gap:
            joined[-1] = (joined[-1][0], bottom)
        else:
            joined.append((top, bottom))
    return [(top, bottom) for top, bottom in joined if bottom - top >= limits.min_extent]


def _region(name: str, stretch: tuple[float, float], column: NDArray[np.float64]) -> CoveredRegion:
    top, bottom = stretch
    middles = (np.arange(len(column)) + 0.5) / len(column)
    within = column[(middles >= top) & (middles <= bottom)]
    mean = float(within.mean()) if len(within) else float(column.max())
    return CoveredRegion(name, top, bottom, mean, cut_top=top == 0, cut_bottom=bottom == 1)


def _contradiction(regions: Sequence[CoveredRegion], limits: CoverageLimits) -> str:
    """Return what about the regions, in the order of the body, cannot be; empty when nothing is."""
    for upper, lower in itertools.pairwise(regions):
        left_out = REGIONS[REGIONS.index(upper.name) + 1 : REGIONS.index(lower.name)]
        if left_out:
            return f"it seems to show the {upper.name} and the {lower.name} without the {left_out[0]}"
        if upper.top > lower.top + limits.max_gap or upper.bottom > lower.bottom + limits.max_gap:
            return f"the {lower.name} seems to lie above the {upper.name}"
        if lower.top - upper.bottom > limits.max_gap:
            return f"between the {upper.name} and the {lower.name} it shows neither"
    if len(regions) > 2 and any(
        regions[index].bottom > regions[index + 2].top + limits.max_gap for index in range(len(regions) - 2)
    ):
        return "three regions seem to be at one height"
    return ""
