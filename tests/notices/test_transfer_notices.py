"""A transfer that arrived whole, and one that was stopped on its way, are told by the services that see them."""

import pytest
from django.db import transaction
from django.utils import timezone

from apps.audit.lifecycle import advance
from apps.intake.models import Submission
from apps.intake.services.receipts import issue_receipt
from apps.intake.services.sending import back_to_the_site, stop_sending
from apps.notices.models import Notice
from tests.cast import Cast
from tests.factories import checked_submission

BUNDLE = {"name": "tests", "version": "1.0.0", "sha256": "b" * 64}


@pytest.fixture
def sending(cast: Cast) -> Submission:
    submission = checked_submission(cast.visit, by=cast.carla)
    advance(submission, Submission.Status.SENDING, by=cast.carla)
    return submission


def test_a_receipt_is_told_once_however_often_it_is_issued(cast: Cast, sending: Submission) -> None:
    sending.series.update(to_send=True)
    for _ in range(2):
        with transaction.atomic():
            issue_receipt(sending, bundle=BUNDLE, at=timezone.now())
    notice = Notice.objects.get()
    assert (notice.user, notice.kind) == (cast.carla, "receipt")
    assert notice.sentence == "Everything is at the core lab (series: 2, images: 6)."


def test_each_stop_of_a_transfer_is_told_once(cast: Cast, sending: Submission) -> None:
    for _ in range(2):
        back_to_the_site(sending, ["Series 1: images of it name the patient."])
    sending.refresh_from_db()
    advance(sending, Submission.Status.SENDING, by=cast.carla)
    back_to_the_site(sending, ["Series 2: images of it name the patient."])
    told = list(Notice.objects.order_by("pk").values_list("kind", "sentence"))
    assert told == [
        ("stopped", "Series 1: images of it name the patient."),
        ("stopped", "Series 2: images of it name the patient."),
    ]


def test_who_stops_a_transfer_is_not_told_of_it(cast: Cast, sending: Submission) -> None:
    stop_sending(sending, by=cast.carla)
    assert not Notice.objects.exists()
