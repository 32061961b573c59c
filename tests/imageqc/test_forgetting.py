"""What was checked at a site and never transferred is forgotten after the days that the lab set."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.audit.services import events_about
from apps.imageqc.services import forget_prechecks
from apps.intake.models import Instance, ReceivedFile, Series, Submission
from apps.intake.services import transfer, withdraw
from tests.cast import Cast
from tests.factories import checked_submission


@pytest.fixture
def precheck(cast: Cast) -> Submission:
    """A submission that was checked at the site: digests and pictures are here, no file is."""
    submission = checked_submission(cast.visit, by=cast.carla)
    submission.series.update(origin=Series.Origin.SITE)
    Instance.objects.filter(series__submission=submission).update(file=None)
    ReceivedFile.objects.filter(submission=submission).delete()
    return submission


def pictures(submission: Submission) -> list[str]:
    return [series.picture_path("mip_axial") for series in submission.series.all()]


def days_later(days: int) -> int:
    """Run what beat runs, so many days from now; returns how many were forgotten."""
    return forget_prechecks(timezone.now() + timedelta(days=days, minutes=1))


def test_an_idle_precheck_is_withdrawn_and_forgotten(cast: Cast, precheck: Submission) -> None:
    paths = pictures(precheck)
    assert days_later(30) == 1
    precheck.refresh_from_db()
    assert precheck.status == Submission.Status.WITHDRAWN
    assert not any(map(default_storage.exists, paths))
    assert set(precheck.series.values_list("digest", "description")) == {(None, "")}
    assert not precheck.slots.exists() and not precheck.findings.exists()
    assert not Instance.objects.exists()
    event = events_about(precheck).first()
    assert event is not None
    assert (event.action, event.reason) == (
        "submission.precheck_forgotten",
        "Not transferred within 30 days.",
    )


def test_a_withdrawn_precheck_is_forgotten_too(cast: Cast, precheck: Submission) -> None:
    withdraw(precheck, by=cast.carla)
    assert days_later(30) == 1
    assert not precheck.series.filter(digest__isnull=False).exists()


def test_a_precheck_is_kept_until_its_days_are_over(precheck: Submission) -> None:
    assert days_later(29) == 0
    assert all(map(default_storage.exists, pictures(precheck)))


def test_the_days_are_a_setting(precheck: Submission, settings: Settings) -> None:
    settings.PRECHECK_RETENTION_DAYS = 5
    assert days_later(5) == 1


def test_what_was_forgotten_is_not_forgotten_twice(precheck: Submission) -> None:
    assert (days_later(30), days_later(30)) == (1, 0)


def test_what_is_on_its_way_is_kept(cast: Cast, precheck: Submission) -> None:
    transfer(precheck, by=cast.carla)
    assert days_later(400) == 0


def test_an_open_submission_with_received_files_is_left_alone_until_it_is_withdrawn(
    cast: Cast, precheck: Submission
) -> None:
    ReceivedFile.objects.create(submission=precheck, given_name="a", stored_as="a", size=1, sha256="a" * 64)
    assert days_later(31) == 0
    withdraw(precheck, by=cast.carla)
    assert days_later(31) == 1
    assert precheck.files.exists()


def test_files_that_came_by_the_servers_door_are_never_forgotten(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    withdraw(submission, by=cast.carla)
    assert days_later(400) == 0
    assert all(map(default_storage.exists, pictures(submission)))
