"""The frame of every page: keys, theme, menu, and no violation of WCAG AA or of the Content-Security-Policy."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.keys import press
from tests.cast import PASSWORD, Cast
from tests.factories import waiting_case

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def errors(page: Page) -> list[str]:
    """What the browser's console complains of; a refused style or script stands here.

    The files of the cast's series are no DICOM, so their slices are refused (422) when they are fetched ahead.
    """
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 422" not in message.text:
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def sign_in(page: Page, live_server: object, name: str) -> None:
    page.goto(f"{live_server}{reverse('accounts:login')}?next={reverse('ui:help')}")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="What CoreQC does")).to_be_visible()
    page.wait_for_load_state()  # the modules have run


def violations(page: Page) -> list[str]:
    results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    return [f"{rule['id']}: {node['target']}" for rule in results.response["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_help_and_sign_in_are_accessible(page: Page, live_server, cast: Cast, errors, theme):
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_server}{reverse('accounts:login')}")
    assert violations(page) == []
    sign_in(page, live_server, "anna")
    assert violations(page) == []
    press(page, "?")
    assert violations(page) == []
    assert errors == []


def test_the_question_mark_lists_the_keys_and_escape_closes(page: Page, live_server, cast: Cast):
    sign_in(page, live_server, "anna")
    press(page, "?")
    keys = page.get_by_role("dialog", name="Keys on this page")
    expect(keys).to_contain_text("Open Worklist")
    press(page, "Escape")
    expect(keys).not_to_be_visible()


def test_single_keys_can_be_switched_off(page: Page, live_server, cast: Cast):
    sign_in(page, live_server, "anna")
    press(page, "?")
    page.get_by_label("Single keys act on this page").uncheck()
    press(page, "Escape")
    press(page, "g")
    press(page, "w")
    expect(page.get_by_role("heading", name="What CoreQC does")).to_be_visible()


def test_the_chosen_theme_stays_after_a_reload(page: Page, live_server, cast: Cast):
    sign_in(page, live_server, "anna")
    page.get_by_text("Your menu").click(force=True)
    page.get_by_role("button", name="Dark").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_the_menu_signs_out(page: Page, live_server, cast: Cast):
    sign_in(page, live_server, "anna")
    page.get_by_text("Your menu").click(force=True)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_phone_never_scrolls_sideways(page: Page, live_server, cast: Cast):
    page.set_viewport_size(PHONE)
    sign_in(page, live_server, "anna")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_arrow_keys_step_through_enlarged_pictures(page: Page, live_server, cast: Cast, errors):
    case = waiting_case(cast.visit, by=cast.carla)
    sign_in(page, live_server, "anna")
    page.goto(f"{live_server}{reverse('reviews:case', args=[case.pk])}")
    page.locator("a[data-picture]").first.click()
    enlarged = page.get_by_role("dialog")
    expect(enlarged).to_contain_text("MIP axial")
    press(page, "ArrowRight")
    expect(enlarged).to_contain_text("MIP sagittal")
    press(page, "Escape")
    expect(enlarged).not_to_be_visible()
    assert errors == []


def test_a_lost_connection_is_said_in_words(page: Page, live_server, cast: Cast):
    sign_in(page, live_server, "anna")
    page.goto(f"{live_server}{reverse('reviews:worklist')}")
    page.route("**/review/**", lambda route: route.abort())
    page.get_by_label("Subject").press_sequentially("101")
    expect(page.get_by_role("status").filter(has_text="The server cannot be reached")).to_be_visible()
