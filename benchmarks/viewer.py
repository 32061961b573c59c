"""`python -m benchmarks.viewer`: the raw slices of a 300 x 512 x 512 series, in a headless Chromium against a server.

For each way in which a scanner writes them: milliseconds from the key to the first slice on the screen (with nothing
fetched ahead and no index kept, with the index that the check kept, and with what the open page fetched ahead), what a
key held down over all slices feels like (longest task of the main thread, frames that came late, slices that were
shown), and what one slice costs the server.
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree, which

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from apps.demo.management.commands.demo import WEB_OPTIONS
from apps.imaging.phantom import Examination, make_phantom, write_series
from benchmarks.resilience import PASSWORD, ROOT, Stack

SYNTAXES = ("explicit", "jpeg_lossless", "j2k")
SLICES, MATRIX = 300, 512
TARGET_FIRST_MS = 300
TARGET_LONGEST_MS = 50
KEYS_PER_SECOND = 30
TRIES = 5
PATIENCE_MS = 120_000

SETTING = """
from datetime import date
from pathlib import Path
from celery import current_app
from django.core.files.base import ContentFile
from django.utils import timezone
from apps.accounts.models import Membership, User
from apps.intake.services import begin_submission, receive_files, transfer
from apps.jobs.models import Job
from apps.protocols.models import ImagingProtocol, RequiredSeries
from apps.reviews.models import ReviewCase
from apps.trials.models import Site, Trial, VisitType
from apps.trials.services import enrol_subject

def work():
    current_app.loader.import_default_modules()
    while job := Job.objects.filter(status="queued", not_before__lte=timezone.now()).order_by("pk").first():
        current_app.tasks[job.task](job.pk)

trial, _ = Trial.objects.get_or_create(protocol_number="BENCH", defaults={{"title": "Benchmark", "sponsor": "None"}})
site, is_new = Site.objects.get_or_create(trial=trial, number="1", defaults={{"name": "Site"}})
if is_new:
    kind = VisitType.objects.create(trial=trial, name="Week 8", target_day=0, days_before=7, days_after=7)
    protocol = ImagingProtocol.objects.create(trial=trial, version="1", effective_from=date(2020, 1, 1))
    RequiredSeries.objects.create(
        protocol=protocol, visit_type=kind, slot="chest", body_part="chest", contrast="enhanced"
    )
    for name, role in (("sender", "crc"), ("reader", "analyst")):
        user = User.objects.create_user(name, password="{password}")
        Membership.objects.create(user=user, role=role, trial=trial, site=site if role == "crc" else None)
sender = User.objects.get(username="sender")
subject = enrol_subject(site, "{subject}", consented_on=date.today(), baseline_on=date.today(), by=sender)
submission = begin_submission(subject.visits.get(), by=sender)
paths = sorted(path for path in Path("{folder}").rglob("*") if path.is_file())
for at in range(0, len(paths), 50):
    files = [(path.name, ContentFile(path.read_bytes(), path.name)) for path in paths[at : at + 50]]
    receive_files(submission, files, by=sender, more_to_come=at + 50 < len(paths))
work()
submission.refresh_from_db()
transfer(submission, by=sender, because="A benchmark.")
work()
print(ReviewCase.objects.get(submission=submission).pk, submission.series.get().uuid)
"""

FORGET_INDEX = """
from django.core.files.storage import default_storage
for name in default_storage.listdir("slices/{uuid}")[1]:
    default_storage.delete("slices/{uuid}/" + name)
"""

WATCH = """
window.watched = { key: 0, first: 0, longest: 0, late: 0, frames: 0, shown: new Set() };
addEventListener("keydown", (event) => { if (event.key === "s") watched.key = event.timeStamp; }, true);
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) watched.longest = Math.max(watched.longest, task.duration);
}).observe({ type: "longtask" });
addEventListener("DOMContentLoaded", () => {
  const canvas = document.querySelector("#viewer canvas");
  if (!canvas) return;
  new MutationObserver(() => {
    if (!canvas.dataset.drawn) return;
    watched.shown.add(canvas.dataset.drawn);
    if (!watched.first) requestAnimationFrame((now) => { watched.first ||= now - watched.key; });
  }).observe(canvas, { attributeFilter: ["data-drawn"] });
  let before = 0;
  const frame = (now) => {
    if (before) { watched.frames += 1; if (now - before > 25) watched.late += Math.round((now - before) / 16.7) - 1; }
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
});
"""

NOTHING_AHEAD = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } });"


@dataclass(frozen=True)
class Scrolled:
    """A key held down from the first slice to the last."""

    longest_ms: float
    late: int
    frames: int
    shown: int


@dataclass(frozen=True)
class Case:
    pk: int
    series: str


def main() -> None:
    """Put one case per transfer syntax on a server, look at each, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.viewer", description=__doc__)
    parser.add_argument("--chromium", default=which("chromium") or which("chromium-browser") or which("google-chrome"))
    parser.add_argument("--only", choices=SYNTAXES)
    parser.add_argument("--slices", type=int, default=SLICES)
    arguments = parser.parse_args()
    if not arguments.chromium:
        parser.error("there is no chromium on this machine: apt install chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack = Stack(folder)
        try:
            for step in (["migrate", "-v0"], ["collectstatic", "-v0", "--noinput"]):
                subprocess.run([sys.executable, "manage.py", *step], cwd=ROOT, env=stack.environment, check=True)
            stack.start("gunicorn", "coreqc.wsgi", f"--bind=127.0.0.1:{stack.port}", *WEB_OPTIONS)
            print(
                "written as     first slice: no index, index, ahead   while loading: longest, late, shown"
                "   loaded: longest, late, shown   server   on the wire"
            )
            for number, syntax in enumerate(SYNTAXES):
                if arguments.only in (None, syntax):
                    case = _case(stack, folder / "scan", number, syntax, arguments.slices)
                    print(_line(stack, arguments.chromium, case, syntax, arguments.slices), flush=True)
        finally:
            stack.stop()


def _case(stack: Stack, folder: Path, number: int, syntax: str, slices: int) -> Case:
    voxels, spacing_mm = make_phantom("chest", enhanced=True, seed=number, slices=slices, matrix=MATRIX)
    write_series(folder, voxels, spacing_mm, Examination("chest", True, number, "Chest CE"), transfer_syntax=syntax)
    told = stack.shell(SETTING.format(password=PASSWORD, subject=f"S{number:03}", folder=folder))
    rmtree(folder)
    pk, series = told.split()[-2:]
    return Case(int(pk), series)


def _line(stack: Stack, chromium: str, case: Case, syntax: str, slices: int) -> str:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        stored = _signed_in(browser, stack)
        without, kept, ahead = [], [], []
        for _ in range(TRIES):
            stack.shell(FORGET_INDEX.format(uuid=case.series))
            without.append(_first(browser, stack, stored, case, ahead=False))
            kept.append(_first(browser, stack, stored, case, ahead=False))
            ahead.append(_first(browser, stack, stored, case, ahead=True))
        page = _page(browser, stack, stored, case, ahead=False)
        page.keyboard.press("s")
        _drawn(page)
        loading = _scrolled(page, slices)
        _until(page, "document.querySelector('#viewer [data-part=loaded]').textContent === ''")
        loaded = _scrolled(page, slices)
        cookie = next(one["value"] for one in stored["cookies"] if one["name"] == "sessionid")
        browser.close()
    server_ms, kilobytes = _server(stack, case, str(cookie), slices)
    # What the analyst meets is a page that was open for a moment, and at worst one that was not.
    verdict = "within" if statistics.median(kept) <= TARGET_FIRST_MS else "MISSES"
    jam = "within" if max(loading.longest_ms, loaded.longest_ms) <= TARGET_LONGEST_MS else "MISSES"
    return (
        f"{syntax:13}  {statistics.median(without):4.0f} ms, {statistics.median(kept):4.0f} ms,"
        f" {statistics.median(ahead):4.0f} ms ({verdict} {TARGET_FIRST_MS} ms)  {_told(loading, slices)}"
        f"   {_told(loaded, slices)} ({jam} {TARGET_LONGEST_MS} ms)   {server_ms:4.1f} ms   {kilobytes:.0f} kB of"
        f" {MATRIX * MATRIX * 2 // 1000}"
    )


def _told(found: Scrolled, slices: int) -> str:
    return f"{found.longest_ms:3.0f} ms, {found.late} of {found.frames} frames, {found.shown} of {slices}"


def _signed_in(browser: Browser, stack: Stack) -> dict:
    context = browser.new_context()
    page = context.new_page()
    for _ in range(200):
        try:
            page.goto(f"http://127.0.0.1:{stack.port}/review/")
            break
        except Exception:
            time.sleep(0.1)
    page.get_by_label("Username").fill("reader")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Worklist").wait_for()
    stored = dict(context.storage_state())
    context.close()
    return stored


def _page(browser: Browser, stack: Stack, stored: dict, case: Case, *, ahead: bool) -> Page:
    """Open the case in a browser that knows nothing of it, and wait until it has nothing more to do."""
    context: BrowserContext = browser.new_context(storage_state=stored, viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    if not ahead:
        page.add_init_script(NOTHING_AHEAD)
    page.add_init_script(WATCH)
    page.goto(f"http://127.0.0.1:{stack.port}/review/{case.pk}/", wait_until="networkidle")
    return page


def _until(page: Page, condition: str) -> None:
    """Wait for a condition; the page's policy forbids `wait_for_function`, which compiles text."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition):
        if time.monotonic() > until:
            raise SystemExit(f"never came true: {condition}")
        time.sleep(0.05)


def _drawn(page: Page) -> None:
    _until(page, "watched.first > 0")


def _first(browser: Browser, stack: Stack, stored: dict, case: Case, *, ahead: bool) -> float:
    page = _page(browser, stack, stored, case, ahead=ahead)
    page.keyboard.press("s")
    _drawn(page)
    took: float = page.evaluate("watched.first")
    page.context.close()
    return took


def _scrolled(page: Page, slices: int) -> Scrolled:
    page.keyboard.press("Home")
    _until(page, "document.querySelector('#viewer canvas').dataset.drawn === 'axial 0'")
    page.evaluate("watched.longest = watched.late = watched.frames = 0; watched.shown = new Set(['axial 0'])")
    due = time.perf_counter()
    for _ in range(slices - 1):
        # Pressed again without being let go: what a held key sends.
        page.keyboard.down("ArrowDown")
        due += 1 / KEYS_PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
    page.keyboard.up("ArrowDown")
    found = Scrolled(
        longest_ms=page.evaluate("watched.longest"),
        late=page.evaluate("watched.late"),
        frames=page.evaluate("watched.frames"),
        shown=page.evaluate("watched.shown.size"),
    )
    _until(page, f"document.querySelector('#viewer canvas').dataset.drawn === 'axial {slices - 1}'")
    return found


def _server(stack: Stack, case: Case, cookie: str, slices: int) -> tuple[float, float]:
    """Return the median milliseconds of a slice asked for alone, and its kilobytes on the wire."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port)
    headers = {"Cookie": f"sessionid={cookie}", "Accept-Encoding": "gzip"}
    took, size = [], []
    for place in range(0, slices, max(1, slices // 50)):
        started = time.perf_counter()
        connection.request("GET", f"/series/{case.series}/slices/{place}/", headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        took.append((time.perf_counter() - started) * 1e3)
        if answer.status != 200:
            raise SystemExit(f"slice {place} was answered with {answer.status}")
        size.append(len(content) / 1e3)
    connection.close()
    return statistics.median(took), statistics.median(size)


if __name__ == "__main__":
    main()
