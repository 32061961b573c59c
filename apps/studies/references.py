"""Reference labels: what counts as right, taken from what analysts decided at review, or entered."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from apps.imageqc.models import Classification, SlotMatch
from apps.intake.models import Series, Submission
from apps.reviews.models import ReviewCase
from apps.reviews.selectors.rounds import standing_corrections
from apps.studies.models import StudyScan

MODULES = ("body_part", "contrast")


@dataclass(frozen=True)
class Reference:
    """One reference label and where it comes from; both empty when nobody has said it yet."""

    label: str = ""
    source: str = ""


def references(said: Iterable[Classification]) -> dict[int, dict[str, Reference]]:
    """Return per series (primary key) and module what analysts decided, given the labels that they were shown.

    A correction counts most, unless a later review went over it. Where an analyst accepted the submission with the
    labels in view and the series fills a required series, the ensemble's label was left standing. Anything else is not
    known.
    """
    shown = {one.series_id: one for one in said}
    corrected: dict[tuple[int, str], str] = {}
    for correction in standing_corrections().filter(series__in=shown):
        corrected[correction.series_id, correction.module] = correction.label
    accepted = set(looked_at_and_accepted().filter(series__in=shown).values_list("series", flat=True))
    return {
        series: {
            module: _reference(answers[module]["label"], corrected.get((series, module), ""), series in accepted)
            for module in MODULES
        }
        for series, answers in ((series, one.answers) for series, one in shown.items())
    }


def looked_at_and_accepted() -> QuerySet[SlotMatch]:
    """Return the slots of accepted submissions whose analyst saw the ensemble's labels."""
    settled_in_sight = ReviewCase.objects.filter(
        submission=OuterRef("submission"), settles=True, arm=ReviewCase.Arm.SHOWN
    )
    return SlotMatch.objects.filter(Exists(settled_in_sight), submission__status=Submission.Status.ACCEPTED)


def _reference(ensemble_label: str | None, correction: str, accepted: bool) -> Reference:
    if correction:
        return Reference(correction, StudyScan.Source.CORRECTED)
    if accepted and ensemble_label:
        return Reference(ensemble_label, StudyScan.Source.ACCEPTED)
    return Reference()


def latest_classifications(series: Iterable[Series]) -> dict[int, Classification]:
    """Return the labels of each series' digest at hand, by series; the latest where there are several."""
    digests = {one.pk: one.digest_sha256 for one in series}
    every = Classification.objects.filter(series__in=digests).order_by("created_at", "pk")
    return {one.series_id: one for one in every if one.digest_sha256 == digests[one.series_id]}
