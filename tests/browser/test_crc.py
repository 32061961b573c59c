"""The coordinator in a browser that cannot check by itself, and the pages of any browser. By role, label and text.

Files are de-identified already there and checked at the core lab; the check at the site is in test_precheck.py.
"""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.files.uploadedfile import SimpleUploadedFile
from playwright.sync_api import Browser, Page, Route, expect

from apps.imageqc.models import SlotMatch
from apps.intake.models import ReceivedFile, Submission
from apps.intake.services import begin_submission, receive_files
from apps.reviews.services import claim
from tests.browser.keys import press
from tests.browser.visits import choose_folder, open_visit, sign_in_on, slot
from tests.cast import Cast
from tests.factories import checked_submission, waiting_case
from tests.phantoms import cube_and_rod, write_series
from tests.signing import decide
from tests.uploads import upload
from tests.work import run_jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tiny_bundle")]


@pytest.fixture
def carla(page: Page, live_server: object, cast: Cast) -> Page:
    """Carla's browser, on her visits; it has no workers, so the page offers the plain form."""
    page.add_init_script("delete window.Worker")
    sign_in_on(page, live_server, "carla")
    return page


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A folder as a scanner exports it: slices, and a text that nobody asked for."""
    write_series(tmp_path / "scan" / "CT", cube_and_rod())
    (tmp_path / "scan" / "README.TXT").write_text("made by a scanner")
    return tmp_path / "scan"


def test_from_an_empty_visit_to_the_transfer(carla: Page, cast: Cast, scan: Path) -> None:
    cast.protocol.required_series.filter(slot="abdomen_pelvis").delete()
    open_visit(carla)
    expect(carla.get_by_text("Chest CT with contrast, slices up to 5 mm thick")).to_be_visible()
    choose_folder(carla, scan)
    expect(carla.get_by_text("You may leave this page; the check goes on.")).to_be_visible()
    run_jobs()
    expect(carla.get_by_text("Everything that the protocol asks for is here")).to_be_visible()
    expect(slot(carla, "Chest CT with contrast")).to_contain_text("Fits")
    expect(carla.get_by_role("article", name="Series 1")).to_contain_text("Chest")
    expect(carla.get_by_role("link", name="MIP coronal").first).to_be_visible()
    expect(carla.get_by_text("scan/README.TXT")).to_be_visible()
    carla.get_by_role("button", name="Transfer to the core lab").click()
    expect(carla.get_by_text("With the core lab since")).to_be_visible()
    assert Submission.objects.get().status == Submission.Status.TRANSFERRED
    assert set(ReceivedFile.objects.values_list("given_name", flat=True)) >= {"scan/CT/IM00001", "scan/README.TXT"}


def test_what_is_missing_asks_for_a_reason_and_says_what_it_means(carla: Page, cast: Cast, scan: Path) -> None:
    open_visit(carla)
    choose_folder(carla, scan)
    expect(carla.get_by_text("You may leave this page")).to_be_visible()
    run_jobs()
    expect(slot(carla, "Abdomen-pelvis CT with contrast")).to_contain_text("Missing")
    carla.get_by_text("Transfer with a reason", exact=True).click()
    expect(carla.get_by_text("After the transfer nothing can be added.")).to_be_visible()
    carla.get_by_label("Reason").first.fill("The patient cannot come again.")
    carla.get_by_role("button", name="Transfer with this reason").click()
    expect(carla.get_by_text("Your reason: The patient cannot come again.")).to_be_visible()


def test_series_appear_while_the_check_goes_on(carla: Page, cast: Cast, scan: Path) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    receive_files(draft, upload(sorted((scan / "CT").iterdir())), by=cast.carla)
    open_visit(carla)
    expect(carla.get_by_text("Reading 12 files.")).to_be_visible()
    run_jobs()
    expect(carla.get_by_role("article", name="Series 1")).to_contain_text("Contrast-enhanced")
    expect(carla.get_by_text("Check finished")).to_be_visible()


def test_another_series_is_chosen_for_a_slot(carla: Page, cast: Cast, tmp_path: Path) -> None:
    for number in (1, 2):
        write_series(tmp_path / str(number), cube_and_rod(), series=number, common={"SeriesNumber": number})
    draft = begin_submission(cast.visit, by=cast.carla)
    receive_files(draft, upload(sorted(tmp_path.glob("*/*"))), by=cast.carla)
    run_jobs()
    before = SlotMatch.objects.get(required__slot="chest").series
    other = draft.series.exclude(pk=before.pk if before else None).get()
    open_visit(carla)
    slot(carla, "Chest CT with contrast").get_by_text("Choose another series").click()
    choices = carla.get_by_label("Series for Chest CT with contrast")
    expect(choices).to_contain_text(f"Series {other.number}, {other.description} ({other.instances.count()} files)")
    choices.select_option(str(other.pk))
    carla.get_by_role("button", name="Use this series").first.click()
    expect(slot(carla, "Chest CT with contrast").get_by_text(f"S{other.title[1:]}", exact=True)).to_be_visible()
    assert SlotMatch.objects.get(required__slot="chest").series == other


def test_a_request_that_breaks_off_is_sent_again_by_itself(carla: Page, cast: Cast, scan: Path) -> None:
    broken: list[str] = []

    def break_once(route: Route) -> None:
        if broken:
            route.continue_()
        else:
            broken.append(route.request.url)
            route.abort()

    carla.route(re.compile(r"/files/$"), break_once)
    open_visit(carla)
    choose_folder(carla, scan)
    expect(carla.get_by_text("You may leave this page")).to_be_visible(timeout=15_000)
    assert broken
    assert ReceivedFile.objects.count() == 13


def test_what_could_not_be_sent_is_offered_again_and_nothing_is_cleared(carla: Page, cast: Cast, scan: Path) -> None:
    carla.route(
        re.compile(r"/files/$"),
        lambda route: route.fulfill(status=409, json={"detail": "The disk of the server is full."}),
    )
    open_visit(carla)
    choose_folder(carla, scan)
    expect(carla.get_by_text("The disk of the server is full.")).to_be_visible()
    carla.unroute(re.compile(r"/files/$"))
    carla.get_by_role("button", name="Send what is missing").click()
    expect(carla.get_by_text("You may leave this page")).to_be_visible()
    assert ReceivedFile.objects.count() == 13


def test_after_an_interruption_the_same_folder_sends_only_what_is_missing(carla: Page, cast: Cast, scan: Path) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    slices = sorted((scan / "CT").iterdir())
    receive_files(draft, upload(slices[:10]), by=cast.carla, more_to_come=True)
    carla.evaluate(f"localStorage.setItem('coreqc_upload', JSON.stringify({{submission: '{draft.pk}', total: 13}}))")
    open_visit(carla)
    expect(carla.get_by_text("10 of 13 files arrived before the upload was interrupted")).to_be_visible()
    with carla.expect_response(re.compile(r"/files/$")) as answer:
        choose_folder(carla, scan)
    assert [outcome["kept"] for outcome in answer.value.json()["outcomes"]] == [True, True, True]
    expect(carla.get_by_text("You may leave this page")).to_be_visible()
    assert draft.files.count() == 13


def test_what_has_arrived_can_be_checked_as_it_is(carla: Page, cast: Cast) -> None:
    draft = begin_submission(cast.visit, by=cast.carla)
    receive_files(draft, [("IM1", SimpleUploadedFile("IM1", b"one"))], by=cast.carla, more_to_come=True)
    open_visit(carla)
    carla.get_by_role("button", name="Check what has arrived").first.click()
    expect(carla.get_by_text("Reading 1 file.")).to_be_visible()


def test_a_large_folder_is_walked_to_its_end_and_split_into_bounded_requests(carla: Page, live_server: object) -> None:
    """The browser gives at most 100 entries of a folder at a time."""
    found = carla.evaluate(
        """async (base) => {
          const { dropped } = await import(`${base}/static/js/upload/folders.js`);
          const { batchesOf } = await import(`${base}/static/js/upload/batches.js`);
          const file = (path) => ({isFile: true, fullPath: path, file: (done) => done(new File(["x"], path))});
          const folder = (path, inside) => {
            const rest = [...inside];
            const readEntries = (done) => setTimeout(() => done(rest.splice(0, 100)));
            return {isDirectory: true, fullPath: path, createReader: () => ({readEntries})};
          };
          const slices = Array.from({length: 250}, (_, index) => file(`/scan/CT/IM${index}`));
          const scan = folder("/scan", [folder("/scan/CT", slices), file("/scan/DICOMDIR")]);
          const items = await dropped({items: [{webkitGetAsEntry: () => scan}], files: []});
          const sized = [3, 20, 1, 2, 3].map((mb) => ({file: {size: mb * 2 ** 20}}));
          return {
            paths: items.map((item) => item.path),
            counts: batchesOf(items).map((batch) => batch.length),
            sizes: batchesOf(sized).map((batch) => batch.map((item) => item.file.size / 2 ** 20)),
          };
        }""",
        str(live_server),
    )
    assert len(found["paths"]) == 251
    assert {"scan/CT/IM249", "scan/DICOMDIR"} <= set(found["paths"])
    assert found["counts"] == [200, 51]
    assert found["sizes"] == [[3], [20], [1, 2], [3]]


def test_files_are_dropped_on_the_zone(carla: Page, cast: Cast, scan: Path) -> None:
    open_visit(carla)
    expect(carla.get_by_role("button", name="Choose a folder")).to_be_visible()
    zone = carla.get_by_role("form", name="Add images")
    transfer = carla.evaluate_handle(
        "() => { const all = new DataTransfer(); all.items.add(new File(['text'], 'notes.txt')); return all; }"
    )
    zone.dispatch_event("drop", {"dataTransfer": transfer})
    expect(carla.get_by_text("You may leave this page")).to_be_visible()
    run_jobs()
    expect(carla.get_by_text("No CT series was found")).to_be_visible()
    expect(carla.get_by_text("notes.txt")).to_be_visible()


def test_a_returned_visit_says_why_and_begins_anew(carla: Page, cast: Cast, scan: Path) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    decide(case, "return_to_site", by=cast.anna, reasons=["series_missing"], note="Send the neck as well.")
    carla.reload()
    expect(carla.get_by_role("row", name="Returned to you")).to_be_visible()
    open_visit(carla)
    expect(carla.get_by_text("A required series is missing.")).to_be_visible()
    expect(carla.get_by_text("Send the neck as well.").first).to_be_visible()
    choose_folder(carla, scan)
    expect(carla.get_by_text("You may leave this page")).to_be_visible()
    assert Submission.objects.filter(replaces=case.submission).exists()


def test_a_draft_is_withdrawn_after_its_consequence_was_named(carla: Page, cast: Cast) -> None:
    begin_submission(cast.visit, by=cast.carla)
    open_visit(carla)
    carla.get_by_text("Withdraw this draft").first.click()
    expect(carla.get_by_text("This cannot be undone.")).to_be_visible()
    carla.get_by_role("button", name="Withdraw this draft").click()
    expect(carla.get_by_text("The visit is open again.")).to_be_visible()


def test_the_whole_way_works_without_script(browser: Browser, live_server: object, cast: Cast, scan: Path) -> None:
    cast.protocol.required_series.filter(slot="abdomen_pelvis").delete()
    page = browser.new_context(java_script_enabled=False).new_page()
    sign_in_on(page, live_server, "carla")
    open_visit(page)
    page.get_by_role("button", name="Begin the submission").click()
    page.get_by_label("Files of the scan").set_input_files(sorted((scan / "CT").iterdir()))
    page.get_by_role("button", name="Add these files").click()
    expect(page.get_by_text("12 files: Arrived.")).to_be_visible()
    run_jobs()
    page.reload()
    page.get_by_role("button", name="Transfer to the core lab").click()
    expect(page.get_by_text("With the core lab since")).to_be_visible()
    page.context.close()


def test_a_folder_is_chosen_by_keyboard_alone(carla: Page, cast: Cast, scan: Path) -> None:
    open_visit(carla)
    with carla.expect_file_chooser() as chooser:
        # Asking the page something lets it hear first that a file chooser is waited for.
        expect(carla.get_by_role("button", name="Choose a folder")).to_be_visible()
        press(carla, "a")
    chooser.value.set_files(scan)
    expect(carla.get_by_text("You may leave this page")).to_be_visible()


@pytest.mark.parametrize("missing", ["", "chest"])
def test_the_pages_have_no_barrier_that_a_machine_can_find(carla: Page, cast: Cast, missing: str) -> None:
    assert Axe().run(carla).violations_count == 0, Axe().run(carla).generate_report()
    open_visit(carla)
    empty = Axe().run(carla)
    assert empty.violations_count == 0, empty.generate_report()
    checked_submission(cast.visit, by=cast.carla, missing=missing)
    carla.reload()
    for details in carla.locator("main details").all():
        details.locator("summary").click()
    full = Axe().run(carla)
    assert full.violations_count == 0, full.generate_report()
