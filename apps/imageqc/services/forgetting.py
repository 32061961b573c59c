"""What was checked at a site and never transferred is not kept for ever."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction

from apps.audit.lifecycle import StaleState, advance
from apps.audit.services import events_about, record
from apps.imageqc.services.site_digest import picture_paths
from apps.intake.models import Instance, Series, Submission


def forget_prechecks(now: datetime) -> int:
    """Forget the pre-checks that nobody has touched for `PRECHECK_RETENTION_DAYS`; returns how many. Run by beat.

    A submission that holds received files besides is left alone until it is withdrawn: it is more than a pre-check.
    One that is still open is withdrawn first, so that its visit is open again.
    """
    before = now - timedelta(days=settings.PRECHECK_RETENTION_DAYS)
    read_at_the_site = Series.objects.filter(origin=Series.Origin.SITE, digest__isnull=False)
    withdrawn = Submission.objects.filter(status=Submission.Status.WITHDRAWN)
    idle = Submission.objects.filter(status__in=Submission.TAKES_FILES, files=None)
    kept = (withdrawn | idle).filter(pk__in=read_at_the_site.values("submission")).distinct()
    return sum(_forget(submission) for submission in kept if _last_touched(submission) < before)


def _last_touched(submission: Submission) -> datetime:
    event = events_about(submission, *submission.series.all()).first()
    return event.at if event else submission.created_at


def _forget(submission: Submission) -> bool:
    """Forget digests, pictures, findings and announced instances of one submission; False when somebody came back."""
    series = list(submission.series.filter(origin=Series.Origin.SITE))
    because = f"Not transferred within {settings.PRECHECK_RETENTION_DAYS} days."
    if submission.status != Submission.Status.WITHDRAWN:
        try:
            advance(submission, Submission.Status.WITHDRAWN, by=None, because=because, blockers=[])
        except StaleState:
            # Somebody came back in this moment; nothing of theirs has been touched.
            return False
    # Before the rows that name them: whatever stops this in the middle, a later run finds what is left.
    for each in series:
        for path in picture_paths(each):
            default_storage.delete(path)
    with transaction.atomic():
        submission.slots.all().delete()
        submission.findings.all().delete()
        Instance.objects.filter(series__in=series, file=None).delete()
        submission.series.filter(pk__in=[each.pk for each in series]).update(
            digest=None, digest_sha256="", description="", unused_because=""
        )
        record("submission.precheck_forgotten", submission, by=None, new={"series": len(series)}, because=because)
    return True
