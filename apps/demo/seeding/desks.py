"""Deeds done one after the other at a desk, and several desks side by side."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context

import django


@dataclass(frozen=True)
class Deed:
    """Something to do at a desk; `words` tell a person what was done."""

    desk: str
    words: str
    do: Callable[[], object]


def one_by_one(deeds: Sequence[Deed]) -> Iterator[Deed]:
    """Do everything in this process; yields each deed when it is done."""
    for deed in deeds:
        deed.do()
        yield deed


def side_by_side(deeds: Sequence[Deed]) -> Iterator[Deed]:
    """Do the deeds of each desk in their order in a process of its own; yields each deed when it is done."""
    with ExitStack() as stack:
        desks = {name: stack.enter_context(_process()) for name in dict.fromkeys(deed.desk for deed in deeds)}
        doing = {desks[deed.desk].submit(deed.do): deed for deed in deeds}
        try:
            for done in as_completed(doing):
                done.result()
                yield doing[done]
        finally:
            for future in doing:
                future.cancel()


def _process() -> ProcessPoolExecutor:
    # Spawned, not forked: database connections and the threads of the ensemble do not survive a fork.
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"), initializer=_open)


def _open() -> None:
    django.setup()
    # Only now: models cannot be imported before Django is ready.
    from apps.demo.seeding.work import work_alone

    work_alone()
