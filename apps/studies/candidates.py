"""Which scans a study may read: checked series that have reached the core lab, with pictures and labels."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.imageqc.models import Classification
from apps.intake.models import Series, Submission
from apps.reviews.models import LabelCorrection
from apps.reviews.selectors.rounds import standing_corrections
from apps.studies.models import ReadingStudy
from apps.studies.references import looked_at_and_accepted
from apps.trials.models import Site


@dataclass(frozen=True)
class ScanFilter:
    """Which of the candidates; what is empty filters nothing."""

    site: Site | None = None
    body_part: str = ""
    contrast: str = ""
    with_reference: bool = False
    """Only scans on which an analyst has decided: corrected, or accepted at review."""
    abstained: bool = False
    """Only scans of which the ensemble was not sure."""

    def to_json(self) -> dict[str, object]:
        """Return the filter as the audit trail keeps it."""
        return {
            "site": self.site.number if self.site else "",
            "body_part": self.body_part,
            "contrast": self.contrast,
            "with_reference": self.with_reference,
            "abstained": self.abstained,
        }


def candidates(study: ReadingStudy, narrowed: ScanFilter | None = None) -> QuerySet[Series]:
    """Return the series that may still be added to a study, in the order in which they came."""
    chosen = narrowed or ScanFilter()
    labels = Classification.objects.filter(series=OuterRef("pk"), digest_sha256=OuterRef("digest_sha256"))
    found = (
        Series.objects.filter(
            submission__visit__subject__site__trial=study.trial_id,
            submission__status__in=(
                *Submission.AT_THE_CORE_LAB,
                Submission.Status.ACCEPTED,
                Submission.Status.RETURNED,
                Submission.Status.REJECTED,
            ),
            status=Series.Status.CHECKED,
            digest__geometry__slices__gt=0,
        )
        .exclude(pk__in=study.scans.values("series"))
        .annotate(labelled_by=Subquery(labels.order_by("-created_at", "-pk").values("pk")[:1]))
        .exclude(labelled_by=None)
        .order_by("pk")
    )
    latest = Classification.objects.filter(pk=OuterRef("labelled_by"))
    if chosen.site:
        found = found.filter(submission__visit__subject__site=chosen.site)
    if chosen.body_part:
        found = found.filter(Exists(latest.filter(body_part__label=chosen.body_part)))
    if chosen.contrast:
        found = found.filter(Exists(latest.filter(contrast__label=chosen.contrast)))
    if chosen.abstained:
        found = found.filter(Exists(latest.filter(abstained=True)))
    if chosen.with_reference:
        found = found.filter(_decided_upon())
    return found


def _decided_upon() -> Q:
    """Return the condition that both labels of a series were decided upon at review."""
    corrected = standing_corrections().filter(series=OuterRef("pk"))
    latest = Classification.objects.filter(pk=OuterRef("labelled_by"))
    accepted = Exists(looked_at_and_accepted().filter(series=OuterRef("pk")))
    known = Q()
    for module in LabelCorrection.Module.values:
        left_standing = accepted & Exists(latest.exclude(**{f"{module}__label": None}))
        known &= Exists(corrected.filter(module=module)) | left_standing
    return known
