"""The check at the site in a real browser: from the drop to the receipt, and no byte of it names the patient."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from apps.intake.models import Instance, Receipt, ReceivedFile, Series, Submission
from apps.protocols.models import RequiredSeries
from apps.reviews.models import ReviewCase
from apps.reviews.services import claim
from tests.browser.visits import choose_folder, open_visit, sign_in_on, slot
from tests.browser.wire import Wire, found_in
from tests.cast import Cast
from tests.factories import waiting_case
from tests.phantoms import cube_and_rod, write_series
from tests.signing import decide
from tests.work import run_jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tiny_bundle")]

NAMES = ["Zeppelinova", "Quirinalia", "QZX-77812-K", "Nordklinikum-Ost", "ACC-5550199"]
IDENTITY: dict[str, Any] = {
    "PatientName": "Zeppelinova^Quirinalia",
    "PatientID": "QZX-77812-K",
    "InstitutionName": "Nordklinikum-Ost",
    "AccessionNumber": "ACC-5550199",
    "PatientComments": "Quirinalia Zeppelinova, room 4",
    "SeriesDescription": "Chest Zeppelinova 2.0",
    "AcquisitionDate": "20261027",
    "StudyDate": "20261027",
    "SeriesDate": "20261027",
}
OTHER = {"PatientName": "Montgolfier^Etienne", "PatientID": "MGF-00017-B", "PatientBirthDate": "19510801"}
SHOWN = 30_000
"""Milliseconds: two slow cores read, draw and serve at once."""


@pytest.fixture
def wire(live_server: object) -> Iterator[Wire]:
    """The way to the server, with an ear on it."""
    wire = Wire(str(live_server))
    yield wire
    wire.close()


@pytest.fixture
def carla(page: Page, wire: Wire, cast: Cast) -> Page:
    """Carla's browser on the visit; one required series, so that a sound scan is all that the protocol asks for."""
    cast.protocol.required_series.filter(slot="abdomen_pelvis").delete()
    page.set_default_timeout(SHOWN)
    expect.set_options(timeout=SHOWN)
    sign_in_on(page, wire.address, "carla")
    open_visit(page)
    return page


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A folder as a CD brings it: slices of a named patient, a localizer, a report, the table of contents."""
    folder = tmp_path / "CD"
    write_series(folder / "A", cube_and_rod(), series=1, common=IDENTITY)
    localizer = IDENTITY | {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesDescription": "Topogram"}
    write_series(folder / "B", cube_and_rod()[:1], series=2, common=localizer)
    (folder / "REPORT.PDF").write_bytes(b"%PDF-1.4 report of Zeppelinova")
    (folder / "README.TXT").write_text("burned for Quirinalia Zeppelinova")
    return folder


def until_checked(page: Page) -> None:
    """Let the worker look at what the browser sends, until the page takes files again."""
    page.get_by_text("Making pictures").wait_for()
    _work_until(page.get_by_role("button", name="Choose a folder").is_visible, page)


def until_received(page: Page) -> None:
    """Let the worker unpack what arrives, and compare it."""
    _work_until(lambda: Receipt.objects.exists(), page)


def _work_until(done: Any, page: Page) -> None:
    give_up = time.monotonic() + 60
    while not done():
        run_jobs()
        page.wait_for_timeout(200)
        assert time.monotonic() < give_up, f"nothing came of it within a minute: {page.inner_text('main')}"


def names_sent(wire: Wire) -> list[str]:
    return [name for stream in wire.sent for name in found_in(stream, [*NAMES, "Montgolfier", "MGF-00017-B"])]


def check(page: Page, folder: Path) -> None:
    choose_folder(page, folder)
    until_checked(page)


def test_from_the_drop_to_the_receipt_and_no_byte_names_the_patient(
    carla: Page, wire: Wire, cast: Cast, scan: Path
) -> None:
    check(carla, scan)
    expect(slot(carla, "Chest CT with contrast")).to_contain_text("Fits")
    expect(carla.get_by_text("no image has left your computer")).to_be_visible()
    expect(carla.get_by_text("Topogram")).to_be_visible()
    assert not ReceivedFile.objects.exists()
    assert Series.objects.get().origin == Series.Origin.SITE
    carla.get_by_role("button", name="De-identify and transfer").click()
    until_received(carla)
    expect(carla.get_by_text("With the core lab since")).to_be_visible()
    expect(carla.get_by_role("link", name="Receipt")).to_be_visible()
    assert Submission.objects.get().status == Submission.Status.TRANSFERRED
    assert Instance.objects.exclude(file=None).count() == 12
    run_jobs()
    assert ReviewCase.objects.exists()
    assert sum(map(len, wire.sent)) > 12 * 16 * 20 * 2
    assert names_sent(wire) == []
    carla.get_by_role("link", name="Receipt").click()
    expect(carla.get_by_role("heading", name=re.compile("receipt", re.IGNORECASE)).first).to_be_visible()


def test_what_leaves_is_shown_beside_what_the_scan_says_and_stays_here(carla: Page, wire: Wire, scan: Path) -> None:
    check(carla, scan)
    carla.get_by_text("What leaves this computer").click()
    name = carla.get_by_role("row").filter(has_text="(0010,0010)")
    expect(name).to_contain_text("Zeppelinova")
    institution = carla.get_by_role("row").filter(has_text="(0008,0080)")
    expect(institution).to_contain_text("removed")
    carla.get_by_role("button", name="Kept").click()
    expect(name).to_be_hidden()
    assert names_sent(wire) == []


def test_two_patients_stop_it_before_anything_is_said(carla: Page, wire: Wire, cast: Cast, scan: Path) -> None:
    write_series(scan / "C", cube_and_rod(), series=3, study=2, common=OTHER)
    choose_folder(carla, scan)
    expect(carla.get_by_role("heading", name="2 patients are in these files")).to_be_visible()
    expect(carla.get_by_text("Montgolfier Etienne")).to_be_visible()
    assert not any(b"/describe/" in stream for stream in wire.sent)
    carla.locator(".person").filter(has_text="MGF-00017-B").get_by_role("radio").check()
    carla.get_by_role("button", name="Go on with this patient").click()
    until_checked(carla)
    assert Series.objects.get().number == 3
    expect(carla.locator(".not-part").filter(has_text="Series 1,")).to_contain_text("Of another patient")
    assert names_sent(wire) == []


def test_a_second_patient_among_files_added_later_stops_it_again(carla: Page, scan: Path, tmp_path: Path) -> None:
    check(carla, scan)
    write_series(tmp_path / "more", cube_and_rod(), series=3, study=2, common=OTHER)
    choose_folder(carla, tmp_path / "more")
    expect(carla.get_by_role("heading", name="2 patients are in these files")).to_be_visible()
    carla.get_by_role("button", name="Cancel, choose another folder").click()
    expect(carla.get_by_text("Cancelled").first).to_be_visible()
    expect(carla.get_by_role("button", name="De-identify and transfer")).to_be_visible()
    assert Series.objects.count() == 1


def test_the_number_of_another_subject_stops_it(carla: Page, wire: Wire, tmp_path: Path) -> None:
    write_series(tmp_path / "scan", cube_and_rod(), common={"PatientID": "101-009", "PatientName": "101-009"})
    choose_folder(carla, tmp_path / "scan")
    expect(carla.get_by_role("heading", name="These files say 101-009")).to_be_visible()
    assert not any(b"/describe/" in stream for stream in wire.sent)
    carla.get_by_role("button", name="Cancel, choose another folder").click()
    expect(carla.get_by_text("No image has left this computer.").first).to_be_visible()
    expect(carla.get_by_role("button", name="Choose a folder")).to_be_visible()


def test_the_wrong_contrast_is_said_and_goes_on_with_a_reason(carla: Page, cast: Cast, scan: Path) -> None:
    RequiredSeries.objects.update(contrast="non_contrast")
    check(carla, scan)
    chest = slot(carla, "Chest CT")
    expect(chest).not_to_contain_text("Fits")
    expect(carla.get_by_role("alert")).to_contain_text("contrast")
    carla.get_by_text("Transfer with a reason", exact=True).click()
    carla.get_by_label("Reason").first.fill("The patient cannot have it otherwise.")
    carla.get_by_role("button", name="De-identify and transfer with this reason").click()
    until_received(carla)
    expect(carla.get_by_text("Your reason: The patient cannot have it otherwise.")).to_be_visible()


def test_a_missing_series_is_said_and_comes_with_more_files(
    carla: Page, cast: Cast, scan: Path, tmp_path: Path
) -> None:
    chest = cast.protocol.required_series.get()
    RequiredSeries.objects.filter(pk=chest.pk).update(max_slice_thickness_mm=1)
    check(carla, scan)
    expect(carla.get_by_role("alert")).to_be_visible()
    write_series(tmp_path / "thin", cube_and_rod(), series=7, spacing_mm=(0.9, 0.8, 0.7), common=IDENTITY)
    choose_folder(carla, tmp_path / "thin")
    until_checked(carla)
    expect(slot(carla, "Chest CT with contrast")).to_contain_text("Fits")
    expect(slot(carla, "Chest CT with contrast")).to_contain_text("Series 7")


def test_a_series_is_chosen_and_declared_without_losing_the_files(carla: Page, cast: Cast, scan: Path) -> None:
    write_series(scan / "C", cube_and_rod(), series=7, common=IDENTITY)
    check(carla, scan)
    chest = slot(carla, "Chest CT with contrast")
    used = "Series 7" if "Series 1" in chest.inner_text() else "Series 1"
    chest.get_by_text("Choose another series").click()
    chest.get_by_role("button", name="Use this series").click()
    expect(chest.locator(".slot-series")).to_contain_text(used)
    carla.get_by_text("Declare what it is").first.click()
    carla.get_by_label("Body part").first.select_option("chest")
    carla.get_by_role("button", name="Declare").first.click()
    expect(carla.get_by_text("The site declared")).to_be_visible()
    carla.get_by_role("button", name="De-identify and transfer").click()
    until_received(carla)
    assert Series.objects.filter(to_send=True).get().number == int(used.split()[1])


def test_stray_files_are_listed_and_stay_here(carla: Page, scan: Path) -> None:
    (scan / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    check(carla, scan)
    carla.get_by_text("Other files, stay here").click()
    expect(carla.get_by_text("CD/REPORT.PDF")).to_be_visible()
    assert not ReceivedFile.objects.exists()


def test_pictures_with_writing_stay_here_and_the_core_lab_never_hears_of_them(carla: Page, scan: Path) -> None:
    protocol = IDENTITY | {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "SeriesDescription": "Patient Protocol"}
    write_series(scan / "D", cube_and_rod()[:1], series=501, common=protocol)
    burned = IDENTITY | {"BurnedInAnnotation": "YES", "SeriesDescription": "Chest for the ward"}
    write_series(scan / "E", cube_and_rod(), series=8, common=burned)
    check(carla, scan)
    stays = carla.locator(".not-part")
    expect(stays.filter(has_text="Patient Protocol")).to_contain_text("This is a secondary capture")
    expect(stays.filter(has_text="Chest for the ward")).to_contain_text("export it again without the writing")
    assert Series.objects.get().number == 1


def test_no_scan_in_the_files_is_said_with_the_next_step(carla: Page, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("Dear colleague")
    choose_folder(carla, tmp_path / "letters")
    expect(carla.get_by_role("note")).to_contain_text("No DICOM image is in these files")
    expect(carla.get_by_text("This file is a text file, not a DICOM file")).to_be_visible()
    expect(carla.get_by_text("letters/one.txt")).to_be_visible()
    expect(carla.get_by_role("button", name="Choose a folder")).to_be_visible()
    held: list[Route] = []
    carla.route(re.compile(r"/profile/$"), lambda route: held.append(route))
    choose_folder(carla, tmp_path / "letters")
    expect(carla.get_by_text("letters/one.txt")).to_be_hidden()
    for route in held:
        route.abort()


def test_cancelling_says_nothing_to_the_core_lab(carla: Page, wire: Wire, scan: Path) -> None:
    held: list[Route] = []
    carla.route(re.compile(r"/describe/$"), lambda route: held.append(route))
    choose_folder(carla, scan)
    expect(carla.get_by_role("button", name="Cancel")).to_be_visible()
    while not held:
        carla.wait_for_timeout(100)
    carla.get_by_role("button", name="Cancel").click()
    expect(carla.get_by_text("Cancelled").first).to_be_visible()
    expect(carla.get_by_role("button", name="Choose a folder")).to_be_visible()
    assert not Series.objects.exists()
    for route in held:
        route.abort()


def test_a_transfer_goes_on_after_the_page_was_closed_in_the_middle(
    carla: Page, wire: Wire, cast: Cast, scan: Path, tmp_path: Path
) -> None:
    check(carla, scan)
    patched: list[str] = []

    def break_off(route: Route) -> None:
        patched.append(route.request.method)
        route.abort()

    carla.route(re.compile(r"/parts/"), break_off)
    carla.get_by_role("button", name="De-identify and transfer").click()
    expect(carla.get_by_text("nothing is lost")).to_be_visible()
    carla.on("dialog", lambda dialog: dialog.accept())
    carla.unroute(re.compile(r"/parts/"))
    carla.reload()
    expect(carla.get_by_text("0 of 12 images arrived")).to_be_visible()
    write_series(tmp_path / "wrong", cube_and_rod(), series=9, study=5, common=IDENTITY)
    choose_folder(carla, tmp_path / "wrong")
    expect(carla.get_by_text("This is not the folder that was checked")).to_be_visible()
    choose_folder(carla, scan)
    until_received(carla)
    expect(carla.get_by_text("With the core lab since")).to_be_visible()
    assert patched
    assert Instance.objects.exclude(file=None).count() == 12
    assert names_sent(wire) == []


def test_a_transfer_after_the_page_was_loaded_anew_asks_for_the_folder(carla: Page, scan: Path) -> None:
    check(carla, scan)
    carla.reload()
    carla.locator("#scan[data-ready]").wait_for()
    carla.get_by_role("button", name="De-identify and transfer").click()
    expect(carla.get_by_role("note").filter(has_text="Choose the folder of the scan again")).to_be_visible()
    held: list[Route] = []
    carla.route(re.compile(r"/profile/$"), lambda route: held.append(route))
    choose_folder(carla, scan)
    carla.get_by_role("button", name="Cancel").click()
    expect(carla.get_by_text("What has arrived stays at the core lab.")).to_be_visible()
    for route in held:
        route.abort()
    carla.unroute(re.compile(r"/profile/$"))
    choose_folder(carla, scan)
    until_received(carla)
    expect(carla.get_by_text("With the core lab since")).to_be_visible()
    expect(carla.locator("#visit-window")).to_be_empty()


def test_when_all_is_sent_the_page_says_what_is_waited_for(carla: Page, scan: Path) -> None:
    check(carla, scan)
    carla.get_by_role("button", name="De-identify and transfer").click()
    sending = carla.get_by_label("Transfer", exact=True)
    expect(sending).to_contain_text("All images are sent")
    expect(sending).to_contain_text("then you get the receipt")
    expect(sending.get_by_role("button", name="Pause")).to_be_disabled()
    until_received(carla)
    expect(carla.get_by_text("With the core lab since")).to_be_visible()
    expect(sending).to_be_hidden()


def test_a_cut_wire_is_waited_for(carla: Page, wire: Wire, scan: Path) -> None:
    check(carla, scan)
    wire.fuse = 4000
    carla.get_by_role("button", name="De-identify and transfer").click()
    carla.wait_for_timeout(3000)
    wire.mend()
    if carla.get_by_role("button", name="Go on").is_visible():
        carla.get_by_role("button", name="Go on").click()
    if carla.get_by_role("button", name="De-identify and transfer").is_visible():
        carla.get_by_role("button", name="De-identify and transfer").click()
    until_received(carla)
    expect(carla.get_by_text("With the core lab since")).to_be_visible()


def test_sending_is_stopped_and_taken_up_again(carla: Page, scan: Path) -> None:
    check(carla, scan)
    carla.route(re.compile(r"/parts/"), lambda route: route.abort())
    carla.get_by_role("button", name="De-identify and transfer").click()
    expect(carla.get_by_role("button", name="Pause")).to_be_visible()
    carla.get_by_role("button", name="Pause").click()
    expect(carla.get_by_text("Paused")).to_be_visible()
    carla.get_by_role("button", name="Stop sending").first.click()
    expect(carla.get_by_text("What has arrived stays at the core lab")).to_be_visible()
    assert Submission.objects.get().status == Submission.Status.CHECKED
    carla.unroute(re.compile(r"/parts/"))
    carla.get_by_role("button", name="De-identify and transfer").click()
    until_received(carla)
    expect(carla.get_by_text("With the core lab since")).to_be_visible()


def test_sending_again_at_once_is_not_lost_on_a_slow_line(carla: Page, scan: Path) -> None:
    def slowly(route: Route) -> None:
        time.sleep(0.7)
        route.continue_()

    check(carla, scan)
    carla.route(re.compile(r"/parts/"), lambda route: route.abort())
    carla.get_by_role("button", name="De-identify and transfer").click()
    expect(carla.get_by_role("button", name="Pause")).to_be_visible()
    carla.route(re.compile(r"/progress/"), slowly)
    carla.get_by_role("button", name="Stop sending").first.click()
    expect(carla.get_by_text("What has arrived stays at the core lab")).to_be_visible()
    carla.unroute(re.compile(r"/parts/"))
    carla.get_by_role("button", name="De-identify and transfer").click()
    until_received(carla)


def test_a_part_of_the_page_that_cannot_be_loaded_is_said_and_not_asked_for_for_ever(carla: Page, scan: Path) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    carla.route(re.compile(r"/precheck/worker\.js"), refuse)
    choose_folder(carla, scan)
    expect(carla.get_by_role("note")).to_contain_text("A part of this page could not go on")
    carla.wait_for_timeout(500)
    assert 0 < len(asked) <= 8
    carla.unroute(re.compile(r"/precheck/worker\.js"))
    carla.get_by_role("button", name="Go on").click()
    until_checked(carla)
    expect(slot(carla, "Chest CT with contrast")).to_contain_text("Fits")


def test_a_lost_sign_in_is_said_and_taken_up_again(carla: Page, wire: Wire, scan: Path) -> None:
    cookies = carla.context.cookies()
    carla.context.clear_cookies(name="sessionid")
    choose_folder(carla, scan)
    expect(carla.get_by_role("note")).to_contain_text("You were signed out.")
    carla.context.add_cookies(cookies)
    carla.get_by_role("button", name="Go on").click()
    until_checked(carla)
    expect(slot(carla, "Chest CT with contrast")).to_contain_text("Fits")


def test_a_browser_that_cannot_check_gets_the_plain_form(page: Page, live_server: object, cast: Cast) -> None:
    page.add_init_script("delete window.Worker")
    sign_in_on(page, live_server, "carla")
    open_visit(page)
    expect(page.get_by_text("send only files that are de-identified already")).to_be_visible()
    expect(page.get_by_role("button", name="Choose a folder")).to_be_visible()


def test_files_that_are_deidentified_already_can_be_sent_as_they_are(carla: Page, cast: Cast, scan: Path) -> None:
    carla.get_by_role("button", name="Send them as they are; the core lab checks them").click()
    choose_folder(carla, scan / "A")
    expect(carla.get_by_text("You may leave this page; the check goes on.")).to_be_visible()
    assert ReceivedFile.objects.count() == 12


def test_why_the_last_scans_came_back_stands_beside_the_drop_zone(carla: Page, cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    decide(case, "return_to_site", by=cast.anna, reasons=["series_missing"], note="Send the neck as well.")
    carla.reload()
    expect(carla.get_by_role("heading", name="Why the last scans of Week 8 came back")).to_be_visible()
    expect(carla.get_by_role("button", name="Choose a folder")).to_be_visible()


def test_no_step_has_a_barrier_that_a_machine_can_find(carla: Page, scan: Path) -> None:
    def look() -> None:
        found = Axe().run(carla)
        assert found.violations_count == 0, found.generate_report()

    look()
    write_series(scan / "C", cube_and_rod(), series=3, study=2, common=OTHER)
    choose_folder(carla, scan)
    expect(carla.get_by_role("radio", name="Patient 1")).to_be_visible()
    look()
    carla.get_by_role("radio", name="Patient 1").check()
    carla.get_by_role("button", name="Go on with this patient").click()
    until_checked(carla)
    expect(slot(carla, "Chest CT with contrast")).to_contain_text("Fits")
    carla.evaluate("for (const details of document.querySelectorAll('main details')) details.open = true")
    expect(carla.get_by_role("row").filter(has_text="(0010,0010)").first).to_be_visible()
    look()
    carla.route(re.compile(r"/parts/"), lambda route: route.abort())
    carla.get_by_role("button", name="De-identify and transfer").click()
    expect(carla.get_by_role("button", name="Pause")).to_be_visible()
    look()
