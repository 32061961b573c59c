from apps.intake import services
from apps.intake.models import Submission
from apps.jobs.ledger import ledgered
from apps.jobs.services import Lease


def _tell(submission_id: int, sentence: str) -> None:
    services.sorting_failed(Submission.objects.get(pk=submission_id), sentence)


@ledgered("intake.sort_files", on_failure=_tell)
def sort_files(lease: Lease) -> None:
    services.sort_files(Submission.objects.get(pk=lease.object_id), lease)
