"""Two reviews that differ: a third analyst sees both and decides."""

from html import unescape

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.services import events_about
from apps.intake.models import Submission
from apps.notices.models import Notice
from apps.reviews.models import ReviewCase
from apps.reviews.selectors.rounds import nobody_may_take
from apps.reviews.services import claim, claim_next
from tests.cast import Cast
from tests.factories import waiting_case
from tests.reviews.rounds import next_case, policy, reviewed, third_analyst

CHEST_CONTRAST = (1, "contrast")


@pytest.fixture
def first(cast: Cast) -> ReviewCase:
    """Anna returned, Abel accepted."""
    policy(cast.trial, second_review_share=1)
    case = waiting_case(cast.visit, by=cast.carla)
    reviewed(case, "return_to_site", by=cast.anna, note="Blurred, says Anna.")
    reviewed(next_case(case), "accept", by=cast.abel, note="Sharp, says Abel.")
    return case


@pytest.fixture
def ada(cast: Cast) -> User:
    return third_analyst(cast)


def status(case: ReviewCase) -> str:
    return Submission.objects.get(pk=case.submission_id).status


def test_a_third_person_gets_the_case_and_the_site_hears_nothing(cast: Cast, first: ReviewCase, ada: User) -> None:
    case = next_case(first)
    assert (case.kind, case.round, case.settles, case.due_at) == ("adjudication", 3, True, first.due_at)
    assert status(first) == "transferred" and not Notice.objects.filter(kind__in=("accepted", "returned")).exists()
    assert events_about(case).get(action="reviewcase.opened").new["differing"] == ["verdict"]
    for earlier in (cast.anna, cast.abel):
        with pytest.raises(PermissionDenied, match="somebody else's eyes"):
            claim(case, by=earlier)
    assert claim_next(by=ada) == case


def test_the_third_person_sees_both_reviews(client: Client, cast: Cast, first: ReviewCase, ada: User) -> None:
    client.force_login(ada)
    page = unescape(client.get(reverse("reviews:case", args=[next_case(first).pk])).text)
    assert "Blurred, says Anna." in page and "Sharp, says Abel." in page


@pytest.mark.parametrize(
    ("verdict", "outcome"), [("accept", "accepted"), ("return_to_site", "returned"), ("reject", "rejected")]
)
def test_the_third_verdict_is_the_outcome_whomever_it_confirms(
    cast: Cast, first: ReviewCase, ada: User, verdict: str, outcome: str
) -> None:
    reviewed(next_case(first), verdict, by=ada)
    assert status(first) == outcome
    assert [row.settles for row in ReviewCase.objects.order_by("round")] == [False, False, True]
    assert list(Notice.objects.values_list("kind", flat=True)) == [outcome]


def test_labels_that_differ_are_adjudicated_though_the_verdicts_agree(cast: Cast, ada: User) -> None:
    policy(cast.trial, second_review_share=1)
    case = waiting_case(cast.visit, by=cast.carla)
    reviewed(case, "accept", by=cast.anna)
    reviewed(next_case(case), "accept", by=cast.abel, labels={CHEST_CONTRAST: "non_contrast"})
    third = next_case(case)
    series = case.submission.series.get(number=1)
    assert third.kind == "adjudication"
    opened = events_about(third).get(action="reviewcase.opened")
    assert opened.new["differing"] == [f"contrast of series {series.pk}"]


def test_two_different_corrections_are_adjudicated(cast: Cast, ada: User) -> None:
    policy(cast.trial, second_review_share=1)
    case = waiting_case(cast.visit, by=cast.carla)
    reviewed(case, "accept", by=cast.anna, labels={(1, "body_part"): "neck"})
    reviewed(next_case(case), "accept", by=cast.abel, labels={(1, "body_part"): "abdomen"})
    assert next_case(case).kind == "adjudication"


def test_after_an_overlooked_wrong_label_another_verdict_is_adjudicated(cast: Cast, ada: User) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=1)
    ReviewCase.objects.filter(pk=case.pk).update(
        seeded={"series": series.pk, "module": "contrast", "label": "non_contrast"}
    )
    reviewed(case, "return_to_site", by=cast.anna, reasons=["wrong_contrast"])
    reviewed(next_case(case), "accept", by=cast.abel)
    reviewed(next_case(case), "accept", by=ada)
    assert status(case) == "accepted"


def test_with_two_analysts_alone_the_page_says_that_nobody_may_take_it(
    client: Client, cast: Cast, first: ReviewCase
) -> None:
    case = next_case(first)
    assert list(nobody_may_take(ReviewCase.objects.all())) == [case]
    client.force_login(cast.abel)
    assert "Nobody may take this adjudication" in client.get(reverse("reviews:case", args=[case.pk])).text
    third_analyst(cast)
    assert "Nobody may take" not in client.get(reverse("reviews:case", args=[case.pk])).text
