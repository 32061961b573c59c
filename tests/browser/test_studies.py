"""A reading study in a real browser: planned by its lead, read by keyboard, timed by the server."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.studies.models import Assignment, Reading, ReadingStudy
from apps.studies.services import start
from tests.browser.keys import press
from tests.cast import PASSWORD, Cast
from tests.studies.scenes import accepted_scans, draft, read_without_the_clock, reader_of, ready_draft, running

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[str, str], None]


@pytest.fixture
def sign_in(page: Page, live_server: object) -> SignIn:
    def as_person(username: str, address: str) -> None:
        page.goto(f"{live_server}/accounts/login/?next={address}")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{address}")
        page.wait_for_load_state()  # the modules have run

    return as_person


@pytest.fixture(autouse=True)
def errors(page: Page) -> list[str]:
    """What the browser's console complains of; a refused style or script stands here."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if "Content Security" in message.text else None)
    return found


def test_a_study_is_planned_and_started(page: Page, cast: Cast, sign_in: SignIn, errors: list[str]) -> None:
    accepted_scans(cast)
    sign_in("mira", "/studies/")
    page.get_by_role("link", name="Plan a study").click()
    page.get_by_label("Name").fill("Chest CT")
    page.get_by_role("button", name="Go on to the scans").click()
    expect(page.get_by_text("Choose at least 2 scans.")).to_be_visible()
    page.get_by_label("AI body part").select_option(label="Chest")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("2 more scans can be added")).to_be_visible()
    page.get_by_role("button", name="Add all").click()
    expect(page.get_by_text("2 scans added.")).to_be_visible()
    page.get_by_label("Anna").check()
    page.get_by_role("button", name="Save analysts").click()
    expect(page.get_by_text("Ready to start")).to_be_visible()
    page.wait_for_load_state()
    page.get_by_role("button", name="Start the study").click()
    page.get_by_role("dialog").get_by_role("button", name="Start the study").click()
    expect(page.get_by_text("0 of 4 readings")).to_be_visible()
    assert ReadingStudy.objects.get().status == "running"
    assert errors == []


def test_enter_in_the_number_draws_that_many(page: Page, cast: Cast, sign_in: SignIn) -> None:
    accepted_scans(cast)
    study = draft(cast)
    sign_in("mira", f"/studies/{study.pk}/")
    page.get_by_label("How many to draw").fill("1")
    press(page, "Enter")
    expect(page.get_by_text("1 scan added.")).to_be_visible()
    assert study.scans.count() == 1


def test_a_session_is_read_by_keyboard_alone(page: Page, cast: Cast, sign_in: SignIn, errors: list[str]) -> None:
    study = running(cast)
    sign_in("anna", "/studies/readings/")
    press(page, "n")
    for place in range(1, 5):
        expect(page.get_by_role("heading", name=f"Scan {place} of 4, session 1")).to_be_visible()
        expect(page.get_by_role("button", name="Save and next")).to_be_enabled()
        press(page, "3")
        press(page, "e")
        press(page, "Enter")
    expect(page.get_by_text("That was the last scan of this session.")).to_be_visible()
    expect(page.get_by_text("Waits for the washout")).to_be_visible()
    kept = Reading.objects.all()
    assert {(one.body_part, one.contrast) for one in kept} == {("chest", "enhanced")}
    assert {one.assignment.arm for one in kept} == {reader_of(study, cast.anna).first_arm}
    assert all(one.active_seconds > 0 for one in kept)
    assert errors == []


@pytest.mark.parametrize("arm", ["manual", "ai_aided"])
def test_ai_labels_stand_in_the_aided_arm_alone_and_nothing_names_the_patient(
    page: Page, cast: Cast, sign_in: SignIn, arm: str
) -> None:
    study = running(cast, readers=[cast.anna, cast.abel])
    reader = study.readers.get(first_arm=arm)
    sign_in(reader.analyst.username, "/studies/readings/")
    page.get_by_role("button", name="Begin reading").click()
    expect(page.get_by_role("img")).to_have_count(6)
    expect(page.get_by_role("heading", name="AI labels")).to_have_count(1 if arm == "ai_aided" else 0)
    said = page.locator("main").inner_text()
    assert ("0.97" in said) is (arm == "ai_aided")
    assert "101-001" not in said and "102-001" not in said and "PV" not in said


def test_enter_without_labels_saves_nothing(page: Page, cast: Cast, sign_in: SignIn) -> None:
    running(cast)
    sign_in("anna", "/studies/readings/")
    press(page, "n")
    expect(page.get_by_role("button", name="Save and next")).to_be_enabled()
    press(page, "2")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Scan 1 of 4, session 1")).to_be_visible()
    assert not Reading.objects.exists()


def test_who_stays_still_sees_a_covered_scan_and_goes_on(page: Page, cast: Cast, sign_in: SignIn) -> None:
    study = running(cast)
    sign_in("anna", "/studies/readings/")
    page.clock.install()
    press(page, "n")
    expect(page.get_by_role("button", name="Save and next")).to_be_enabled()
    press(page, "3")
    page.clock.run_for(32_000)
    expect(page.get_by_text("The scan is covered and the clock stands.")).to_be_visible()
    expect(page.get_by_role("img")).to_have_count(0)
    expect(page.get_by_role("button", name="Save and next")).to_be_disabled()
    scan = Assignment.objects.get(reader__study=study, place=1, arm=reader_of(study, cast.anna).first_arm)
    expect(page.get_by_role("button", name="Go on")).to_be_focused()
    for _ in range(50):
        scan.refresh_from_db()
        if scan.last_beat_at is None:
            break
        page.wait_for_timeout(100)
    assert scan.last_beat_at is None, "the server's clock stands"
    press(page, "Enter")
    expect(page.get_by_role("img")).to_have_count(6)
    expect(page.get_by_label("Chest")).to_be_checked()
    press(page, "n")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Scan 2 of 4, session 1")).to_be_visible()
    assert Reading.objects.get().active_seconds < 60


def test_who_comes_back_later_goes_on_where_they_stopped(page: Page, cast: Cast, sign_in: SignIn) -> None:
    running(cast)
    sign_in("anna", "/studies/readings/")
    press(page, "n")
    expect(page.get_by_role("button", name="Save and next")).to_be_enabled()
    address = page.url
    page.goto("about:blank")
    Assignment.objects.exclude(opened_at=None).update(last_beat_at=timezone.now() - timedelta(minutes=20))
    page.goto(address)
    expect(page.get_by_text("The scan is covered and the clock stands.")).to_be_visible()
    expect(page.get_by_role("img")).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("img")).to_have_count(6)
    assert page.url == address


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("where", ["studies", "draft", "running", "result", "readings", "reading"])
def test_axe_finds_nothing_serious(page: Page, cast: Cast, sign_in: SignIn, where: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    accepted_scans(cast)
    draft(cast, name="Another")
    study = ready_draft(cast, readers=[cast.anna, cast.abel])
    if where != "draft":
        start(study, by=cast.mira)
    if where == "result":
        for analyst in (cast.anna, cast.abel):
            times = {(analyst.pk, "manual"): [30, 40, 50, 60], (analyst.pk, "ai_aided"): [15, 20, 55, 30]}
            read_without_the_clock(study, times)
    if where in ("readings", "reading"):
        aided = study.readers.get(first_arm="ai_aided").analyst.username
        sign_in(aided, "/studies/readings/")
        if where == "reading":
            page.get_by_role("button", name="Begin reading").click()
            page.get_by_text("Scores per plane", exact=True).click()
    else:
        rest = {"studies": "", "draft": f"{study.pk}/", "running": f"{study.pk}/", "result": f"{study.pk}/result/"}
        sign_in("mira", f"/studies/{rest[where]}")
    found = Axe().run(page).response["violations"]
    serious = [issue for issue in found if issue["impact"] in ("serious", "critical")]
    assert not serious, [(issue["id"], [node["html"][:200] for node in issue["nodes"]]) for issue in serious]
