"""The addresses that machines ask."""

from unittest.mock import patch

import pytest
from django.db import DatabaseError
from django.db.backends.utils import CursorWrapper
from django.test import Client


def test_alive_asks_neither_database_nor_log_in(client: Client) -> None:
    assert client.get("/health/live/").json() == {"alive": True}


@pytest.mark.django_db
def test_ready_when_database_and_broker_answer(client: Client) -> None:
    answer = client.get("/health/")
    assert answer.status_code == 200
    assert answer.json() == {"database": True, "broker": True}


@pytest.mark.django_db
def test_not_ready_without_the_database(client: Client) -> None:
    with patch.object(CursorWrapper, "execute", side_effect=DatabaseError("gone")):
        answer = client.get("/health/")
    assert answer.status_code == 503
    assert answer.json() == {"database": False, "broker": True}


@pytest.mark.django_db
def test_pages_carry_the_strict_policy(client: Client) -> None:
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in f"{policy};"
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_a_page_asks_for_a_log_in_unless_it_says_otherwise(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
