"""`python -m benchmarks.worklist`: the pages of the review desk over a million series and a hundred thousand cases.

Makes a PostgreSQL database of its own beside the one of the address, fills it, asks for every page of the desk through
Django's test client with the served shape's settings, prints for each the SQL queries and milliseconds, and drops the
database. `cpu` is what a request takes of a processor on average, here and in the database's process where that is on
the same machine; the others are the fastest, the median, the 95th percentile and the slowest as a reader waits for
them. The server's own cache is warm, as on a working day.

Two mixes: `usual` has 2 % of the cases waiting and 0.5 % with the site, `hard` 30 % and 5 %; in both each of 30
analysts holds one. The AI disagrees with one case in seven, and hides its labels in one of eleven.
"""

import argparse
import atexit
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.worklist.filling import MIXES, OPENED_CASES, SERIES_PER_CASE, fill

TARGET_MS = 150


def main() -> None:
    """Fill, measure, print, drop."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worklist", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--url", default="postgresql://postgres@127.0.0.1:5432/postgres", help="of a superuser")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--mix", choices=MIXES, default="usual")
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--keep", default="", help="name of a database that is filled once and kept between runs")
    arguments = parser.parse_args()
    name = arguments.keep or f"coreqc_worklist_{os.getpid()}"
    with psycopg.connect(arguments.url, autocommit=True) as server:
        there = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if not there:
            server.execute(f'CREATE DATABASE "{name}"')
    if not arguments.keep:
        atexit.register(_drop, arguments.url, name)
    _set_up(urlunsplit(urlsplit(arguments.url)._replace(path=f"/{name}")), arguments.redis)
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    if not there:
        began = time.monotonic()
        fill(arguments.cases, *MIXES[arguments.mix])
        print(f"filled in {time.monotonic() - began:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        gigabytes = cursor.fetchone()[0] / 1e9
    series = arguments.cases * SERIES_PER_CASE
    print(
        f"{arguments.cases} cases, {series} series, mix {arguments.mix}, {gigabytes:.1f} GB; "
        f"{arguments.repeats} requests each, target p95 {TARGET_MS} ms"
    )
    _measure(arguments.repeats, arguments.only)
    connection.close()


def _drop(url: str, name: str) -> None:
    from django.db import connection

    connection.close()
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')


def _set_up(database: str, redis: str) -> None:
    """Start Django in the served shape, over this database."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "coreqc.settings.production",
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "SECRET_KEY": os.urandom(40).hex(),
        "ALLOWED_HOSTS": "testserver",
        "LOG_LEVEL": "ERROR",
    }
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    static = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, static, ignore_errors=True)
    settings.STATIC_ROOT = Path(static)
    call_command("collectstatic", verbosity=0, interactive=False)


@dataclass(frozen=True)
class Page:
    """A page of the desk, who asks for it, and the addresses that are asked for in turn."""

    name: str
    person: str
    addresses: tuple[str, ...]


def _pages() -> Iterator[Page]:
    from django.urls import reverse

    from apps.reviews.models import ReviewCase

    def listed(name: str, query: str = "", of: str = "reviews:worklist") -> Page:
        return Page(name, "reader", (f"{reverse(of)}?{query}",))

    for standing in ("open", "waiting", "claimed", "mine", "site", "decided"):
        yield listed(f"worklist, {standing}", f"standing={standing}")
    for name, query in (
        ("trial", "trial=3"),
        ("site", "site=25"),
        ("subject", "subject=104-00"),
        ("subject that is not there", "subject=nobody"),
        ("finding", "finding=contrast"),
        ("AI disagrees", "ai_disagrees=on"),
        ("abstained", "abstained=on"),
        ("second review", "second=on"),
        ("reopened", "reopened=on"),
        ("query answered", "answered=on"),
        ("high or urgent", "priority=on"),
        ("trial and AI disagrees", "trial=3&ai_disagrees=on"),
        ("decided, of a trial", "standing=decided&trial=3"),
        ("decided, of a subject", "standing=decided&subject=104-0012"),
        ("decided, AI disagrees", "standing=decided&ai_disagrees=on"),
        ("decided, with a finding", "standing=decided&finding=contrast"),
        ("last page to do", "page=100000"),
        ("decided, page 1000", "standing=decided&page=1000"),
    ):
        yield listed(f"worklist, {name}", query)
    yield listed("wall", "", "reviews:wall")
    yield listed("wall, in no slot", "unused=on", "reviews:wall")
    yield listed("wall, last page", "page=100000", "reviews:wall")
    yield listed("next case, looked up ahead", "", "reviews:upcoming")
    opened = ReviewCase.objects.filter(status="waiting").order_by("pk").values_list("pk", flat=True)[:OPENED_CASES]
    yield Page("case", "reader", tuple(reverse("reviews:case", args=[pk]) for pk in opened))
    yield Page("compliance of a trial", "manager", (reverse("compliance:trial", args=[1]),))


def _measure(repeats: int, only: str) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from apps.accounts.models import User
    from coreqc.garbage import leave_out_what_is_loaded

    leave_out_what_is_loaded()  # as coreqc/wsgi.py does
    clients = {}
    for person in ("reader", "manager"):
        clients[person] = Client()
        clients[person].force_login(User.objects.get(username=person))

    def ask(page: Page, number: int) -> int:
        address = page.addresses[number % len(page.addresses)]
        answer = clients[page.person].get(address, secure=True)
        if answer.status_code != 200:
            sys.exit(f"{address} answers {answer.status_code}")
        return len(answer.content)

    print(f"{'':36}{'queries':>8}{'kB':>6}{'cpu':>8}{'min':>8}{'p50':>8}{'p95':>8}{'max':>8}  ms")
    over = 0
    for page in _pages():
        if only not in page.name:
            continue
        size = max(ask(page, number) for number in range(min(5, len(page.addresses))))
        counts = set()
        for number in range(min(3, len(page.addresses))):
            with CaptureQueriesContext(connection) as queries:
                ask(page, number)
            counts.add(len(queries))
        began = time.process_time() + _of_the_server()
        times = [_timed(lambda number=number, page=page: ask(page, number)) for number in range(repeats)]
        cpu = (time.process_time() + _of_the_server() - began) * 1e3 / repeats
        slow = statistics.quantiles(times, n=20, method="inclusive")[-1]
        over += slow > TARGET_MS
        print(
            f"{page.name:36}{'/'.join(map(str, sorted(counts))):>8}{size / 1e3:6.0f}{cpu:8.0f}{min(times):8.0f}"
            f"{statistics.median(times):8.0f}{slow:8.0f}{max(times):8.0f}",
            "over the target" if slow > TARGET_MS else "",
            flush=True,
        )
    print(f"{over} pages over the target" if over else "every page within the target")


def _of_the_server() -> float:
    """Return the processor seconds of the server's process for this connection; 0 where it is on another machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        told = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not told.exists():
        return 0.0
    user, system = told.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _timed(ask: Callable[[], object]) -> float:
    """Return how many milliseconds a request took."""
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1e3


if __name__ == "__main__":
    main()
