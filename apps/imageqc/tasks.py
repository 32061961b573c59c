from celery import shared_task
from django.utils import timezone

from apps.imageqc import services
from apps.intake.models import Series, Submission
from apps.jobs.ledger import ledgered
from apps.jobs.services import Lease


def _end_series(series_id: int, sentence: str) -> None:
    services.series_check_failed(Series.objects.get(pk=series_id), sentence)


@ledgered("imageqc.check_series", on_failure=_end_series)
def check_series(lease: Lease) -> None:
    services.check_series(Series.objects.get(pk=lease.object_id), lease)


def _end_matching(submission_id: int, sentence: str) -> None:
    services.matching_failed(Submission.objects.get(pk=submission_id), sentence)


@ledgered("imageqc.match_slots", on_failure=_end_matching)
def match_slots(lease: Lease) -> None:
    services.match_slots(Submission.objects.get(pk=lease.object_id), lease)


def _end_receipt(submission_id: int, sentence: str) -> None:
    services.receipt_failed(Submission.objects.get(pk=submission_id), sentence)


@ledgered("imageqc.verify_receipt", on_failure=_end_receipt)
def verify_receipt(lease: Lease) -> None:
    services.verify_receipt(Submission.objects.get(pk=lease.object_id), lease)


@shared_task(name="imageqc.forget_prechecks", ignore_result=True)
def forget_prechecks() -> None:
    services.forget_prechecks(timezone.now())
