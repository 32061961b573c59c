"""`python -m benchmarks.resilience`: thirty uploads at once, and a worker killed in the middle of them.

Starts web, worker and beat of the embedded shape over a folder of their own, sends phantom series by REST, kills the
whole worker (SIGKILL, children included) once checks are running, starts it again, and counts: series finished, lost,
checked twice, and the seconds from the worker's return to the last result.

With DJANGO_SETTINGS_MODULE=coreqc.settings.production and its variables set, the same on PostgreSQL and Redis; the
database has to be empty.
"""

import argparse
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from apps.demo.management.commands.demo import WEB_OPTIONS, WORKER_OPTIONS
from apps.imaging.phantom import Examination, make_phantom, write_series

ROOT = Path(__file__).parents[1]
PASSWORD = "resilience-benchmark"

SETTING = """
from datetime import date
from apps.accounts.models import Membership, User
from apps.protocols.models import ImagingProtocol, RequiredSeries
from apps.trials.models import Site, Trial, VisitType
from apps.trials.services import enrol_subject
trial = Trial.objects.create(protocol_number="BENCH", title="Benchmark", sponsor="None")
site = Site.objects.create(trial=trial, number="1", name="Site")
kind = VisitType.objects.create(trial=trial, name="Week 8", target_day=0, days_before=7, days_after=7)
protocol = ImagingProtocol.objects.create(trial=trial, version="1", effective_from=date(2020, 1, 1))
RequiredSeries.objects.create(
    protocol=protocol, visit_type=kind, slot="chest", body_part="chest", contrast="enhanced"
)
user = User.objects.create_user("sender", password="{password}")
Membership.objects.create(user=user, role="crc", trial=trial, site=site)
for number in range({uploads}):
    enrol_subject(site, f"S{{number:03}}", consented_on=date.today(), baseline_on=date.today(), by=user)
"""

COUNT = """
import json
from apps.imageqc.models import Classification
from apps.intake.models import Instance, Series, Submission
from apps.jobs.models import Job
print(json.dumps({
    "submissions": list(Submission.objects.values_list("status", flat=True)),
    "series": list(Series.objects.values_list("status", flat=True)),
    "instances": Instance.objects.count(),
    "classifications": Classification.objects.count(),
    "jobs": list(Job.objects.values_list("status", flat=True)),
    "attempts": max(Job.objects.values_list("attempts", flat=True), default=0),
}))
"""


class Stack:
    """Web, worker and beat over one folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.environment = {
            "COREQC_VAR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "coreqc.settings.development",
            # The phantoms of the REST door keep the imaginary names that they are written with.
            "VERIFY_DEIDENTIFICATION": "0",
            **os.environ,
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def shell(self, script: str) -> str:
        """Run a script in Django's shell and return what it prints."""
        command = [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", script]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own."""
        log = (self.folder / "log.txt").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start("celery", "-A", "coreqc", "worker", *WORKER_OPTIONS)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    def call(self, path: str, body: bytes | None = None, **headers: str) -> Any:
        """Ask the REST interface: POST when there is a body, else GET."""
        # As the proxy in front of the served shape would say; the embedded shape does not ask.
        headers["X-Forwarded-Proto"] = "https"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/{path}", body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)


def multipart(paths: list[Path]) -> tuple[bytes, str]:
    """Return the files as one multipart body and its content type."""
    boundary = uuid.uuid4().hex
    body = io.BytesIO()
    for path in paths:
        body.write(f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n'.encode())
        body.write(b"Content-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n")
    body.write(f"--{boundary}--\r\n".encode())
    return body.getvalue(), f"multipart/form-data; boundary={boundary}"


def make_series(folder: Path, uploads: int, slices: int) -> list[list[Path]]:
    """Write one chest series per upload, each of another imaginary person."""
    found = []
    for seed in range(uploads):
        voxels, spacing_mm = make_phantom("chest", enhanced=True, seed=seed, slices=slices, matrix=256)
        target = folder / f"series-{seed}"
        examination = Examination(region="chest", enhanced=True, seed=seed, description="Chest CE")
        found.append(write_series(target, voxels, spacing_mm, examination))
    return found


def main() -> None:
    """Measure and print; exit 1 when something was lost or done twice."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resilience", description=__doc__)
    parser.add_argument("--uploads", type=int, default=30)
    parser.add_argument("--slices", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"Making {arguments.uploads} series of {arguments.slices} slices ...", flush=True)
        series = make_series(folder, arguments.uploads, arguments.slices)
        stack = Stack(folder)
        try:
            sound = measure(stack, series)
        finally:
            stack.stop()
    sys.exit(0 if sound else 1)


def measure(stack: Stack, series: list[list[Path]]) -> bool:
    """Run the whole story on a started stack; return whether nothing was lost and nothing done twice."""
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=stack.environment, check=True)
    stack.shell(SETTING.format(password=PASSWORD, uploads=len(series)))
    stack.start("gunicorn", "coreqc.wsgi", f"--bind=127.0.0.1:{stack.port}", *WEB_OPTIONS)
    stack.start("celery", "-A", "coreqc", "beat", "--pidfile=", "--loglevel=WARNING")
    worker = stack.worker()
    token = _sign_in(stack)
    sizes = [sum(path.stat().st_size for path in paths) for paths in series]

    started = time.perf_counter()
    killed = threading.Event()
    restarted_at = 0.0

    def kill_worker() -> None:
        nonlocal restarted_at
        while "checking" not in json.loads(stack.shell(COUNT))["series"]:
            time.sleep(0.05)
        os.killpg(worker.pid, signal.SIGKILL)
        killed.set()
        time.sleep(3)
        stack.worker()
        restarted_at = time.perf_counter()

    killer = threading.Thread(target=kill_worker)
    killer.start()
    visits = stack.call("visits/?state=open", Authorization=token)["results"]

    def upload(visit: dict[str, Any], paths: list[Path]) -> float:
        begun = time.perf_counter()
        new = json.dumps({"visit": visit["id"]}).encode()
        submission = stack.call("submissions/", new, **{"Authorization": token, "Content-Type": "application/json"})
        body, content_type = multipart(paths)
        stack.call(
            f"submissions/{submission['id']}/files/", body, **{"Authorization": token, "Content-Type": content_type}
        )
        return time.perf_counter() - begun

    with ThreadPoolExecutor(len(series)) as senders:
        seconds = sorted(senders.map(upload, visits, series))
    uploaded = time.perf_counter() - started
    megabytes = sum(sizes) / 1e6
    speed = megabytes / uploaded
    print(f"{len(series)} uploads at once, {megabytes:.0f} MB: received after {uploaded:.1f} s ({speed:.0f} MB/s)")
    print(f"one upload took median {seconds[len(seconds) // 2]:.1f} s, worst {seconds[-1]:.1f} s")
    killer.join()
    counts = _wait_until_checked(stack)
    print(
        f"worker killed in mid-series and started again: all checked {time.perf_counter() - restarted_at:.1f} s later"
    )
    print(f"submissions {dict(Counter(counts['submissions']))}, series {dict(Counter(counts['series']))}")
    print(
        f"instances {counts['instances']} of {sum(map(len, series))}, classifications {counts['classifications']} "
        f"for {len(series)} series, jobs {dict(Counter(counts['jobs']))}, most attempts of one job {counts['attempts']}"
    )
    return (
        counts["instances"] == sum(map(len, series))
        and counts["classifications"] == len(series)
        and set(counts["submissions"]) == {"checked"}
    )


def _sign_in(stack: Stack) -> str:
    """Return the token header once the web process answers."""
    body = json.dumps({"username": "sender", "password": PASSWORD}).encode()
    for _ in range(200):
        try:
            return f"Token {stack.call('auth/token/', body, **{'Content-Type': 'application/json'})['token']}"
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the web process did not answer within 20 s")


def _wait_until_checked(stack: Stack) -> dict[str, Any]:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        counts: dict[str, Any] = json.loads(stack.shell(COUNT))
        if set(counts["submissions"]) == {"checked"} and not {"queued", "running"} & set(counts["jobs"]):
            return counts
        time.sleep(1)
    return counts


if __name__ == "__main__":
    main()
