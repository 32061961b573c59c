"""The wall by keyboard, and how it loads."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.keys import press
from tests.browser.test_analyst import SignIn, sign_in  # noqa: F401 - a fixture
from tests.cast import Cast
from tests.factories import waiting_case
from tests.reviews.test_worklist_page import visits

pytestmark = pytest.mark.django_db(transaction=True)

SHIFT = """() => {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifted += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""


def focused(page: Page) -> str:
    """Return group and subject of the tile with the focus: "Chest CT with contrast 101-003"."""
    return page.evaluate("""() => {
      const tile = document.activeElement;
      const group = tile.closest("section").querySelector("h2").firstChild.textContent.trim();
      return group + " " + tile.querySelector(".wall-subject").firstChild.textContent.trim();
    }""")


@pytest.fixture
def wall(page: Page, cast: Cast, sign_in: SignIn) -> None:  # noqa: F811
    """Six cases in order, two groups of six tiles, three in a row; opened from the list by its key."""
    for visit in visits(cast, 6):
        waiting_case(visit, by=cast.carla)
    sign_in("anna")
    page.set_viewport_size({"width": 540, "height": 700})
    press(page, "w")
    expect(page.get_by_role("heading", name="Wall")).to_be_visible()
    page.wait_for_load_state()


def test_keys_step_through_the_wall_and_open_a_case(page: Page, wall: None) -> None:
    steps = (
        ("j", "Chest CT with contrast 101-002"),
        ("ArrowRight", "Chest CT with contrast 101-003"),
        ("ArrowDown", "Chest CT with contrast 101-006"),
        ("ArrowDown", "Abdomen-pelvis CT with contrast 101-003"),
        ("ArrowLeft", "Abdomen-pelvis CT with contrast 101-002"),
        ("ArrowLeft", "Chest CT with contrast 101-007"),
        ("ArrowUp", "Chest CT with contrast 101-004"),
        ("ArrowUp", "Chest CT with contrast 101-004"),
        ("k", "Chest CT with contrast 101-003"),
    )
    for key, where in steps:
        page.keyboard.press(key)
        assert focused(page) == where, key
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="101-003 Week 8")).to_be_visible()
    assert re.search(r"/review/\d+/#series-\d+$", page.url)


def test_the_key_leads_back_to_the_list(page: Page, wall: None) -> None:
    press(page, "w")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()


def test_nothing_jumps_while_pictures_come(page: Page, wall: None) -> None:
    page.wait_for_load_state("networkidle")  # the pictures of the plane before
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/pictures/" in request.url else None)
    page.evaluate(SHIFT)
    page.get_by_role("link", name="Sagittal").click()
    page.wait_for_load_state("networkidle")
    page.evaluate(SHIFT)
    assert asked and all("mip_sagittal" in address for address in asked)
    boxes = page.locator(".wall-film").evaluate_all("films => films.map(film => [film.offsetWidth, film.offsetHeight])")
    assert len(boxes) == 12 and all(width == height > 0 for width, height in boxes)
    page.locator(".wall-tile").last.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shifted") < 0.01
    assert len(set(asked)) == 12
