"""Notices as a coordinator meets them: the bell, the list by keyboard, a phone, no violation of WCAG AA."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import Page, expect

from apps.notices.models import Notice
from apps.notices.services import notify
from tests.browser.keys import press
from tests.cast import PASSWORD, Cast
from tests.factories import claimed_case
from tests.signing import decide

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def errors(page: Page) -> list[str]:
    """What the browser's console complains of."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def returned(cast: Cast) -> None:
    """Two notices for Carla: her submission arrived, and came back."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    with transaction.atomic():
        notify(case.submission, "receipt", "All 6 images of 2 series are at the core lab, and are those that you sent.")
    decide(case, "return_to_site", by=cast.anna, reasons=["series_missing"], note="The neck is not there.")


def sign_in(page: Page, live_server: object, name: str, *, to: str = "notices:list") -> None:
    page.goto(f"{live_server}{reverse('accounts:login')}?next={reverse(to)}")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{reverse(to)}")
    page.wait_for_load_state()


def violations(page: Page) -> list[str]:
    results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    return [f"{rule['id']}: {node['target']}" for rule in results.response["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, PHONE], ids=["wide", "narrow"])
def test_list_and_switch_are_accessible(page: Page, live_server, returned, errors, theme, size):
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=theme)
    sign_in(page, live_server, "carla")
    expect(page.get_by_role("heading", name="Notices")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="By e-mail").click()
    expect(page.get_by_role("heading", name="Notices by e-mail")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert errors == []


def test_the_empty_list_teaches_and_is_accessible(page: Page, live_server, cast: Cast, errors):
    sign_in(page, live_server, "chen")
    expect(page.get_by_text("No notices yet")).to_be_visible()
    expect(page.get_by_role("link", name="Notices, unread: 0")).to_be_visible()
    assert violations(page) == []
    assert errors == []


def test_keys_lead_from_any_page_to_the_visit(page: Page, live_server, returned, cast: Cast):
    sign_in(page, live_server, "carla", to="intake:visits")
    expect(page.get_by_role("link", name="Notices, unread: 2")).to_be_visible()
    press(page, "g")
    press(page, "n")
    expect(page.get_by_role("heading", name="Notices")).to_be_visible()
    press(page, "j")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="101-001, Week 8")).to_be_visible()
    expect(page.get_by_text("The neck is not there.").first).to_be_visible()
    expect(page.get_by_role("link", name="Notices, unread: 0")).to_be_visible()


def test_all_are_marked_as_read_by_one_key(page: Page, live_server, returned):
    sign_in(page, live_server, "carla")
    expect(page.get_by_role("row").filter(has_text="New")).to_have_count(2)
    press(page, "a")
    expect(page.get_by_role("link", name="Notices, unread: 0")).to_be_visible()
    expect(page.get_by_role("button", name="Mark all as read")).not_to_be_visible()
    assert not Notice.objects.unread().exists()


def test_a_notice_that_comes_while_the_page_is_open_is_said(page: Page, live_server, returned, cast: Cast):
    page.clock.install()
    sign_in(page, live_server, "carla", to="ui:help")
    with transaction.atomic():
        notify(cast.visit.submissions.get(), "stopped", "One image names the patient.", occasion="part 1")
    page.clock.run_for(61_000)
    expect(page.get_by_role("status").filter(has_text="There is a new notice.")).to_be_visible()
    expect(page.get_by_role("link", name="Notices, unread: 3")).to_be_visible()


def test_a_server_that_does_not_answer_the_bell_disturbs_nobody(page: Page, live_server, returned):
    page.clock.install()
    sign_in(page, live_server, "carla", to="ui:help")
    page.route("**/notices/count/", lambda route: route.abort())
    page.clock.run_for(61_000)
    expect(page.get_by_role("link", name="Notices, unread: 2")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)


def test_it_all_works_without_script(browser, live_server, returned):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, live_server, "carla")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("link", name="Notices, unread: 0")).to_be_visible()
    page.get_by_role("link", name="101-001, Week 8").first.click()
    expect(page.get_by_role("heading", name="101-001, Week 8")).to_be_visible()
    context.close()
