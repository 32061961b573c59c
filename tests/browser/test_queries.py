"""A question in a real browser: asked by keyboard, answered on the visit, closed; without script, and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from apps.queries.models import Query
from apps.queries.services import answer
from apps.reviews.models import ReviewCase
from apps.reviews.services import claim
from tests.browser.keys import press
from tests.cast import PASSWORD, Cast
from tests.queries.scenes import asked, thick_case, thread

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1400, "height": 900}


@pytest.fixture
def errors(page: Page) -> list[str]:
    """What the browser's console complains of; not that the cast's files are no DICOM, so that slices are refused."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 422" not in message.text:
            found.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def open_as(page: Page, live_server: object, name: str, address: str) -> None:
    """Open a page as this person, whoever was signed in before."""
    page.context.clear_cookies()
    page.goto(f"{live_server}{reverse('accounts:login')}?next={address}")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{address}")
    page.wait_for_load_state()


def violations(page: Page) -> list[str]:
    results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    return [f"{rule['id']}: {node['target']}" for rule in results.response["violations"] for node in rule["nodes"]]


def ask_button(page: Page) -> Locator:
    """The button of the fragment, which takes the place of the plain link when it has come."""
    return page.locator("button[data-opens='ask-site']")


def test_asked_by_keyboard_answered_on_the_visit_and_closed(
    page: Page, live_server: object, cast: Cast, errors: list[str]
) -> None:
    case = thick_case(cast)
    claim(case, by=cast.anna)
    page.set_viewport_size(WIDE)
    open_as(page, live_server, "anna", reverse("reviews:case", args=[case.pk]))
    expect(ask_button(page)).to_be_visible()
    press(page, "q")
    line = page.get_by_label("Question in one line")
    expect(line).to_be_focused()
    expect(line).to_have_value("The slices are thicker than the protocol allows")
    expect(page.get_by_label("Text for the site")).to_have_value(
        "This is about series 1, which stands for Chest CT with contrast.\n"
        "Expected: at most 5 mm\n"
        "Found: 7.5 mm\n"
        "Is there a reconstruction of this scan with thinner slices?\n"
        "If you have images that fit, say so: the core lab then returns the submission, and you can send them."
    )
    expect(page.get_by_role("checkbox", name="series 1, MIP coronal")).to_be_checked()
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_text("Asked. The coordinators of the site are told.")).to_be_visible()
    expect(page.locator("#site-questions").get_by_text("Waits for the site")).to_be_visible()
    expect(page.locator("#site-questions")).to_be_focused()
    query = Query.objects.get()
    assert (query.opened_by, query.finding_code) == (cast.anna, "slice_thickness")
    assert [picture["name"] for picture in query.pictures] == ["mip_coronal", "mid_axial"]

    open_as(page, live_server, "carla", reverse("intake:visit", args=[cast.visit.pk]))
    expect(page.get_by_role("heading", name="The core lab asks a question")).to_be_visible()
    expect(page.get_by_role("link", name="MIP coronal").first).to_be_visible()
    page.get_by_label("Your answer").fill("No, the scanner keeps 7.5 mm alone.")
    assert violations(page) == []
    page.get_by_role("button", name="Send the answer").press("Enter")
    expect(page.get_by_text("Answered. The core lab reads it next.")).to_be_visible()
    expect(page.get_by_role("heading", name="The core lab asks")).to_have_count(0)

    open_as(page, live_server, "anna", reverse("reviews:case", args=[case.pk]))
    expect(page.get_by_text("No, the scanner keeps 7.5 mm alone.")).to_be_visible()
    page.keyboard.press("y")
    expect(page.get_by_text("Closed.", exact=True)).to_be_visible()
    query.refresh_from_db()
    assert query.status == Query.Status.CLOSED
    assert [kind for kind, _ in thread(query)] == ["question", "answer", "event"]
    assert errors == []


def test_another_draft_or_none_fills_the_form_and_a_refusal_keeps_what_was_typed(
    page: Page, live_server: object, cast: Cast
) -> None:
    case = thick_case(cast)
    asked(cast, case, subject="Who was it?")
    open_as(page, live_server, "abel", reverse("reviews:case", args=[case.pk]))
    expect(ask_button(page)).to_be_visible()
    press(page, "q")
    page.get_by_label("Draft from a finding").select_option("none")
    line = page.get_by_label("Question in one line")
    expect(line).to_have_value("")
    line.fill("Who was it?")
    page.get_by_label("Text for the site").fill("Please tell us.")
    page.get_by_role("button", name="Ask the site").last.click()
    expect(page.get_by_role("alert").filter(has_text="This is asked already")).to_be_visible()
    expect(line).to_have_value("Who was it?")
    assert Query.objects.count() == 1


def test_without_script_the_same_steps_are_pages(browser: Browser, live_server: object, cast: Cast) -> None:
    case = thick_case(cast)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    open_as(page, live_server, "anna", reverse("reviews:case", args=[case.pk]))
    page.get_by_role("link", name="Ask the site, see what was asked").click()
    expect(page.get_by_label("Question in one line")).to_have_value("The slices are thicker than the protocol allows")
    page.get_by_role("button", name="Ask the site").click()
    expect(page.get_by_text("Asked. The coordinators of the site are told.")).to_be_visible()
    page = context.new_page()
    open_as(page, live_server, "carla", reverse("intake:visit", args=[cast.visit.pk]))
    page.get_by_role("link", name="What the core lab asks about this visit").click()
    page.get_by_label("Your answer").fill("There is none.")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_role("heading", name="101-001, Week 8")).to_be_visible()
    assert Query.objects.get().status == Query.Status.ANSWERED
    context.close()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit(
    page: Page, live_server: object, cast: Cast, errors: list[str], size: dict[str, int], theme: str
) -> None:
    case = thick_case(cast)
    query = asked(cast, case)
    answer(query, "Yes, 80 ml.", by=cast.carla)
    asked(cast, case, subject="Is there a reconstruction with thinner slices, and can it be exported?")
    assert ReviewCase.objects.get(pk=case.pk).queries_open == 1
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=theme)
    open_as(page, live_server, "anna", reverse("queries:list"))
    for address in (
        reverse("queries:list"),
        reverse("queries:query", args=[query.uuid]),
        reverse("queries:ask-several"),
        reverse("queries:of-submission", args=[case.submission_id]),
        reverse("queries:of-visit", args=[cast.visit.pk]),
    ):
        page.goto(f"{live_server}{address}")
        page.wait_for_load_state()
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    assert errors == []
