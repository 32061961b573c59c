"""The manager's numbers: each is the count of the rows behind it, per site and for the trial."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.compliance.selectors import measures, site_rows, totals, visits_behind
from apps.intake.models import Submission
from apps.intake.services import begin_submission
from apps.reviews.services import claim
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case
from tests.signing import decide

TODAY = date(2026, 11, 23)


@pytest.fixture
def busy(cast: Cast) -> Cast:
    """Carla's visit was returned, sent again and accepted; Chen's has passed its window with nothing sent."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(case, "return_to_site", by=cast.anna, reasons=["wrong_contrast"])
    second = waiting_case(cast.visit, by=cast.carla)
    claim(second, by=cast.anna)
    decide(second, "accept", by=cast.anna)
    return cast


def counts(cast: Cast, site: str) -> dict[str, int]:
    (row,) = (row for row in site_rows(cast.trial, TODAY) if row.site.number == site)
    return dict(row.counts)


def test_a_returned_visit_is_received_returned_and_not_accepted_at_first_pass(busy: Cast) -> None:
    assert counts(busy, "101") == {
        "expected": 1,
        "received": 1,
        "late": 0,
        "first_decided": 1,
        "first_pass": 0,
        "returned": 1,
        "open": 0,
    }


def test_a_closed_window_with_nothing_sent_is_late(busy: Cast) -> None:
    assert counts(busy, "102") == {
        "expected": 1,
        "received": 0,
        "late": 1,
        "first_decided": 0,
        "first_pass": 0,
        "returned": 0,
        "open": 0,
    }


def test_a_draft_is_neither_received_nor_open(cast: Cast) -> None:
    begin_submission(cast.visit, by=cast.carla)
    assert (counts(cast, "101")["received"], counts(cast, "101")["open"]) == (0, 0)


def test_a_waiting_case_is_open_and_has_no_turnaround(cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    assert counts(cast, "101")["open"] == 1
    assert all(row.median_turnaround is None for row in site_rows(cast.trial, TODAY))


def test_turnaround_is_the_median_from_transfer_to_decision(busy: Cast) -> None:
    first, second = Submission.objects.filter(visit=busy.visit).order_by("pk")
    for submission, hours in ((first, 10), (second, 20)):
        Submission.objects.filter(pk=submission.pk).update(
            decided_at=submission.transferred_at + timedelta(hours=hours)
        )
    row = site_rows(busy.trial, TODAY)[0]
    assert row.median_turnaround == timedelta(hours=15)
    assert row.first_pass_rate == 0.0


def test_the_rows_behind_every_number_add_up_to_it(busy: Cast) -> None:
    rows = site_rows(busy.trial, TODAY)
    for name, measure in measures(TODAY).items():
        for row in rows:
            assert visits_behind(busy.trial, measure, row.site).count() == row.counts[name]
        assert visits_behind(busy.trial, measure).count() == totals(rows)[name]
    assert sum(totals(rows).values()) > 0


def test_the_table_costs_the_same_number_of_queries_however_many_sites(
    busy: Cast, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(3):
        site_rows(busy.trial, TODAY)


@pytest.mark.parametrize(
    ("person", "answer"), [("mira", 200), ("root", 200), ("carla", 404), ("anna", 404), ("otto", 404)]
)
def test_only_managers_read_the_numbers(busy: Cast, client: Client, person: str, answer: int) -> None:
    client.force_login(getattr(busy, person))
    for name, arguments in (("trial", ()), ("csv", ()), ("visits", ("expected",))):
        assert client.get(reverse(f"compliance:{name}", args=(busy.trial.pk, *arguments))).status_code == answer


def test_the_csv_holds_the_numbers_of_the_table(busy: Cast, client: Client) -> None:
    client.force_login(busy.mira)
    lines = client.get(reverse("compliance:csv", args=(busy.trial.pk,))).content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Site,Name,Expected,Received")
    assert lines[1].startswith("101,Northern Hospital,1,1,0,1,0,1,0,0.000,")
    assert len(lines) == 3


def test_a_site_name_cannot_become_a_formula(busy: Cast, client: Client) -> None:
    busy.site.name = "=HYPERLINK(1)"
    busy.site.save()
    client.force_login(busy.mira)
    text = client.get(reverse("compliance:csv", args=(busy.trial.pk,))).content.decode("utf-8-sig")
    assert "101,'=HYPERLINK(1)" in text


def test_an_unknown_number_is_not_found(busy: Cast, client: Client) -> None:
    client.force_login(busy.mira)
    assert client.get(reverse("compliance:visits", args=(busy.trial.pk, "nonsense"))).status_code == 404
