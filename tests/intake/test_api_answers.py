"""What programs are answered: one word for where a submission stands, and JSON also where there is nothing."""

import pytest
from rest_framework.test import APIClient

from apps.intake.services import begin_submission
from tests.cast import Cast
from tests.factories import checked_submission

pytestmark = pytest.mark.django_db

SUBMISSIONS = "/api/v1/submissions/"


@pytest.fixture
def carla(cast: Cast) -> APIClient:
    client = APIClient()
    client.force_authenticate(cast.carla)
    return client


def test_submissions_are_asked_for_by_the_state_that_is_answered(cast: Cast, carla: APIClient) -> None:
    checked = checked_submission(cast.visit, by=cast.carla)
    (told,) = carla.get(SUBMISSIONS, {"state": "checked"}).json()["results"]
    assert (told["id"], told["state"]) == (checked.pk, "checked")
    assert carla.get(SUBMISSIONS, {"state": "accepted", "visit": cast.visit.pk}).json()["count"] == 0
    assert carla.get(SUBMISSIONS, {"visit": cast.visit.pk}).json()["count"] == 1


def test_a_state_that_does_not_exist_is_refused(cast: Cast, carla: APIClient) -> None:
    answer = carla.get(SUBMISSIONS, {"state": "unmatched"})
    assert (answer.status_code, list(answer.json())) == (400, ["state"])


def test_strangers_ask_in_vain(cast: Cast) -> None:
    begin_submission(cast.visit, by=cast.carla)
    stranger = APIClient()
    stranger.force_authenticate(cast.chen)
    assert stranger.get(SUBMISSIONS, {"state": "draft"}).json()["count"] == 0
    assert APIClient().get(SUBMISSIONS, {"state": "draft"}).status_code == 401


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("address", ["/api/v1/no/such/", "/api/v1/submissions/1/explode/", "/api/v1/visit/"])
def test_an_unknown_address_is_answered_in_json(carla: APIClient, address: str, method: str) -> None:
    answer = getattr(carla, method)(address)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert "detail" in answer.json()


def test_an_address_that_lacks_its_slash_still_finds_its_way(carla: APIClient) -> None:
    answer = carla.get("/api/v1/submissions")
    assert (answer.status_code, answer["Location"]) == (301, SUBMISSIONS)
    lost = carla.get("/api/v1/nothing", follow=True)
    assert (lost.status_code, lost["Content-Type"]) == (404, "application/json")


def test_who_is_not_signed_in_learns_nothing_of_addresses() -> None:
    assert APIClient().get("/api/v1/no/such/").status_code == 401
