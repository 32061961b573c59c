"""Dates, durations and quantities as people read them: always with their unit, times with their zone."""

from datetime import date, datetime, timedelta

from django.utils import timezone

NARROW = "\N{NO-BREAK SPACE}"
"""Between a number and its unit: a no-break space."""

NOTHING = "\N{EN DASH}"


def day(value: date | datetime) -> str:
    """Return "23 Nov 2026", in the reader's zone."""
    if isinstance(value, datetime):
        value = _local(value).date()
    return f"{value.day} {value:%b %Y}"


def when(value: datetime) -> str:
    """Return "23 Nov 2026, 14:05 UTC", in the reader's zone."""
    local = _local(value)
    return f"{day(local)}, {local:%H:%M} {zone_name(local)}"


def zone_name(local: datetime) -> str:
    """Return "CET", or "UTC+5" where the zone has no letters of its own."""
    name = local.tzname() or "UTC"
    if name[0].isalpha():
        return name
    hours, minutes = name[1:3].lstrip("0") or "0", name[3:5]
    return f"UTC{name[0]}{hours}{':' + minutes if minutes not in ('', '00') else ''}"


def duration(value: timedelta | float) -> str:
    """Return the two largest units: "45 s", "1 min 20 s", "2 h 5 min", "3 days 4 h"."""
    seconds = round(value.total_seconds() if isinstance(value, timedelta) else value)
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    day_word = "day" if days == 1 else "days"
    if days:
        parts = [f"{days}{NARROW}{day_word}"] + [f"{hours}{NARROW}h"] * bool(hours)
    elif hours:
        parts = [f"{hours}{NARROW}h"] + [f"{minutes}{NARROW}min"] * bool(minutes)
    elif minutes:
        parts = [f"{minutes}{NARROW}min"] + [f"{seconds % 60}{NARROW}s"] * bool(seconds % 60)
    else:
        parts = [f"{seconds}{NARROW}s"]
    return sign + NARROW.join(parts)


def mm(value: float) -> str:
    """Return "1.25 mm", without digits that say nothing."""
    return f"{value:.2f}".rstrip("0").rstrip(".") + f"{NARROW}mm"


def percent(share: float) -> str:
    """Return a share from 0 to 1 as "93 %"; below 10 % with one decimal."""
    value = share * 100
    digits = 1 if 0 < value < 10 and round(value, 1) % 1 else 0
    return f"{value:.{digits}f}{NARROW}%"


def _local(value: datetime) -> datetime:
    return timezone.localtime(value) if timezone.is_aware(value) else value
