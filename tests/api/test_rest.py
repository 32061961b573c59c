"""The path of a submission through REST, and its refusals."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.audit.models import AuditEvent
from apps.intake.models import Submission
from tests.api.conftest import Sender
from tests.cast import PASSWORD, Cast
from tests.factories import checked_submission, waiting_case
from tests.work import run_jobs

pytestmark = pytest.mark.usefixtures("tiny_bundle")


def send(client: APIClient, submission: int, paths: list[Path], **fields: Any) -> Any:
    files = [SimpleUploadedFile(path.name, path.read_bytes()) for path in paths]
    return client.post(f"/api/v1/submissions/{submission}/files/", {"files": files, **fields}, format="multipart")


def begin(client: APIClient, cast: Cast) -> int:
    answer = client.post("/api/v1/submissions/", {"visit": cast.visit.pk})
    assert answer.status_code == 201
    return answer.json()["id"]


def test_a_wrong_password_gets_no_token(cast: Cast) -> None:
    answer = APIClient().post("/api/v1/auth/token/", {"username": "carla", "password": "wrong"})
    assert answer.status_code == 400
    assert "token" not in answer.json()


def test_a_token_that_was_obtained_stands_in_the_trail(as_: Sender) -> None:
    as_("carla")
    assert AuditEvent.objects.filter(action="user.token_obtained", actor_name="carla").count() == 1


def test_a_list_of_submissions_costs_the_same_number_of_queries_however_long(
    cast: Cast, as_: Sender, django_assert_max_num_queries: Any
) -> None:
    checked_submission(cast.visit, by=cast.carla)
    checked_submission(cast.chens_visit, by=cast.chen)
    client = as_("mira")
    with django_assert_max_num_queries(4):
        assert client.get("/api/v1/submissions/").json()["count"] == 2


def test_open_visits_are_listed_page_by_page(cast: Cast, as_: Sender) -> None:
    answer = as_("carla").get("/api/v1/visits/", {"state": "open"}).json()
    assert answer["count"] == 1
    assert answer["results"][0]["subject"] == "101-001"
    assert answer["results"][0]["state"] == "open"


def test_a_begun_visit_is_no_longer_open(cast: Cast, as_: Sender) -> None:
    client = as_("carla")
    begun = begin(client, cast)
    assert client.get("/api/v1/visits/", {"state": "open"}).json()["count"] == 0
    (visit,) = client.get("/api/v1/visits/", {"state": "draft"}).json()["results"]
    assert visit["submission"] == begun


def test_files_become_a_checked_series_with_labels_findings_and_slots(
    cast: Cast, as_: Sender, chest: list[Path]
) -> None:
    client = as_("carla")
    submission = begin(client, cast)
    answer = send(client, submission, chest)
    assert answer.status_code == 202
    assert {outcome["kept"] for outcome in answer.json()} == {True}
    assert client.get(f"/api/v1/submissions/{submission}/").json()["state"] == "checking"
    run_jobs()
    told = client.get(f"/api/v1/submissions/{submission}/").json()
    assert told["state"] == "checked"
    (series,) = told["series"]
    assert (series["state"], series["n_instances"]) == ("checked", len(chest))
    assert series["body_part"]["label"] == "chest"
    assert set(series["body_part"]["planes"]) == {"axial", "sagittal", "coronal"}
    assert series["contrast"]["label"] == "enhanced"
    assert series["bundle"]["name"] == "tiny"
    assert {slot["slot"]: slot["state"] for slot in told["slots"]} == {"chest": "ok", "abdomen_pelvis": "missing"}
    assert told["slots"][0]["series_uid"] == series["series_uid"]
    assert len(told["blockers"]) == 1
    picture = client.get(series["thumbnails"]["mip_coronal"])
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")


def test_a_zip_is_unpacked_and_its_stray_files_are_told(cast: Cast, as_: Sender, chest: list[Path]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in chest:
            archive.write(path, f"CD/IMAGES/{path.name}")
        archive.writestr("CD/readme.txt", "Dear colleague")
    client = as_("carla")
    submission = begin(client, cast)
    upload = SimpleUploadedFile("export.zip", packed.getvalue())
    client.post(f"/api/v1/submissions/{submission}/files/", {"files": [upload]}, format="multipart")
    run_jobs()
    told = client.get(f"/api/v1/submissions/{submission}/").json()
    assert [series["n_instances"] for series in told["series"]] == [len(chest)]
    (refused,) = told["refused_files"]
    assert (refused["name"], "CD/readme.txt" in refused["reason"]) == ("export.zip", True)


def test_the_same_files_sent_again_change_nothing(cast: Cast, as_: Sender, chest: list[Path]) -> None:
    client = as_("carla")
    submission = begin(client, cast)
    send(client, submission, chest)
    run_jobs()
    again = send(client, submission, chest)
    assert {outcome["kept"] for outcome in again.json()} == {False}
    run_jobs()
    told = client.get(f"/api/v1/submissions/{submission}/").json()
    assert (told["state"], told["n_files"], len(told["series"])) == ("checked", len(chest), 1)


def test_the_check_waits_while_more_is_to_come(cast: Cast, as_: Sender, chest: list[Path]) -> None:
    client = as_("carla")
    submission = begin(client, cast)
    send(client, submission, chest[:4], more=True)
    assert client.get(f"/api/v1/submissions/{submission}/").json()["state"] == "draft"
    send(client, submission, chest[4:])
    run_jobs()
    assert client.get(f"/api/v1/submissions/{submission}/").json()["series"][0]["n_instances"] == len(chest)


def test_a_transfer_with_a_missing_series_needs_a_reason(cast: Cast, as_: Sender) -> None:
    submission = checked_submission(cast.visit, by=cast.carla, missing="chest")
    client = as_("carla")
    refused = client.post(f"/api/v1/submissions/{submission.pk}/transfer/")
    assert refused.status_code == 409
    assert "reason" in refused.json()["detail"]
    sent = client.post(f"/api/v1/submissions/{submission.pk}/transfer/", {"reason": "The patient could not stay."})
    assert (sent.status_code, sent.json()["state"]) == (200, "transferred")


def test_a_transferred_submission_takes_no_more_files(cast: Cast, as_: Sender, chest: list[Path]) -> None:
    waiting_case(cast.visit, by=cast.carla)
    submission = Submission.objects.get()
    answer = send(as_("carla"), submission.pk, chest)
    assert answer.status_code == 409
    assert "before the transfer" in answer.json()["detail"]


def test_an_upload_without_files_says_so(cast: Cast, as_: Sender) -> None:
    client = as_("carla")
    answer = client.post(f"/api/v1/submissions/{begin(client, cast)}/files/", {}, format="multipart")
    assert answer.status_code == 400
    assert "files" in answer.json()


def test_the_desk_by_rest(cast: Cast, as_: Sender) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    anna = as_("anna")
    assert anna.get("/api/v1/review-cases/").json()["results"][0]["state"] == "waiting"
    assert anna.get("/api/v1/review-cases/?state=decided").json()["results"] == []
    assert anna.get("/api/v1/review-cases/?state=lost").status_code == 400
    claimed = anna.post("/api/v1/review-cases/claim-next/").json()
    assert (claimed["id"], claimed["holder"], claimed["submission"]["state"]) == (case.pk, "anna", "in_review")
    refused = as_("abel").post(f"/api/v1/review-cases/{case.pk}/claim/")
    assert (refused.status_code, "Anna" in refused.json()["detail"]) == (409, True)
    decision = f"/api/v1/review-cases/{case.pk}/decision/"
    unknown = anna.post(decision, {"verdict": "maybe"})
    assert unknown.status_code == 400
    assert "accept, accept_with_deviation, return_to_site, reject" in unknown.json()["verdict"][0]
    assert "a decision is a signature" in unknown.json()["password"][0]
    without_reason = anna.post(decision, {"verdict": "return_to_site", "password": PASSWORD})
    assert without_reason.status_code == 409
    series = case.submission.series.first()
    assert series is not None
    judged = {"series": series.pk, "verdict": "return_to_site", "reasons": ["wrong_contrast"]}
    assert anna.post(f"/api/v1/review-cases/{case.pk}/series-verdict/", judged).status_code == 200
    given = {"verdict": "return_to_site", "reasons": ["wrong_contrast"], "note": "Plain scan."}
    guessed = anna.post(decision, {**given, "password": "guessed it"})
    assert (guessed.status_code, "not your password" in guessed.json()["detail"]) == (409, True)
    decided = anna.post(decision, {**given, "password": PASSWORD}).json()
    assert (decided["state"], decided["submission"]["state"]) == ("decided", "returned")
    assert decided["decision"]["decided_by"] == decided["decision"]["signature"]["signer"] == "anna"
    assert decided["decision"]["signature"]["holds"] is True
    twice = anna.post(decision, {"verdict": "accept", "password": PASSWORD})
    assert twice.status_code == 409


def test_an_empty_queue_has_no_content(cast: Cast, as_: Sender) -> None:
    assert as_("anna").post("/api/v1/review-cases/claim-next/").status_code == 204


def test_compliance_by_rest(cast: Cast, as_: Sender) -> None:
    waiting_case(cast.visit, by=cast.carla)
    rows = as_("mira").get(f"/api/v1/trials/{cast.trial.pk}/compliance/").json()
    assert [(row["site"], row["counts"]["open"]) for row in rows] == [("101", 1), ("102", 0)]


def test_one_submission_costs_the_same_number_of_queries_however_many_series(
    cast: Cast, as_: Sender, django_assert_max_num_queries: Any
) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    client = as_("carla")
    with django_assert_max_num_queries(18):
        client.get(f"/api/v1/submissions/{submission.pk}/")
