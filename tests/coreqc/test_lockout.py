"""Guessing passwords ends after five tries, on the page and by the API alike."""

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from apps.ui.formats import duration
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def test_the_fifth_wrong_password_closes_the_page_even_to_the_right_one(client: Client, cast: Cast) -> None:
    for _ in range(4):
        assert client.post("/accounts/login/", {"username": "carla", "password": "guess"}).status_code == 200
    assert client.post("/accounts/login/", {"username": "carla", "password": "guess"}).status_code == 429
    answer = client.post("/accounts/login/", {"username": "carla", "password": PASSWORD})
    assert answer.status_code == 429
    assert duration(settings.AXES_COOLOFF_TIME) in answer.content.decode()


def test_the_lock_is_for_one_account(client: Client, cast: Cast) -> None:
    for _ in range(5):
        client.post("/accounts/login/", {"username": "carla", "password": "guess"})
    assert client.post("/accounts/login/", {"username": "anna", "password": PASSWORD}).status_code == 302


def test_the_api_gives_a_token_for_the_right_password_alone(cast: Cast) -> None:
    api = APIClient()
    answer = api.post("/api/v1/auth/token/", {"username": "carla", "password": PASSWORD})
    assert answer.status_code == 200
    api.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert api.get("/api/v1/visits/").status_code == 200


def test_guessing_by_the_api_ends_too(cast: Cast) -> None:
    api = APIClient()
    for _ in range(5):
        answer = api.post("/api/v1/auth/token/", {"username": "carla", "password": "guess"})
        assert answer.status_code in (400, 403, 429)
    answer = api.post("/api/v1/auth/token/", {"username": "carla", "password": PASSWORD})
    assert answer.status_code in (403, 429)
    assert "token" not in answer.json()
    assert "15 minutes" in answer.json()["detail"]


def test_the_api_slows_down_those_who_try_many_accounts(cast: Cast) -> None:
    api = APIClient()
    statuses = [
        api.post("/api/v1/auth/token/", {"username": f"nobody{number}", "password": "guess"}).status_code
        for number in range(31)
    ]
    assert statuses[0] == 400
    assert statuses[-1] == 429
