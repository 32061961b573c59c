from celery import shared_task

from apps.intake.models import Submission
from apps.jobs.ledger import ledgered
from apps.jobs.services import Lease
from apps.queries import services
from apps.reviews.models import Decision


@ledgered("queries.open_for_return")
def open_for_return(lease: Lease) -> None:
    services.open_for_return(Decision.objects.select_related("case__submission").get(pk=lease.object_id))


@ledgered("queries.take_back_return")
def take_back_return(lease: Lease) -> None:
    """For a return that was reopened."""
    services.take_back_return(Decision.objects.select_related("case__submission").get(pk=lease.object_id))


@ledgered("queries.answer_by_submission")
def answer_by_submission(lease: Lease) -> None:
    services.answer_by_submission(Submission.objects.get(pk=lease.object_id))


@ledgered("queries.recount")
def recount(lease: Lease) -> None:
    """For a case that opens on a submission that was asked about before."""
    services.recount(Submission.objects.get(pk=lease.object_id))


@shared_task(name="queries.remind", ignore_result=True)
def remind() -> None:
    services.remind_sites()
