"""Runs the processes of the embedded shape as one: starts them, restarts them, and stops every one of them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

STOP_SECONDS = 12.0
"""How long a process may take to end its work before it is killed; the job ledger then brings the work back."""

POLL_SECONDS = 0.25

QUICK_DEATH_SECONDS = 5.0
"""A process that ends sooner than this after its start did not really start."""

QUICK_DEATHS_ALLOWED = 3

PR_SET_PDEATHSIG = 1
"""From Linux's <sys/prctl.h>."""


class ChildFailed(Exception):
    """A process that CoreQC cannot run without has ended and does not come back."""


class StopRequested(Exception):
    """Ctrl-C, or a signal to end."""


@dataclass
class Child:
    """One process in a process group of its own, writing to a log of its own."""

    name: str
    command: Sequence[str]
    log: Path
    restarts: bool = True
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_deaths: int = 0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches the supervisor alone, which then ends the others in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self.started_at = time.monotonic()

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def last_lines(self, count: int = 15) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-count:])


@dataclass
class Supervisor:
    """Keeps children running until a signal comes; use as a context, so that none is left behind."""

    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` asks to outlive the terminal
            signal.signal(signal.SIGHUP, _stop)
        return self

    def __exit__(self, *_: object) -> None:
        # A second Ctrl-C must not leave half of them running.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.stop()

    def start(self, child: Child) -> None:
        self.children.append(child)
        child.start()

    def check(self) -> None:
        """Restart what has ended, or raise ChildFailed."""
        for child in self.children:
            if not child.ended:
                continue
            assert child.process is not None
            how = _ending(child.process.returncode)
            quick = time.monotonic() - child.started_at < QUICK_DEATH_SECONDS
            child.quick_deaths = child.quick_deaths + 1 if quick else 0
            if not child.restarts or child.quick_deaths >= QUICK_DEATHS_ALLOWED:
                raise ChildFailed(f"The {child.name} {how}. Its last lines ({child.log}):\n{child.last_lines()}")
            # What it started itself may have outlived it.
            _signal_group(child.process, signal.SIGKILL)
            self.say(f"The {child.name} {how} and is started again; its log is {child.log}.")
            child.start()

    def run(self) -> None:
        """Watch over the children for good; ends by StopRequested or ChildFailed."""
        while True:
            self.check()
            time.sleep(POLL_SECONDS)

    def run_beside(self, command: Sequence[str]) -> int:
        """Run a command that ends by itself, on this screen, while the children are watched over."""
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                while (status := process.poll()) is None:
                    self.check()
                    time.sleep(POLL_SECONDS)
            except BaseException:
                _signal_group(process, signal.SIGTERM)
                raise
        return status

    def stop(self) -> None:
        """Ask all to end, wait, and kill the groups of those that do not."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            # The leader alone: it lets its own children end their work, which a signal to all would cut off.
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
        for process in running:
            # The leader may be gone while one of its own children hangs: the whole group is ended.
            _signal_group(process, signal.SIGKILL)
            process.wait()


def _stop(number: int, _: FrameType | None) -> None:
    raise StopRequested(signal.Signals(number).name)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        # Nobody is left in the group; macOS says "not permitted" of a group of zombies.
        return


def _die_with_parent() -> None:
    """Runs in the child before its program: a supervisor that was killed outright takes the children along."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _ending(status: int) -> str:
    return f"ended (status {status})" if status >= 0 else f"was ended by {signal.Signals(-status).name}"
