"""The addresses of a check at the site: the trial's profile, and reading plans from headers alone."""

import gzip
import json
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.imaging.deidentification import Profile
from apps.intake.deidentification import deidentification_profile
from apps.intake.models import Instance, Series, Submission
from apps.intake.services import begin_submission, withdraw
from apps.jobs.models import Job
from tests.cast import Cast
from tests.phantoms import cube_and_rod, write_series
from tests.site import AtTheSite, read_at_the_site


@pytest.fixture
def draft(cast: Cast) -> Submission:
    return begin_submission(cast.visit, by=cast.carla)


@pytest.fixture
def carla(cast: Cast, client: Client) -> Client:
    client.force_login(cast.carla)
    return client


@pytest.fixture
def one(cast: Cast, tmp_path: Path) -> AtTheSite:
    (series,) = read_at_the_site(cast.visit, write_series(tmp_path / "one", cube_and_rod()))
    return series


def describe(client: Client, submission: Submission, body: bytes | str) -> Any:
    address = reverse("intake:describe", args=[submission.pk])
    return client.post(address, body, content_type="application/json")


def body(*series: AtTheSite) -> str:
    return json.dumps({"series": [{"headers": each.headers} for each in series]})


def test_the_profile_is_that_of_the_visit_and_is_kept_nowhere(cast: Cast, draft: Submission, carla: Client) -> None:
    answer = carla.get(reverse("intake:profile", args=[draft.pk]))
    assert answer.headers["Cache-Control"] == "no-store"
    assert Profile.from_json(answer.json()) == deidentification_profile(cast.visit)


def test_the_key_of_a_trial_is_for_its_sites_alone(cast: Cast, draft: Submission, client: Client) -> None:
    key = deidentification_profile(cast.visit).key
    for name, expected in (("chen", 404), ("otto", 404), ("anna", 403), ("mira", 403), ("root", 403)):
        client.force_login(getattr(cast, name))
        answer = client.get(reverse("intake:profile", args=[draft.pk]))
        assert answer.status_code == expected
        assert key not in answer.content.decode()


def test_the_profile_is_only_read(draft: Submission, carla: Client) -> None:
    assert carla.post(reverse("intake:profile", args=[draft.pk])).status_code == 405


def test_each_series_gets_its_plan_in_order(cast: Cast, draft: Submission, carla: Client, tmp_path: Path) -> None:
    paths = write_series(tmp_path, cube_and_rod(), orientation="reversed", series=2)
    (two,) = read_at_the_site(cast.visit, paths)
    (other,) = read_at_the_site(cast.visit, write_series(tmp_path / "mr", cube_and_rod(), common={"Modality": "MR"}))
    answer = describe(carla, draft, body(two, other))
    first, second = (each["plan"] for each in answer.json()["series"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert (first["scan"], first["why"], len(first["slices"])) == (True, "", 12)
    assert [each["index"] for each in first["slices"]] == list(range(11, -1, -1)), "by position, not by name"
    assert (second["scan"], "MR" in second["why"]) == (False, True)


def test_nothing_of_a_description_is_kept(draft: Submission, one: AtTheSite, carla: Client) -> None:
    assert describe(carla, draft, body(one)).status_code == 200
    assert not Series.objects.exists()
    assert not Instance.objects.exists()
    assert not Job.objects.exists()


def test_asking_twice_answers_twice_the_same(draft: Submission, one: AtTheSite, carla: Client) -> None:
    assert describe(carla, draft, body(one)).json() == describe(carla, draft, body(one)).json()


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_body_may_come_packed(draft: Submission, one: AtTheSite, carla: Client, pack: Any) -> None:
    assert describe(carla, draft, pack(body(one).encode())).status_code == 200


def test_a_person_who_withdrew_meanwhile_still_gets_an_answer(
    cast: Cast, draft: Submission, one: AtTheSite, carla: Client
) -> None:
    withdraw(draft, by=cast.carla)
    assert describe(carla, draft, body(one)).status_code == 200


HOSTILE = {
    "nothing": b" ",
    "no JSON": b"to whom it may concern",
    "half of it": b'{"series": [',
    "a list": b"[]",
    "a number": b"5",
    "null": b"null",
    "no series": b"{}",
    "a text for series": b'{"series": "all"}',
    "a series of nothing": b'{"series": [{}]}',
    "a series of null": b'{"series": [null]}',
    "no headers": b'{"series": [{"headers": []}]}',
    "headers of another kind": b'{"series": [{"headers": [5]}]}',
    "NaN": b'{"series": [{"headers": [NaN]}]}',
    "deep": b"[" * 200_000,
    "deep objects": b'{"series":' * 50_000,
    "a long number": b'{"series": ' + b"9" * 10_000 + b"}",
    "other bytes": b"\xff\xfe\x00",
    "a half surrogate": b'{"series": ["\\ud800"]}',
    "half a gzip": gzip.compress(b"{}" * 1000)[:-9],
    "a bomb": gzip.compress(b"[" + b"0," * (80 << 20)),
    "too many series": b'{"series": [' + b"{}," * 600 + b"{}]}",
}


@pytest.mark.parametrize("sent", list(HOSTILE.values()), ids=list(HOSTILE))
def test_a_hostile_body_is_answered_with_a_sentence(draft: Submission, carla: Client, sent: bytes) -> None:
    answer = describe(carla, draft, sent)
    assert answer.status_code == 400, answer.content
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("field", ["PatientName", "InstitutionName", "PatientBirthDate", "AccessionNumber"])
def test_a_fact_that_no_header_may_tell_is_refused(
    draft: Submission, one: AtTheSite, carla: Client, field: str
) -> None:
    one.headers[3]["facts"][field] = "Doe^Jane"
    answer = describe(carla, draft, body(one))
    assert answer.status_code == 400
    assert "Header 4" in answer.json()["detail"]
    assert "Doe" not in answer.json()["detail"]


def test_original_uids_are_refused(draft: Submission, one: AtTheSite, carla: Client) -> None:
    for header in one.headers:
        header["study_uid"] = "1.2.840.113619.2.55.3"
    told = describe(carla, draft, body(one)).json()["detail"]
    assert "study UID could name somebody" in told


def test_two_patients_in_one_series_are_refused(draft: Submission, one: AtTheSite, carla: Client) -> None:
    one.headers[0]["patient_key"] = "b" * 64
    assert "one series of one patient" in describe(carla, draft, body(one)).json()["detail"]


def test_the_address_takes_no_form_from_another_page(cast: Cast, draft: Submission, one: AtTheSite) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.carla)
    assert describe(client, draft, body(one)).status_code == 403


def test_three_thousand_headers_are_answered_within_a_second(draft: Submission, one: AtTheSite, carla: Client) -> None:
    template = json.dumps(one.headers[0])
    headers = []
    for number in range(3000):
        header = json.loads(template)
        header["index"], header["instance_number"] = number, number + 1
        header["sop_instance_uid"] = f"2.25.{number + 1}"
        header["frames"][0]["position"] = [-100.0, -120.0, 30.0 + number]
        headers.append(header)
    sent = json.dumps({"series": [{"headers": headers}]})
    started = time.perf_counter()
    answer = describe(carla, draft, sent)
    seconds = time.perf_counter() - started
    assert len(answer.json()["series"][0]["plan"]["slices"]) == 3000
    assert seconds < 3, "a second on an idle machine; the suite shares it"


def test_a_description_costs_the_same_queries_whatever_its_size(
    cast: Cast, draft: Submission, one: AtTheSite, carla: Client, tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    (two,) = read_at_the_site(cast.visit, write_series(tmp_path / "two", cube_and_rod(), series=2))
    for series in ([one], [one, two]):
        with django_assert_max_num_queries(5):
            describe(carla, draft, body(*series))
