from celery import shared_task

from apps.intake.models import Submission
from apps.jobs.ledger import ledgered
from apps.jobs.services import Lease
from apps.reviews import services


@ledgered("reviews.open_case")
def open_case(lease: Lease) -> None:
    services.open_case(Submission.objects.get(pk=lease.object_id))


@shared_task(name="reviews.return_idle_cases", ignore_result=True)
def return_idle_cases() -> None:
    services.return_idle_cases()


@shared_task(name="reviews.open_missing_cases", ignore_result=True)
def open_missing_cases() -> None:
    services.open_missing_cases()
