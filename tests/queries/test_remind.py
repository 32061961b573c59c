"""The site is reminded of what waits for it: by beat as the trial's policy says, or by an analyst."""

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied

from apps.audit.lifecycle import Refused, StaleState, WrongState
from apps.audit.services import events_about
from apps.notices.models import Notice
from apps.queries.models import Query
from apps.queries.services import answer, ask_again, remind, remind_sites
from apps.queries.tasks import remind as beat
from apps.reviews.models import ReviewPolicy
from tests.cast import Cast
from tests.queries.scenes import answered, asked, days_pass, thread
from tests.threads import at_once
from tests.work import run_jobs


def reminders(query: Query) -> int:
    return Query.objects.values_list("reminders", flat=True).get(pk=query.pk)


def test_a_site_is_reminded_after_the_days_of_the_policy_and_again_after_as_many(cast: Cast) -> None:
    ReviewPolicy.objects.create(trial=cast.trial, query_reminder_days=3)
    query = asked(cast)
    told = []
    for _ in range(7):
        days_pass(query, 1)
        told.append(remind_sites())
        assert remind_sites() == 0, "safe twice"
    assert told == [0, 0, 1, 0, 0, 1, 0]
    query.refresh_from_db()
    assert query.reminders == 2 and query.last_reminded_at is not None
    assert [kind for kind, _ in thread(query)] == ["question", "reminder", "reminder"]
    assert Notice.objects.filter(kind="query_reminder", user=cast.carla).count() == 2
    event = events_about(query).filter(action="query.reminded").latest("pk")
    assert (event.actor, event.new) == (None, {"reminders": 2})


def test_a_trial_without_a_policy_reminds_weekly(cast: Cast) -> None:
    query = asked(cast)
    days_pass(query, 6.9)
    assert remind_sites() == 0
    days_pass(query, 0.2)
    beat()
    assert reminders(query) == 1


def test_an_answered_query_is_left_alone_and_one_asked_again_waits_anew(cast: Cast) -> None:
    query = answered(cast)
    days_pass(query, 30)
    assert remind_sites() == 0
    ask_again(query, "When?", by=cast.anna)
    assert remind_sites() == 0
    days_pass(query, 8)
    assert remind_sites() == 1


def test_the_mail_of_a_reminder_holds_nothing_of_the_question(cast: Cast) -> None:
    cast.carla.email = "carla@example.org"
    cast.carla.save()
    query = asked(cast, subject="Did Mrs Miller get contrast?")
    run_jobs()
    mail.outbox.clear()
    days_pass(query, 8)
    remind_sites()
    run_jobs()
    (sent,) = mail.outbox
    assert sent.subject == "CoreQC: a submission of site 101 got a reminder of a question that waits for an answer"
    assert f"/visits/{cast.visit.pk}/" in sent.body
    assert not [word for word in ("Miller", "contrast", "101-001", "Week 8") if word in sent.message().as_string()]


def test_an_analyst_reminds_now_but_once_a_day(cast: Cast) -> None:
    query = asked(cast)
    with pytest.raises(Refused, match="less than a day ago"):
        remind(query, by=cast.anna)
    days_pass(query, 1)
    remind(query, by=cast.anna)
    with pytest.raises(Refused, match="less than a day ago"):
        remind(query, by=cast.abel)
    assert reminders(query) == 1
    assert query.messages.get(kind="reminder").author == cast.anna


@pytest.mark.parametrize("who", ["carla", "chen", "mira", "otto", "root"])
def test_only_analysts_of_the_trial_remind(cast: Cast, who: str) -> None:
    query = asked(cast)
    days_pass(query, 2)
    with pytest.raises(PermissionDenied):
        remind(query, by=getattr(cast, who))
    assert reminders(query) == 0


def test_an_answered_query_needs_no_reminder(cast: Cast) -> None:
    query = answered(cast)
    days_pass(query, 2)
    with pytest.raises(WrongState, match="This query is answered"):
        remind(query, by=cast.anna)


def test_a_reminder_that_meets_an_answer_is_not_sent(cast: Cast) -> None:
    query = asked(cast)
    days_pass(query, 2)
    seen_before = Query.objects.get(pk=query.pk)
    answer(query, "Yes.", by=cast.carla)
    with pytest.raises(StaleState):
        remind(seen_before, by=cast.anna)
    assert [kind for kind, _ in thread(query)] == ["question", "answer"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_remind_once(cast: Cast) -> None:
    query = asked(cast)
    days_pass(query, 8)
    assert sum(at_once(remind_sites, times=3)) == 1
    assert reminders(query) == 1 and Notice.objects.filter(kind="query_reminder").count() == 1
