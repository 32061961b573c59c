"""A coordinator begins the submission of a visit."""

from datetime import date

import pytest
from django.core.exceptions import PermissionDenied

from apps.audit.lifecycle import Refused
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.intake.services import begin_submission, withdraw
from apps.protocols.models import ImagingProtocol
from apps.reviews.services import claim
from tests.cast import Cast
from tests.factories import waiting_case
from tests.signing import decide
from tests.threads import at_once


def test_a_draft_is_opened_under_the_protocol_in_force(cast: Cast) -> None:
    submission = begin_submission(cast.visit, by=cast.carla)
    assert (submission.status, submission.protocol, submission.replaces) == ("draft", cast.protocol, None)
    event = events_about(submission).get()
    assert (event.action, event.actor) == ("submission.begun", cast.carla)


def test_beginning_twice_gives_the_same_draft(cast: Cast) -> None:
    assert begin_submission(cast.visit, by=cast.carla) == begin_submission(cast.visit, by=cast.carla)
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("name", ["chen", "anna", "mira", "otto", "root"])
def test_only_the_coordinators_of_the_site_begin(cast: Cast, name: str) -> None:
    with pytest.raises(PermissionDenied):
        begin_submission(cast.visit, by=getattr(cast, name))


def test_nothing_is_begun_while_the_core_lab_has_the_images(cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    with pytest.raises(Refused, match="at the core lab"):
        begin_submission(cast.visit, by=cast.carla)


def test_nothing_is_begun_after_acceptance(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    decide(case, "accept", by=cast.anna)
    with pytest.raises(Refused, match="accepted"):
        begin_submission(cast.visit, by=cast.carla)


def test_the_answer_to_a_return_names_what_it_replaces(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    decide(case, "return_to_site", by=cast.anna, reasons=["series_missing"])
    again = begin_submission(cast.visit, by=cast.carla)
    assert again.replaces == case.submission
    assert again.pk != case.submission_id


def test_a_withdrawn_draft_leaves_the_visit_open(cast: Cast) -> None:
    first = begin_submission(cast.visit, by=cast.carla)
    withdraw(first, by=cast.carla)
    assert begin_submission(cast.visit, by=cast.carla).pk != first.pk


def test_without_a_protocol_in_force_nothing_is_begun(cast: Cast) -> None:
    ImagingProtocol.objects.update(effective_from=date(2999, 1, 1))
    with pytest.raises(Refused, match="no imaging protocol in force"):
        begin_submission(cast.visit, by=cast.carla)


def test_a_visit_that_needs_no_images_is_not_begun(cast: Cast) -> None:
    cast.protocol.required_series.all().delete()
    with pytest.raises(Refused, match="asks for no series"):
        begin_submission(cast.visit, by=cast.carla)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_who_begin_at_once_get_one_draft(cast: Cast) -> None:
    def begin() -> int | None:
        try:
            return begin_submission(cast.visit, by=cast.carla).pk
        except Refused:
            return None

    begun = {pk for pk in at_once(begin, times=4) if pk}
    assert begun == {Submission.objects.get().pk}
