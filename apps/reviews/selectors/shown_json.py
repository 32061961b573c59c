"""A submission as the API gives it, with the AI's output as the case of the desk shows it."""

from typing import Any

from apps.reviews.models import ReviewCase
from apps.reviews.selectors.evidence import case_evidence
from apps.reviews.selectors.shown import hides_labels

_OF_THE_AI = ("body_part", "contrast", "coverage", "bundle", "provenance")


def as_shown_in_json(case: ReviewCase, submission: dict[str, Any]) -> dict[str, Any]:
    """Return the submission of a case as its page shows it."""
    hidden = hides_labels(case)
    if not hidden and (not case.seeded or case.status == ReviewCase.Status.DECIDED):
        return submission
    evidence = case_evidence(case)
    seen = [*(slot.evidence for slot in evidence.slots if slot.evidence), *evidence.unused]
    of_series = {each.series.pk: each for each in seen}
    of_slot = {slot.match.required.slot: slot for slot in evidence.slots}
    for series in submission["series"]:
        shown = of_series[series["id"]]
        series["findings"] = [finding.to_json() for finding in shown.findings]
        series["received"] = {}  # it holds the labels of the core lab's own check
        series["unused_because"] = shown.unused_because
        if hidden:
            series |= dict.fromkeys(_OF_THE_AI)
        else:
            for module, answer in shown.answers.items():
                series[module] = {**series[module], **answer}
    for slot in submission["slots"]:
        shown_slot = of_slot[slot["slot"]]
        told = list(shown_slot.findings) + [finding for fact in shown_slot.facts for finding in fact.findings]
        slot |= {
            "state": shown_slot.state or None,
            "sentence": shown_slot.sentence,
            "findings": [finding.to_json() for finding in told],
        }
        if hidden:
            slot["suggested_series"] = None
    submission["findings"] = [finding.to_json() for finding in evidence.findings]
    if hidden:
        submission["blockers"] = []
    return submission
