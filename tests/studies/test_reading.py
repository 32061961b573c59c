"""What an analyst reads, when, and how it is timed: by the server alone, alike in both arms."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.accounts.models import Membership
from apps.audit.lifecycle import Refused
from apps.reviews.clock import IDLE_AFTER
from apps.studies.models import Assignment, Reading
from apps.studies.progress import sessions_of
from apps.studies.schedule import open_session
from apps.studies.services import beat, begin, close, current_assignment, pause, read
from tests.cast import Cast
from tests.studies.scenes import (
    at_hand,
    read_rightly,
    read_session,
    read_without_the_clock,
    reader_of,
    running,
    silent_for,
)


def seconds_of(assignment: Assignment) -> float:
    return Assignment.objects.get(pk=assignment.pk).active_seconds


def again(assignment: Assignment) -> Assignment:
    """Return the assignment as the next request finds it."""
    return Assignment.objects.with_context().get(pk=assignment.pk)


def test_the_scans_come_in_the_order_that_was_drawn(cast: Cast) -> None:
    study = running(cast)
    reader = reader_of(study, cast.anna)
    drawn = list(reader.assignments.filter(arm=reader.first_arm).order_by("place").values_list("scan", flat=True))
    seen = []
    for _ in drawn:
        scan = at_hand(study, cast.anna)
        seen.append(scan.scan_id)
        read_rightly(scan, seconds=5)
    assert seen == drawn


def test_a_reading_keeps_labels_and_time(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    silent_for(scan, 12)
    following = read(again(scan), body_part="neck", contrast="non_contrast", by=cast.anna)
    kept = Reading.objects.get(assignment=scan)
    assert (kept.body_part, kept.contrast) == ("neck", "non_contrast")
    assert kept.active_seconds == pytest.approx(12, abs=1)
    assert following is not None and following.place == 2
    assert again(following).last_beat_at is not None, "the clock of the next scan runs from here"


def test_heartbeats_count_short_gaps_and_no_pause(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    silent_for(scan, 10)
    assert beat(again(scan), by=cast.anna) == pytest.approx(10, abs=1)
    silent_for(scan, IDLE_AFTER.total_seconds() + 5)
    assert beat(again(scan), by=cast.anna) == pytest.approx(10, abs=1)


def test_a_covered_scan_costs_no_time(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    silent_for(scan, 7)
    pause(again(scan), by=cast.anna)
    assert seconds_of(scan) == pytest.approx(7, abs=1)
    with pytest.raises(Refused, match="clock stood still"):
        beat(again(scan), by=cast.anna)
    with pytest.raises(Refused, match="clock stood still"):
        read(again(scan), body_part="chest", contrast="enhanced", by=cast.anna)
    assert at_hand(study, cast.anna) == scan, "it goes on where it stopped"
    silent_for(scan, 3)
    read(again(scan), body_part="chest", contrast="enhanced", by=cast.anna)
    assert Reading.objects.get().active_seconds == pytest.approx(10, abs=1)


def test_a_reading_after_a_silence_is_refused_because_nobody_timed_it(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    silent_for(scan, IDLE_AFTER.total_seconds() + 1)
    with pytest.raises(Refused, match="clock stood still"):
        read(again(scan), body_part="chest", contrast="enhanced", by=cast.anna)
    assert not Reading.objects.exists()


def test_two_tabs_do_not_count_twice(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    silent_for(scan, 10)
    in_another_tab = again(scan)
    beat(again(scan), by=cast.anna)
    assert beat(in_another_tab, by=cast.anna) == pytest.approx(10, abs=1)


@pytest.mark.parametrize("who", ["abel", "mira", "root", "carla", "otto"])
def test_nobody_else_reads_a_scan(cast: Cast, who: str) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    by = getattr(cast, who)
    for act in (
        lambda: beat(scan, by=by),
        lambda: pause(scan, by=by),
        lambda: read(scan, body_part="chest", contrast="enhanced", by=by),
        lambda: begin(reader_of(study, cast.anna), by=by),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_an_analyst_who_left_the_trial_reads_no_more(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    Membership.objects.filter(user=cast.anna).delete()
    with pytest.raises(PermissionDenied):
        read(again(scan), body_part="chest", contrast="enhanced", by=cast.anna)


def test_a_scan_out_of_turn_is_refused(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    later = scan.reader.assignments.with_context().get(arm=scan.arm, place=3)
    silent_for(later, 5)
    with pytest.raises(Refused, match="not the one to read now"):
        read(again(later), body_part="chest", contrast="enhanced", by=cast.anna)


def test_a_reading_is_kept_once(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    read_rightly(scan, seconds=5)
    with pytest.raises(Refused, match="read already"):
        read(again(scan), body_part="neck", contrast="enhanced", by=cast.anna)
    with pytest.raises(Refused, match="read already"):
        beat(again(scan), by=cast.anna)
    assert Reading.objects.get().body_part == scan.scan.body_part


@pytest.mark.parametrize(
    ("body_part", "contrast"), [("", "enhanced"), ("chest", ""), ("banana", "enhanced"), ("enhanced", "chest")]
)
def test_what_is_no_label_is_refused(cast: Cast, body_part: str, contrast: str) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    with pytest.raises(Refused, match="one label each"):
        read(scan, body_part=body_part, contrast=contrast, by=cast.anna)
    assert not Reading.objects.exists()


def test_the_database_refuses_to_change_or_delete_a_reading(cast: Cast) -> None:
    study = running(cast)
    read_rightly(at_hand(study, cast.anna), seconds=5)
    for act in (lambda: Reading.objects.update(active_seconds=1), lambda: Reading.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()


def test_the_second_session_waits_for_the_washout(cast: Cast) -> None:
    study = running(cast)
    read_session(study, cast.anna, seconds=5)
    reader = reader_of(study, cast.anna)
    first, second = sessions_of(reader)
    assert first.is_finished
    assert second.opens_at == first.last_read_at + study.washout
    assert not second.is_open(second.opens_at - timedelta(seconds=1))
    assert second.is_open(second.opens_at)
    with pytest.raises(Refused, match="Nothing is open"):
        begin(reader, by=cast.anna)


@pytest.mark.parametrize(("days_ago", "opens"), [(13.99, False), (14.01, True)])
def test_the_washout_is_counted_from_the_last_reading(cast: Cast, days_ago: float, opens: bool) -> None:
    study = running(cast)
    reader = reader_of(study, cast.anna)
    read_without_the_clock(study, {(cast.anna.pk, reader.first_arm): [9, 9, 9, 9]}, days_ago=days_ago)
    current = current_assignment(reader)
    assert (current is not None) is opens
    if current:
        assert (current.arm, current.place) == (reader.arms[1], 1)


def test_an_unfinished_first_session_keeps_the_second_closed_for_ever(cast: Cast) -> None:
    study = running(cast)
    read_rightly(at_hand(study, cast.anna), seconds=5)
    reader = reader_of(study, cast.anna)
    first, second = sessions_of(reader)
    assert (first.n_read, second.opens_at) == (1, None)
    assert open_session((first, second), timezone.now()) == first


def test_a_closed_study_is_read_no_more(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    close(study, because="Enough.", by=cast.mira)
    with pytest.raises(Refused, match="not the one to read now"):
        read(again(scan), body_part="chest", contrast="enhanced", by=cast.anna)
    with pytest.raises(Refused, match="Nothing is open"):
        begin(reader_of(study, cast.anna), by=cast.anna)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_one_scan_saved_in_two_windows_at_once_is_kept_once(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    silent_for(scan, 10)
    together = Barrier(2)

    def press(label: str) -> bool:
        own = again(scan)
        together.wait()
        try:
            read(own, body_part=label, contrast="enhanced", by=cast.anna)
        except Refused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as windows:
        kept = list(windows.map(press, ("chest", "neck")))
    assert sorted(kept) == [False, True]
    assert Reading.objects.count() == 1
    # Counted once; twice would be at least 20.
    assert 10 <= Reading.objects.get().active_seconds < 20
