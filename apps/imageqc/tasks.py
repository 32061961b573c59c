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
