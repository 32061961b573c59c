"""Each coordinator of the site is told once what became of what the site sent; nobody else is."""

import pytest
from django.db import transaction

from apps.accounts.models import Membership, Role, User
from apps.intake.models import Submission
from apps.jobs.models import Job
from apps.notices.models import Notice
from apps.notices.services import notify, switch_mail
from tests.cast import Cast, person
from tests.factories import checked_submission, claimed_case
from tests.signing import decide
from tests.threads import at_once


def colleague_of_carla(cast: Cast) -> User:
    colleague = person("cleo", "Cleo", email="cleo@example.org")
    Membership.objects.create(user=colleague, role=Role.CRC, trial=cast.trial, site=cast.site)
    return colleague


def tell(submission: Submission, kind: str = "receipt", occasion: str = "") -> list[Notice]:
    with transaction.atomic():
        return notify(submission, kind, "All 312 images are here.", occasion=occasion)


@pytest.mark.parametrize(
    ("verdict", "reasons", "kind", "sentence"),
    [
        ("accept", [], "accepted", "Seen."),
        ("accept_with_deviation", ["thick_slices"], "accepted_with_deviation", "The slices are thicker"),
        ("return_to_site", ["series_missing"], "returned", "A required series is missing. Seen."),
        ("reject", ["wrong_subject"], "rejected", "another subject or visit. Seen."),
    ],
)
def test_each_decision_is_told_to_the_coordinators_of_the_site(
    cast: Cast, verdict: str, reasons: list[str], kind: str, sentence: str
) -> None:
    colleague = colleague_of_carla(cast)
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(case, verdict, by=cast.anna, reasons=reasons, note="Seen.")
    notices = Notice.objects.order_by("pk")
    assert [notice.user for notice in notices] == [cast.carla, colleague]
    assert {(notice.submission, notice.kind, notice.read_at) for notice in notices} == {(case.submission, kind, None)}
    assert all(sentence in notice.sentence for notice in notices)


def test_a_plain_accept_without_a_note_says_that_nothing_is_left_to_do(cast: Cast) -> None:
    decide(claimed_case(cast.visit, by=cast.carla, analyst=cast.anna), "accept", by=cast.anna)
    assert Notice.objects.get().sentence == "Nothing is left to do."


def test_a_refused_decision_tells_nobody(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    with pytest.raises(Exception, match="Choose at least one reason"):
        decide(case, "reject", by=cast.anna)
    assert not Notice.objects.exists()


def test_a_notice_stands_or_falls_with_what_it_tells_about(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        notify(submission, "receipt", "All 312 images are here.")
        raise ZeroDivisionError
    assert not Notice.objects.exists() and not Job.objects.filter(task="notices.mail").exists()


@pytest.mark.django_db(transaction=True)
def test_notifying_outside_a_transaction_is_refused(cast: Cast) -> None:
    with pytest.raises(RuntimeError, match=r"use transaction\.atomic"):
        notify(checked_submission(cast.visit, by=cast.carla), "receipt", "Here.")


def test_the_same_event_twice_is_told_once(cast: Cast, addresses: None) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    assert len(tell(submission)) == 1
    assert tell(submission) == []
    assert Notice.objects.count() == Job.objects.filter(task="notices.mail").count() == 1


def test_a_second_stop_of_the_same_transfer_is_another_event(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    for occasion in ("part 1", "part 2", "part 2"):
        tell(submission, "stopped", occasion)
    assert list(Notice.objects.order_by("pk").values_list("occasion", flat=True)) == ["part 1", "part 2"]


def test_an_unknown_kind_is_refused_by_name(cast: Cast) -> None:
    with pytest.raises(ValueError, match=r"no kind of notice 'lost'; apps/notices/kinds\.py has receipt"):
        tell(checked_submission(cast.visit, by=cast.carla), "lost")


def test_who_has_left_is_not_told(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    cast.carla.is_active = False
    cast.carla.save()
    assert tell(submission) == []


@pytest.mark.parametrize("without", ["an address", "the switch", "a mail server"])
def test_nothing_is_queued_for_who_gets_no_mail(cast: Cast, addresses: None, settings, without: str) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    if without == "an address":
        User.objects.filter(pk=cast.carla.pk).update(email="")
    elif without == "the switch":
        switch_mail(cast.carla, on=False)
    else:
        settings.NOTICES_BY_MAIL = False
    (notice,) = tell(submission)
    assert not notice.to_mail and not Job.objects.filter(task="notices.mail").exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_once(cast: Cast, addresses: None) -> None:
    colleague_of_carla(cast)
    submission = checked_submission(cast.visit, by=cast.carla)
    told = at_once(lambda: len(tell(submission)), times=4)
    assert sum(told) == 2
    assert Notice.objects.count() == Job.objects.filter(task="notices.mail").count() == 2
