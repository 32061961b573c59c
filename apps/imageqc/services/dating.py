"""On which day a series was scanned, and the days that it is held against."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from apps.imaging.digest import SeriesDigest
from apps.imaging.rules.dates import DatedScan, VisitDays, dated
from apps.intake.models import Series
from apps.intake.scan_days import site_dates
from apps.trials.models import Visit

FURTHEST_EAST = timedelta(hours=14)
"""In the zone where the day begins first it is today before it is so anywhere else."""


def days_of(visit: Visit) -> VisitDays:
    """Return the days that the scans of a visit are held against."""
    return VisitDays(
        opens_on=visit.opens_on,
        closes_on=visit.closes_on,
        consented_on=visit.subject.consented_on,
        latest=(timezone.now() + FURTHEST_EAST).date(),
    )


def dated_scans(visit: Visit, scans: Iterable[tuple[Series, SeriesDigest]]) -> list[DatedScan]:
    """Return series with the days on which they were made; dates that were shifted at the site are counted back."""
    scans = list(scans)
    if not any(series.origin == Series.Origin.SITE for series, _ in scans):
        return [dated(digest) for _, digest in scans]
    shift, removed = site_dates(visit)
    return [
        dated(digest, shifted_by=shift, removed=removed) if series.origin == Series.Origin.SITE else dated(digest)
        for series, digest in scans
    ]
