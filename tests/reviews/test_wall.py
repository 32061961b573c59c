"""The wall shows the cases of the worklist in pictures, the odd ones first, and tells nothing that a case hides."""

import re
import sys
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.imageqc.models import SlotMatch
from apps.reviews.models import ReviewCase
from tests.cast import Cast
from tests.factories import add_series, claimed_case, waiting_case
from tests.reviews.test_worklist_page import WORKLIST, count_of, subjects_shown, visits

WALL = reverse("reviews:wall")

CHEST = "Chest CT with contrast"
ABDOMEN = "Abdomen-pelvis CT with contrast"


def page_of(client: Client, query: dict[str, Any] | None = None) -> str:
    return unescape(client.get(WALL, query or {}).text)


def groups_of(page: str) -> dict[str, list[str]]:
    """Return per group the screening numbers of its tiles, in their order."""
    parts = re.split(r'<h2 class="wall-title"[^>]*>', page)[1:]
    return {
        part.strip().splitlines()[0].split(" <span")[0]: re.findall(r'class="wall-subject">(\S+) ', part)
        for part in parts
    }


def tile_of(page: str, subject: str, group: str) -> str:
    """Return the tile of a subject in a group."""
    (part,) = (part for part in page.split('<h2 class="wall-title"') if f">\n              {group} <" in part)
    (tile,) = (tile for tile in part.split('<li class="wall-tile')[1:] if f'class="wall-subject">{subject} ' in tile)
    return tile


def find(case: ReviewCase, slot: str, *codes: str) -> SlotMatch:
    """Let the rules have found this of the series in the slot."""
    match = SlotMatch.objects.get(submission=case.submission, required__slot=slot)
    finding = {"severity": "block", "sentence": "Odd.", "expected": "", "found": "", "where": ""}
    match.findings = [finding | {"code": code} for code in codes]
    match.save()
    return match


def test_series_of_one_kind_stand_together(client: Client, cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    waiting_case(cast.chens_visit, by=cast.chen, missing="chest")
    client.force_login(cast.anna)
    page = page_of(client)
    assert groups_of(page) == {CHEST: ["101-001"], ABDOMEN: ["101-001", "102-001"]}
    tile = tile_of(page, "101-001", CHEST)
    assert "series 1, chest PV" in tile and "Chest" in tile and "Contrast-enhanced" in tile


def test_each_tile_leads_to_its_series_among_the_filters(client: Client, cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=1)
    client.force_login(cast.anna)
    page = page_of(client, {"site": cast.site.pk})
    address = f"{reverse('reviews:case', args=[case.pk])}?site={cast.site.pk}#series-{series.pk}"
    assert address in tile_of(page, "101-001", CHEST)
    assert f'id="series-{series.pk}"' in client.get(address).text


def test_pictures_are_coronal_until_another_plane_is_chosen(client: Client, cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=1)
    client.force_login(cast.anna)

    def picture(plane: str) -> str:
        return f"{reverse('intake:picture', args=[series.uuid, f'mip_{plane}'])}?v={series.digest_version}"

    assert picture("coronal") in page_of(client) and picture("coronal") in page_of(client, {"plane": "oblique"})
    assert picture("sagittal") in page_of(client, {"plane": "sagittal"})
    answer = client.get(picture("coronal"))
    assert answer.status_code == 200 and "immutable" in answer["Cache-Control"]


def test_pictures_load_late_and_keep_their_room(client: Client, cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.anna)
    images = re.findall(r"<img src=[^>]*>", page_of(client))
    assert len(images) == 2
    for image in images:
        assert 'loading="lazy"' in image and 'width="512" height="512"' in image


@pytest.mark.parametrize(
    ("code", "word", "icon"),
    [
        ("body_part", "Differs", "warn"),
        ("contrast", "Differs", "warn"),
        ("coverage_incomplete", "Not complete", "warn"),
        ("contrast_unsure", "Not sure", "question"),
    ],
)
def test_what_stands_out_comes_first_with_word_and_icon(
    client: Client, cast: Cast, code: str, word: str, icon: str
) -> None:
    first, second = visits(cast, 2)
    waiting_case(first, by=cast.carla)
    find(waiting_case(second, by=cast.carla), "chest", code)
    client.force_login(cast.anna)
    page = page_of(client)
    assert groups_of(page) == {CHEST: ["101-003", "101-002"], ABDOMEN: ["101-002", "101-003"]}
    assert "1 stands out" in page
    tile = tile_of(page, "101-003", CHEST)
    assert word in tile and f"#{icon}" in tile
    assert word not in tile_of(page, "101-003", ABDOMEN)


def test_what_says_nothing_of_the_label_is_not_odd(client: Client, cast: Cast) -> None:
    find(waiting_case(cast.visit, by=cast.carla), "chest", "slice_thickness", "body_part_covered")
    client.force_login(cast.anna)
    assert "out</span>" not in page_of(client)


def test_a_hidden_case_shows_pictures_and_tells_nothing(client: Client, cast: Cast) -> None:
    first, second, third = visits(cast, 3)
    waiting_case(first, by=cast.carla)
    hidden = waiting_case(second, by=cast.carla)
    ReviewCase.objects.filter(pk=hidden.pk).update(arm=ReviewCase.Arm.HIDDEN)
    waiting_case(third, by=cast.carla)
    client.force_login(cast.anna)
    calm = page_of(client)
    find(hidden, "chest", "body_part")
    page = page_of(client)
    assert page.split("data-rows")[1] == calm.split("data-rows")[1]
    assert groups_of(page)[CHEST] == ["101-002", "101-003", "101-004"]
    tile = tile_of(page, "101-003", CHEST)
    assert "<img" in tile and "AI hidden" in tile
    assert "Contrast-enhanced" not in tile and "Differs" not in tile


@pytest.mark.parametrize(("label", "odd"), [("non_contrast", True), ("enhanced", False)])
def test_a_label_that_is_wrong_on_purpose_is_shown_as_on_the_desk(
    client: Client, cast: Cast, label: str, odd: bool
) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    match = find(case, "chest", *(() if odd else ("contrast",)))
    if not odd:
        match.series = add_series(
            case.submission, number=3, description="chest late", body_part="chest", contrast="non_contrast"
        )
        match.save()
    seeded = {"series": match.series_id, "module": "contrast", "label": label}
    ReviewCase.objects.filter(pk=case.pk).update(seeded=seeded)
    client.force_login(cast.anna)
    tile = tile_of(page_of(client), "101-001", CHEST)
    assert ("Non-contrast" in tile) == odd and ("Contrast-enhanced" in tile) != odd
    assert ("Differs" in tile) == odd


def test_series_in_no_slot_are_one_press_away(client: Client, cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.anna)
    assert "Every series stands in a slot." in page_of(client, {"unused": "on"})
    add_series(case.submission, number=7, description="scout", body_part=None)
    page = page_of(client, {"unused": "on"})
    assert groups_of(page) == {"In no slot": ["101-001"]}
    tile = tile_of(page, "101-001", "In no slot")
    assert "series 7, scout" in tile and "Not sure" in tile
    assert "series 7" not in page_of(client)


@pytest.mark.parametrize("standing", ["open", "waiting", "claimed", "mine", "site", "decided"])
@pytest.mark.parametrize("more", [{}, {"site": "other"}, {"ai_disagrees": "on"}, {"subject": "101"}])
def test_wall_and_list_count_and_show_the_same_cases(
    client: Client, cast: Cast, standing: str, more: dict[str, str]
) -> None:
    one, two, three = visits(cast, 3)
    waiting_case(one, by=cast.carla)
    case = waiting_case(two, by=cast.carla, missing="chest")
    ReviewCase.objects.filter(pk=case.pk).update(queries_open=1)
    claimed_case(three, by=cast.carla, analyst=cast.abel)
    waiting_case(cast.chens_visit, by=cast.chen, missing="chest")
    claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    client.force_login(cast.anna)
    query = {"standing": standing} | more
    if more.get("site"):
        query["site"] = str(cast.other_site.pk)
    listed, walled = client.get(WORKLIST, query).text, client.get(WALL, query).text
    for words in ("To do", "Waiting", "In review", "Mine", "With the site"):
        assert count_of(walled, words) == count_of(listed, words)
    shown = {subject for subjects in groups_of(unescape(walled)).values() for subject in subjects}
    assert shown == set(subjects_shown(listed))


def test_the_pages_of_the_wall_are_those_of_the_list(
    client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    for visit in visits(cast, 3):
        waiting_case(visit, by=cast.carla)
    monkeypatch.setattr(sys.modules["apps.reviews.selectors.worklist"], "CASES_PER_PAGE", 2)
    client.force_login(cast.anna)
    for number in ("1", "2"):
        listed = subjects_shown(client.get(WORKLIST, {"page": number}).text)
        page = page_of(client, {"page": number, "plane": "axial"})
        assert listed and groups_of(page)[CHEST] == listed
    assert "plane=axial&standing=open&page=1" in page
    assert f"{WORKLIST}?standing=open&page=2" in page


def test_of_series_in_no_slot_fewer_cases_fill_a_page(
    client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.reviews.views_wall.CASES_PER_PAGE_OF_UNUSED", 1)
    for visit in visits(cast, 2):
        add_series(waiting_case(visit, by=cast.carla).submission, number=7, description="scout", body_part=None)
    client.force_login(cast.anna)
    pages = [page_of(client, {"unused": "on", "page": number}) for number in ("1", "2")]
    assert [groups_of(page)["In no slot"] for page in pages] == [["101-002"], ["101-003"]]
    assert [count_of(page, "To do") for page in pages] == [2, 2]
    assert f'href="{WORKLIST}?standing=open"' in pages[1]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "Nothing waits."),
        ({"standing": "mine"}, "Your desk is empty."),
        ({"ai_disagrees": "on"}, "No case matches these filters."),
    ],
)
def test_an_empty_wall_teaches(client: Client, cast: Cast, query: dict[str, str], words: str) -> None:
    client.force_login(cast.anna)
    page = page_of(client, query)
    assert words in page and not groups_of(page)


def test_a_case_without_any_series_is_told_of(client: Client, cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    SlotMatch.objects.filter(submission=case.submission).update(series=None, state="missing")
    client.force_login(cast.anna)
    assert "No series stands in a slot." in page_of(client)


def test_cases_of_another_trial_and_coordinators(client: Client, cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.otto)
    assert groups_of(page_of(client)) == {}
    client.force_login(cast.carla)
    assert client.get(WALL).status_code == 403


def test_the_list_leads_to_the_wall_and_back(client: Client, cast: Cast) -> None:
    client.force_login(cast.anna)
    query = {"standing": "waiting", "second": "on"}
    listed, page = unescape(client.get(WORKLIST, query).text), page_of(client, query)
    assert f'href="{WALL}?standing=waiting&second=on"' in listed
    assert f'href="{WORKLIST}?standing=waiting&second=on"' in page
    assert listed.count('data-key="w"') == page.count('data-key="w"') == 1


def test_the_number_of_queries_does_not_grow_with_the_tiles(client: Client, cast: Cast) -> None:
    client.force_login(cast.anna)
    waiting_case(cast.visit, by=cast.carla)
    with CaptureQueriesContext(connection) as one:
        page_of(client)
    for number, visit in enumerate(visits(cast, 5)):
        case = waiting_case(visit, by=cast.carla)
        add_series(case.submission, number=9, description="extra", body_part="neck")
        match = find(case, "chest", "contrast")
        if number % 2:
            seeded = {"series": match.series_id, "module": "contrast", "label": "non_contrast"}
            ReviewCase.objects.filter(pk=case.pk).update(seeded=seeded)
    with CaptureQueriesContext(connection) as six:
        assert len(groups_of(page_of(client))[CHEST]) == 6
    assert len(six) == len(one) <= 17
