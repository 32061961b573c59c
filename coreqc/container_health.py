"""The health checks of the containers: `python -m coreqc.container_health web|worker|beat`."""

import os
import socket
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

WEB_PORT = 8000
BEAT_SILENCE_SECONDS = 600
"""Beat writes its schedule down every three minutes."""


def web() -> bool:
    """The web server answers, and reaches database and broker."""
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    connection = HTTPConnection("127.0.0.1", WEB_PORT, timeout=5)
    connection.request("GET", "/health/", headers={"Host": host or "localhost"})
    return connection.getresponse().status == 200


def worker() -> bool:
    """The worker of this container takes part in its broker's conversation."""
    from coreqc.celery import app

    replies = app.control.ping(timeout=10) or []
    return any(name.endswith(f"@{socket.gethostname()}") for reply in replies for name in reply)


def beat() -> bool:
    """Beat has written its schedule down lately."""
    from coreqc.celery import app

    schedule = Path(app.conf.beat_schedule_filename)
    written = [path.stat().st_mtime for path in schedule.parent.glob(f"{schedule.name}*")]
    return bool(written) and time.time() - max(written) < BEAT_SILENCE_SECONDS


CHECKS: dict[str, Callable[[], bool]] = {"web": web, "worker": worker, "beat": beat}


def main(arguments: list[str]) -> int:
    try:
        return 0 if CHECKS[arguments[0]]() else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
