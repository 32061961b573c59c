"""The analyst's day in a real browser: mostly by keyboard, found by role, label and visible text."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.imageqc.models import SlotMatch
from apps.reviews.models import Decision, LabelCorrection, ReviewCase
from apps.reviews.services import claim, judge_series, release
from tests.browser.keys import press
from tests.cast import PASSWORD, Cast
from tests.factories import claimed_case, waiting_case

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[str], None]

ARROW = {"x1": 0.25, "y1": 0.25, "x2": 0.5, "y2": 0.75}


@pytest.fixture
def sign_in(page: Page, live_server: object) -> SignIn:
    def as_person(username: str) -> None:
        page.goto(f"{live_server}/review/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
        page.wait_for_load_state()  # the modules have run

    return as_person


def on_the_desk(page: Page, heading: str) -> None:
    """Wait until a case is open and its modules have run."""
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.wait_for_load_state()


def sign(page: Page) -> None:
    """Give the password, as the first signature of a sitting asks."""
    page.get_by_label("Sign as anna").fill(PASSWORD)


def test_a_good_case_takes_one_key_to_claim_and_two_to_accept(page: Page, cast: Cast, sign_in: SignIn) -> None:
    now = timezone.now()
    first = waiting_case(cast.visit, by=cast.carla, transferred_at=now - timedelta(days=3))
    second = waiting_case(cast.chens_visit, by=cast.chen)
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "a")
    expect(page.get_by_label("Sign as anna")).to_be_focused()
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    expect(page.get_by_text("Accepted by Anna")).to_be_visible()
    expect(page.get_by_text("“I have reviewed these images and accept them.”")).to_be_visible()
    assert Decision.objects.get(case=first).signature.signer == cast.anna
    expect(page.get_by_role("button", name="Next case")).to_be_focused()
    assert page.evaluate("scrollY") == 0
    press(page, "n")
    on_the_desk(page, "102-001 Week 8")
    assert ReviewCase.objects.get(pk=second.pk).holder == cast.anna
    press(page, "a")
    expect(page.get_by_role("button", name="Confirm: accept")).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_text("Accepted by Anna")).to_be_visible()
    assert Decision.objects.get(case=second).signature.signer == cast.anna


def test_a_wrong_password_is_said_and_the_rest_of_the_form_stays(page: Page, cast: Cast, sign_in: SignIn) -> None:
    waiting_case(cast.visit, by=cast.carla)
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "r")
    press(page, "3")
    page.get_by_label("Sign as anna").fill("guessed it")
    press(page, "Enter")
    expect(page.get_by_role("alert").filter(has_text="This is not your password")).to_be_visible()
    expect(page.get_by_label("Sign as anna")).to_be_focused()
    expect(page.locator("#decision").get_by_label("A required series is missing.")).to_be_checked()
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    expect(page.get_by_text("Returned to site by Anna")).to_be_visible()


def test_a_series_gets_a_verdict_and_a_drawing_by_keyboard(page: Page, cast: Cast, sign_in: SignIn) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "e")
    card = page.get_by_role("article", name="Chest CT with contrast")
    expect(card.get_by_label("This series")).to_be_focused()
    press(page, "Escape")
    expect(card.get_by_label("This series")).to_be_hidden()
    press(page, "e")
    page.keyboard.type("Return")
    expect(card.get_by_label("This series")).to_have_value("return_to_site")
    card.get_by_label("Artefacts or noise make the images unusable.").check()
    card.get_by_role("button", name="Keep this verdict on series 1").click()
    expect(card.get_by_text("To return")).to_be_visible()
    press(page, "p")
    dialog = page.get_by_role("dialog", name="Draw on a picture")
    dialog.get_by_label("Picture").select_option(label="series 1, chest PV: MIP coronal")
    press(page, "o")
    expect(dialog.get_by_role("img", name="Circle 1")).to_be_focused()
    press(page, "ArrowRight")
    press(page, "Shift+ArrowUp")
    dialog.get_by_label("Note for the site").fill("The dome is cut.")
    dialog.get_by_role("button", name="Keep the drawing").click()
    expect(card.get_by_text("The dome is cut.")).to_be_visible()
    assert case.annotations.get().shapes == [{"kind": "ellipse", "x": 0.51, "y": 0.5, "rx": 0.12, "ry": 0.13}]


def test_nothing_moves_while_a_case_opens(page: Page, cast: Cast, sign_in: SignIn) -> None:
    claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    page.add_init_script(
        "window.moved = []; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
        " for (const { node, previousRect, currentRect } of entry.sources) window.moved.push("
        "`${node?.className || node?.nodeName}: from ${previousRect.top} to ${currentRect.top}`"
        "); }).observe({ type: 'layout-shift', buffered: true })"
    )
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    expect(page.get_by_text("Nothing was asked about this submission.")).to_be_visible()
    page.wait_for_timeout(300)
    assert page.evaluate("window.moved") == []


def test_keys_act_on_the_series_in_view(page: Page, cast: Cast, sign_in: SignIn) -> None:
    claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    first, second = (page.locator("[data-series]").nth(place) for place in (0, 1))
    press(page, "j")
    expect(first.get_by_role("button", name="Slices of series")).to_be_focused()
    press(page, "j")
    press(page, "e")
    expect(second.get_by_label("This series")).to_be_focused()
    press(page, "Escape")
    press(page, "c")
    expect(second.get_by_label("Body part", exact=True)).to_be_focused()
    press(page, "Escape")
    press(page, "k")
    press(page, "c")
    expect(first.get_by_label("Body part", exact=True)).to_be_focused()


def test_a_drag_draws_an_arrow(page: Page, cast: Cast, sign_in: SignIn) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "p")
    area = page.get_by_role("group", name="Drawing").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.25, area["y"] + area["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.5, area["y"] + area["height"] * 0.75, steps=3)
    page.mouse.up()
    page.get_by_role("button", name="Keep the drawing").click()
    expect(page.get_by_role("dialog", name="Draw on a picture")).to_be_hidden()
    (arrow,) = case.annotations.get().shapes
    assert arrow == {name: pytest.approx(value, abs=0.01) for name, value in ARROW.items()} | {"kind": "arrow"}


def test_returning_to_the_site_with_reasons_and_a_note_by_keyboard(page: Page, cast: Cast, sign_in: SignIn) -> None:
    waiting_case(cast.visit, by=cast.carla, missing="chest")
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    expect(page.get_by_text("Chest CT with contrast is missing.")).to_be_visible()
    press(page, "r")
    press(page, "3")
    press(page, "6")
    expect(page.locator("#decision").get_by_label("A required series is missing.")).to_be_checked()
    press(page, "t")
    page.keyboard.type("Please send the chest; d and x are only letters here.")
    sign(page)
    press(page, "Enter")
    expect(page.get_by_text("Returned to site by Anna")).to_be_visible()
    decision = Decision.objects.get()
    assert decision.reasons == ["series_missing", "slices_missing"]
    assert decision.note == "Please send the chest; d and x are only letters here."


def test_a_refusal_and_a_reload_keep_what_was_typed(page: Page, cast: Cast, sign_in: SignIn) -> None:
    waiting_case(cast.visit, by=cast.carla)
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "r")
    sign(page)
    page.get_by_role("textbox", name="Note").fill("Slices 12 to 15")
    press(page, "Control+Enter")
    expect(page.get_by_role("alert").filter(has_text="Choose at least one reason")).to_be_visible()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Slices 12 to 15")
    page.get_by_role("textbox", name="Note").press("End")
    page.keyboard.type(" are missing")
    page.goto(page.url.replace("/decide/", "/"))
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Slices 12 to 15 are missing")
    expect(page.get_by_role("radio", name="Return to site")).to_be_checked()


def test_an_accept_that_was_refused_can_be_pressed_again(page: Page, cast: Cast, sign_in: SignIn) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    judge_series(case, case.submission.series.all()[0], "return_to_site", by=cast.anna, reasons=["artefacts"])
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "a")
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    expect(page.locator(".decision-error")).to_be_visible()
    expect(page.get_by_role("radio", name="Accept", exact=True)).to_be_focused()
    page.goto(page.url.replace("/decide/", "/"))
    expect(page.get_by_role("radio", name="Accept", exact=True)).to_be_checked()
    press(page, "a")
    expect(page.get_by_label("Sign as anna")).to_be_focused()


def test_what_was_typed_survives_a_closed_window_but_is_nobody_elses(
    page: Page, cast: Cast, sign_in: SignIn, live_server: object
) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "r")
    page.get_by_role("textbox", name="Note").fill("Half a thought")
    again = page.context.new_page()
    page.close()
    again.goto(f"{live_server}/review/{case.pk}/")
    expect(again.get_by_role("textbox", name="Note")).to_have_value("Half a thought")
    release(ReviewCase.objects.get(pk=case.pk), by=cast.anna)
    claim(ReviewCase.objects.get(pk=case.pk), by=cast.abel)
    again.context.clear_cookies()
    again.goto(f"{live_server}/accounts/login/?next=/review/{case.pk}/")
    again.get_by_label("Username").fill("abel")
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    press(again, "r")
    expect(again.get_by_role("textbox", name="Note")).to_have_value("")


def test_the_worklist_by_keyboard(page: Page, cast: Cast, sign_in: SignIn) -> None:
    waiting_case(cast.visit, by=cast.carla, transferred_at=timezone.now() - timedelta(days=3))
    waiting_case(cast.chens_visit, by=cast.chen)
    sign_in("anna")
    expect(page.get_by_text("Overdue by 1 day")).to_be_visible()
    press(page, "j")
    expect(page.get_by_role("link", name="101-001 Week 8")).to_be_focused()
    press(page, "j")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="102-001 Week 8")).to_be_visible()
    expect(page.get_by_role("button", name="Take this case")).to_be_visible()
    press(page, "u")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    press(page, "?")
    expect(page.get_by_role("dialog").get_by_text("Claim the next case")).to_be_visible()


def test_filters_act_at_once_and_the_count_follows(page: Page, cast: Cast, sign_in: SignIn) -> None:
    waiting_case(cast.visit, by=cast.carla)
    waiting_case(cast.chens_visit, by=cast.chen)
    sign_in("anna")
    page.get_by_label("Site").select_option(label="ONC-301 · 102 Lakeside Clinic")
    expect(page.get_by_role("link", name="101-001 Week 8")).to_have_count(0)
    expect(page.get_by_role("link", name="To do 1")).to_be_visible()
    assert f"site={cast.other_site.pk}" in page.url


def test_pictures_enlarge_and_arrows_walk_through(page: Page, cast: Cast, sign_in: SignIn) -> None:
    claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "v")
    enlarged = page.get_by_role("dialog")
    expect(enlarged.get_by_role("heading", name="series 1, chest PV: MIP axial (1 of 12)")).to_be_visible()
    press(page, "ArrowLeft")
    expect(enlarged.get_by_role("heading", name="Mid-plane coronal (12 of 12)")).to_be_visible()
    press(page, "Escape")
    expect(enlarged).to_be_hidden()


def test_a_label_is_corrected_in_place(page: Page, cast: Cast, sign_in: SignIn) -> None:
    claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    press(page, "n")
    card = page.get_by_role("article", name="Chest CT with contrast")
    on_the_desk(page, "101-001 Week 8")
    press(page, "c")
    card.get_by_label("Body part", exact=True).select_option(label="Neck")
    card.get_by_role("button", name="Set Body part of series 1").click()
    expect(card.get_by_text("AI:").first).to_be_visible()
    expect(card).to_be_focused()
    assert LabelCorrection.objects.get().label == "neck"


def test_a_correction_shows_in_the_other_slot_of_the_same_series(page: Page, cast: Cast, sign_in: SignIn) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    case.submission.slots.update(series=case.submission.series.get(number=1))
    sign_in("anna")
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    other = page.get_by_role("article").filter(has_text="its labels are corrected there")
    expect(other.get_by_text("AI:")).to_have_count(0)
    press(page, "c")
    page.get_by_label("Body part", exact=True).first.select_option(label="Neck")
    page.get_by_role("button", name="Set Body part of series 1").first.click()
    expect(other.get_by_text("AI:").first).to_be_visible()
    expect(other).to_have_count(1)


def test_the_clock_is_the_servers(page: Page, cast: Cast, sign_in: SignIn) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    page.clock.install()
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    case.sessions.update(active_seconds=125, last_beat_at=timezone.now())
    page.clock.run_for(9_000)
    page.mouse.move(200, 200)
    page.clock.run_for(2_000)
    expect(page.get_by_text("2 min 5 s")).to_be_visible()


def test_who_comes_back_to_a_case_is_at_work_from_there_on(page: Page, cast: Cast, sign_in: SignIn) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    case.sessions.update(last_beat_at=timezone.now() - timedelta(minutes=10))
    with page.expect_response(lambda answer: answer.url.endswith(f"/{case.pk}/beat/"), timeout=8_000):
        press(page, "n")
    session = case.sessions.get()
    assert session.active_seconds == 0
    assert timezone.now() - session.last_beat_at < timedelta(seconds=9)


def test_a_case_that_went_back_is_said_and_can_be_taken_again(page: Page, cast: Cast, sign_in: SignIn) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    page.clock.install()
    press(page, "n")
    on_the_desk(page, "101-001 Week 8")
    press(page, "r")
    page.get_by_role("textbox", name="Note").fill("Half a thought")
    release(ReviewCase.objects.get(pk=case.pk), by=cast.anna)
    page.clock.run_for(11_000)
    page.mouse.move(200, 200)
    expect(page.get_by_role("alert").filter(has_text="not on your desk any more")).to_be_visible()
    press(page, "Escape")
    press(page, "o")
    page.get_by_role("button", name="Take this case").click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Half a thought")


def test_the_essentials_work_without_javascript(browser: object, live_server: object, cast: Cast) -> None:
    waiting_case(cast.visit, by=cast.carla)
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto(f"{live_server}/review/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Claim next").click()
    page.get_by_role("group", name="Verdict").get_by_text("Return to site").click()
    page.get_by_role("group", name="Reasons that the site reads").get_by_label("Artefacts or noise").check()
    sign(page)
    page.get_by_role("button", name="Confirm: return to site").click()
    expect(page.get_by_text("Returned to site by Anna")).to_be_visible()
    context.close()


@pytest.mark.parametrize("where", ["worklist", "desk", "decided"])
def test_axe_finds_nothing_serious(page: Page, cast: Cast, sign_in: SignIn, where: str) -> None:
    case = waiting_case(cast.visit, by=cast.carla, missing="chest", transferred_at=timezone.now() - timedelta(days=3))
    case.submission.slots.exclude(series=None).update(state=SlotMatch.State.PROBLEM)
    claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.abel)
    sign_in("anna")
    if where != "worklist":
        claim(ReviewCase.objects.get(pk=case.pk), by=cast.anna)
        page.goto(page.url + f"{case.pk}/")
        for closed in page.locator("details:not([open]) > summary").all():
            if closed.is_visible() and "menu" not in (closed.locator("..").get_attribute("class") or ""):
                closed.click()
        press(page, "r")
    if where == "decided":
        press(page, "3")
        sign(page)
        page.get_by_role("button", name="Confirm: return to site").click()
        expect(page.get_by_text("Returned to site by Anna")).to_be_visible()
    found = Axe().run(page).response["violations"]
    serious = [issue for issue in found if issue["impact"] in ("serious", "critical")]
    assert not serious, [(issue["id"], [node["html"][:200] for node in issue["nodes"]]) for issue in serious]
