"""A decided submission that is looked at again: who may, when not, and what becomes of the decision."""

from html import unescape

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIRequestFactory, force_authenticate

from apps.audit.lifecycle import Refused, StaleState, WrongState
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.intake.services import begin_submission, withdraw
from apps.notices.models import Notice
from apps.reviews.api import ReviewCaseViewSet
from apps.reviews.api_rounds import ReopenMixin
from apps.reviews.models import Decision, ReviewCase, Voiding
from apps.reviews.selectors import case_history
from apps.reviews.services.reopening import reopen
from tests.cast import Cast
from tests.factories import waiting_case
from tests.reviews.rounds import next_case, policy, reviewed
from tests.threads import at_once


@pytest.fixture
def accepted(cast: Cast) -> ReviewCase:
    """Anna accepted it."""
    return settled(cast, "accept")


def settled(cast: Cast, verdict: str) -> ReviewCase:
    case = waiting_case(cast.visit, by=cast.carla)
    reviewed(case, verdict, by=cast.anna, note="As it was.")
    return ReviewCase.objects.get(pk=case.pk)


@pytest.mark.parametrize("verdict", ["accept", "accept_with_deviation", "return_to_site", "reject"])
def test_an_analyst_reopens_what_was_decided_and_gives_the_reason(cast: Cast, verdict: str) -> None:
    old = settled(cast, verdict)
    before = Decision.objects.values().get()
    new = reopen(old, by=cast.abel, because="  The wrong subject's name was on the form.  ")
    old.refresh_from_db()
    assert (new.kind, new.round, new.settles, new.status) == ("reopened", 2, True, "waiting")
    assert not old.settles and old.status == ReviewCase.Status.DECIDED
    assert Decision.objects.values().get() == before
    submission = Submission.objects.get()
    assert (submission.status, submission.decided_at) == ("transferred", None)
    event = events_about(old).get(action="reviewcase.reopened")
    assert (event.actor, event.reason) == (cast.abel, "The wrong subject's name was on the form.")
    assert (event.old, event.new) == ({"settles": True}, {"settles": False})
    of_the_site = events_about(submission).order_by("pk").last()
    assert of_the_site is not None and (of_the_site.action, of_the_site.reason) == ("submission.transferred", "")


def test_the_signature_is_void_and_the_pages_say_so(client: Client, cast: Cast, accepted: ReviewCase) -> None:
    new = reopen(accepted, by=cast.abel, because="A second look.")
    voiding = Voiding.objects.get()
    assert (voiding.signature.decision.case, voiding.voided_by, voiding.because) == (
        accepted,
        cast.abel,
        "A second look.",
    )
    assert events_about(accepted).filter(action="reviewcase.signature_voided", actor=cast.abel).count() == 1
    client.force_login(cast.anna)
    page = unescape(client.get(reverse("reviews:case", args=[new.pk])).text)
    assert "The signature of this decision is void: A second look." in page
    assert [(event.what, event.who, event.why) for event in case_history(new, cast.anna).events][:1] == [
        ("Put into the queue", "Abel", "A second look.")
    ]
    assert case_history(accepted, cast.anna).events[0].what == "Reopened: the decision does not stand any more"
    old = client.get(reverse("reviews:case", args=[accepted.pk])).text
    assert "This decision does not stand any more" in old and reverse("reviews:case", args=[new.pk]) in old


def test_the_new_decision_is_the_outcome_and_the_site_is_told_again(cast: Cast, accepted: ReviewCase) -> None:
    new = reopen(accepted, by=cast.abel, because="A second look.")
    assert Notice.objects.filter(kind="accepted").count() == 1
    reviewed(new, "accept", by=cast.anna, note="Still good.")
    notices = list(Notice.objects.filter(kind="accepted").order_by("pk"))
    assert [notice.sentence for notice in notices] == ["As it was.", "Still good."]
    again = reopen(ReviewCase.objects.get(pk=new.pk), by=cast.anna, because="And again.")
    assert again.round == 3
    reviewed(again, "return_to_site", by=cast.abel)
    assert Submission.objects.get().status == "returned"


def test_the_settled_second_review_is_what_is_reopened(cast: Cast) -> None:
    policy(cast.trial, second_review_share=1)
    first = settled(cast, "accept")
    second = next_case(first)
    reviewed(second, "accept", by=cast.abel)
    with pytest.raises(WrongState, match="did not settle"):
        reopen(ReviewCase.objects.get(pk=first.pk), by=cast.anna, because="Look.")
    new = reopen(ReviewCase.objects.get(pk=second.pk), by=cast.anna, because="Look.")
    assert new.round == 3
    reviewed(new, "reject", by=cast.anna)
    assert Submission.objects.get().status == "rejected"


# --- Who may not, wrong state, bad input


@pytest.mark.parametrize("who", ["carla", "mira", "otto", "root"])
def test_only_analysts_of_the_trial_reopen(cast: Cast, accepted: ReviewCase, who: str) -> None:
    with pytest.raises(PermissionDenied, match="Only the image analysts"):
        reopen(accepted, by=getattr(cast, who), because="Look.")
    assert Submission.objects.get().status == "accepted"


def test_a_reason_is_needed(cast: Cast, accepted: ReviewCase) -> None:
    with pytest.raises(Refused, match="Say why"):
        reopen(accepted, by=cast.anna, because="   ")


def test_what_is_not_settled_is_not_reopened(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    with pytest.raises(WrongState, match="nothing to reopen"):
        reopen(case, by=cast.anna, because="Look.")


def test_twice_is_refused(cast: Cast, accepted: ReviewCase) -> None:
    in_another_window = ReviewCase.objects.select_related("submission").get(pk=accepted.pk)
    assert in_another_window.submission.status == "accepted"
    reopen(accepted, by=cast.anna, because="Look.")
    with pytest.raises(StaleState):
        reopen(in_another_window, by=cast.abel, because="Look.")
    with pytest.raises(WrongState, match="nothing to reopen"):
        reopen(ReviewCase.objects.get(pk=accepted.pk), by=cast.abel, because="Look.")
    assert ReviewCase.objects.count() == 2


def test_not_when_the_site_has_answered_already(client: Client, cast: Cast) -> None:
    returned = settled(cast, "return_to_site")
    answer = begin_submission(cast.visit, by=cast.carla)
    with pytest.raises(WrongState, match="site has sent or begun"):
        reopen(returned, by=cast.anna, because="Look.")
    client.force_login(cast.anna)
    address = reverse("reviews:case", args=[returned.pk])
    assert "Reopen this submission" not in client.get(address).text
    withdraw(answer, by=cast.carla)
    assert "Reopen this submission" in client.get(address).text
    reopen(ReviewCase.objects.get(pk=returned.pk), by=cast.anna, because="Look.")
    with pytest.raises(Refused, match="at the core lab"):
        begin_submission(cast.visit, by=cast.carla)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_who_reopen_at_once_make_one_case(cast: Cast) -> None:
    accepted = settled(cast, "accept")

    def press() -> str:
        try:
            reopen(ReviewCase.objects.get(pk=accepted.pk), by=cast.abel, because="Look.")
        except Refused:
            return "refused"
        return "reopened"

    assert sorted(at_once(press, times=3)) == ["refused", "refused", "reopened"]
    assert ReviewCase.objects.count() == 2 and Voiding.objects.count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_site_that_answers_in_the_same_moment_and_the_analyst_do_not_both_win(cast: Cast) -> None:
    returned = settled(cast, "return_to_site")
    deeds = [
        lambda: begin_submission(cast.visit, by=cast.carla),
        lambda: reopen(ReviewCase.objects.get(pk=returned.pk), by=cast.abel, because="Look."),
    ]

    def press() -> str:
        try:
            deeds.pop()()
        except Refused:
            return "refused"
        return "done"

    assert sorted(at_once(press, times=2)) == ["done", "refused"]
    assert Submission.objects.filter(status__in=Submission.OPEN).count() == 1


# --- Page and API


def test_the_form_of_the_case_goes_on_to_the_new_case(client: Client, cast: Cast, accepted: ReviewCase) -> None:
    client.force_login(cast.abel)
    assert "Reopen this submission" in client.get(reverse("reviews:case", args=[accepted.pk])).text
    answer = client.post(reverse("reviews:reopen", args=[accepted.pk]), {"because": "A second look."})
    new = next_case(accepted)
    assert answer.status_code == 302 and answer["Location"] == reverse("reviews:case", args=[new.pk])
    page = client.get(answer["Location"]).text
    assert "a new case waits in the queue" in page
    assert "Reopen this submission" not in client.get(reverse("reviews:case", args=[accepted.pk])).text


def test_the_form_without_a_reason_says_so(client: Client, cast: Cast, accepted: ReviewCase) -> None:
    client.force_login(cast.abel)
    answer = client.post(reverse("reviews:reopen", args=[accepted.pk]), {"because": " "}, follow=True)
    assert "Say why the submission is reopened" in unescape(answer.text)
    assert ReviewCase.objects.count() == 1


class Desk(ReviewCaseViewSet, ReopenMixin):
    """The desk's API with reopening."""


@pytest.mark.parametrize(
    ("who", "because", "status"),
    [
        ("abel", "Look.", 201),
        ("abel", " ", 400),
        ("mira", "Look.", 403),
        ("otto", "Look.", 404),
        ("carla", "Look.", 404),
    ],
)
def test_the_api_reopens_alike(cast: Cast, accepted: ReviewCase, who: str, because: str, status: int) -> None:
    request = APIRequestFactory().post("/", {"because": because})
    force_authenticate(request, getattr(cast, who))
    answer = Desk.as_view({"post": "reopen"})(request, pk=accepted.pk)
    assert answer.status_code == status
    assert ReviewCase.objects.count() == (2 if status == 201 else 1)
    if status == 201:
        assert answer.data["id"] == next_case(accepted).pk


def test_the_api_refuses_a_second_reopening(cast: Cast, accepted: ReviewCase) -> None:
    reopen(accepted, by=cast.anna, because="Look.")
    request = APIRequestFactory().post("/", {"because": "Look."})
    force_authenticate(request, cast.abel)
    assert Desk.as_view({"post": "reopen"})(request, pk=accepted.pk).status_code == 409


def test_managers_see_no_form(client: Client, cast: Cast, accepted: ReviewCase) -> None:
    client.force_login(cast.mira)
    assert "Reopen this submission" not in client.get(reverse("reviews:case", args=[accepted.pk])).text
    assert not case_history(accepted, cast.mira).may_reopen and case_history(accepted, cast.anna).may_reopen


def test_what_was_decided_before_a_reopening_is_no_earlier_outcome_of_the_visit(cast: Cast) -> None:
    returned = settled(cast, "return_to_site")
    answer = waiting_case(cast.visit, by=cast.carla)
    assert [verdict.words for verdict in case_history(answer, cast.anna).earlier] == ["returned to site"]
    ReviewCase.objects.filter(pk=returned.pk).update(settles=False)
    assert case_history(answer, cast.anna).earlier == ()
