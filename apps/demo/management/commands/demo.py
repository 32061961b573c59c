"""Runs CoreQC on this machine with demo data: web, a Celery worker and beat, until Ctrl-C."""

import fcntl
import hashlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from apps.demo.supervisor import Child, ChildFailed, StopRequested, Supervisor

HOST = "127.0.0.1"
"""The demo's passwords are known to everybody: it answers this machine alone."""

DEFAULT_PASSWORD = "coreqc-demo"
LOG_BYTES_KEPT = 5_000_000

PEOPLE = (
    ("carla", "coordinator of a site", "open a visit, drop a folder or zip of CT and watch the slot board fill"),
    ("anna", "image analyst", "claim the next case and decide by keyboard (? shows the keys)"),
    ("mira", "trial manager", "see which site needs a call, and the visits behind each number"),
    ("root", "administrator", "look after people, sites and protocols"),
)


class Command(BaseCommand):
    help = "Run CoreQC here with demo data, for this machine only. PORT and DEMO_PASSWORD may be set."

    def handle(self, *args: Any, **options: Any) -> None:
        port = _port()
        with _alone(settings.VAR_DIR / "demo.lock", port):
            _require_free(port)
            self._say("Preparing the database ...")
            call_command("migrate", interactive=False, verbosity=0)
            _collect_static()
            try:
                self._run(port)
            except StopRequested:
                self._say("\nCoreQC has stopped. What you did is kept under var/; `make demo` goes on from there.")
            except ChildFailed as failure:
                raise CommandError(str(failure)) from failure

    def _run(self, port: int) -> None:
        with Supervisor(self._say) as supervisor:
            # Before worker and beat, which would call its leases lapsed: the demo's past is played on its own clock.
            if supervisor.run_beside([sys.executable, "manage.py", "seed_demo"]):
                raise CommandError("The demo data could not be made; the lines above say why.")
            supervisor.start(_celery("worker", "worker", *WORKER_OPTIONS))
            supervisor.start(_celery("clock", "beat", "--pidfile=", "--loglevel=WARNING"))
            supervisor.start(_web(port))
            _wait_for(port, supervisor)
            self._welcome(port)
            supervisor.run()

    def _welcome(self, port: int) -> None:
        own = bool(os.environ.get("DEMO_PASSWORD"))
        password = "the one in DEMO_PASSWORD" if own else DEFAULT_PASSWORD
        self._say(f"\nCoreQC is ready: http://{HOST}:{port}/   (password of all: {password})\n")
        for name, role, hint in PEOPLE:
            self._say(f"  {name:<6} {role:<22} {hint}")
        logs = settings.VAR_DIR / "log"
        self._say(f"\nREST: http://{HOST}:{port}/api/v1/docs/   Logs: {logs}   Ctrl-C stops everything.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


WORKER_OPTIONS = (
    "--queues=intake,imageqc",
    "--concurrency=2",
    "--loglevel=INFO",
    # One worker has nobody to gossip with, and this broker keeps what it is told as files.
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
)

WEB_OPTIONS = (
    # Threads of one process: pages keep answering while uploads arrive.
    "--workers=1",
    "--worker-class=gthread",
    "--threads=8",
    "--timeout=120",
    # Its place would be the person's home folder.
    "--no-control-socket",
)


def _celery(name: str, *command: str) -> Child:
    return Child(name, [sys.executable, "-m", "celery", "-A", "coreqc", *command], _log(name))


def _web(port: int) -> Child:
    command = [sys.executable, "-m", "gunicorn", "coreqc.wsgi", f"--bind={HOST}:{port}", *WEB_OPTIONS]
    return Child("web server", command, _log("web"), restarts=False)


def _log(name: str) -> Path:
    """Return the log of a process, emptied once it has grown long."""
    path: Path = settings.VAR_DIR / "log" / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_BYTES_KEPT:
        path.unlink()
    return path


def _port() -> int:
    text = os.environ.get("PORT", "") or "8000"
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise CommandError(f"PORT={text} is not a port. Give a number from 1024 to 65535: PORT=8123 make demo")
    return int(text)


@contextmanager
def _alone(path: Path, port: int) -> Iterator[None]:
    """Two demos on one var/ would be two workers on one ledger: the second is told so."""
    with path.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(
                f"The demo of this folder runs already: http://{HOST}:{lock.read()}/. Use it, or stop it first."
            ) from None
        lock.truncate(0)
        lock.write(str(port))
        lock.flush()
        yield


def _require_free(port: int) -> None:
    with socket.socket() as door:
        # As the web server does: a port that was left a moment ago is free.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, port))
        except PermissionError:
            raise CommandError(f"Port {port} is reserved. Take one from 1024 on: PORT=8123 make demo") from None
        except OSError:
            raise CommandError(f"Port {port} is taken by another program. Try: PORT=8123 make demo") from None


def _wait_for(port: int, supervisor: Supervisor) -> None:
    """Wait until the web server accepts; a server that ends instead is reported by the supervisor."""
    while True:
        supervisor.check()
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def _collect_static() -> None:
    """Collect static files when one of them changed since the last time."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            facts = Path(storage.path(name)).stat()
            seen.update(f"{name}:{facts.st_size}:{facts.st_mtime_ns}\n".encode())
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if stamp.exists() and stamp.read_text(encoding="ascii") == seen.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(seen.hexdigest(), encoding="ascii")
