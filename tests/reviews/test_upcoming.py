"""What a browser fetches ahead: the pictures and slices of the case that would come next, without taking it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.audit.models import AuditEvent
from apps.reviews.models import ReviewCase, ReviewSession
from apps.reviews.services import claim
from tests.cast import Cast
from tests.factories import waiting_case


def upcoming(client: Client, **query: object) -> dict[str, list[str]]:
    answer = client.get(reverse("reviews:upcoming"), query)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-store"
    return answer.json()


def series_of(case: ReviewCase) -> set[str]:
    return {reverse("intake:slices", args=[series.uuid]) for series in case.submission.series.all()}


@pytest.fixture
def desk(client: Client, cast: Cast) -> tuple[Client, ReviewCase, ReviewCase]:
    first = waiting_case(cast.visit, by=cast.carla, transferred_at=timezone.now() - timedelta(days=3))
    second = waiting_case(cast.chens_visit, by=cast.chen)
    client.force_login(cast.anna)
    return client, first, second


def test_it_is_the_case_that_claim_next_would_bring(cast: Cast, desk: tuple[Client, ReviewCase, ReviewCase]) -> None:
    client, first, second = desk
    found = upcoming(client)
    assert set(found["slices"]) == series_of(first)
    shown = [reverse("intake:picture", args=[series.uuid, "mip_axial"]) for series in first.submission.series.all()]
    assert set(shown) < set(found["pictures"]) and len(found["pictures"]) == 12
    claim(first, by=cast.anna)
    assert set(upcoming(client)["slices"]) == series_of(second)


def test_the_filters_narrow_it(cast: Cast, desk: tuple[Client, ReviewCase, ReviewCase]) -> None:
    client, _, second = desk
    assert set(upcoming(client, site=cast.other_site.pk)["slices"]) == series_of(second)


def test_asking_takes_nothing_counts_no_work_and_leaves_no_trace(
    desk: tuple[Client, ReviewCase, ReviewCase], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client, first, _ = desk
    events = AuditEvent.objects.count()
    upcoming(client)
    with django_assert_max_num_queries(10):
        upcoming(client)
    first.refresh_from_db()
    assert (first.status, first.holder) == (ReviewCase.Status.WAITING, None)
    assert not ReviewSession.objects.exists() and AuditEvent.objects.count() == events


def test_of_an_empty_queue_there_is_nothing(client: Client, cast: Cast) -> None:
    client.force_login(cast.anna)
    assert upcoming(client) == {"pictures": [], "slices": []}


def test_only_analysts_ask_and_other_trials_are_not_theirs(
    cast: Cast, desk: tuple[Client, ReviewCase, ReviewCase]
) -> None:
    client = desk[0]
    client.force_login(cast.mira)
    assert client.get(reverse("reviews:upcoming")).status_code == 403
    client.force_login(cast.otto)
    assert upcoming(client) == {"pictures": [], "slices": []}


def test_the_page_of_a_case_offers_the_viewer_and_its_holder_the_next_case(
    cast: Cast, desk: tuple[Client, ReviewCase, ReviewCase]
) -> None:
    client, first, _ = desk
    address = reverse("reviews:case", args=[first.pk])
    page = client.get(address).content.decode()
    assert all(f'data-viewer="{series}"' in page for series in series_of(first))
    assert "data-upcoming" not in page
    claim(first, by=cast.anna)
    page = client.get(address, {"site": cast.site.pk}).content.decode()
    assert f'data-upcoming="/review/upcoming/?site={cast.site.pk}"' in page
