"""From a check at the site to the transfer: what is sent, and on which day it was scanned."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.lifecycle import Refused
from apps.imageqc.services import choose_slot
from apps.intake.models import Submission
from apps.intake.services import transfer, withdraw
from apps.jobs.models import Job
from apps.trials.models import Visit
from apps.trials.services import deidentification_of
from tests.cast import Cast
from tests.phantoms import cube_and_rod, write_series
from tests.site import checked_at_the_site, kept, read_at_the_site
from tests.threads import at_once
from tests.uploads import sent

pytestmark = pytest.mark.usefixtures("tiny_bundle")

IN_WINDOW = {"StudyDate": "20261027", "SeriesDate": "20261027", "AcquisitionDate": "20261027"}


def phantom(folder: Path, **how: Any) -> list[Path]:
    """Write a scan of the visit's target day."""
    return write_series(folder, cube_and_rod(), **{"common": IN_WINDOW, **how})


@pytest.fixture
def carla(cast: Cast, client: Client) -> Client:
    client.force_login(cast.carla)
    return client


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_digest_and_a_transfer_at_once_never_leave_an_unchecked_series_in_a_transfer(
    cast: Cast, tmp_path: Path
) -> None:
    submission = checked_at_the_site(cast.visit, phantom(tmp_path / "a"), by=cast.carla)
    (more,) = read_at_the_site(cast.visit, phantom(tmp_path / "b", series=2))
    turns = [
        lambda: kept(Submission.objects.get(pk=submission.pk), more, by=cast.carla),
        lambda: transfer(Submission.objects.get(pk=submission.pk), by=cast.carla, because="As it is."),
    ]

    def act() -> str:
        try:
            turns.pop()()
        except Refused:
            return "refused"
        return "done"

    at_once(act, times=2)
    submission.refresh_from_db()
    assert not (submission.status == "sending" and submission.series.unfinished().exists())


def numbers(submission: Submission, **of: Any) -> set[int | None]:
    return set(submission.series.filter(**of).values_list("number", flat=True))


def test_only_what_stands_for_a_required_series_is_sent(cast: Cast, tmp_path: Path, carla: Client) -> None:
    paths = [path for number in (1, 2) for path in phantom(tmp_path / str(number), series=number)]
    submission = checked_at_the_site(cast.visit, paths, by=cast.carla)
    answer = carla.post(
        reverse("intake:transfer", args=[submission.pk]),
        {"reason": "No abdomen was scanned."},
        headers={"Accept": "application/json"},
    ).json()
    submission.refresh_from_db()
    assert (submission.status, submission.transferred_at) == ("sending", None)
    assert submission.transfer_reason == "No abdomen was scanned."
    assert numbers(submission, to_send=True) == {submission.slots.get(required__slot="chest").series.number}  # type: ignore[union-attr]
    assert numbers(submission, to_send=False)
    assert answer["state"] == "sending"
    assert answer["missing"] == reverse("intake:missing", args=[submission.pk])
    assert answer["parts"] == reverse("intake:parts", args=[submission.pk])
    assert not Job.objects.filter(task="reviews.open_case").exists()


def test_what_blocks_asks_for_a_reason_before_anything_is_sent(cast: Cast, tmp_path: Path) -> None:
    submission = checked_at_the_site(cast.visit, phantom(tmp_path), by=cast.carla)
    with pytest.raises(Refused, match="give the reason"):
        transfer(submission, by=cast.carla)
    assert not submission.series.filter(to_send=True).exists()


def test_where_nothing_is_asked_for_nothing_is_sent(cast: Cast, tmp_path: Path) -> None:
    submission = checked_at_the_site(
        cast.visit, phantom(tmp_path, common={**IN_WINDOW, "Modality": "MR"}), by=cast.carla
    )
    with pytest.raises(Refused, match="nothing to send"):
        transfer(submission, by=cast.carla, because="All there is.")
    submission.refresh_from_db()
    assert submission.status == "checked"


def test_a_series_that_was_chosen_is_sent_whatever_it_shows(cast: Cast, tmp_path: Path) -> None:
    submission = checked_at_the_site(cast.visit, phantom(tmp_path), by=cast.carla)
    series = submission.series.get()
    choose_slot(series, cast.protocol.required_series.get(slot="abdomen_pelvis"), by=cast.carla)
    transfer(submission, by=cast.carla, because="The radiologist says so.")
    series.refresh_from_db()
    assert series.to_send


def test_a_digest_that_was_not_checked_is_not_transferred(cast: Cast, tmp_path: Path) -> None:
    submission = checked_at_the_site(cast.visit, phantom(tmp_path / "a"), by=cast.carla)
    (more,) = read_at_the_site(cast.visit, phantom(tmp_path / "b", series=2))
    kept(submission, more, by=cast.carla)
    with pytest.raises(Refused, match="have not been checked"):
        transfer(submission, by=cast.carla, because="As it is.")


def test_a_transfer_is_withdrawn_while_it_is_sent(cast: Cast, tmp_path: Path) -> None:
    submission = checked_at_the_site(cast.visit, phantom(tmp_path), by=cast.carla)
    transfer(submission, by=cast.carla, because="As it is.")
    withdraw(submission, by=cast.carla, because="Wrong visit.")
    assert submission.status == "withdrawn"


def test_the_servers_door_keeps_its_direct_way(cast: Cast, tmp_path: Path, carla: Client) -> None:
    submission = sent(cast.visit, phantom(tmp_path), by=cast.carla)
    answer = carla.post(
        reverse("intake:transfer", args=[submission.pk]),
        {"reason": "No abdomen."},
        headers={"Accept": "application/json"},
    )
    assert answer.json()["state"] == "transferred"
    assert "parts" not in answer.json()


def test_a_second_examination_is_no_second_patient_whichever_door_it_comes_by(cast: Cast, tmp_path: Path) -> None:
    sent(cast.visit, phantom(tmp_path / "a"), by=cast.carla)
    submission = checked_at_the_site(cast.visit, phantom(tmp_path / "b", series=2), by=cast.carla)
    assert set(submission.series.values_list("origin", flat=True)) == {"site", "server"}
    assert not submission.findings.filter(code="two_patients").exists()


def test_a_scan_of_another_subject_is_found_before_it_travels(cast: Cast, tmp_path: Path) -> None:
    voxels = cube_and_rod()
    voxels[:, 8, 8] += np.arange(voxels.shape[0], dtype=np.int16)
    paths = write_series(tmp_path, voxels, common=IN_WINDOW)
    checked_at_the_site(cast.chens_visit, paths, by=cast.chen)
    submission = checked_at_the_site(cast.visit, paths, by=cast.carla)
    assert submission.findings.filter(code="other_subject").exists()


def dates_found(visit: Visit, folder: Path, day: str, cast: Cast) -> Submission:
    common = dict.fromkeys(IN_WINDOW, day)
    return checked_at_the_site(visit, phantom(folder, common=common), by=cast.carla)


@pytest.mark.parametrize("days", [0, 1])
def test_a_shifted_date_is_held_against_the_window_to_the_day(cast: Cast, tmp_path: Path, days: int) -> None:
    day = cast.visit.closes_on + timedelta(days=days)
    submission = dates_found(cast.visit, tmp_path, f"{day:%Y%m%d}", cast)
    found = submission.findings.filter(code="date_outside_window")
    assert found.count() == days
    for finding in found:
        assert "1 day after it closes" in finding.sentence
        assert f"{day:%-d %b %Y}" not in repr((finding.sentence, finding.found))


def test_a_day_before_consent_blocks_before_anything_travels(cast: Cast, tmp_path: Path) -> None:
    submission = dates_found(cast.visit, tmp_path, "20260830", cast)
    assert any("2 days before the subject agreed" in sentence for sentence in submission.blockers)


@pytest.mark.parametrize(("option", "code"), [("remove", "date_unknown"), ("keep", "date_outside_window")])
def test_the_trials_option_for_dates_decides_what_can_be_said(
    cast: Cast, tmp_path: Path, option: str, code: str
) -> None:
    profile = deidentification_of(cast.trial)
    profile.dates = option
    profile.save()
    submission = dates_found(cast.visit, tmp_path, "20261110", cast)
    finding = submission.findings.get(code__startswith="date_")
    assert finding.code == code
    assert ("10 Nov 2026" in finding.sentence) == (option == "keep")


def acquired(client: Client, visit: Visit) -> str:
    page = client.get(reverse("intake:visit", args=[visit.pk])).context["page"]
    return dict(page.latest.series[0].facts)["Acquired"]


def test_the_true_day_is_shown_to_the_sites_coordinators_and_to_nobody_else(
    cast: Cast, tmp_path: Path, client: Client
) -> None:
    submission = checked_at_the_site(cast.visit, phantom(tmp_path), by=cast.carla)
    shifted = date.fromisoformat(submission.series.get().header["AcquisitionDate"])
    client.force_login(cast.carla)
    assert acquired(client, cast.visit) == "27 Oct 2026"
    client.force_login(cast.anna)
    assert acquired(client, cast.visit) == f"{shifted:%-d %b %Y} (shifted)"
    assert "27 Oct 2026" not in client.get(reverse("intake:visit", args=[cast.visit.pk])).content.decode()


def test_a_date_that_is_none_is_not_shown(cast: Cast, tmp_path: Path, client: Client) -> None:
    sent(cast.visit, phantom(tmp_path, common={"AcquisitionDate": "20261345"}), by=cast.carla)
    client.force_login(cast.carla)
    page = client.get(reverse("intake:visit", args=[cast.visit.pk])).context["page"]
    assert "Acquired" not in dict(page.latest.series[0].facts)
