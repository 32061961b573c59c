"""How far each reader has come, with a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Count, Max

from apps.studies.models import Assignment, Reader
from apps.studies.schedule import ArmProgress, Session, sessions


def progress_of(readers: Iterable[Reader]) -> dict[int, dict[str, ArmProgress]]:
    """Return per reader and arm how many scans there are and how many are read."""
    counted = (
        Assignment.objects.filter(reader__in=[reader.pk for reader in readers])
        .order_by()
        .values("reader", "arm")
        .annotate(n_scans=Count("pk"), n_read=Count("reading"), last_read_at=Max("reading__read_at"))
    )
    found: dict[int, dict[str, ArmProgress]] = defaultdict(dict)
    for row in counted:
        found[row["reader"]][row["arm"]] = ArmProgress(row["n_scans"], row["n_read"], row["last_read_at"])
    return found


def sessions_of(reader: Reader) -> tuple[Session, Session]:
    """Return the two sessions of one reader."""
    return sessions(reader.study, reader, progress_of([reader]).get(reader.pk, {}))
