"""`python -m benchmarks.transfer`: how fast a transfer arrives, what it costs, and whether kills lose anything.

Starts web, worker and beat of the embedded shape over a folder of their own and sends a de-identified phantom series
as the browser does, with its own sender in Node.js. Beside it curl sends the same bytes in the same minute: by one PUT
to a bare socket (what the machine can do at all), and to the same server by one form POST (what its own upload does)
and by PATCHes as the sender makes them. Then the same again for a second visit, the whole web server killed (SIGKILL)
at random points and started again; instances lost and kept twice are counted at the end.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.demo.management.commands.demo import WEB_OPTIONS
from apps.imaging.phantom import Examination, make_phantom, write_series
from benchmarks.resilience import ROOT, Stack

SENDER = ROOT / "tests" / "js" / "transfer.mjs"

SETTING = """
import json
from datetime import date
from pathlib import Path
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from apps.accounts.models import Membership, User
from apps.protocols.models import ImagingProtocol, RequiredSeries
from apps.trials.models import Site, Trial, VisitType
from apps.trials.services import enrol_subject
trial = Trial.objects.create(protocol_number="BENCH", title="Benchmark", sponsor="None")
site = Site.objects.create(trial=trial, number="1", name="Site")
kind = VisitType.objects.create(trial=trial, name="Week 8", target_day=0, days_before=7, days_after=7)
protocol = ImagingProtocol.objects.create(trial=trial, version="1", effective_from=date(2020, 1, 1))
RequiredSeries.objects.create(protocol=protocol, visit_type=kind, slot="chest", body_part="chest", contrast="enhanced")
user = User.objects.create_user("sender", password="transfer-benchmark")
Membership.objects.create(user=user, role="crc", trial=trial, site=site)
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
from tests.transfers import deidentified, sending
told = []
for number in range({transfers}):
    subject = enrol_subject(site, f"S{{number}}", consented_on=date.today(), baseline_on=date.today(), by=user)
    visit = subject.visits.get()
    folder = Path({folder!r}) / f"transfer-{{number}}"
    folder.mkdir()
    import hashlib
    objects = deidentified(visit, sorted(Path({scan!r}).iterdir()))
    for content in objects:
        (folder / hashlib.sha256(content).hexdigest()).write_bytes(content)
    submission = sending(visit, objects, folder / "site", by=user)
    import shutil
    shutil.rmtree(folder / "site")
    told.append({{"submission": submission.pk, "folder": str(folder), "bytes": sum(map(len, objects))}})
print(json.dumps({{"session": session.session_key, "transfers": told}}))
"""

COUNT = """
import json
from django.core.files.storage import default_storage
from apps.intake.models import Instance, Receipt, Submission
submission = Submission.objects.get(pk={submission})
rows = Instance.objects.filter(series__submission=submission)
stored = default_storage.listdir(f"received/{{submission.uuid}}")[1]
print(json.dumps({{
    "status": submission.status,
    "announced": rows.count(),
    "here": rows.exclude(file=None).count(),
    "files": submission.files.count(),
    "hashes": submission.files.values("sha256").distinct().count(),
    "stored": len(stored),
    "receipts": Receipt.objects.filter(submission=submission).count(),
    "same": [series.received and series.received["same"] for series in submission.series.all()],
    "parts": list(submission.parts.values_list("status", "reason")),
}}))
"""


class Bench(Stack):
    """The stack of the resilience benchmark, its web process killed and started at will."""

    web: subprocess.Popen[bytes]
    session: str

    def start_web(self) -> None:
        self.web = self.start("gunicorn", "coreqc.wsgi", f"--bind=127.0.0.1:{self.port}", *WEB_OPTIONS)

    def kill_web(self) -> None:
        os.killpg(self.web.pid, signal.SIGKILL)
        self.web.wait()

    def wait_for_web(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/live/", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the web process did not answer within 60 s")

    def send(self, transfer: dict[str, Any], *, aloud: bool = False) -> subprocess.Popen[str]:
        """Start the browser's sender for a transfer; `aloud` it tells each step of its progress."""
        address = f"/submissions/{transfer['submission']}"
        told = {
            "origin": f"http://127.0.0.1:{self.port}",
            "missing": f"{address}/missing/",
            "parts": f"{address}/parts/",
            "cookie": f"sessionid={self.session}; csrftoken={'a' * 32}",
            "csrf": "a" * 32,
            "folder": transfer["folder"],
            "rests": [100, 200, 500],
            "aloud": aloud,
        }
        process = subprocess.Popen(
            ["node", str(SENDER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if aloud else None,
            text=True,
            start_new_session=True,
        )
        assert process.stdin
        process.stdin.write(json.dumps(told))
        process.stdin.close()
        return process

    def count(self, transfer: dict[str, Any]) -> dict[str, Any]:
        counted: dict[str, Any] = json.loads(self.shell(COUNT.format(**transfer)))
        return counted


class Memory:
    """The largest resident memory of a process and its children while it is watched, in MB."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.first = self.now()
        self.most = self.first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def now(self) -> float:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return sum(_resident_mb(pid) for pid in (str(self.pid), *children))

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            try:
                self.most = max(self.most, self.now())
            except FileNotFoundError:
                return

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _resident_mb(pid: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def bare_socket() -> Iterator[int]:
    """Take whatever comes and throw it away, as fast as Python can read."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def swallow() -> None:
            connection, _ = listener.accept()
            with connection:
                wanted, got, head = None, 0, b""
                while wanted is None or got < wanted:
                    chunk = connection.recv(1 << 20)
                    if not chunk:
                        return
                    if wanted is None:
                        head += chunk
                        if b"\r\n\r\n" not in head:
                            continue
                        before, chunk = head.split(b"\r\n\r\n", 1)
                        lines = before.decode().lower().splitlines()
                        wanted = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
                    got += len(chunk)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=swallow, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(timeout=5)


def curl(*options: str) -> float:
    """Return the seconds that curl takes."""
    told = subprocess.run(
        [
            "curl",
            "--silent",
            "--output",
            os.devnull,
            "--write-out",
            "%{time_total} %{http_code}",
            "-H",
            "Expect:",
            *options,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    if told[1] not in ("200", "204", "302", "409"):
        raise SystemExit(f"curl was answered {told[1]}")
    return float(told[0])


def throughput(stack: Bench, transfer: dict[str, Any], whole: Path) -> None:
    """Measure a transfer that nothing disturbs, and curl with the same bytes beside it."""
    megabytes = transfer["bytes"] / 1e6
    with bare_socket() as port:
        bare = curl("-T", str(whole), f"http://127.0.0.1:{port}/")
    address = f"http://127.0.0.1:{stack.port}/submissions/{transfer['submission']}"
    curl("-H", f"Cookie: sessionid={stack.session}", f"{address}/missing/")  # the first request of a process is slow
    # The form door reads and stores the whole body before it says that this submission takes no files now (409).
    cookie = f"sessionid={stack.session}; csrftoken={'a' * 32}"
    form = curl(
        *("-H", f"Cookie: {cookie}", "-H", f"X-CSRFToken: {'a' * 32}", "-H", "Accept: application/json"),
        *("-F", f"files=@{whole}", f"{address}/files/"),
    )
    patch = patched(stack, address, whole)
    with Memory(stack.web.pid) as memory:
        started = time.perf_counter()
        process = stack.send(transfer)
        assert process.stdout
        answer = json.loads(process.stdout.read())
        whole_way = time.perf_counter() - started
    sent = answer["sent_seconds"]
    print(f"{len(list(Path(transfer['folder']).iterdir()))} objects, {megabytes:.0f} MB")
    print(f"curl, one PUT to a bare socket         {bare:6.1f} s  {megabytes / bare:6.0f} MB/s")
    print(f"curl, one form POST to this server     {form:6.1f} s  {megabytes / form:6.0f} MB/s")
    print(f"curl, PATCHes of 8 MB to this server   {patch:6.1f} s  {megabytes / patch:6.0f} MB/s")
    print(f"sender, every byte here                {sent:6.1f} s  {megabytes / sent:6.0f} MB/s")
    print(f"sender, receipt issued                 {whole_way:6.1f} s  ({answer['state']})")
    print(f"web process: {memory.first:.0f} MB before, {memory.most:.0f} MB at most")


def patched(stack: Bench, address: str, whole: Path) -> float:
    """Return the seconds that curl takes for the same bytes in PATCHes of 8 MB, one after the other.

    Each is a part of which one byte is missing: no worker unpacks it meanwhile.
    """
    cookie = f"sessionid={stack.session}; csrftoken={'a' * 32}"
    common = ["-H", f"Cookie: {cookie}", "-H", f"X-CSRFToken: {'a' * 32}", "-H", "Tus-Resumable: 1.0.0"]
    seconds = 0.0
    piece = whole.with_name("piece")
    with whole.open("rb") as file:
        while content := file.read(8 << 20):
            piece.write_bytes(content)
            headers = {"Tus-Resumable": "1.0.0", "Cookie": cookie, "X-CSRFToken": "a" * 32}
            headers["Upload-Length"] = str(len(content) + 1)
            request = urllib.request.Request(f"{address}/parts/", b"", headers, method="POST")
            with urllib.request.urlopen(request, timeout=60) as answer:
                url = f"http://127.0.0.1:{stack.port}{answer.headers['Location']}"
            offset = ["-H", "Upload-Offset: 0", "-H", "Content-Type: application/offset+octet-stream"]
            seconds += curl(*common, *offset, "-X", "PATCH", "--data-binary", f"@{piece}", url)
    return seconds


def kills(stack: Bench, transfer: dict[str, Any], times: int, seed: int) -> bool:
    """Kill the web process at random points of a transfer; return whether nothing was lost and nothing kept twice."""
    chance = random.Random(seed)
    total = transfer["bytes"]
    marks = sorted(chance.randrange(total // 50, total * 49 // 50) for _ in range(times))
    process = stack.send(transfer, aloud=True)
    assert process.stderr
    down: list[float] = []
    for line in process.stderr:
        if not marks or not line.strip().isdigit() or int(line) < marks[0]:
            continue
        marks.pop(0)
        stack.kill_web()
        started = time.perf_counter()
        stack.start_web()
        stack.wait_for_web()
        down.append(time.perf_counter() - started)
    assert process.stdout
    answer = json.loads(process.stdout.read())
    counted = stack.count(transfer)
    print(f"killed {len(down)} times, each down for {statistics.mean(down):.1f} s; {len(answer['rests'])} rests")
    print(json.dumps(counted))
    lost = counted["announced"] - counted["here"]
    twice = counted["files"] - counted["hashes"] + counted["stored"] - counted["files"]
    print(f"{lost} lost, {twice} kept twice, state {counted['status']}")
    whole = counted["status"] == "transferred" and counted["receipts"] == 1 and all(counted["same"])
    return lost == 0 and twice == 0 and whole and len(down) == times


def main() -> None:
    """Measure and print; exit 1 when something was lost or kept twice."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--matrix", type=int, default=512)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    if not (shutil.which("node") and shutil.which("curl")):
        raise SystemExit("This benchmark needs Node.js and curl: apt install nodejs curl")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"Making a series of {arguments.slices} slices ...", flush=True)
        voxels, spacing_mm = make_phantom(
            "chest", enhanced=True, seed=1, slices=arguments.slices, matrix=arguments.matrix
        )
        examination = Examination(region="chest", enhanced=True, seed=1, description="Chest CE")
        write_series(folder / "scan", voxels, spacing_mm, examination)
        stack = Bench(folder)
        try:
            subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=stack.environment, check=True)
            setting = SETTING.format(transfers=2, folder=str(folder), scan=str(folder / "scan"))
            told = json.loads(stack.shell(setting))
            stack.session = told["session"]
            first, second = told["transfers"]
            whole = folder / "whole"
            with whole.open("wb") as file:
                for path in sorted(Path(first["folder"]).iterdir()):
                    file.write(path.read_bytes())
            stack.start_web()
            stack.wait_for_web()
            stack.worker()
            stack.start("celery", "-A", "coreqc", "beat", "--pidfile=", "--loglevel=WARNING")
            throughput(stack, first, whole)
            sound = kills(stack, second, arguments.kills, arguments.seed)
        finally:
            stack.stop()
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
