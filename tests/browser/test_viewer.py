"""The viewer of raw slices in a real browser: the canvas shows what the scan holds, turned as the patient lies."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.files.storage import default_storage
from playwright.sync_api import Browser, Page, Request, expect

from apps.imageqc.models import SlotMatch
from apps.intake.models import ReceivedFile, Series
from apps.intake.services import transfer
from apps.reviews.models import ReviewCase
from apps.reviews.services import claim, open_case
from tests.browser.keys import press
from tests.cast import PASSWORD, Cast
from tests.factories import claimed_case, waiting_case
from tests.phantoms import write_series
from tests.uploads import sent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tiny_bundle")]

AIR, WATER, BONE, LUNG = -1000, 0, 1200, -700


def body() -> np.ndarray:
    """Return a water body in air, bone on the patient's right, lung on the left, the upper half of it all brighter."""
    voxels = np.full((20, 60, 80), AIR, np.int16)
    voxels[:, 10:50, 10:70] = WATER
    voxels[:, 20:40, 15:30] = BONE
    voxels[:, 20:40, 50:65] = LUNG
    voxels[10:, 42:48, 30:50] = 100
    return voxels


@pytest.fixture
def case(cast: Cast, tmp_path: Path) -> ReviewCase:
    """A case on Anna's desk whose one series was scanned feet first, its slices from head to feet."""
    paths = write_series(tmp_path, body(), spacing_mm=(5.0, 1.0, 1.0), orientation="feet_first")
    submission = sent(cast.visit, paths, by=cast.carla)
    transfer(submission, by=cast.carla, because="It is all there is.")
    found = open_case(submission)
    claim(found, by=cast.anna)
    return found


@pytest.fixture
def desk(page: Page, live_server: object) -> Callable[[ReviewCase], None]:
    def opened(case: ReviewCase) -> None:
        page.goto(f"{live_server}/accounts/login/?next=/review/{case.pk}/")
        page.get_by_label("Username").fill("anna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name=str(case.submission.visit.subject))).to_be_visible()
        page.wait_for_load_state()

    return opened


def drawn(page: Page, what: str) -> None:
    """Wait until the canvas shows a plane and a place (from 0)."""
    expect(page.locator("#viewer canvas")).to_have_attribute("data-drawn", what)


def gray_at(page: Page, right: float, down: float) -> int:
    """Return the gray of the canvas at a part of its width and height."""
    return page.evaluate(
        """([right, down]) => {
          const canvas = document.querySelector("#viewer canvas");
          const [x, y] = [Math.floor(canvas.width * right), Math.floor(canvas.height * down)];
          return canvas.getContext("2d").getImageData(x, y, 1, 1).data[0];
        }""",
        [right, down],
    )


def place(page: Page) -> str:
    return page.locator("#viewer [data-part=place]").inner_text()


def beside_the_middle(page: Page, right_mm: float, down_mm: float, extent_mm: tuple[float, float]) -> int:
    """Return the gray at so many mm from the middle of a fitted picture of this size."""
    box = page.locator("#viewer canvas").bounding_box()
    assert box is not None
    scale = min(box["width"] / extent_mm[0], box["height"] / extent_mm[1])
    return gray_at(page, 0.5 + right_mm * scale / box["width"], 0.5 + down_mm * scale / box["height"])


def test_a_series_is_opened_scrolled_windowed_reformatted_and_closed_by_keyboard(
    page: Page, case: ReviewCase, desk: Callable[[ReviewCase], None]
) -> None:
    desk(case)
    press(page, "s")
    viewer = page.get_by_role("dialog")
    drawn(page, "axial 10")
    axial = (80.0, 60.0)
    # Feet first or not: the patient's right, with the bone, is on the left; soft tissue draws bone white, lung black.
    assert beside_the_middle(page, -17, 0, axial) == 255
    assert beside_the_middle(page, 17, 0, axial) == 0
    assert beside_the_middle(page, 0, 0, axial) == 102  # water: (0 - 39.5) / 399 + 0.5
    assert beside_the_middle(page, -38, 0, axial) == 0
    for side, letter in (("left", "R"), ("right", "L"), ("top", "A"), ("bottom", "P")):
        expect(viewer.locator(f"[data-part={side}]")).to_have_text(letter)
    expect(viewer.get_by_role("slider", name="Place in the series")).to_be_focused()
    expect(viewer.get_by_role("slider")).to_have_attribute("aria-valuetext", "Slice 11 of 20, z 75.0 mm")

    press(page, "Home")
    drawn(page, "axial 0")
    assert beside_the_middle(page, 0, 15, axial) == 166  # 100 HU, in the upper half alone
    press(page, "End")
    drawn(page, "axial 19")
    assert beside_the_middle(page, 0, 15, axial) == 102
    press(page, "PageUp")
    drawn(page, "axial 9")
    assert place(page) == "Slice 10 of 20, z 80.0 mm"
    press(page, "ArrowDown")
    drawn(page, "axial 10")
    press(page, "ArrowUp")
    drawn(page, "axial 9")

    press(page, "2")
    expect(viewer.get_by_role("button", name="Lung")).to_have_attribute("aria-pressed", "true")
    expect(viewer.get_by_text("L −600 W 1500")).to_be_visible()
    assert beside_the_middle(page, 17, 0, axial) == 111  # lung: (-700 + 600.5) / 1499 + 0.5
    press(page, "Shift+ArrowRight")
    expect(viewer.get_by_text("L −600 W 1550")).to_be_visible()
    press(page, "1")

    press(page, "o")
    drawn(page, "coronal 30")
    coronal = (80.0, 100.0)
    assert beside_the_middle(page, -17, -30, coronal) == 255
    assert beside_the_middle(page, 17, 30, coronal) == 0
    expect(viewer.locator("[data-part=top]")).to_have_text("H")
    for _ in range(15):
        press(page, "ArrowDown")
    drawn(page, "coronal 45")
    # The brighter part lies in the upper half: head up.
    assert beside_the_middle(page, 0, -30, coronal) == 166
    assert beside_the_middle(page, 0, 30, coronal) == 102
    press(page, "g")
    drawn(page, "sagittal 40")
    assert beside_the_middle(page, 15, -30, (60.0, 100.0)) == 166
    assert beside_the_middle(page, -15, -30, (60.0, 100.0)) == 102
    expect(viewer.locator("[data-part=left]")).to_have_text("A")

    press(page, "a")
    press(page, "h")
    expect(viewer.get_by_text("0 HU", exact=True)).to_be_visible()
    press(page, "+")
    expect(viewer.get_by_text("125 %")).to_be_visible()
    press(page, "Control+ArrowLeft")
    press(page, "0")
    expect(viewer.get_by_text("100 %")).to_be_visible()
    press(page, "Escape")
    expect(viewer).to_be_hidden()
    # The page's own keys act again: the first decision of a sitting goes on to the password.
    press(page, "a")
    expect(page.get_by_label("Sign as anna")).to_be_focused()


def test_the_keys_of_the_page_rest_while_the_viewer_is_open(
    page: Page, case: ReviewCase, desk: Callable[[ReviewCase], None]
) -> None:
    desk(case)
    opener = page.get_by_role("button", name="Slices", exact=False).first
    opener.focus()
    press(page, "Enter")
    drawn(page, "axial 10")
    for key in ("d", "r", "x", "b", "m", "v", "t", "a"):
        press(page, key)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    press(page, "?")
    expect(page.get_by_role("region", name="Keys")).to_be_visible()
    press(page, "?")
    press(page, "Escape")
    expect(opener).to_be_focused()
    press(page, "?")
    expect(page.get_by_text("Look at the slices of the series in view")).to_be_visible()


def test_cine_plays_until_somebody_scrolls(page: Page, case: ReviewCase, desk: Callable[[ReviewCase], None]) -> None:
    desk(case)
    press(page, "s")
    drawn(page, "axial 10")
    cine = page.get_by_role("dialog").get_by_role("button", name="Cine")
    press(page, ".")
    expect(page.get_by_text("20/s")).to_be_visible()
    press(page, "c")
    expect(page.locator("#viewer canvas")).not_to_have_attribute("data-drawn", "axial 10")
    expect(cine).to_have_attribute("aria-pressed", "true")
    press(page, "Home")
    expect(cine).to_have_attribute("aria-pressed", "false")
    drawn(page, "axial 0")


def test_mouse_and_wheel_do_the_same(page: Page, case: ReviewCase, desk: Callable[[ReviewCase], None]) -> None:
    desk(case)
    press(page, "s")
    drawn(page, "axial 10")
    box = page.locator("#viewer canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + 1, y + 1)
    expect(page.get_by_text("0 HU", exact=True)).to_be_visible()
    page.mouse.wheel(0, 120)
    drawn(page, "axial 11")
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(x + 41, y + 1)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.get_by_text("L 40 W 453")).to_be_visible()
    page.mouse.down()
    page.mouse.move(x + 241, y + 1)
    page.mouse.up()
    expect(page.get_by_text("0 HU", exact=True)).to_be_visible()  # it came along
    page.mouse.dblclick(x, y)
    assert beside_the_middle(page, -38, 0, (80.0, 60.0)) == 0


def test_what_cannot_be_drawn_is_said(page: Page, cast: Cast, case: ReviewCase, desk: Callable[..., None]) -> None:
    series = case.submission.series.get()
    gone = ReceivedFile.objects.get(instance__series=series, instance__sop_instance_uid__endswith=".12")
    default_storage.delete(gone.stored_as)
    desk(case)
    press(page, "s")
    drawn(page, "axial 10")
    press(page, "ArrowDown")
    said = page.locator("#viewer [data-part=said]")
    expect(said).to_contain_text("Image 12 could not be opened")
    press(page, "ArrowDown")
    drawn(page, "axial 12")
    expect(said).to_be_empty()
    press(page, "Escape")

    case.submission.series.update(origin=Series.Origin.SITE)
    series.instances.update(file=None)
    press(page, "s")
    expect(said).to_contain_text("still at the site: it was checked there and not transferred")


def test_the_first_slices_and_the_next_case_are_there_before_they_are_asked_for(
    page: Page, cast: Cast, case: ReviewCase, desk: Callable[[ReviewCase], None]
) -> None:
    waiting = waiting_case(cast.chens_visit, by=cast.chen)
    picture = f"/series/{waiting.submission.series.first().uuid}/pictures/mid_axial.png"
    own = f"/series/{case.submission.series.get().uuid}/slices/10/"
    with (
        page.expect_request(lambda request: own in request.url),
        page.expect_request(lambda request: picture in request.url),
    ):
        desk(case)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.holder) == (ReviewCase.Status.WAITING, None)


def test_nothing_is_fetched_ahead_where_data_is_saved(
    page: Page, cast: Cast, case: ReviewCase, desk: Callable[[ReviewCase], None]
) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'connection', { value: { saveData: true } })")
    ahead: list[Request] = []
    page.on("request", lambda request: "/slices/" in request.url and ahead.append(request))
    desk(case)
    page.wait_for_load_state("networkidle")
    assert not ahead
    press(page, "s")
    drawn(page, "axial 10")


def test_axe_finds_nothing_and_nothing_jumps(page: Page, case: ReviewCase, desk: Callable[[ReviewCase], None]) -> None:
    desk(case)
    press(page, "s")
    drawn(page, "axial 10")
    expect(page.locator("#viewer [data-part=loaded]")).to_be_empty()
    parts = "#viewer :is(.viewer-bar, .viewer-foot, canvas, .segments, input, dl > div)"
    where = f"[...document.querySelectorAll('{parts}')].map((one) => JSON.stringify(one.getBoundingClientRect()))"
    before = page.evaluate(where)
    for key, what in (("Home", "axial 0"), ("o", "coronal 30"), ("3", "coronal 30"), ("a", "axial 0")):
        press(page, key)
        drawn(page, what)
    assert page.evaluate(where) == before
    press(page, "?")
    assert not Axe().run(page).response["violations"]


@pytest.mark.parametrize("folder", ["abdomen-portal", "head-tilted"])
def test_real_series_are_drawn(
    page: Page, cast: Cast, real_ct: Path, desk: Callable[[ReviewCase], None], folder: str
) -> None:
    paths = sorted(path for path in (real_ct / "dicom" / folder).rglob("*") if path.is_file())
    submission = sent(cast.visit, paths, by=cast.carla)
    transfer(submission, by=cast.carla, because="It is all there is.")
    case = open_case(submission)
    claim(case, by=cast.anna)
    desk(case)
    press(page, "s")
    for key, plane in (("a", "axial"), ("o", "coronal"), ("g", "sagittal")):
        press(page, key)
        expect(page.locator("#viewer canvas")).to_have_attribute("data-drawn", re.compile(plane))
    expect(page.locator("#viewer [data-part=loaded]")).to_be_empty()
    # Somewhere in the middle there is a body.
    assert max(gray_at(page, 0.5 + x / 20, 0.5 + y / 20) for x in range(-3, 4) for y in range(-3, 4)) > 80


def test_without_script_the_page_stands(browser: Browser, live_server: object, cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    assert SlotMatch.objects.filter(submission=case.submission).exists()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server}/accounts/login/?next=/review/{case.pk}/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    context.close()
