"""A second pair of eyes: who looks, what they see, and when two reviews are one outcome."""

from html import unescape

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Membership, Role
from apps.audit.lifecycle import Refused
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.notices.models import Notice
from apps.queries.models import Query
from apps.queries.services import answer, ask
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.selectors import case_history
from apps.reviews.selectors.rounds import nobody_may_take
from apps.reviews.services import claim, claim_next, release
from apps.reviews.services.reopening import reopen
from tests.cast import Cast
from tests.factories import waiting_case
from tests.reviews.rounds import next_case, policy, reviewed
from tests.signing import decide
from tests.threads import at_once
from tests.work import run_jobs

CHEST_CONTRAST = (1, "contrast")


@pytest.fixture
def first(cast: Cast) -> ReviewCase:
    """A waiting case of which a second review is due."""
    policy(cast.trial, second_review_share=1)
    return waiting_case(cast.visit, by=cast.carla)


def status(case: ReviewCase) -> str:
    return Submission.objects.get(pk=case.submission_id).status


def told(case: ReviewCase) -> list[str]:
    outcomes = ("accepted", "accepted_with_deviation", "returned", "rejected")
    return list(Notice.objects.filter(submission=case.submission_id, kind__in=outcomes).values_list("kind", flat=True))


def seed(case: ReviewCase) -> None:
    """Let the case show its chest as scanned without contrast."""
    series = case.submission.series.get(number=1)
    ReviewCase.objects.filter(pk=case.pk).update(
        seeded={"series": series.pk, "module": "contrast", "label": "non_contrast"}
    )


# --- It opens


def test_the_first_decision_opens_a_blind_second_review_and_tells_nobody(cast: Cast, first: ReviewCase) -> None:
    submission = first.submission
    submission.findings.create(code="few_slices", severity="warn", sentence="Few slices.")
    first.finding_codes.create(code="few_slices")
    ReviewCase.objects.filter(pk=first.pk).update(priority=2, abstained=True, queries_answered=1)
    reviewed(first, "return_to_site", by=cast.anna, note="Blurred.")
    second = next_case(first)
    assert (second.kind, second.round, second.settles, second.arm, second.seeded) == ("second", 2, False, "shown", None)
    assert (second.due_at, second.priority, second.abstained, second.queries_answered) == (first.due_at, 2, True, 1)
    assert list(second.finding_codes.values_list("code", flat=True)) == ["few_slices"]
    assert status(first) == "transferred" and told(first) == []
    assert Submission.objects.get(pk=first.submission_id).decided_at is None
    back = events_about(submission).filter(action="submission.transferred").order_by("pk").last()
    assert back is not None and (back.actor, back.reason) == (cast.anna, "")
    assert events_about(second).get(action="reviewcase.opened").reason == ""


def test_a_case_without_one_due_is_settled_at_once(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    reviewed(case, "accept", by=cast.anna)
    assert status(case) == "accepted" and told(case) == ["accepted"]
    assert ReviewCase.objects.count() == 1


def test_the_site_reads_no_verdict_before_the_outcome(client: Client, cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "return_to_site", by=cast.anna, note="Blurred.")
    client.force_login(cast.carla)
    page = unescape(client.get(reverse("intake:submission", args=[first.submission_id])).text)
    assert "Blurred." not in page and "Returned" not in page
    reviewed(next_case(first), "return_to_site", by=cast.abel, note="Blurred, I think.")
    page = unescape(client.get(reverse("intake:submission", args=[first.submission_id])).text)
    assert "Blurred, I think." in page


# --- Who takes it


def test_who_decided_first_may_not_take_the_second(client: Client, cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "accept", by=cast.anna)
    second = next_case(first)
    with pytest.raises(PermissionDenied, match="somebody else's eyes"):
        claim(second, by=cast.anna)
    assert claim_next(by=cast.anna) is None
    assert claim_next(by=cast.abel) == second


@pytest.mark.parametrize("who", ["carla", "mira", "otto", "root"])
def test_no_stranger_takes_it(cast: Cast, first: ReviewCase, who: str) -> None:
    reviewed(first, "accept", by=cast.anna)
    with pytest.raises(PermissionDenied):
        claim(next_case(first), by=getattr(cast, who))


def test_a_case_that_nobody_may_take_is_told_and_not_lost(client: Client, cast: Cast, first: ReviewCase) -> None:
    assert not nobody_may_take(ReviewCase.objects.all()).exists()
    reviewed(first, "accept", by=cast.anna)
    assert not nobody_may_take(ReviewCase.objects.all()).exists()
    Membership.objects.filter(user=cast.abel, role=Role.ANALYST).delete()
    second = next_case(first)
    assert list(nobody_may_take(ReviewCase.objects.all())) == [second]
    client.force_login(cast.anna)
    assert "Nobody may take this second review" in client.get(reverse("reviews:case", args=[second.pk])).text
    client.force_login(cast.mira)
    assert "nobody may take" in client.get(reverse("compliance:trial", args=[cast.trial.pk])).text
    Membership.objects.create(user=cast.abel, role=Role.ANALYST, trial=cast.trial)
    assert not nobody_may_take(ReviewCase.objects.all()).exists()


def test_an_account_that_was_closed_takes_nothing(cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "accept", by=cast.anna)
    cast.abel.is_active = False
    cast.abel.save()
    assert nobody_may_take(ReviewCase.objects.all()).count() == 1


def test_a_second_review_goes_back_to_the_queue_like_any_other(cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "accept", by=cast.anna)
    second = next_case(first)
    claim(second, by=cast.abel)
    assert status(first) == "in_review"
    release(ReviewCase.objects.get(pk=second.pk), by=cast.abel)
    assert status(first) == "transferred" and next_case(first) == second


# --- Two who agree


@pytest.mark.parametrize("verdict", ["accept", "accept_with_deviation", "return_to_site", "reject"])
def test_two_who_agree_are_the_outcome_and_the_site_is_told_once(cast: Cast, first: ReviewCase, verdict: str) -> None:
    outcomes = {"return_to_site": "returned", "reject": "rejected"}
    reviewed(first, verdict, by=cast.anna)
    second = next_case(first)
    decision = reviewed(second, verdict, by=cast.abel)
    first.refresh_from_db()
    second.refresh_from_db()
    assert not first.settles and second.settles
    assert status(first) == outcomes.get(verdict, "accepted")
    assert len(told(first)) == 1
    assert Submission.objects.get(pk=first.submission_id).decided_at is not None
    event = events_about(second).get(action="reviewcase.settles")
    assert (event.old, event.new, event.actor) == ({"settles": False}, {"settles": True}, cast.abel)
    assert case_history(first, cast.anna).rounds[0].decision == decision


def test_the_same_correction_by_both_is_agreement(cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "accept", by=cast.anna, labels={CHEST_CONTRAST: "non_contrast"})
    reviewed(next_case(first), "accept", by=cast.abel, labels={CHEST_CONTRAST: "non_contrast"})
    assert status(first) == "accepted"


def test_a_correction_that_was_taken_back_is_agreement(cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "accept", by=cast.anna)
    second = next_case(first)
    claim(second, by=cast.abel)
    series = second.submission.series.get(number=1)
    for label in ("non_contrast", "enhanced"):
        second.corrections.create(
            series=series, module="contrast", ensemble_label="enhanced", label=label, corrected_by=cast.abel
        )
    decide(second, "accept", by=cast.abel)
    assert status(first) == "accepted"


def test_a_label_that_the_first_never_saw_differs_from_nothing(cast: Cast, first: ReviewCase) -> None:
    ReviewCase.objects.filter(pk=first.pk).update(arm=ReviewCase.Arm.HIDDEN)
    reviewed(first, "accept", by=cast.anna)
    reviewed(next_case(first), "accept", by=cast.abel, labels={CHEST_CONTRAST: "non_contrast"})
    assert status(first) == "accepted"


# --- A label that was wrong on purpose


@pytest.mark.parametrize("due", [True, False])
@pytest.mark.parametrize("verdict", ["accept", "accept_with_deviation", "return_to_site", "reject"])
def test_an_overlooked_wrong_label_settles_nothing(cast: Cast, verdict: str, due: bool) -> None:
    policy(cast.trial, second_review_share=float(due))
    first = waiting_case(cast.visit, by=cast.carla)
    seed(first)
    reviewed(first, verdict, by=cast.anna)
    first.refresh_from_db()
    second = next_case(first)
    assert (first.settles, second.kind, second.settles, second.seeded) == (False, "second", False, None)
    assert status(first) == "transferred" and told(first) == []
    opened = events_about(second).get(action="reviewcase.opened")
    assert opened.new["second_review"] == ["overlooked"]


def test_a_verdict_that_follows_the_wrong_label_is_not_noticing_it(cast: Cast) -> None:
    first = waiting_case(cast.visit, by=cast.carla)
    seed(first)
    reviewed(first, "return_to_site", by=cast.anna, reasons=["wrong_contrast"])
    seen = case_history(ReviewCase.objects.get(pk=first.pk), cast.anna).seed
    assert seen is not None and not seen.noticed and status(first) == "transferred"


def test_confirming_the_wrong_label_is_not_noticing_it(cast: Cast) -> None:
    first = waiting_case(cast.visit, by=cast.carla)
    seed(first)
    reviewed(first, "accept", by=cast.anna, labels={CHEST_CONTRAST: "non_contrast"})
    assert next_case(first).kind == "second"


def test_a_wrong_label_that_was_set_right_settles_as_any_case(cast: Cast) -> None:
    first = waiting_case(cast.visit, by=cast.carla)
    seed(first)
    reviewed(first, "accept", by=cast.anna, labels={CHEST_CONTRAST: "enhanced"})
    assert status(first) == "accepted" and told(first) == ["accepted"]


def test_after_an_overlooked_label_the_second_verdict_alone_has_to_agree(cast: Cast) -> None:
    first = waiting_case(cast.visit, by=cast.carla)
    seed(first)
    reviewed(first, "accept", by=cast.anna)
    reviewed(next_case(first), "accept", by=cast.abel, labels={CHEST_CONTRAST: "enhanced"})
    assert status(first) == "accepted" and told(first) == ["accepted"]


def test_after_a_noticed_label_the_second_sees_the_true_one_and_agrees(cast: Cast, first: ReviewCase) -> None:
    seed(first)
    reviewed(first, "accept", by=cast.anna, labels={CHEST_CONTRAST: "enhanced"})
    reviewed(next_case(first), "accept", by=cast.abel)
    assert status(first) == "accepted"


# --- Twice, and two at once


def test_a_second_decision_is_given_once(cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "accept", by=cast.anna)
    second = next_case(first)
    reviewed(second, "accept", by=cast.abel)
    with pytest.raises(Refused, match="was decided by Abel"):
        decide(ReviewCase.objects.get(pk=second.pk), "reject", by=cast.abel, reasons=["artefacts"])
    assert Decision.objects.count() == 2 and told(first) == ["accepted"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_of_two", [1, 2])
def test_two_windows_that_decide_at_once_hand_on_or_settle_once(cast: Cast, round_of_two: int) -> None:
    policy(cast.trial, second_review_share=1)
    case = waiting_case(cast.visit, by=cast.carla)
    analyst = cast.anna
    if round_of_two == 2:
        reviewed(case, "accept", by=cast.anna)
        case, analyst = next_case(case), cast.abel
    claim(case, by=analyst)

    def press() -> str:
        try:
            decide(ReviewCase.objects.get(pk=case.pk), "accept", by=analyst)
        except (Refused, PermissionDenied):
            return "refused"
        return "decided"

    assert sorted(at_once(press, times=2)) == ["decided", "refused"]
    assert ReviewCase.objects.count() == 2
    assert status(case) == ("transferred" if round_of_two == 1 else "accepted")
    assert told(case) == ([] if round_of_two == 1 else ["accepted"])


def test_the_worklist_offers_a_second_review_to_others_alone(client: Client, cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "accept", by=cast.anna)
    second = next_case(first)
    take = reverse("reviews:claim", args=[second.pk])
    for who, offered in ((cast.anna, False), (cast.abel, True)):
        client.force_login(who)
        page = client.get(reverse("reviews:worklist")).text
        assert (take in page) == offered and ("for somebody else" in page) != offered


# --- Queries


def test_the_query_of_a_return_opens_with_the_outcome_and_not_before(cast: Cast, first: ReviewCase) -> None:
    reviewed(first, "return_to_site", by=cast.anna)
    run_jobs()
    assert not Query.objects.exists()
    decision = reviewed(next_case(first), "return_to_site", by=cast.abel)
    run_jobs()
    assert Query.objects.get().decision == decision


def test_a_further_review_counts_the_queries_anew(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = ask(case.submission, "Was contrast given?", "Please look it up.", by=cast.anna)
    reviewed(ReviewCase.objects.get(pk=case.pk), "return_to_site", by=cast.anna)
    run_jobs()
    answer(query, "It was.", by=cast.carla)
    new = reopen(ReviewCase.objects.get(pk=case.pk), by=cast.abel, because="Look again.")
    run_jobs()
    new.refresh_from_db()
    assert (new.queries_open, new.queries_answered) == (0, 1)


def test_the_answer_to_a_return_answers_its_query(cast: Cast) -> None:
    reviewed(waiting_case(cast.visit, by=cast.carla), "return_to_site", by=cast.anna)
    run_jobs()
    again = waiting_case(cast.visit, by=cast.carla)
    run_jobs()
    query = Query.objects.get()
    assert (query.status, query.answered_by_submission) == ("answered", again.submission)
