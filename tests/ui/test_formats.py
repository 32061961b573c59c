"""Dates, durations and quantities as people read them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from apps.ui import formats
from apps.ui.templatetags import ui

NIGHT = datetime(2026, 11, 23, 23, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "zone, shown",
    [
        ("UTC", "23 Nov 2026, 23:05 UTC"),
        ("Europe/Vienna", "24 Nov 2026, 00:05 CET"),
        ("Asia/Tashkent", "24 Nov 2026, 04:05 UTC+5"),
        ("Asia/Kathmandu", "24 Nov 2026, 04:50 UTC+5:45"),
        ("America/Sao_Paulo", "23 Nov 2026, 20:05 UTC-3"),
    ],
)
def test_a_moment_is_shown_in_the_readers_zone_with_its_name(zone, shown):
    with timezone.override(ZoneInfo(zone)):
        assert formats.when(NIGHT) == shown


def test_a_moment_carries_its_machine_readable_form():
    with timezone.override(UTC):
        assert ui.when(NIGHT) == '<time datetime="2026-11-23T23:05:00+00:00">23 Nov 2026, 23:05 UTC</time>'


def test_a_day_has_no_leading_zero():
    assert formats.day(date(2026, 3, 4)) == "4 Mar 2026"


@pytest.mark.parametrize(
    "seconds, shown",
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (80, "1 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=3, hours=4, minutes=59), "3 days 4 h"),
        (-80, "-1 min 20 s"),
    ],
)
def test_a_duration_shows_its_two_largest_units(seconds, shown):
    assert formats.duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize("share, shown", [(0, "0 %"), (0.934, "93 %"), (0.042, "4.2 %"), (0.05, "5 %"), (1, "100 %")])
def test_a_share_is_shown_in_percent(share, shown):
    assert formats.percent(share).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize("length, shown", [(1.25, "1.25 mm"), (5, "5 mm"), (0.7, "0.7 mm"), (10.0, "10 mm")])
def test_a_length_has_its_unit_and_no_idle_digits(length, shown):
    assert formats.mm(length).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize("show", [ui.when, ui.day, ui.duration, ui.mm, ui.percent, ui.score])
def test_what_is_absent_is_a_dash(show):
    assert show(None) == formats.NOTHING
