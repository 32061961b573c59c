"""One case from upload to decision, told in the order of the lab's day. Read docs/journey.md beside it."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.intake.models import Submission
from apps.reviews.models import ReviewCase
from tests.cast import PASSWORD, Cast
from tests.phantoms import cube_and_rod, write_series
from tests.work import run_jobs


def signed_in(person: object) -> Client:
    client = Client()
    client.force_login(person)
    return client


def send_scan(client: Client, cast: Cast, folder: Path) -> Submission:
    """A coordinator opens the visit and drops one CT series."""
    client.post(reverse("intake:begin", args=(cast.visit.pk,)))
    submission = Submission.objects.open().get(visit=cast.visit)
    scan = [SimpleUploadedFile(path.name, path.read_bytes()) for path in write_series(folder, cube_and_rod())]
    client.post(reverse("intake:files", args=(submission.pk,)), {"files": scan})
    run_jobs()
    submission.refresh_from_db()
    return submission


@pytest.mark.usefixtures("tiny_bundle")
def test_a_scan_is_sent_returned_sent_again_and_accepted(cast: Cast, tmp_path: Path) -> None:
    carla, anna, mira = signed_in(cast.carla), signed_in(cast.anna), signed_in(cast.mira)

    # Carla drops a chest scan; the visit also asks for abdomen and pelvis, and the page says so.
    submission = send_scan(carla, cast, tmp_path / "first")
    assert submission.status == "checked"
    page = carla.get(reverse("intake:visit", args=(cast.visit.pk,))).content.decode()
    assert "Abdomen-pelvis CT with contrast" in page
    assert [slot.state for slot in submission.slots.all()] == ["ok", "missing"]

    # It is late, the patient has gone: she transfers it with a reason.
    carla.post(reverse("intake:transfer", args=(submission.pk,)), {"reason": "The rest follows tomorrow."})
    run_jobs()
    submission.refresh_from_db()
    assert (submission.status, submission.transfer_reason) == ("transferred", "The rest follows tomorrow.")

    # Anna takes the next case, sees what is missing, and returns it under her signature.
    anna.post(reverse("reviews:claim-next"))
    case = ReviewCase.objects.get(submission=submission)
    assert case.holder == cast.anna
    assert "The rest follows tomorrow." in anna.get(reverse("reviews:case", args=(case.pk,))).content.decode()
    anna.post(reverse("reviews:beat", args=(case.pk,)))
    anna.post(
        reverse("reviews:decide", args=(case.pk,)),
        {
            "verdict": "return_to_site",
            "reasons": ["series_missing"],
            "note": "Send the abdomen too.",
            "password": PASSWORD,
        },
    )
    submission.refresh_from_db()
    assert submission.status == "returned"

    # Carla reads why, and sends again; the new submission answers the old one, which stays as it was.
    assert "Send the abdomen too." in carla.get(reverse("intake:visit", args=(cast.visit.pk,))).content.decode()
    again = send_scan(carla, cast, tmp_path / "second")
    assert again.replaces == submission
    carla.post(reverse("intake:transfer", args=(again.pk,)), {"reason": "The abdomen was not scanned."})
    run_jobs()

    # Answers to a return go first. Anna accepts what there is, as a deviation.
    anna.post(reverse("reviews:claim-next"))
    second = ReviewCase.objects.get(submission=again)
    assert (second.holder, second.resubmitted) == (cast.anna, True)
    anna.post(
        reverse("reviews:decide", args=(second.pk,)),
        {"verdict": "accept_with_deviation", "reasons": ["series_missing"], "note": "Abdomen not scanned."},
    )
    again.refresh_from_db()
    assert again.status == "accepted"

    # Mira sees a visit that was received, returned once, and not accepted at the first pass.
    answer = mira.get(reverse("compliance:trial", args=(cast.trial.pk,)))
    row = answer.context["rows"][0]
    assert {name: row.counts[name] for name in ("received", "returned", "first_pass", "open")} == {
        "received": 1,
        "returned": 1,
        "first_pass": 0,
        "open": 0,
    }

    # Everything that happened can be read again, in order, with its reason.
    steps = AuditEvent.objects.filter(object_type="intake.submission", object_id=str(submission.pk)).order_by("pk")
    assert [event.action for event in steps] == [
        "submission.begun",
        "submission.files_received",
        "submission.checking",
        "submission.checked",
        "submission.transferred",
        "submission.in_review",
        "submission.returned",
    ]
    assert steps.last().reason == "Send the abdomen too."
