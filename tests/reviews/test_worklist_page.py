import re
import sys
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.imaging.rules import RULES
from apps.reviews.models import CaseFinding, Decision, ReviewCase
from apps.reviews.services import claim, claim_next
from apps.trials.models import Visit
from apps.trials.services import enrol_subject
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case
from tests.signing import decide

WORKLIST = reverse("reviews:worklist")


def visits(cast: Cast, number: int) -> list[Visit]:
    """Return the visits of new subjects of the first site."""
    day = date(2026, 9, 1)
    subjects = [
        enrol_subject(cast.site, f"101-{index:03}", consented_on=day, baseline_on=day, by=cast.root)
        for index in range(2, number + 2)
    ]
    return [subject.visits.get() for subject in subjects]


def subjects_shown(page: str) -> list[str]:
    """Return the screening numbers of the rows in their order."""
    return re.findall(r'class="row-link"[^>]*>(\S+) ', page)


def count_of(page: str, words: str) -> int:
    found = re.search(rf'{words}<span class="count">(\d+)</span>', page)
    assert found, f"no tab {words!r} on the page"
    return int(found[1])


@pytest.mark.parametrize("who", ["anna", "mira", "root"])
def test_the_core_lab_sees_the_worklist(client: Client, cast: Cast, who: str) -> None:
    waiting_case(cast.visit, by=cast.carla)
    client.force_login(getattr(cast, who))
    page = client.get(WORKLIST)
    assert page.status_code == 200 and subjects_shown(page.text) == ["101-001"]
    assert ("Claim next" in page.text) == (who == "anna")


def test_coordinators_have_no_worklist(client: Client, cast: Cast) -> None:
    client.force_login(cast.carla)
    assert client.get(WORKLIST).status_code == 403
    assert client.post(reverse("reviews:claim-next")).status_code == 403


def test_cases_of_another_trial_are_not_shown(client: Client, cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.otto)
    page = client.get(WORKLIST).text
    assert subjects_shown(page) == [] and "Nothing waits." in page


def test_the_order_is_answers_first_then_due_and_overdue_is_said_in_words(client: Client, cast: Cast) -> None:
    now = timezone.now()
    first, second, third = visits(cast, 3)
    waiting_case(first, by=cast.carla, transferred_at=now - timedelta(hours=1))
    waiting_case(second, by=cast.carla, transferred_at=now - timedelta(days=3))
    decide(claimed_case(third, by=cast.carla, analyst=cast.abel), "return_to_site", by=cast.abel, reasons=["artefacts"])
    waiting_case(third, by=cast.carla)
    client.force_login(cast.anna)
    page = client.get(WORKLIST).text
    assert subjects_shown(page) == ["101-004", "101-003", "101-002"]
    assert page.count("Overdue by") == 1 and page.count("Answers a return") == 1


def test_each_count_equals_its_rows(client: Client, cast: Cast) -> None:
    one, two, three, four = visits(cast, 4)
    waiting_case(one, by=cast.carla)
    waiting_case(two, by=cast.carla, missing="chest")
    claimed_case(three, by=cast.carla, analyst=cast.abel)
    decide(claimed_case(four, by=cast.carla, analyst=cast.anna), "accept", by=cast.anna)
    claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    client.force_login(cast.anna)
    expected = {"To do": 4, "Waiting": 2, "In review": 2, "Mine": 1, "Decided": 1}
    for standing, words in (
        ("open", "To do"),
        ("waiting", "Waiting"),
        ("claimed", "In review"),
        ("mine", "Mine"),
        ("decided", "Decided"),
    ):
        page = client.get(WORKLIST, {"standing": standing}).text
        assert count_of(page, words) == len(subjects_shown(page)) == expected[words]
    page = client.get(WORKLIST, {"ai_disagrees": "on"}).text
    assert count_of(page, "To do") == 1 and subjects_shown(page) == ["101-003"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"site": "other"}, ["102-001"]),
        ({"subject": "102"}, ["102-001"]),
        ({"abstained": "on"}, ["101-001"]),
        ({"ai_disagrees": "on"}, []),
        ({"site": "999", "standing": "nonsense", "page": "many"}, ["101-001", "102-001"]),
    ],
)
def test_filters_narrow_the_rows(client: Client, cast: Cast, query: dict[str, str], shown: list[str]) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    ReviewCase.objects.filter(pk=case.pk).update(abstained=True)
    waiting_case(cast.chens_visit, by=cast.chen)
    client.force_login(cast.anna)
    if query.get("site") == "other":
        query = {"site": str(cast.other_site.pk)}
    page = client.get(WORKLIST, query).text
    assert subjects_shown(page) == shown
    assert shown or "No case matches these filters." in page


@pytest.mark.parametrize(
    ("query", "is_so"),
    [
        ({"trial": "its trial"}, {}),
        ({"site": "its site"}, {}),
        ({"subject": "2-0"}, {}),
        ({"finding": "few_slices"}, {}),
        ({"ai_disagrees": "on"}, {"ai_disagrees": True}),
        ({"abstained": "on"}, {"abstained": True}),
        ({"second": "on"}, {"kind": "second"}),
        ({"second": "on"}, {"kind": "adjudication"}),
        ({"reopened": "on"}, {"kind": "reopened"}),
        ({"answered": "on"}, {"queries_answered": 1}),
        ({"priority": "on"}, {"priority": 1}),
    ],
    ids=str,
)
def test_each_filter_keeps_what_is_so_and_all_of_them_together_too(
    client: Client, cast: Cast, query: dict[str, str], is_so: dict[str, object]
) -> None:
    waiting_case(cast.visit, by=cast.carla)
    wanted = waiting_case(cast.chens_visit, by=cast.chen)
    ReviewCase.objects.filter(pk=wanted.pk).update(**is_so)
    CaseFinding.objects.create(case=wanted, code="few_slices")
    keys = {"its trial": str(cast.trial.pk), "its site": str(cast.other_site.pk)}
    query = {name: keys.get(value, value) for name, value in query.items()}
    client.force_login(cast.anna)
    expected = ["101-001", "102-001"] if "trial" in query else ["102-001"]
    page = client.get(WORKLIST, query).text
    assert subjects_shown(page) == expected and count_of(page, "To do") == len(expected)
    page = client.get(WORKLIST, query | {"site": keys["its site"], "finding": "few_slices"}).text
    assert subjects_shown(page) == ["102-001"] and count_of(page, "To do") == 1
    assert f'value="{cast.other_site.pk}" selected' in page


def test_every_finding_that_rules_can_make_can_be_chosen_and_no_other(client: Client, cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.anna)
    page = client.get(WORKLIST).text
    codes = {rule.code for rules in RULES.values() for rule in rules}
    assert len(codes) > 20 and all(f'<option value="{code}">' in page for code in codes)
    assert subjects_shown(client.get(WORKLIST, {"finding": "no_such_rule"}).text) == ["101-001"]


def test_the_whole_order_of_the_queue(client: Client, cast: Cast) -> None:
    """Priority, then answers to a return, then what is due first, then what came first."""
    now = timezone.now()
    how = (
        *((2, False, 9), (2, False, 10), (1, True, 99), (1, False, 1)),
        *((0, True, 50), (0, False, -5), (0, False, 5), (0, False, 5)),
    )
    subjects = visits(cast, len(how))
    backwards = list(zip(how, subjects, strict=True))[::-1]
    backwards[0], backwards[1] = backwards[1], backwards[0]  # of two that are due at once, the one that came first
    for (priority, resubmitted, hours), visit in backwards:
        case = waiting_case(visit, by=cast.carla)
        ReviewCase.objects.filter(pk=case.pk).update(
            priority=priority, resubmitted=resubmitted, due_at=now + timedelta(hours=hours)
        )
    client.force_login(cast.anna)
    shown = subjects_shown(client.get(WORKLIST).text)
    assert shown == [visit.subject.screening_number for visit in subjects]
    claimed = claim_next(by=cast.anna)
    assert claimed is not None and claimed.submission.visit == subjects[0]


@pytest.mark.parametrize("standing", ["open", "waiting", "decided"])
def test_pages_add_up_to_the_count(client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch, standing: str) -> None:
    monkeypatch.setattr(sys.modules["apps.reviews.selectors.worklist"], "CASES_PER_PAGE", 2)
    for visit in visits(cast, 5):
        if standing == "decided":
            decide(claimed_case(visit, by=cast.carla, analyst=cast.abel), "accept", by=cast.abel)
        else:
            waiting_case(visit, by=cast.carla)
    client.force_login(cast.anna)
    pages = [client.get(WORKLIST, {"standing": standing, "page": number}).text for number in ("1", "2", "99")]
    shown = [subject for page in pages for subject in subjects_shown(page)]
    words = {"open": "To do", "waiting": "Waiting", "decided": "Decided"}[standing]
    assert len(shown) == len(set(shown)) == count_of(pages[0], words) == 5


def test_claim_next_stays_among_the_filters(client: Client, cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla, transferred_at=timezone.now() - timedelta(days=5))
    lakeside = waiting_case(cast.chens_visit, by=cast.chen)
    client.force_login(cast.anna)
    address = f"{reverse('reviews:claim-next')}?site={cast.other_site.pk}"
    assert address in client.get(WORKLIST, {"site": cast.other_site.pk}).text
    answer = client.post(address)
    assert answer.url == f"{reverse('reviews:case', args=[lakeside.pk])}?site={cast.other_site.pk}"
    assert "Go on with 102-001 Week 8" in client.get(WORKLIST).text


def test_claim_next_says_when_nothing_waits(client: Client, cast: Cast) -> None:
    client.force_login(cast.anna)
    answer = client.post(reverse("reviews:claim-next"), follow=True)
    assert "No case waits here." in answer.text and answer.status_code == 200


def test_who_holds_a_case_since_when_is_shown(client: Client, cast: Cast) -> None:
    claimed_case(cast.visit, by=cast.carla, analyst=cast.abel)
    client.force_login(cast.anna)
    assert re.search(r'Abel <span class="muted" title="since [^"]+ UTC">for \d', client.get(WORKLIST).text)


def test_what_the_site_sent_against_the_check_is_marked(client: Client, cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla, missing="chest")
    waiting_case(cast.chens_visit, by=cast.chen)
    client.force_login(cast.anna)
    page = client.get(WORKLIST).text
    assert page.count("Reason given") == 1 and page.count("AI agrees") == 1


def test_decided_cases_show_verdict_and_time(client: Client, cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(case, Decision.Verdict.REJECT, by=cast.anna, reasons=["wrong_subject"])
    client.force_login(cast.mira)
    page = client.get(WORKLIST, {"standing": "decided"}).text
    assert "Rejected" in page and "Anna" in page


def test_the_number_of_queries_does_not_grow_with_the_rows(client: Client, cast: Cast) -> None:
    client.force_login(cast.anna)
    waiting_case(cast.visit, by=cast.carla)
    with CaptureQueriesContext(connection) as one_row:
        client.get(WORKLIST)
    cases = [waiting_case(visit, by=cast.carla) for visit in visits(cast, 5)]
    claim(cases[0], by=cast.abel)
    with CaptureQueriesContext(connection) as six_rows:
        assert len(subjects_shown(client.get(WORKLIST).text)) == 6
    assert len(six_rows) == len(one_row) <= 15
