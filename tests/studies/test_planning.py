"""A study is planned by a manager of the trial, from scans at the core lab, and only before its start."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from apps.accounts.models import Membership, Role
from apps.audit.lifecycle import Refused, WrongState
from apps.audit.services import events_about
from apps.intake.models import Series
from apps.reviews.models import ReviewPolicy
from apps.reviews.services import claim, correct_label
from apps.studies.candidates import ScanFilter, candidates
from apps.studies.models import Arm, Assignment, ReadingStudy, StudyScan
from apps.studies.randomising import drawn, first_arms, order_of_scans
from apps.studies.services import (
    add_all_scans,
    add_random_scans,
    change,
    choose_readers,
    close,
    create,
    remove_scans,
    set_references,
    start,
)
from tests.cast import Cast
from tests.factories import add_series, checked_submission, waiting_case
from tests.signing import decide
from tests.studies.scenes import accepted_scans, draft, read_session, ready_draft, running


def test_a_manager_plans_a_study_and_the_trail_says_so(cast: Cast) -> None:
    study = create(cast.trial, name="  Chest   and abdomen ", washout_days=21, by=cast.mira)
    assert (study.name, study.status, study.washout_days) == ("Chest and abdomen", "draft", 21)
    assert events_about(study).get().action == "readingstudy.created"


@pytest.mark.parametrize("who", ["carla", "anna", "otto", "root"])
def test_nobody_but_a_manager_of_the_trial_plans_one(cast: Cast, who: str) -> None:
    with pytest.raises(PermissionDenied, match="manager of the trial"):
        create(cast.trial, name="A study", by=getattr(cast, who))


@pytest.mark.parametrize(("name", "days"), [("", 14), ("   ", 14), ("A study", -1), ("A study", 366)])
def test_a_plan_that_makes_no_sense_is_refused(cast: Cast, name: str, days: int) -> None:
    with pytest.raises(Refused):
        create(cast.trial, name=name, washout_days=days, by=cast.mira)


def test_two_studies_of_a_trial_have_different_names(cast: Cast) -> None:
    draft(cast, name="Round 1")
    with pytest.raises(Refused, match="name already"):
        draft(cast, name="Round 1")
    other = draft(cast, name="Round 2")
    with pytest.raises(Refused, match="name already"):
        change(other, name="Round 1", washout_days=14, by=cast.mira)


def test_only_checked_series_with_pictures_that_reached_the_core_lab_can_be_read(cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    checked_submission(cast.chens_visit, by=cast.chen)  # still at the site
    study = draft(cast)
    assert candidates(study).count() == 2
    first, second = candidates(study)
    Series.objects.filter(pk=first.pk).update(status=Series.Status.FAILED)
    digest = second.digest
    digest["geometry"]["slices"] = 0
    Series.objects.filter(pk=second.pk).update(digest=digest)
    assert not candidates(study).exists()


def test_the_filter_shows_what_it_says(cast: Cast) -> None:
    accepted_scans(cast)
    study = draft(cast)
    submission = Series.objects.earliest("pk").submission
    unsure = add_series(submission, number=9, description="unsure", body_part=None, contrast="non_contrast")

    def shown(**chosen: Any) -> set[int | None]:
        return set(candidates(study, ScanFilter(**chosen)).values_list("number", flat=True))

    assert shown() == {1, 2, 9}
    assert shown(body_part="chest") == {1}
    assert shown(contrast="non_contrast") == {9}
    assert shown(abstained=True) == {9}
    assert shown(with_reference=True) == {1, 2}
    assert shown(site=cast.other_site) == {1, 2}
    assert unsure.pk in candidates(study, ScanFilter(site=cast.site)).values_list("pk", flat=True)


def test_reference_labels_are_what_analysts_decided(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    chest, abdomen = case.submission.series.order_by("number")
    correct_label(case, chest, "body_part", "neck", by=cast.anna)
    correct_label(case, chest, "body_part", "brain", by=cast.anna)
    decide(case, "accept", by=cast.anna)
    waiting_case(cast.chens_visit, by=cast.chen)
    study = draft(cast)
    add_all_scans(study, ScanFilter(), by=cast.mira)
    source = StudyScan.Source
    known = {scan.series_id: scan for scan in study.scans.all()}
    assert (known[chest.pk].body_part, known[chest.pk].body_part_source) == ("brain", source.CORRECTED)
    assert (known[chest.pk].contrast, known[chest.pk].contrast_source) == ("enhanced", source.ACCEPTED)
    assert (known[abdomen.pk].body_part, known[abdomen.pk].body_part_source) == ("abdomen_pelvis", source.ACCEPTED)
    undecided = [scan for scan in known.values() if not scan.has_reference]
    assert len(undecided) == 2
    assert {scan.body_part_source for scan in undecided} == {""}


def test_a_label_that_nobody_accepted_is_no_reference(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    decide(case, "return_to_site", by=cast.anna, reasons=["wrong_contrast"])
    study = draft(cast)
    add_all_scans(study, ScanFilter(), by=cast.mira)
    assert not any(scan.has_reference for scan in study.scans.all())
    assert not candidates(draft(cast, name="Another"), ScanFilter(with_reference=True)).exists()


def test_a_label_that_its_analyst_did_not_see_is_no_reference(cast: Cast) -> None:
    ReviewPolicy.objects.create(trial=cast.trial, hidden_share=1.0)
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    decide(case, "accept", by=cast.anna)
    study = draft(cast)
    add_all_scans(study, ScanFilter(), by=cast.mira)
    assert study.scans.count() == 2 and not any(scan.has_reference for scan in study.scans.all())
    assert not candidates(draft(cast, name="Another"), ScanFilter(with_reference=True)).exists()


def test_a_random_sample_can_be_drawn_again_from_the_seed(cast: Cast) -> None:
    accepted_scans(cast)
    study = draft(cast)
    every = sorted(candidates(study).values_list("pk", flat=True))
    assert add_random_scans(study, ScanFilter(), 2, by=cast.mira) == 2
    chosen = set(study.scans.values_list("series", flat=True))
    assert chosen == set(drawn(study.seed, "sample:0", every)[:2])
    event = events_about(study).get(action="readingstudy.scans_added")
    assert (event.new["drawn"], event.new["of"], event.new["draw"]) == (2, 4, "sample:0")


@pytest.mark.parametrize("n", [0, -1, 5])
def test_no_more_scans_are_drawn_than_there_are(cast: Cast, n: int) -> None:
    accepted_scans(cast)
    study = draft(cast)
    with pytest.raises(Refused):
        add_random_scans(study, ScanFilter(), n, by=cast.mira)
    assert not study.scans.exists()


def test_scans_are_added_once_and_can_be_removed(cast: Cast) -> None:
    accepted_scans(cast)
    study = draft(cast)
    assert add_all_scans(study, ScanFilter(), by=cast.mira) == 4
    with pytest.raises(Refused, match="No scan is left"):
        add_all_scans(study, ScanFilter(), by=cast.mira)
    assert remove_scans(study, [study.scans.first().pk], by=cast.mira) == 1
    with pytest.raises(Refused, match="Tick the scans"):
        remove_scans(study, [0], by=cast.mira)
    assert study.scans.count() == 3


def test_a_reference_label_is_entered_and_taken_back(cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    study = draft(cast)
    add_all_scans(study, ScanFilter(), by=cast.mira)
    scan = study.scans.first()
    assert set_references(study, {scan.pk: {"body_part": "neck", "contrast": "enhanced"}}, by=cast.mira) == 2
    scan.refresh_from_db()
    assert (scan.body_part, scan.body_part_source, scan.has_reference) == ("neck", "entered", True)
    assert set_references(study, {scan.pk: {"body_part": "neck"}}, by=cast.mira) == 0
    set_references(study, {scan.pk: {"body_part": ""}}, by=cast.mira)
    scan.refresh_from_db()
    assert (scan.body_part_source, scan.has_reference) == ("", False)
    with pytest.raises(Refused, match="not a label"):
        set_references(study, {scan.pk: {"body_part": "banana"}}, by=cast.mira)


@pytest.mark.parametrize("who", ["mira", "otto", "carla", "root"])
def test_readers_are_analysts_of_the_trial_who_do_not_lead_it(cast: Cast, who: str) -> None:
    with pytest.raises(Refused, match="readers are image analysts"):
        choose_readers(draft(cast), [getattr(cast, who)], by=cast.mira)


def test_an_analyst_who_also_manages_the_trial_does_not_read(cast: Cast) -> None:
    Membership.objects.create(user=cast.anna, role=Role.TRIAL_MANAGER, trial=cast.trial)
    with pytest.raises(Refused, match="Anna cannot read"):
        choose_readers(draft(cast), [cast.anna], by=cast.mira)


def test_starting_gives_every_reader_every_scan_in_both_arms(cast: Cast) -> None:
    study = running(cast, readers=[cast.anna, cast.abel])
    scans = list(study.scans.values_list("pk", flat=True))
    for reader in study.readers.all():
        for arm in Arm.values:
            own = reader.assignments.filter(arm=arm).order_by("place")
            assert list(own.values_list("place", flat=True)) == [1, 2, 3, 4]
            assert list(own.values_list("scan", flat=True)) == order_of_scans(study.seed, reader.analyst_id, arm, scans)
    assert {reader.first_arm for reader in study.readers.all()} == set(Arm.values)
    assert study.seed in events_about(study).get(action="readingstudy.running").reason


@pytest.mark.parametrize("seed", ["a", "b", "c", "d"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_first_arms_are_balanced(seed: str, n: int) -> None:
    arms = list(first_arms(seed, list(range(1, n + 1))).values())
    assert abs(arms.count(Arm.MANUAL) - arms.count(Arm.AI_AIDED)) <= 1


def test_orders_differ_between_analysts_arms_and_seeds() -> None:
    scans = range(1, 101)
    orders = {
        tuple(order_of_scans(seed, analyst, arm, scans))
        for seed in ("a", "b")
        for analyst in (1, 2)
        for arm in Arm.values
    }
    assert len(orders) == 8
    assert all(sorted(order) == list(scans) for order in orders)


def test_an_order_is_that_of_the_hashes() -> None:
    # printf s:p:1 | sha256sum begins with 1fd1, s:p:2 with 4aec, s:p:3 with bf29.
    assert drawn("s", "p", (3, 1, 2)) == [1, 2, 3]


def test_an_unfinished_plan_says_what_is_missing(cast: Cast) -> None:
    study = draft(cast)
    with pytest.raises(Refused, match=r"Choose at least 2 scans\. Choose who reads\."):
        start(study, by=cast.mira)
    waiting_case(cast.visit, by=cast.carla)
    add_all_scans(study, ScanFilter(), by=cast.mira)
    choose_readers(study, [cast.anna], by=cast.mira)
    with pytest.raises(Refused, match="reference labels of 2 scans"):
        start(study, by=cast.mira)
    assert not Assignment.objects.exists()


def test_pictures_that_changed_since_are_not_read(cast: Cast) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    Series.objects.filter(pk=study.scans.first().series_id).update(digest_sha256="f" * 64)
    with pytest.raises(Refused, match="pictures of 1 scan changed"):
        start(study, by=cast.mira)


def test_an_analyst_who_left_the_trial_stops_the_start(cast: Cast) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    Membership.objects.filter(user=cast.anna).delete()
    with pytest.raises(Refused, match="Anna is no analyst"):
        start(study, by=cast.mira)


def test_nothing_can_be_changed_after_the_start(cast: Cast) -> None:
    study = running(cast)
    scan = study.scans.first()
    for act in (
        lambda: change(study, name="Other", washout_days=0, by=cast.mira),
        lambda: add_all_scans(study, ScanFilter(), by=cast.mira),
        lambda: add_random_scans(study, ScanFilter(), 1, by=cast.mira),
        lambda: remove_scans(study, [scan.pk], by=cast.mira),
        lambda: set_references(study, {scan.pk: {"body_part": "neck"}}, by=cast.mira),
        lambda: choose_readers(study, [cast.abel], by=cast.mira),
        lambda: start(study, by=cast.mira),
    ):
        with pytest.raises(WrongState):
            act()
    assert study.scans.count() == 4
    assert study.readers.get().analyst == cast.anna


@pytest.mark.parametrize("who", ["anna", "abel", "otto", "root", "carla"])
def test_only_the_lead_changes_starts_and_closes(cast: Cast, who: str) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    by = getattr(cast, who)
    for act in (
        lambda: change(study, name="Other", washout_days=0, by=by),
        lambda: choose_readers(study, [], by=by),
        lambda: start(study, by=by),
        lambda: close(study, by=by),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_closing_early_needs_a_reason_and_closing_a_draft_is_impossible(cast: Cast) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    with pytest.raises(WrongState):
        close(study, because="Never mind.", by=cast.mira)
    start(study, by=cast.mira)
    read_session(study, cast.anna, seconds=5)
    with pytest.raises(Refused, match="4 readings are left"):
        close(study, because="  ", by=cast.mira)
    close(study, because="Anna left the lab.", by=cast.mira)
    study.refresh_from_db()
    assert (study.status, study.closed_because) == ("closed", "Anna left the lab.")
    with pytest.raises(WrongState):
        close(study, because="Again.", by=cast.mira)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_study_started_twice_at_once_is_drawn_once(cast: Cast) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    together = Barrier(2)

    def press(_: int) -> str:
        own = ReadingStudy.objects.get(pk=study.pk)
        together.wait()
        try:
            start(own, by=cast.mira)
        except Refused as refusal:
            return str(refusal)
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(2) as people:
        said = list(people.map(press, range(2)))
    assert sorted(map(bool, said)) == [False, True]
    assert Assignment.objects.count() == 8
