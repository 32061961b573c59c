"""The wall: the pictures of all series of a page of the worklist side by side, so that the odd one stands out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.imageqc.models import Classification, SlotMatch
from apps.imaging.spec import SeriesSpec, series_title
from apps.imaging.vocabulary import BODY_PARTS
from apps.intake.models import Series
from apps.reviews.models import ReviewCase
from apps.reviews.selectors.shown import as_shown, hides_labels
from apps.reviews.selectors.worklist import WorklistRow

DEFAULT_PLANE = "coronal"
"""The plane that tells most of a body at one glance."""

IN_NO_SLOT = "In no slot"


@dataclass(frozen=True)
class Odd:
    """Why a series may be the wrong one: never by colour alone, so a word and an icon too."""

    word: str
    tone: str
    icon: str


DIFFERS = Odd("Differs", "warn", "warn")
ENDS_EARLY = Odd("Not complete", "warn", "warn")
NOT_SURE = Odd("Not sure", "plain", "question")

_ODD = {
    "body_part": DIFFERS,
    "contrast": DIFFERS,
    "coverage_incomplete": ENDS_EARLY,
    "body_part_border": NOT_SURE,
    "body_part_unsure": NOT_SURE,
    "contrast_unsure": NOT_SURE,
    "no_labels": NOT_SURE,
}
"""Findings of a slot that let a series stand out there, the most telling first."""

_RANK = {DIFFERS: 0, ENDS_EARLY: 1, NOT_SURE: 2}


@dataclass(frozen=True)
class Tile:
    """One series in one slot, or in none, of a case of the worklist."""

    row: WorklistRow
    series: Series
    classification: Classification | None
    """As the case shows it; None where its labels are hidden, or where there are none."""
    pictured: bool
    odd: Odd | None = None

    @property
    def labels(self) -> list[Mapping[str, Any]]:
        """What the ensemble said of body part and contrast."""
        return list(self.classification.answers.values()) if self.classification else []


@dataclass(frozen=True)
class WallGroup:
    """All series that stand for the same thing; those that stand out first, the others in due order."""

    title: str
    tiles: tuple[Tile, ...]

    @property
    def n_odd(self) -> int:
        return sum(tile.odd is not None for tile in self.tiles)


def wall(rows: Iterable[WorklistRow], *, unused: bool = False) -> list[WallGroup]:
    """Return the series of these cases, grouped by what they stand for; with `unused` those that stand for nothing.

    A case whose labels are hidden is never odd, so its place in the group is that of its due order, whatever the
    ensemble said.
    """
    of_submission: dict[int, list[WorklistRow]] = {}
    place: dict[int, int] = {}
    for row in rows:
        of_submission.setdefault(row.case.submission_id, []).append(row)
        place[row.case.pk] = len(place)
    groups: dict[tuple[int, str, str], list[Tile]] = {}
    for key, tile in _unused(of_submission) if unused else _in_slots(of_submission):
        groups.setdefault(key, []).append(tile)
    return [
        WallGroup(
            series_title(*key[1:]) if key[1] else IN_NO_SLOT,
            tuple(sorted(group, key=lambda tile: (_rank(tile), place[tile.row.case.pk]))),
        )
        for key, group in sorted(groups.items())
    ]


_Keyed = Iterator[tuple[tuple[int, str, str], Tile]]
"""Tiles with the keys of their groups: place of the body part from head to pelvis, body part, contrast."""


_SHOWN = ("uuid", "submission", "number", "description", "digest_sha256")
"""What a tile shows of a series: its digest is long."""


def _in_slots(of_submission: Mapping[int, list[WorklistRow]]) -> _Keyed:
    matches = (
        SlotMatch.objects.filter(submission__in=of_submission, series__isnull=False)
        .select_related("required", "series")
        .only("submission", "findings", "required", *(f"series__{field}" for field in _SHOWN))
        .order_by("required__position", "pk")
    )
    found = [(match, match.series) for match in matches if match.series]
    labels = _labels([series for _, series in found])
    for match, series in found:
        spec, said = match.required.spec, labels.get(series.pk)
        part = BODY_PARTS.index(spec.body_part) if spec.body_part in BODY_PARTS else len(BODY_PARTS)
        for row in of_submission[match.submission_id]:
            odd = _odd(row.case, match, said, spec)
            yield (
                (part, spec.body_part, spec.contrast),
                Tile(row, series, as_shown(row.case, said), said is not None, odd),
            )


def _unused(of_submission: Mapping[int, list[WorklistRow]]) -> _Keyed:
    series = Series.objects.filter(submission__in=of_submission, slots__isnull=True).only(*_SHOWN)
    found = list(series)
    labels = _labels(found)
    for each in found:
        said = labels.get(each.pk)
        for row in of_submission[each.submission_id]:
            yield (0, "", ""), Tile(row, each, as_shown(row.case, said), said is not None)


def _rank(tile: Tile) -> int:
    return _RANK[tile.odd] if tile.odd else len(_RANK)


def _odd(case: ReviewCase, match: SlotMatch, said: Classification | None, spec: SeriesSpec) -> Odd | None:
    """Return why the series stands out in its slot, as this case shows it."""
    if hides_labels(case):
        return None
    codes = {finding["code"] for finding in match.findings}
    shown = as_shown(case, said)
    if said is not None and shown is not None and shown is not said:
        # A label is wrong on purpose: what it would be found for takes the place of what was found.
        changed = next(module for module in shown.answers if shown.answers[module] is not said.answers[module])
        codes = {code for code in codes if not code.startswith(changed)}
        label = shown.answers[changed]["label"]
        fits = spec.accepts_contrast(label) if changed == "contrast" else label == spec.body_part
        codes |= set() if fits else {changed}
    return next((odd for code, odd in _ODD.items() if code in codes), None)


def _labels(series: Iterable[Series]) -> dict[int, Classification]:
    """Return what was last said of each series' digest at hand: the labels alone, for the rest is long."""
    digests = {each.pk: each.digest_sha256 for each in series}
    said = Classification.objects.filter(series__in=digests).order_by("pk")
    rows = said.values_list("series", "digest_sha256", "body_part__label", "contrast__label")
    return {
        pk: Classification(series_id=pk, body_part=_answer(body_part), contrast=_answer(contrast))
        for pk, sha256, body_part, contrast in rows
        if sha256 == digests[pk]
    }


def _answer(label: str | None) -> dict[str, Any]:
    """Return an answer of which only the label is known, whole enough for another label to take its place."""
    return {"label": label, "score": 0.0, "scores": {label or "": 0.0}, "planes": {}}
