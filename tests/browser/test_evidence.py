"""The evidence for a label over the pictures, in a real browser: by key, without a jump, and without script."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from apps.reviews.models import ReviewCase
from tests.browser.keys import press
from tests.cast import PASSWORD, Cast
from tests.factories import claimed_case

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = "[...document.querySelectorAll('article, .film li')].map(one => JSON.stringify(one.getBoundingClientRect()))"


def open_case(page: Page, live_server: object, case: ReviewCase) -> None:
    page.goto(f"{live_server}/accounts/login/?next=/review/{case.pk}/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="101-001 Week 8")).to_be_visible()
    page.wait_for_load_state()


def test_one_key_lays_the_evidence_over_the_pictures_and_nothing_moves(
    page: Page, live_server: object, cast: Cast
) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    open_case(page, live_server, case)
    switch, legend = page.get_by_role("button", name="Evidence"), page.locator(".map-legend")
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(legend).to_be_hidden()
    before = page.evaluate(PLACES)

    press(page, "m")
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(legend).to_contain_text("not why, and not that the label is right")
    picture = page.get_by_alt_text("MIP axial, evidence for Chest")
    expect(picture).to_have_attribute("src", page.locator("a[data-map]").first.get_attribute("data-map") or "")
    assert page.evaluate(PLACES) == before
    assert not Axe().run(page).response["violations"]

    press(page, "m")
    expect(legend).to_be_hidden()
    expect(page.get_by_alt_text("evidence for")).to_have_count(0)


def test_the_enlarged_picture_is_compared_with_its_evidence_by_the_same_key(
    page: Page, live_server: object, cast: Cast
) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    open_case(page, live_server, case)
    press(page, "v")
    title = page.locator("#picture-title")
    expect(title).to_contain_text("MIP axial (1 of 12)")
    press(page, "m")
    expect(title).to_contain_text("MIP axial, evidence for Chest (1 of 12)")
    press(page, "m")
    expect(title).to_contain_text("MIP axial (1 of 12)")


def test_the_key_is_listed(page: Page, live_server: object, cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    open_case(page, live_server, case)
    press(page, "?")
    expect(page.get_by_text("Show or hide where the evidence for the labels lies")).to_be_visible()


def test_without_script_the_switch_is_a_link(browser: Browser, live_server: object, cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    open_case(page, live_server, case)
    page.get_by_role("link", name="Evidence").first.click()
    expect(page.get_by_alt_text("MIP axial, evidence for Chest")).to_be_visible()
    expect(page.locator(".map-legend")).to_be_visible()
    context.close()
