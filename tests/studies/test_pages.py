"""The pages of a study: what they show, what they keep back, and that they ask the database no more when it grows."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.studies.candidates import ScanFilter
from apps.studies.models import Reading, ReadingStudy
from apps.studies.services import add_all_scans, choose_readers, close, pause, set_references, start
from tests.cast import Cast
from tests.factories import add_series
from tests.studies.scenes import (
    accepted_scans,
    at_hand,
    draft,
    read_rightly,
    read_without_the_clock,
    ready_draft,
    running,
    silent_for,
)


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def said(client: Client, name: str, *arguments: object) -> str:
    """Return the page at an address."""
    answer = client.get(reverse(name, args=arguments))
    assert answer.status_code == 200
    return answer.content.decode()


def posted(client: Client, address: str, pk: int, /, **given: object) -> str:
    """Send a form and return the page that it leads to."""
    return client.post(reverse(address, args=[pk]), given, follow=True).content.decode()


def queries(client: Client, name: str, *arguments: object) -> int:
    """Return how often a page asks the database."""
    with CaptureQueriesContext(connection) as asked:
        assert client.get(reverse(name, args=arguments)).status_code == 200
    return len(asked)


def test_empty_pages_teach(cast: Cast) -> None:
    assert "No study yet" in said(signed_in(cast.mira), "studies:studies")
    assert "You lead no study" in said(signed_in(cast.anna), "studies:studies")
    assert "There is no study here" in said(signed_in(cast.carla), "studies:studies")
    assert "Nothing to read" in said(signed_in(cast.anna), "studies:readings")
    assert "You read in no study" in said(signed_in(cast.carla), "studies:readings")
    study = draft(cast)
    assert "No scan chosen yet" in said(signed_in(cast.mira), "studies:study", study.pk)


def test_the_lists_show_what_is_the_persons_own(cast: Cast) -> None:
    study = running(cast)
    assert str(study) in said(signed_in(cast.mira), "studies:studies")
    assert str(study) in said(signed_in(cast.root), "studies:studies")
    assert str(study) in said(signed_in(cast.anna), "studies:readings")
    assert str(study) not in said(signed_in(cast.abel), "studies:readings")
    assert str(study) not in said(signed_in(cast.anna), "studies:studies")


def test_a_draft_is_unknown_to_its_analysts(cast: Cast) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    client = signed_in(cast.anna)
    assert str(study) not in said(client, "studies:readings")
    for name in ("studies:study", "studies:result", "studies:csv"):
        assert client.get(reverse(name, args=[study.pk])).status_code == 404
    assert client.post(reverse("studies:begin", args=[study.pk])).status_code == 404


def test_a_plan_is_made_by_forms(cast: Cast) -> None:
    accepted_scans(cast)
    mira = signed_in(cast.mira)
    given = {"trial": cast.trial.pk, "name": "By forms", "washout_days": 7}
    assert mira.post(reverse("studies:new"), given).status_code == 302
    study = ReadingStudy.objects.get()
    assert mira.post(reverse("studies:new"), given).status_code == 409, "the name is taken"
    assert "1 scan added." in posted(mira, "studies:add-scans", study.pk, how="random", n=1, body_part="chest")
    assert "3 scans added." in posted(mira, "studies:add-scans", study.pk, how="all")
    scan = study.scans.first()
    page = posted(mira, "studies:references", study.pk, **{f"body_part-{scan.pk}": "neck"})
    assert "1 reference label saved." in page
    assert "1 scan removed." in posted(mira, "studies:remove-scans", study.pk, scan=[scan.pk])
    assert "Saved." in posted(mira, "studies:readers", study.pk, analysts=[cast.anna.pk])
    assert "Saved." in posted(mira, "studies:change", study.pk, name="Renamed", washout_days=0)
    assert "The study runs." in posted(mira, "studies:start", study.pk)
    assert "6 readings are left" in posted(mira, "studies:close", study.pk)
    assert "The study is closed." in posted(mira, "studies:close", study.pk, because="A rehearsal.")


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("studies:add-scans", {"how": "random"}, "Say how many scans to draw"),
        ("studies:add-scans", {"how": "random", "n": "x"}, "Enter a whole number"),
        ("studies:add-scans", {"how": "banana"}, "not one of the available choices"),
        ("studies:remove-scans", {}, "Tick the scans"),
        ("studies:remove-scans", {"scan": ["x", "999999"]}, "not one of the available choices"),
        ("studies:readers", {"analysts": ["999999"]}, "not one of the available choices"),
        ("studies:change", {"name": "", "washout_days": "14"}, "This field is required"),
        ("studies:change", {"name": "A", "washout_days": "-3"}, "greater than or equal to 0"),
        ("studies:close", {"because": "Never mind."}, "This reading study is draft"),
    ],
)
def test_bad_input_is_said_and_changes_nothing(cast: Cast, name: str, given: dict[str, Any], sentence: str) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    assert sentence in posted(signed_in(cast.mira), name, study.pk, **given)
    study.refresh_from_db()
    assert (study.status, study.name) == ("draft", "Chest and abdomen")
    assert (study.scans.count(), study.readers.count()) == (4, 1)


def test_references_that_are_no_labels_or_no_scans_are_refused(cast: Cast) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    mira = signed_in(cast.mira)
    scan = study.scans.first()
    assert "not a label" in posted(mira, "studies:references", study.pk, **{f"body_part-{scan.pk}": "banana"})
    assert "0 reference labels saved." in posted(mira, "studies:references", study.pk, **{"body_part-0": "neck"})


def test_a_started_study_says_that_it_is_not_changed(cast: Cast) -> None:
    study = running(cast)
    page = posted(signed_in(cast.mira), "studies:change", study.pk, name="Late", washout_days=1)
    assert "not changed after the start" in page


@pytest.mark.parametrize("arm", ["manual", "ai_aided"])
def test_a_reading_page_tells_the_reader_nothing_but_what_the_arm_shows(cast: Cast, arm: str) -> None:
    study = running(cast, readers=[cast.anna, cast.abel])
    analyst = study.readers.get(first_arm=arm).analyst
    scan = at_hand(study, analyst)
    answer = signed_in(analyst).get(reverse("studies:reading", args=[scan.pk]))
    page = answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert ("AI labels</h2>" in page) is (arm == "ai_aided")
    assert ("0.97" in page) is (arm == "ai_aided")
    series = scan.scan.series
    for secret in ("101-001", "102-001", series.description, str(series.uuid), "Accepted at review", "Northern", "kVp"):
        assert secret not in page


def test_a_covered_scan_has_no_picture_and_no_label_in_the_page(cast: Cast) -> None:
    study = running(cast, readers=[cast.anna, cast.abel])
    analyst = study.readers.get(first_arm="ai_aided").analyst
    scan = at_hand(study, analyst)
    pause(scan, by=analyst)
    page = said(signed_in(analyst), "studies:reading", scan.pk)
    assert "The scan is covered" in page
    assert "mip_axial" not in page and "0.97" not in page


def test_no_scan_is_seen_ahead_of_its_turn_or_after_it(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    later = scan.reader.assignments.get(arm=scan.arm, place=2)
    client = signed_in(cast.anna)
    shown = reverse("studies:picture", args=[scan.pk, "mip_axial"])
    assert client.get(shown).status_code == 200
    assert client.get(reverse("studies:picture", args=[later.pk, "mip_axial"])).status_code == 404
    assert client.get(reverse("studies:picture", args=[scan.pk, "aip_axial"])).status_code == 404
    assert client.get(reverse("studies:reading", args=[later.pk])).headers["Location"] == reverse("studies:readings")
    read_rightly(scan, seconds=5)
    assert client.get(shown).status_code == 404


def test_a_refused_reading_comes_back_with_its_sentence(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    client = signed_in(cast.anna)
    assert "one label each" in posted(client, "studies:read", scan.pk, body_part="chest")
    silent_for(scan, 500)
    page = posted(client, "studies:read", scan.pk, body_part="chest", contrast="enhanced")
    assert "clock stood still" in page
    assert client.post(reverse("studies:beat", args=[scan.pk])).status_code == 200
    assert not Reading.objects.exists()


def test_pressing_save_twice_keeps_one_and_goes_on(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    client = signed_in(cast.anna)
    given = {"body_part": "chest", "contrast": "enhanced"}
    posted(client, "studies:read", scan.pk, **given)
    assert "read already" in posted(client, "studies:read", scan.pk, **given)
    assert Reading.objects.count() == 1


def test_beats_of_a_scan_that_is_not_at_hand_are_refused_in_words(cast: Cast) -> None:
    study = running(cast)
    scan = at_hand(study, cast.anna)
    close(study, because="Enough.", by=cast.mira)
    client = signed_in(cast.anna)
    for name in ("studies:beat", "studies:pause"):
        answer = client.post(reverse(name, args=[scan.pk]))
        assert answer.status_code == 409
        assert "not the one to read now" in answer.json()["detail"]


def grown(cast: Cast, study: ReadingStudy, by: int) -> None:
    """Add scans to a draft."""
    submission = study.scans.first().series.submission
    for number in range(by):
        add_series(submission, number=100 + number, description="more", body_part="chest")
    add_all_scans(study, ScanFilter(), by=cast.mira)
    labels = {"body_part": "chest", "contrast": "enhanced"}
    set_references(study, dict.fromkeys(study.scans.values_list("pk", flat=True), labels), by=cast.mira)


def test_the_plan_asks_as_often_for_many_scans_as_for_few(cast: Cast) -> None:
    accepted_scans(cast)
    study = ready_draft(cast)
    client = signed_in(cast.mira)
    few = queries(client, "studies:study", study.pk)
    grown(cast, study, by=8)
    assert queries(client, "studies:study", study.pk) == few <= 20


def test_the_other_pages_ask_as_often_for_many_as_for_few(cast: Cast) -> None:
    small = running(cast)
    mira, anna = signed_in(cast.mira), signed_in(cast.anna)
    lists_of_one = (queries(mira, "studies:studies"), queries(anna, "studies:readings"))
    large = draft(cast, name="Larger")
    add_all_scans(large, ScanFilter(), by=cast.mira)
    grown(cast, large, by=8)
    choose_readers(large, [cast.anna, cast.abel], by=cast.mira)
    start(large, by=cast.mira)
    assert (queries(mira, "studies:studies"), queries(anna, "studies:readings")) == lists_of_one
    of_reading = {queries(anna, "studies:reading", at_hand(study, cast.anna).pk) for study in (small, large)}
    assert len(of_reading) == 1 and max(of_reading) <= 12
    for study in (small, large):
        for reader in study.readers.all():
            n = study.scans.count()
            times = {(reader.analyst_id, "manual"): [10.0] * n, (reader.analyst_id, "ai_aided"): [5.0] * n}
            read_without_the_clock(study, times, days_ago=1)
    for name in ("studies:study", "studies:result", "studies:csv"):
        few, many = (queries(mira, name, study.pk) for study in (small, large))
        assert few == many <= 15, name
