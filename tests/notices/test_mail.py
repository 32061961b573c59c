"""A notice by e-mail: once, later when the mail server is away, and never with a word about the patient."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from unittest.mock import patch

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Membership
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.jobs.models import Job
from apps.jobs.services import MAX_ATTEMPTS
from apps.notices.kinds import KINDS
from apps.notices.models import MailPreference, Notice
from apps.notices.services import MAIL_WORTH_FOR, mail_waiting, notify, switch_mail
from tests.cast import Cast
from tests.factories import checked_submission
from tests.work import run_job, run_jobs


@contextmanager
def mail_server_that(error: Exception) -> Iterator[None]:
    """Let the mail server answer each message with `error`."""
    with patch.object(EmailBackend, "send_messages", side_effect=error):
        yield


def run_mail_job() -> Job:
    """Let a worker try the mail now, however long it should rest."""
    job = Job.objects.filter(task="notices.mail").latest("pk")
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    run_job(job)
    job.refresh_from_db()
    return job


def days_later(days: float) -> None:
    """Let the notice and its jobs be so much older."""
    for rows in (Notice, Job):
        row = rows.objects.latest("pk")
        rows.objects.update(created_at=row.created_at - timedelta(days=days))


def test_a_returned_submission_is_told_with_the_next_step_and_a_link(returned: Submission) -> None:
    run_jobs()
    (sent,) = mail.outbox
    assert sent.to == ["carla@example.org"]
    assert sent.from_email == "coreqc@example.org"
    assert sent.subject == "CoreQC: a submission of site 101 was returned"
    assert "site 101 in trial ONC-301 was returned on" in sent.body
    assert "Next: Open the visit to read why, then send other images for it." in sent.body
    assert f"https://coreqc.example.org/visits/{returned.visit_id}/" in sent.body
    assert "https://coreqc.example.org/notices/settings/" in sent.body
    assert sent.content_subtype == "plain" and not sent.attachments and not getattr(sent, "alternatives", None)
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    assert Notice.objects.get().mailed_at is not None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_mail_holds_anything_about_the_patient(cast: Cast, addresses: None, kind: str) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    with transaction.atomic():
        notify(submission, kind, "Subject 101-001: Mrs Miller, born 4 May 1961, chest PV, week 8.")
    run_jobs()
    (sent,) = mail.outbox
    whole = sent.message().as_string()
    assert KINDS[kind].event in whole
    series = submission.series.first()
    told = ("101-001", "Miller", "1961", "Week 8", "week 8", "chest", series.description, series.series_uid)
    assert not [word for word in (*told, series.patient_key, str(submission.uuid)) if word in whole]
    # Numbers: site, trial, the visit's own key, those of the message; none that the hospital gave.
    numbered = re.sub(r"^Message-ID: .*$", "", whole, flags=re.MULTILINE).replace(cast.trial.protocol_number, "")
    assert numbered != whole
    assert not re.search(r"\d{3}-\d{3}", numbered)


def test_the_analysts_note_stays_in_the_page(returned: Submission) -> None:
    run_jobs()
    assert "Miller" in Notice.objects.get().sentence
    assert "Miller" not in mail.outbox[0].message().as_string()


def test_a_message_that_comes_twice_sends_once(returned: Submission) -> None:
    job = run_mail_job()
    run_job(job)
    Job.objects.create(task="notices.mail", object_id=job.object_id, not_before=timezone.now())
    run_jobs()
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), SMTPServerDisconnected("gone")])
def test_a_mail_server_that_is_away_is_tried_again(returned: Submission, error: Exception) -> None:
    with mail_server_that(error):
        job = run_mail_job()
    assert (job.status, job.error) == (Job.Status.QUEUED, type(error).__name__)
    assert Notice.objects.get().mailed_at is None
    assert run_mail_job().status == Job.Status.DONE
    assert len(mail.outbox) == 1


def test_a_mail_server_that_stays_away_is_asked_again_by_beat(returned: Submission) -> None:
    with mail_server_that(ConnectionRefusedError()):
        for _ in range(MAX_ATTEMPTS):
            job = run_mail_job()
    assert job.status == Job.Status.FAILED
    assert mail_waiting() == 0, "the tries of a moment ago count"
    days_later(0.1)
    assert mail_waiting() == 1
    run_jobs()
    assert len(mail.outbox) == 1
    days_later(0.1)
    assert mail_waiting() == 0


def test_a_mail_of_last_week_is_not_sent_any_more(returned: Submission) -> None:
    days_later(MAIL_WORTH_FOR.days + 1)
    assert mail_waiting() == 0


def test_an_address_that_is_refused_for_good_is_not_tried_again(
    returned: Submission, caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server_that(SMTPRecipientsRefused({"carla@example.org": (550, b"no such user")})):
        job = run_mail_job()
    notice = Notice.objects.get()
    assert (job.status, notice.to_mail, notice.mailed_at) == (Job.Status.DONE, False, None)
    assert f"notice {notice.pk} for good" in caplog.text and "carla@" not in caplog.text


def test_an_address_that_is_refused_for_now_is_tried_again(returned: Submission) -> None:
    with mail_server_that(SMTPRecipientsRefused({"carla@example.org": (450, b"try later")})):
        assert run_mail_job().status == Job.Status.QUEUED
    assert Notice.objects.get().to_mail


@pytest.mark.parametrize("change", ["switched off", "left the site", "account closed", "address taken away"])
def test_a_mail_that_waits_is_not_sent_to_who_should_not_get_it(cast: Cast, returned: Submission, change: str) -> None:
    if change == "switched off":
        switch_mail(cast.carla, on=False)
    elif change == "left the site":
        Membership.objects.filter(user=cast.carla).delete()
    elif change == "account closed":
        cast.carla.is_active = False
    else:
        cast.carla.email = ""
    cast.carla.save()
    run_jobs()
    assert mail.outbox == [] and not Notice.objects.get().to_mail


def test_the_switch_leaves_an_event_once(cast: Cast) -> None:
    for on in (True, False, False, True):
        switch_mail(cast.carla, on=on)
    preference = MailPreference.objects.get()
    assert preference.by_mail
    told = events_about(preference).order_by("pk").values_list("new", flat=True)
    assert list(told) == [{"by_mail": False}, {"by_mail": True}]
