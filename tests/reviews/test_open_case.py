from datetime import timedelta

from django.utils import timezone

from apps.audit.services import events_about
from apps.imageqc.models import SlotMatch
from apps.intake.services import begin_submission, transfer, withdraw
from apps.jobs.models import Job
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.services import open_case, open_missing_cases
from apps.reviews.services.opening import ASK_AGAIN_AFTER
from tests.cast import Cast
from tests.factories import add_series, checked_submission, claimed_case, waiting_case
from tests.signing import decide
from tests.work import run_jobs


def test_a_transferred_submission_waits_for_review_from_its_receipt_on(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    assert case.status == ReviewCase.Status.WAITING
    assert case.submission.transferred_at is not None
    assert case.due_at - case.submission.transferred_at == timedelta(hours=48)
    assert not case.resubmitted and not case.ai_disagrees and not case.abstained
    assert events_about(case).filter(action="reviewcase.opened").count() == 1


def test_opening_twice_makes_one_case(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    assert open_case(case.submission) == case
    assert ReviewCase.objects.count() == 1
    assert events_about(case).filter(action="reviewcase.opened").count() == 1


def test_a_case_whose_opening_failed_is_opened_later_and_asked_for_once(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    transfer(submission, by=cast.carla)
    Job.objects.filter(task="reviews.open_case").update(status=Job.Status.FAILED)
    assert open_missing_cases() == 0, "the last try was a moment ago"
    Job.objects.update(created_at=timezone.now() - ASK_AGAIN_AFTER)
    assert open_missing_cases() == 1
    assert open_missing_cases() == 0
    run_jobs()
    assert ReviewCase.objects.get().submission == submission


def test_a_missing_series_counts_as_disagreement(cast: Cast) -> None:
    assert waiting_case(cast.visit, by=cast.carla, missing="chest").ai_disagrees


def test_a_missing_optional_series_is_no_disagreement(cast: Cast) -> None:
    cast.protocol.required_series.filter(slot="chest").update(optional=True)
    assert not waiting_case(cast.visit, by=cast.carla, missing="chest").ai_disagrees


def test_a_series_that_the_ensemble_did_not_answer_is_marked(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    unsure = add_series(submission, number=7, description="chest PV", body_part=None)
    submission.slots.filter(required__slot="chest").update(series=unsure, state=SlotMatch.State.PROBLEM)
    transfer(submission, by=cast.carla)
    case = open_case(submission)
    assert case.abstained and case.ai_disagrees


def test_the_answer_to_a_return_is_marked_as_resubmitted(cast: Cast) -> None:
    first = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(first, Decision.Verdict.RETURN_TO_SITE, by=cast.anna, reasons=["slices_missing"])
    again = waiting_case(cast.visit, by=cast.carla)
    assert again.submission.replaces == first.submission
    assert again.resubmitted


def test_a_submission_after_a_withdrawn_one_answers_nothing(cast: Cast) -> None:
    withdraw(begin_submission(cast.visit, by=cast.carla), by=cast.carla)
    assert not waiting_case(cast.visit, by=cast.carla).resubmitted
