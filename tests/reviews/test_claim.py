import pytest
from django.core.exceptions import PermissionDenied

from apps.audit.lifecycle import Refused, WrongState
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.services import claim
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case
from tests.signing import decide


def test_an_analyst_takes_a_waiting_case_and_the_clock_starts(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    case.refresh_from_db()
    assert (case.status, case.holder) == (ReviewCase.Status.CLAIMED, cast.anna)
    assert case.submission.status == Submission.Status.IN_REVIEW
    session = case.sessions.get()
    assert session.analyst == cast.anna and session.started_at == session.last_beat_at and session.ended_at is None
    event = events_about(case).get(action="reviewcase.claimed")
    assert (event.actor, event.old, event.new) == (cast.anna, {"status": "waiting"}, {"status": "claimed"})


@pytest.mark.parametrize("who", ["carla", "mira", "otto", "root"])
def test_only_analysts_of_the_trial_take_its_cases(cast: Cast, who: str) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    with pytest.raises(PermissionDenied, match="Only the image analysts of this trial"):
        claim(case, by=getattr(cast, who))
    assert not case.sessions.exists()


def test_a_case_that_another_analyst_holds_names_the_holder(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    with pytest.raises(WrongState, match="Anna has this case"):
        claim(case, by=cast.abel)
    assert case.sessions.count() == 1


def test_claiming_a_case_twice_is_one_session(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    claim(case, by=cast.anna)
    assert case.sessions.count() == 1


def test_an_analyst_has_one_case_at_a_time(cast: Cast) -> None:
    claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    other = waiting_case(cast.chens_visit, by=cast.chen)
    with pytest.raises(Refused, match="Decide it or put it back"):
        claim(other, by=cast.anna)
    assert ReviewCase.objects.get(pk=other.pk).status == ReviewCase.Status.WAITING


def test_a_decided_case_cannot_be_taken(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(case, Decision.Verdict.ACCEPT, by=cast.anna)
    with pytest.raises(WrongState, match="decided"):
        claim(case, by=cast.abel)
