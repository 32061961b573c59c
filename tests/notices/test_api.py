"""Notices through REST: one's own alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User
from apps.intake.models import Submission
from apps.notices.models import Notice
from apps.notices.services import notify
from tests.cast import Cast

NOTICES = "/api/v1/notices/"


def as_(person: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(person)
    return client


def test_a_site_reads_what_became_of_its_submission(cast: Cast, returned: Submission) -> None:
    (told,) = as_(cast.carla).get(NOTICES).json()["results"]
    assert (told["kind"], told["submission"], told["visit"]) == ("returned", returned.pk, returned.visit_id)
    assert (told["trial"], told["site"], told["read_at"]) == ("ONC-301", "101", None)
    assert told["sentence"].startswith("A required series is missing.")
    assert told["next_step"] == "Open the visit to read why, then send other images for it."


def test_a_notice_is_marked_as_read_once(cast: Cast, returned: Submission) -> None:
    client = as_(cast.carla)
    address = f"{NOTICES}{Notice.objects.get().pk}/read/"
    first = client.post(address).json()["read_at"]
    assert first is not None
    assert client.post(address).json()["read_at"] == first
    assert client.get(NOTICES, {"unread": "true"}).json()["count"] == 0
    assert client.get(NOTICES, {"unread": "false"}).json()["count"] == 1


@pytest.mark.parametrize("who", ["chen", "anna", "mira", "otto", "root"])
def test_nobody_elses_notice_is_there(cast: Cast, returned: Submission, who: str) -> None:
    client = as_(getattr(cast, who))
    notice = Notice.objects.get()
    assert client.get(NOTICES).json()["count"] == 0
    assert client.get(f"{NOTICES}{notice.pk}/").status_code == 404
    assert client.post(f"{NOTICES}{notice.pk}/read/").status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_who_left_the_site_gets_404(cast: Cast, returned: Submission) -> None:
    Membership.objects.filter(user=cast.carla).delete()
    assert as_(cast.carla).get(f"{NOTICES}{Notice.objects.get().pk}/").status_code == 404


@pytest.mark.parametrize("asked", [{"kind": "lost"}, {"submission": "none"}])
def test_a_filter_that_means_nothing_is_refused(cast: Cast, asked: dict[str, str]) -> None:
    assert as_(cast.carla).get(NOTICES, asked).status_code == 400


def test_the_list_costs_the_same_however_long(
    cast: Cast, returned: Submission, django_assert_num_queries: Callable[..., Any]
) -> None:
    client = as_(cast.carla)
    with django_assert_num_queries(2):
        client.get(NOTICES)
    with transaction.atomic():
        for number in range(5):
            notify(returned, "stopped", "Stopped.", occasion=str(number))
    with django_assert_num_queries(2):
        assert client.get(NOTICES).json()["count"] == 6
