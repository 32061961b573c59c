"""Processes that are started together end together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.demo.supervisor import Child, ChildFailed, StopRequested, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]
WITH_GRANDCHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time;"
    "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(grandchild.pid, flush=True); time.sleep(60)",
]
ENDS_AT_ONCE = [sys.executable, "-c", "print('no such table'); raise SystemExit(3)"]


@pytest.fixture(autouse=True)
def our_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


def wait_for_text(path: Path) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text(encoding="utf-8").strip()):
            return text
        time.sleep(0.02)
    raise AssertionError(f"{path} stayed empty")


def test_a_child_and_its_own_children_end_with_the_supervisor(tmp_path: Path) -> None:
    child = Child("worker", WITH_GRANDCHILD, tmp_path / "worker.log")
    with Supervisor(print) as supervisor:
        supervisor.start(child)
        grandchild = int(wait_for_text(child.log))
        assert alive(grandchild)
    assert child.ended
    assert not alive(grandchild)


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.demo.supervisor.STOP_SECONDS", 0.3)
    child = Child("worker", STUBBORN, tmp_path / "worker.log")
    with Supervisor(print) as supervisor:
        supervisor.start(child)
        wait_for_text(child.log)
    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_watch(tmp_path: Path, number: signal.Signals) -> None:
    child = Child("worker", SLEEPER, tmp_path / "worker.log")
    with pytest.raises(StopRequested, match=number.name), Supervisor(print) as supervisor:
        supervisor.start(child)
        threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
        supervisor.run()
    assert child.ended


def test_a_killed_child_is_started_again_and_said_so(tmp_path: Path) -> None:
    said: list[str] = []
    child = Child("worker", SLEEPER, tmp_path / "worker.log")
    with Supervisor(said.append) as supervisor:
        supervisor.start(child)
        assert child.process is not None
        first = child.process.pid
        os.kill(first, signal.SIGKILL)
        child.process.wait()
        supervisor.check()
        assert child.process.pid != first
        assert not child.ended
    assert len(said) == 1
    assert "worker was ended by SIGKILL and is started again" in said[0]


def test_a_child_that_never_comes_up_ends_everything_with_its_last_lines(tmp_path: Path) -> None:
    sleeper = Child("web server", SLEEPER, tmp_path / "web.log")
    broken = Child("worker", ENDS_AT_ONCE, tmp_path / "worker.log")
    with pytest.raises(ChildFailed, match="no such table"), Supervisor(print) as supervisor:
        supervisor.start(sleeper)
        supervisor.start(broken)
        supervisor.run()
    assert broken.quick_deaths == 3
    assert sleeper.ended


def test_a_command_beside_the_children_gives_its_status(tmp_path: Path) -> None:
    with Supervisor(print) as supervisor:
        supervisor.start(Child("worker", SLEEPER, tmp_path / "worker.log"))
        assert supervisor.run_beside([sys.executable, "-c", "raise SystemExit(4)"]) == 4
