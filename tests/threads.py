"""Several at once, as only a real database can tell."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")


def at_once(act: Callable[[], Result], *, times: int) -> list[Result]:
    """Call `act` in so many threads that start together; returns what each returned."""
    start = Barrier(times)
    results: list[Result] = []

    def run() -> None:
        try:
            start.wait()
            results.append(act())
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == times, "one of them failed"
    return results
