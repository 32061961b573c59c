"""On which day a series was scanned: where dates were shifted, the true day is for the site's coordinators alone."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from apps.imaging.rules.dates import header_day, written
from apps.intake.deidentification import deidentification_profile
from apps.intake.models import Series, Submission
from apps.trials.models import Visit


def site_dates(visit: Visit) -> tuple[int, bool]:
    """Return by how many days the site shifts the dates of this subject's scans, and whether it removes them."""
    profile = deidentification_profile(visit)
    return profile.date_shift_days, profile.dates == "remove"


def shift_of(submission: Submission) -> int:
    """Return the days that were added to the dates of the series that the site read, 0 where there is none."""
    at_the_site = any(series.origin == Series.Origin.SITE for series in submission.series.all())
    return site_dates(submission.visit)[0] if at_the_site else 0


def day_words(header: Mapping[str, Any], *, shifted_by: int, for_the_site: bool) -> str:
    """Return the day of a scan as its readers may know it: counted back for the site, marked as shifted for others."""
    said = header_day(header)
    if said is None:
        return ""
    if not shifted_by:
        return written(said)
    return written(said - timedelta(days=shifted_by)) if for_the_site else f"{written(said)} (shifted)"
