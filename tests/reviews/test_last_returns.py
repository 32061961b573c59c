"""Why a site's last scans of a visit type came back, shown to its coordinators while they choose the next."""

from django.test import Client
from django.urls import reverse

from apps.reviews.models import ReviewCase, ReviewPolicy
from apps.reviews.selectors import last_returns
from apps.reviews.services import claim
from apps.trials.models import Visit
from apps.trials.services import enrol_subject
from tests.cast import BASELINE, Cast
from tests.factories import claimed_case
from tests.signing import decide


def returned(
    cast: Cast, visit: Visit, note: str, *, verdict: str = "return_to_site", reason: str = "artefacts"
) -> None:
    crc = cast.carla if visit.subject.site_id == cast.site.pk else cast.chen
    reasons = [] if verdict == "accept" else [reason]
    decide(claimed_case(visit, by=crc, analyst=cast.anna), verdict, by=cast.anna, reasons=reasons, note=note)


def another_visit(cast: Cast, number: str) -> Visit:
    subject = enrol_subject(cast.site, number, consented_on=BASELINE, baseline_on=BASELINE, by=cast.root)
    return subject.visits.get(visit_type=cast.week_8)


def shown(client: Client, visit: Visit) -> str:
    return client.get(reverse("reviews:last-returns", args=[visit.pk])).content.decode()


def test_the_coordinator_reads_what_came_back_with_reason_and_note(cast: Cast, client: Client) -> None:
    returned(cast, cast.visit, "The pelvis is missing.", reason="incomplete_coverage")
    client.force_login(cast.carla)
    page = shown(client, another_visit(cast, "101-002"))
    assert "The scan does not cover the whole region." in page
    assert "The pelvis is missing." in page
    assert "Subject 101-001" in page
    assert "Returned to site" in page


def test_the_newest_three_are_shown_and_accepted_ones_never(cast: Cast, client: Client) -> None:
    for number in range(2, 6):
        returned(cast, another_visit(cast, f"101-00{number}"), f"Note {number}.")
    returned(cast, another_visit(cast, "101-009"), "All is well.", verdict="accept")
    assert [each.note for each in last_returns(cast.visit)] == ["Note 5.", "Note 4.", "Note 3."]


def test_other_sites_and_other_visit_types_stay_among_themselves(cast: Cast) -> None:
    returned(cast, cast.chens_visit, "Chen's.")
    screening = cast.trial.visit_types.create(name="Screening", target_day=-7)
    subject = enrol_subject(cast.site, "101-002", consented_on=BASELINE, baseline_on=BASELINE, by=cast.root)
    cast.protocol.required_series.create(visit_type=screening, slot="chest", body_part="chest", contrast="enhanced")
    returned(cast, subject.visits.get(visit_type=screening), "A screening.")
    assert last_returns(cast.visit) == ()


def test_a_site_that_had_nothing_back_sees_nothing(cast: Cast, client: Client) -> None:
    client.force_login(cast.carla)
    assert shown(client, cast.visit).strip() == ""


def test_many_returns_cost_one_query(cast: Cast, django_assert_num_queries) -> None:
    for number in range(2, 5):
        returned(cast, another_visit(cast, f"101-00{number}"), "Again.")
    visit = Visit.objects.with_context().get(pk=cast.visit.pk)
    with django_assert_num_queries(1):
        assert len(last_returns(visit)) == 3


def test_a_first_review_that_waits_for_a_second_is_not_told(cast: Cast) -> None:
    ReviewPolicy.objects.create(trial=cast.trial, second_review_share=1.0)
    returned(cast, cast.visit, "Not said yet.")
    assert last_returns(cast.visit) == ()
    second = ReviewCase.objects.get(kind=ReviewCase.Kind.SECOND)
    claim(second, by=cast.abel)
    decide(second, "return_to_site", by=cast.abel, reasons=["artefacts"], note="Agreed.")
    assert [each.note for each in last_returns(cast.visit)] == ["Agreed."]
