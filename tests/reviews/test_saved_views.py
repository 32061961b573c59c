import pytest
from django.test import Client
from django.urls import reverse

from apps.reviews.models import CaseFinding, ReviewCase, SavedView
from apps.reviews.services import claim_next
from tests.cast import Cast
from tests.factories import waiting_case
from tests.reviews.test_worklist_page import WORKLIST, count_of, subjects_shown


@pytest.fixture
def anna(client: Client, cast: Cast) -> Client:
    client.force_login(cast.anna)
    return client


def save(client: Client, name: str, query: str, **more: str) -> int:
    return client.post(reverse("reviews:save-view"), {"name": name, "query": query, **more}).status_code


def test_filters_are_saved_renamed_replaced_on_request_and_deleted(anna: Client, cast: Cast) -> None:
    assert save(anna, "Odd", "standing=waiting&ai_disagrees=on&nonsense=1") == 302
    view = SavedView.objects.get(user=cast.anna)
    assert view.query == "standing=waiting&ai_disagrees=on"
    assert 'data-key="1" data-key-label="View: Odd"' in anna.get(WORKLIST).text
    assert save(anna, "Odd", "abstained=on") == 409 and SavedView.objects.get().query == view.query
    assert save(anna, "Odd", "abstained=on", replace="on") == 302
    assert SavedView.objects.get().query == "standing=open&abstained=on"
    anna.post(reverse("reviews:rename-view", args=[view.pk]), {"name": "Unsure"})
    assert SavedView.objects.get().name == "Unsure"
    anna.post(reverse("reviews:delete-view", args=[view.pk]))
    assert not SavedView.objects.exists()


def test_a_view_belongs_to_one_person(anna: Client, cast: Cast) -> None:
    other = SavedView.objects.create(user=cast.abel, name="His", query="standing=open")
    for name in ("rename-view", "delete-view"):
        assert anna.post(reverse(f"reviews:{name}", args=[other.pk]), {"name": "Hers"}).status_code == 404
    assert "His" not in anna.get(WORKLIST).text and SavedView.objects.get().name == "His"


def test_there_are_at_most_twenty(anna: Client, cast: Cast) -> None:
    SavedView.objects.bulk_create(SavedView(user=cast.anna, name=f"View {n}", query="") for n in range(20))
    save(anna, "One more", "")
    assert SavedView.objects.count() == 20


@pytest.mark.parametrize("who", ["anna", "mira"])
@pytest.mark.parametrize("query", [{"ai_disagrees": "on"}, {"abstained": "on"}, {"finding": "few_slices"}])
def test_a_case_with_hidden_labels_tells_nothing_of_them(
    client: Client, cast: Cast, who: str, query: dict[str, str]
) -> None:
    hidden = waiting_case(cast.visit, by=cast.carla, missing="chest")
    shown = waiting_case(cast.chens_visit, by=cast.chen)
    ReviewCase.objects.update(ai_disagrees=True, abstained=True)
    ReviewCase.objects.filter(pk=hidden.pk).update(arm="hidden")
    for case in (hidden, shown):
        CaseFinding.objects.get_or_create(case=case, code="few_slices")
    CaseFinding.objects.create(case=hidden, code="only_hidden")
    client.force_login(getattr(cast, who))
    page = client.get(WORKLIST, query).text
    assert subjects_shown(page) == ["102-001"] and count_of(page, "To do") == 1
    assert "Only hidden" not in page
    whole = client.get(WORKLIST, {"subject": "101"}).text
    assert subjects_shown(whole) == ["101-001"] and "AI hidden" in whole
    assert "Reason given" not in whole and 'warn">AI disagrees' not in whole


def test_each_count_equals_its_rows_under_each_filter(anna: Client, cast: Cast) -> None:
    asked = waiting_case(cast.visit, by=cast.carla)
    answered = waiting_case(cast.chens_visit, by=cast.chen)
    ReviewCase.objects.filter(pk=asked.pk).update(queries_open=1, priority=2)
    ReviewCase.objects.filter(pk=answered.pk).update(queries_answered=1, kind="reopened", priority=1)
    tabs = {"open": "To do", "waiting": "Waiting", "claimed": "In review", "mine": "Mine", "site": "With the site"}
    for query in ("", "second", "reopened", "answered", "priority", "ai_disagrees", "abstained"):
        for standing, words in tabs.items():
            page = anna.get(WORKLIST, {"standing": standing, **({query: "on"} if query else {})}).text
            assert count_of(page, words) == len(subjects_shown(page)), (query, standing)
    assert subjects_shown(anna.get(WORKLIST, {"standing": "site"}).text) == ["101-001"]
    assert subjects_shown(anna.get(WORKLIST).text) == ["102-001"]
    assert claim_next(by=cast.anna) == answered
