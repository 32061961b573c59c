from celery import shared_task

from apps.intake import services
from apps.intake.models import Part, Submission
from apps.jobs.ledger import ledgered
from apps.jobs.services import Lease


def _tell(submission_id: int, sentence: str) -> None:
    services.sorting_failed(Submission.objects.get(pk=submission_id), sentence)


@ledgered("intake.sort_files", on_failure=_tell)
def sort_files(lease: Lease) -> None:
    services.sort_files(Submission.objects.get(pk=lease.object_id), lease)


def _end_part(part_id: int, sentence: str) -> None:
    services.unpacking_failed(Part.objects.get(pk=part_id), sentence)


@ledgered("intake.unpack_part", on_failure=_end_part)
def unpack_part(lease: Lease) -> None:
    # A part that its browser dropped, or that beat has pruned since it was unpacked, has nothing left to do.
    part = Part.objects.filter(pk=lease.object_id).first()
    if part:
        services.unpack_part(part, lease)


@shared_task(name="intake.confirm_complete", ignore_result=True)
def confirm_complete() -> None:
    services.confirm_complete()


@shared_task(name="intake.prune_parts", ignore_result=True)
def prune_parts() -> None:
    services.prune_parts()
