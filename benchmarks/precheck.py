"""`python -m benchmarks.precheck`: the check at the site, from the folder to the slot board, in a headless Chromium.

Starts web and worker of the embedded shape over a folder of their own, signs a coordinator in, drops the folder of a
phantom series on the visit's page, and measures until the slot board stands: seconds, the longest task of the page's
main thread (what the coordinator feels as a jam), and the peak memory of the tab's process.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree, which

from playwright.sync_api import Browser, CDPSession, Page, Request, expect, sync_playwright

from apps.demo.management.commands.demo import WEB_OPTIONS
from apps.imaging.phantom import Examination, make_phantom, write_series
from benchmarks.resilience import PASSWORD, ROOT, SETTING, Stack

CASES = ((100, "explicit"), (300, "explicit"), (1000, "explicit"), (300, "j2k"))
TARGET_SECONDS = {(300, "explicit"): 10.0}
TARGET_LONGEST_MS = 100
PATIENCE_MS = 600_000

WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask", buffered: true });
"""


@dataclass(frozen=True)
class Measured:
    """One run: `sent_mb` went to the server before the board, of the `size_mb` on disk."""

    seconds: float
    headers: float
    pictures: float
    longest_ms: float
    idle_mb: float
    peak_mb: float
    sent_mb: float
    size_mb: float


def main() -> None:
    """Write the series, measure each in a browser of its own, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precheck", description=__doc__)
    parser.add_argument("--chromium", default=which("chromium") or which("chromium-browser") or which("google-chrome"))
    parser.add_argument("--matrix", type=int, default=512)
    parser.add_argument("--only", help="for example 300-explicit")
    arguments = parser.parse_args()
    if not arguments.chromium:
        parser.error("there is no chromium on this machine: apt install chromium")
    cases = [case for case in CASES if arguments.only in (None, f"{case[0]}-{case[1]}")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack = Stack(folder)
        try:
            _start(stack, len(cases))
            print("slices  written as    on disk    sent  headers  pictures   board  longest task  tab idle, peak")
            for number, (slices, transfer_syntax) in enumerate(cases):
                scan = _scan(folder / "scan", slices, transfer_syntax, arguments.matrix)
                measured = _measured(stack, arguments.chromium, f"S{number:03}", scan)
                print(_line(slices, transfer_syntax, measured), flush=True)
                rmtree(scan)
        finally:
            stack.stop()


def _start(stack: Stack, visits: int) -> None:
    for step in (["migrate", "-v0"], ["collectstatic", "-v0", "--noinput"]):
        subprocess.run([sys.executable, "manage.py", *step], cwd=ROOT, env=stack.environment, check=True)
    stack.shell(SETTING.format(password=PASSWORD, uploads=visits))
    stack.start("gunicorn", "coreqc.wsgi", f"--bind=127.0.0.1:{stack.port}", *WEB_OPTIONS)
    stack.worker()


def _scan(folder: Path, slices: int, transfer_syntax: str, matrix: int) -> Path:
    voxels, spacing_mm = make_phantom("chest", enhanced=True, seed=slices, slices=slices, matrix=matrix)
    examination = Examination("chest", True, slices, "Chest CE")
    write_series(folder, voxels, spacing_mm, examination, transfer_syntax=transfer_syntax)
    return folder


def _measured(stack: Stack, chromium: str, subject: str, scan: Path) -> Measured:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.add_init_script(WATCH)
        _open_visit(page, f"http://127.0.0.1:{stack.port}", subject)
        requests: list[Request] = []
        page.on("requestfinished", lambda request: requests.append(request))
        tab = _tab(browser)
        idle = _memory_mb(tab, "VmRSS")
        page.evaluate("window.longest = 0")
        started = time.perf_counter()
        _drop(page, scan)
        page.locator("[data-step=headers][data-stage=done]").wait_for(state="attached")
        headers = time.perf_counter() - started
        page.locator("[data-step=pictures][data-stage=done]").wait_for(state="attached")
        pictures = time.perf_counter() - started
        page.locator("#submission[data-status=checked] .slot-board").wait_for()
        seconds = time.perf_counter() - started
        measured = Measured(
            seconds=seconds,
            headers=headers,
            pictures=pictures - headers,
            longest_ms=page.evaluate("window.longest"),
            idle_mb=idle,
            peak_mb=_memory_mb(tab, "VmHWM"),
            sent_mb=sum(request.sizes()["requestBodySize"] for request in requests) / 1e6,
            size_mb=sum(path.stat().st_size for path in scan.rglob("*") if path.is_file()) / 1e6,
        )
        browser.close()
    return measured


def _open_visit(page: Page, address: str, subject: str) -> None:
    for _ in range(200):
        try:
            page.goto(f"{address}/visits/")
            break
        except Exception:
            time.sleep(0.1)
    page.get_by_label("Username").fill("sender")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=subject).click()
    page.locator("#scan[data-ready]").wait_for()
    page.get_by_role("button", name="Choose a folder").wait_for()


def _drop(page: Page, folder: Path) -> None:
    """Let go of a folder over the drop zone, as a hand with a mouse does."""
    zone = page.get_by_role("form", name="Add images").bounding_box()
    assert zone is not None
    where = {"x": zone["x"] + zone["width"] / 2, "y": zone["y"] + zone["height"] / 2}
    held = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for step in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": step, **where, "data": held})


def _tab(browser: Browser) -> int:
    """Return the process of the page: the renderer that holds most."""
    session: CDPSession = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return max(
        (int(each["id"]) for each in processes if each["type"] == "renderer"), key=lambda pid: _memory_mb(pid, "VmRSS")
    )


def _memory_mb(pid: int, kind: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith(kind))


def _line(slices: int, transfer_syntax: str, found: Measured) -> str:
    target = TARGET_SECONDS.get((slices, transfer_syntax))
    verdict = "" if target is None else f" ({'within' if found.seconds <= target else 'MISSES'} {target:.0f} s)"
    jam = "within" if found.longest_ms <= TARGET_LONGEST_MS else "MISSES"
    return (
        f"{slices:6}  {transfer_syntax:11}  {found.size_mb:5.0f} MB  {found.sent_mb:3.1f} MB  {found.headers:5.1f} s"
        f"  {found.pictures:6.1f} s  {found.seconds:4.1f} s{verdict}  {found.longest_ms:.0f} ms ({jam}"
        f" {TARGET_LONGEST_MS} ms)  {found.idle_mb:.0f}, {found.peak_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
