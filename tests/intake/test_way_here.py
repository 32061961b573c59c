"""The page of a transfer on its way: what is here counts, also of parts that are not whole."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from apps.intake.models import Part, Submission
from apps.intake.way_here import on_the_way
from tests.cast import Cast
from tests.transfers import announced, create, pack, patch, send_part

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tiny_bundle")]

OBJECTS = [b"x" * 400_000, b"y" * 600_000]


@pytest.fixture
def submission(cast: Cast) -> Submission:
    return announced(cast.visit, OBJECTS, by=cast.carla)


@pytest.fixture
def carla(cast: Cast, client: Client) -> Client:
    client.force_login(cast.carla)
    return client


def page(client: Client, submission: Submission) -> str:
    return client.get(reverse("intake:visit", args=(submission.visit_id,))).content.decode()


def test_half_a_part_is_told_in_bytes_though_no_image_is_whole(carla: Client, submission: Submission) -> None:
    assert "0 of 2 images arrived</p>" in page(carla, submission)
    part = create(carla, submission, len(pack(OBJECTS)))["Location"]
    patch(carla, part, pack(OBJECTS)[:250_000])
    assert "0 of 2 images arrived, 0.2 MB of 1.0 MB</p>" in page(carla, submission)


def test_what_was_received_counts_once(carla: Client, submission: Submission, tmp_path: Path) -> None:
    send_part(carla, submission, pack(OBJECTS))
    before = on_the_way(submission)
    assert (before.arrived, before.here, before.size) == (0, 1_000_000, 1_000_000)
    Part.objects.update(status=Part.Status.UNPACKED)
    assert on_the_way(submission).here == 0
