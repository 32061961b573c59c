"""What a coordinator reads: the list of visits, and the page of one visit in each state."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.imageqc.models import Finding
from apps.intake.models import ReceivedFile, Series, Submission
from apps.intake.selectors import visits_by_need
from apps.intake.services import begin_submission, receive_files, transfer, withdraw
from apps.reviews.services import claim
from apps.trials.models import Visit
from apps.trials.services import enrol_subject
from tests.cast import Cast
from tests.factories import checked_submission, waiting_case
from tests.signing import decide

DAY = timedelta(days=1)


@pytest.fixture
def carla(cast: Cast, client: Client) -> Client:
    client.force_login(cast.carla)
    return client


def page(client: Client, visit: Visit) -> str:
    answer = client.get(reverse("intake:visit", args=(visit.pk,)))
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Client, name: str, pk: int, **fields: Any) -> str:
    """Press a button of the page as a browser without script does, and return the page that follows."""
    answer = client.post(reverse(name, args=(pk,)), fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def placed(cast: Cast, number: int, opens_on: date) -> Visit:
    """Return the visit of a new subject of Carla's site whose window of 15 days opens on this day."""
    visit_type = cast.week_8
    subject = enrol_subject(
        cast.site,
        f"101-{number:03}",
        consented_on=opens_on,
        baseline_on=opens_on - (visit_type.target_day - visit_type.days_before) * DAY,
        by=cast.root,
    )
    return subject.visits.get()


def test_visits_are_grouped_by_what_they_ask_for(cast: Cast) -> None:
    today = date(2026, 11, 23)
    Visit.objects.filter(pk=cast.visit.pk).update(opens_on=today, target_on=today, closes_on=today)
    late, upcoming = placed(cast, 11, today - 20 * DAY), placed(cast, 12, today + 5 * DAY)
    begun, returned, accepted, sent = (placed(cast, number, today - 3 * DAY) for number in (13, 14, 15, 16))
    begin_submission(begun, by=cast.carla)
    waiting_case(sent, by=cast.carla)
    for visit, verdict, reasons in ((returned, "return_to_site", ["artefacts"]), (accepted, "accept", [])):
        case = waiting_case(visit, by=cast.carla)
        claim(case, by=cast.anna)
        decide(case, verdict, by=cast.anna, reasons=reasons)
    found = visits_by_need(cast.carla, today)
    assert {group.need.name: [(line.visit, line.window) for line in group.lines] for group in found.groups} == {
        "returned": [(returned, "11 days left")],
        "late": [(late, "6 days late")],
        "begun": [(begun, "11 days left")],
        "due": [(cast.visit, "last day today")],
        "at_core_lab": [(sent, "11 days left")],
        "upcoming": [(upcoming, "opens in 5 days")],
        "done": [(accepted, "11 days left")],
    }
    assert found.asks_now == 4


def test_the_list_shows_ones_own_site_only(cast: Cast, carla: Client) -> None:
    text = carla.get(reverse("intake:visits")).content.decode()
    assert "101-001" in text
    assert "102-001" not in text


def test_a_subject_is_found_by_part_of_its_number(cast: Cast, carla: Client) -> None:
    placed(cast, 77, date(2026, 11, 1))
    text = carla.get(reverse("intake:visits"), {"subject": "077"}).content.decode()
    assert "101-077" in text
    assert "101-001" not in text
    assert "No visit found" in carla.get(reverse("intake:visits"), {"subject": "999"}).content.decode()


def test_the_list_can_be_narrowed_to_one_need(cast: Cast, carla: Client) -> None:
    begin_submission(placed(cast, 77, date(2026, 11, 1)), by=cast.carla)
    text = carla.get(reverse("intake:visits"), {"need": "begun"}).content.decode()
    assert "101-077" in text
    assert "101-001" not in text


def test_who_sends_nothing_sees_no_button_to_send(cast: Cast, client: Client) -> None:
    client.force_login(cast.anna)
    assert "Add images" not in client.get(reverse("intake:visits")).content.decode()
    text = page(client, cast.visit)
    assert "Drop the folder" not in text
    assert "The coordinators of the site send its images" in text


def test_the_list_asks_the_database_as_often_for_many_visits_as_for_one(
    cast: Cast, carla: Client, django_assert_num_queries: Callable
) -> None:
    carla.get(reverse("intake:visits"))
    with django_assert_num_queries(8):
        carla.get(reverse("intake:visits"))
    for number in range(50, 60):
        checked_submission(placed(cast, number, date(2026, 11, 1)), by=cast.carla)
    with django_assert_num_queries(8):
        carla.get(reverse("intake:visits"))


def test_an_empty_visit_says_what_is_asked_for_and_takes_files(cast: Cast, carla: Client) -> None:
    text = page(carla, cast.visit)
    assert "Chest CT with contrast" in text
    assert "slices up to 5 mm thick" in text
    assert "Drop the folder of the scan here" in text


def test_a_visit_without_a_protocol_says_so(cast: Cast, carla: Client) -> None:
    cast.protocol.required_series.all().delete()
    cast.protocol.delete()
    assert "no imaging protocol in force" in page(carla, cast.visit)


def test_beginning_without_script_leads_to_a_plain_form(cast: Cast, carla: Client) -> None:
    text = post(carla, "intake:begin", cast.visit.pk)
    assert 'type="file"' in text
    assert "Withdraw this draft" in text


def test_files_sent_without_script_are_checked_at_once(cast: Cast, carla: Client) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    files = [SimpleUploadedFile("IM1", b"one"), SimpleUploadedFile("IM2", b"")]
    text = post(carla, "intake:files", draft.pk, files=files)
    assert "1 file: This file is empty (0 bytes)" in text
    assert "Checking" in text
    assert f'hx-get="{reverse("intake:progress", args=(draft.pk,))}"' in text


def test_files_sent_by_script_keep_their_paths_and_are_answered_one_by_one(cast: Cast, carla: Client) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    answer = carla.post(
        reverse("intake:files", args=(draft.pk,)),
        {
            "files": [SimpleUploadedFile("IM1", b"one"), SimpleUploadedFile("IM1", b"two")],
            "path": ["CT/A/IM1", "CT/B/IM1"],
            "more": "true",
        },
        headers={"accept": "application/json"},
    )
    assert answer.json() == {"outcomes": [{"kept": True, "sentence": ""}] * 2}
    assert sorted(draft.files.values_list("given_name", flat=True)) == ["CT/A/IM1", "CT/B/IM1"]
    draft.refresh_from_db()
    assert draft.status == Submission.Status.DRAFT
    hashes = carla.get(reverse("intake:received", args=(draft.pk,))).json()["sha256"]
    assert set(hashes) == set(draft.files.values_list("sha256", flat=True))


def test_a_script_that_sends_too_late_is_told_why(cast: Cast, carla: Client) -> None:
    submission = waiting_case(cast.visit, by=cast.carla).submission
    answer = carla.post(
        reverse("intake:files", args=(submission.pk,)),
        {"files": SimpleUploadedFile("IM1", b"one")},
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 409
    assert "only before the transfer" in answer.json()["detail"]


def test_an_interrupted_upload_says_what_arrived_and_what_to_do(cast: Cast, carla: Client) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    receive_files(draft, [("IM1", SimpleUploadedFile("IM1", b"one"))], by=cast.carla, more_to_come=True)
    text = page(carla, cast.visit)
    assert "1 file arrived, and waits to be checked" in text
    assert "Check what has arrived" in text
    assert "Checking" in post(carla, "intake:check", draft.pk)


def test_the_moving_part_stops_when_the_check_has_ended(cast: Cast, carla: Client) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    address = reverse("intake:progress", args=(submission.pk,))
    Submission.objects.update(status=Submission.Status.CHECKING)
    going_on = carla.get(address)
    assert going_on.status_code == 200
    assert "hx-trigger" in going_on.content.decode()
    Submission.objects.update(status=Submission.Status.CHECKED)
    ended = carla.get(address)
    assert ended.status_code == 286
    assert "hx-trigger" not in ended.content.decode()
    assert "Everything that the protocol asks for is here" in ended.content.decode()


def test_one_button_transfers_what_is_complete(cast: Cast, carla: Client) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    assert "Transfer to the core lab" in page(carla, cast.visit)
    text = post(carla, "intake:transfer", submission.pk)
    assert "With the core lab since" in text
    assert "Drop more files" not in text
    assert "Withdraw this draft" not in text


def test_a_missing_series_asks_for_a_reason(cast: Cast, carla: Client) -> None:
    submission = checked_submission(cast.visit, by=cast.carla, missing="chest")
    text = page(carla, cast.visit)
    assert "Transfer with a reason" in text
    assert "A required series is missing." in text
    assert "give the reason" in post(carla, "intake:transfer", submission.pk)
    assert "Your reason: No contrast allowed." in post(
        carla, "intake:transfer", submission.pk, reason="No contrast allowed."
    )


def test_a_returned_visit_says_why_and_takes_new_images(cast: Cast, carla: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    decide(case, "return_to_site", by=cast.anna, reasons=["incomplete_coverage"], note="The apex is cut.")
    text = page(carla, cast.visit)
    assert "Returned to site" in text
    assert "The scan does not cover the whole region." in text
    assert "The apex is cut." in text
    assert "Send other images" in text
    assert f'action="{reverse("intake:begin", args=(cast.visit.pk,))}"' in text
    post(carla, "intake:begin", cast.visit.pk)
    text = page(carla, cast.visit)
    assert "Earlier submissions" in text
    earlier = carla.get(reverse("intake:submission", args=(case.submission_id,))).content.decode()
    assert "The apex is cut." in earlier


def test_a_withdrawn_draft_gives_the_visit_free(cast: Cast, carla: Client) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    text = post(carla, "intake:withdraw", draft.pk, reason="Wrong visit.")
    assert "The visit is open again." in text
    assert "Drop the folder of the scan here" in text
    assert "Withdrawn before the transfer" in carla.get(reverse("intake:submission", args=(draft.pk,))).content.decode()


def test_files_in_no_series_are_listed_under_their_reason(cast: Cast, carla: Client) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    for number in range(3):
        ReceivedFile.objects.create(
            submission=submission,
            given_name=f"notes{number}.txt",
            stored_as="x",
            size=1,
            sha256=f"{number:064}",
            status=ReceivedFile.Status.REFUSED,
            reason="is not a DICOM file",
        )
    text = page(carla, cast.visit)
    assert "Each of these 3 files is not a DICOM file." in text
    assert "notes2.txt" in text


def test_the_core_lab_reads_why_files_were_left_out_but_not_what_the_site_called_them(
    cast: Cast, client: Client
) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    for number, (status, reason) in enumerate(
        (("refused", "is not a DICOM file"), ("unpacked", "Doe_Jane/notes.txt is not a DICOM file."))
    ):
        ReceivedFile.objects.create(
            submission=submission,
            given_name="Doe_Jane/some.file",
            stored_as="x",
            size=1,
            sha256=f"{number:064}",
            status=status,
            reason=reason,
        )
    client.force_login(cast.anna)
    text = page(client, cast.visit)
    assert "This file is not a DICOM file." in text
    assert "Files inside an archive" in text
    told = client.get(f"/api/v1/submissions/{submission.pk}/")
    assert told.json()["refused_files"] == [{"name": "", "reason": "This file is not a DICOM file."}]
    assert "Doe_Jane" not in text + told.content.decode()


def test_findings_labels_facts_and_failures_are_shown(cast: Cast, carla: Client) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    first, second = submission.series.all()
    Finding.objects.create(
        submission=submission,
        series=first,
        code="tilt",
        severity="warn",
        sentence="The gantry was tilted.",
        expected="0°",
        found="12°",
        where="slices 1 to 3",
    )
    Finding.objects.create(submission=submission, code="two_patients", severity="block", sentence="Two patients.")
    Series.objects.filter(pk=second.pk).update(status=Series.Status.FAILED, failure="The check stopped.")
    text = page(carla, cast.visit)
    for words in ("The gantry was tilted.", "12°", "slices 1 to 3", "Two patients.", "The check stopped.", "0.97"):
        assert words in text
    assert "Scanner</dt><dd>CoreQC Phantom" in text


def test_the_page_of_a_visit_asks_the_database_as_often_for_ten_series_as_for_two(
    cast: Cast, carla: Client, django_assert_max_num_queries: Callable
) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    for number in range(3, 11):
        series = submission.series.first()
        assert series is not None
        series.pk = None
        series.uuid, series.number, series.series_uid = f"00000000-0000-0000-0000-{number:012}", number, f"9.{number}"
        series.save()
    with django_assert_max_num_queries(26):
        text = page(carla, cast.visit)
    assert text.count('class="series"') == 10


def test_the_page_tells_what_happened(cast: Cast, carla: Client) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    for content in (b"one", b"two"):
        receive_files(draft, [("IM", SimpleUploadedFile("IM", content))], by=cast.carla, more_to_come=True)
    text = page(carla, cast.visit)
    assert "2 files received" in text
    assert "Begun" in text


@pytest.mark.parametrize("act", [transfer, withdraw])
def test_strangers_find_nothing(cast: Cast, client: Client, act: Callable) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    series = submission.series.first()
    assert series is not None
    for person in (cast.chen, cast.otto):
        client.force_login(person)
        addresses = [
            reverse("intake:visit", args=(cast.visit.pk,)),
            reverse("intake:submission", args=(submission.pk,)),
            reverse("intake:progress", args=(submission.pk,)),
            reverse("intake:received", args=(submission.pk,)),
            reverse("intake:picture", args=(series.uuid, "mip_axial")),
        ]
        assert {client.get(address).status_code for address in addresses} == {404}
        posts = [("intake:begin", cast.visit.pk)]
        posts += [(f"intake:{name}", submission.pk) for name in ("files", "check", "transfer", "withdraw")]
        assert {client.post(reverse(name, args=(pk,))).status_code for name, pk in posts} == {404}
    client.force_login(cast.anna)
    assert client.post(reverse(f"intake:{act.__name__}", args=(submission.pk,))).status_code == 403


def test_a_picture_is_private_and_kept_by_the_browser_under_its_version(cast: Cast, carla: Client) -> None:
    series = checked_submission(cast.visit, by=cast.carla).series.first()
    assert series is not None
    address = reverse("intake:picture", args=(series.uuid, "mip_axial"))
    first = carla.get(address)
    assert first["Content-Type"] == "image/png"
    assert first.content.startswith(b"\x89PNG")
    assert first["Cache-Control"] == "private, no-cache"
    again = carla.get(address, headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    versioned = carla.get(address, {"v": series.digest_sha256[:16]})
    assert "immutable" in versioned["Cache-Control"]
    assert "private" in versioned["Cache-Control"]
    assert carla.get(reverse("intake:picture", args=(series.uuid, "passport"))).status_code == 404
