"""What the desk shows of the AI's output: all of it, none of it, or one label that is wrong on purpose.

Every place of the desk that shows output of the ensemble, page and API, asks here first.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.imageqc.models import Classification, SlotMatch
from apps.imaging.digest import SeriesDigest
from apps.imaging.findings import Finding
from apps.imaging.slots import Candidate
from apps.imaging.slots.fit import fit
from apps.intake.models import Series
from apps.reviews.models import ReviewCase

LABEL_CODES = frozenset(
    {
        "body_part",
        "body_part_border",
        "body_part_covered",
        "body_part_header",
        "body_part_header_agrees",
        "body_part_unsure",
        "body_part_wider",
        "contrast",
        "contrast_header",
        "contrast_header_agrees",
        "contrast_unsure",
        "coverage_incomplete",
        "no_labels",
    }
)
"""Codes of the findings that are derived from the AI's labels; a case whose labels are hidden shows none of them."""


@dataclass(frozen=True)
class ShownSlot:
    """State, sentence and findings of a slot as this case shows them; no state where the labels are hidden."""

    state: str
    sentence: str
    findings: tuple[Finding, ...]


def hides_labels(case: ReviewCase) -> bool:
    """Whether the AI's labels stay hidden: until the decision, in the cases drawn to measure what they change."""
    return case.arm == ReviewCase.Arm.HIDDEN and case.status != ReviewCase.Status.DECIDED


def is_blind(case: ReviewCase) -> bool:
    """Whether nothing of the other rounds may be seen: a second review until it is decided."""
    return case.kind == ReviewCase.Kind.SECOND and case.status != ReviewCase.Status.DECIDED


def as_shown(case: ReviewCase, classification: Classification | None) -> Classification | None:
    """Return what the desk shows of a classification; where a label is wrong on purpose, an unsaved copy."""
    if classification is None or hides_labels(case):
        return None
    seed = _seed_of(case, classification.series_id)
    if seed is None:
        return classification
    shown = copy.copy(classification)
    setattr(shown, seed["module"], answer_with(classification.answers[seed["module"]], seed["label"]))
    return shown


def answer_with(answer: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return the answer as if the module had said `label`: in all scores it changes place with the best class."""
    best = max(answer["scores"], key=answer["scores"].__getitem__)
    places = {best: label, label: best}

    def exchanged(scores: Mapping[str, float]) -> dict[str, float]:
        return {name: scores.get(places.get(name, name), 0.0) for name in dict.fromkeys((*scores, *places))}

    scores = exchanged(answer["scores"])
    return {
        **answer,
        "label": label,
        "score": scores[label],
        "scores": scores,
        "planes": {plane: exchanged(of_plane) for plane, of_plane in answer["planes"].items()},
        "abstained": False,
        "reason": "",
    }


def findings_as_shown(case: ReviewCase, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that this case shows: without those derived from labels, where labels are hidden."""
    return tuple(finding for finding in findings if not (hides_labels(case) and finding.code in LABEL_CODES))


def slot_as_shown(case: ReviewCase, match: SlotMatch, classification: Classification | None) -> ShownSlot:
    """Return a slot as this case shows it; with a wrong label it is held against the slot by the same rules.

    `classification` is what `as_shown` gave for the series in the slot.
    """
    findings = tuple(Finding.from_json(stored) for stored in match.findings)
    if hides_labels(case):
        sentence = "" if match.series_id else "No series stands for this one."
        return ShownSlot("", sentence, findings_as_shown(case, findings))
    if match.series_id is None or classification is None or _seed_of(case, match.series_id) is None:
        return ShownSlot(match.state, match.sentence, findings)
    digest = Series.objects.values_list("digest", flat=True).get(pk=match.series_id)
    candidate = Candidate(str(match.series_id), SeriesDigest.from_json(digest or {}), classification.answer)
    held = fit(candidate, match.required.spec)
    same = held.status.value == match.state
    return ShownSlot(held.status.value, match.sentence if same else "", held.findings)


def seed_was_noticed(seed: Mapping[str, Any], labels_set: Mapping[tuple[int, str], str]) -> bool:
    """Whether who decided a case saw that a label was wrong on purpose: they set another one, the last time they did.

    `labels_set` are the labels that they set, by series and module. A verdict alone says nothing: a submission that is
    returned for a contrast which was never wrong follows the label, it does not see through it.
    """
    return labels_set.get((seed["series"], seed["module"]), seed["label"]) != seed["label"]


def _seed_of(case: ReviewCase, series_pk: int | None) -> Mapping[str, Any] | None:
    """Return the wrong label of this series, None where there is none or the case is decided."""
    seed = case.seeded
    undecided = case.status != ReviewCase.Status.DECIDED
    return seed if seed and undecided and seed["series"] == series_pk else None
