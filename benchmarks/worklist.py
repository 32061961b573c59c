"""`python -m benchmarks.worklist`: the pages of the review desk over a million series and a hundred thousand cases.

Makes a PostgreSQL database of its own beside the one of the address, fills it, asks for every page of the desk through
Django's test client with the served shape's settings, prints for each the SQL queries and milliseconds, and drops the
database. `cpu` is what a request takes of a processor on average, here and in the database's process where that is on
the same machine; the others are the fastest, the median, the 95th percentile and the slowest as a reader waits for
them. The server's own cache is warm, as on a working day.

Two mixes: `usual` has 2 % of the cases waiting and 0.5 % with the site, `hard` 30 % and 5 %; in both each of 30
analysts holds one. Three visits in four have a case that nobody disputes.
"""

import argparse
import atexit
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

TARGET_MS = 150
TRIALS, SITES_PER_TRIAL, VISITS_PER_SUBJECT, SLOTS = 20, 10, 4, 3
ANALYSTS = 30
SERIES_PER_CASE = 10
OPENED_CASES = 60
"""Cases whose page is asked for: these alone carry digests of full length, 300 instances with hashes."""

MIXES = {"usual": (2.0, 0.5), "hard": (30.0, 5.0)}
"""Per mix the percent of the cases that wait, and that are with the site."""

PARTS = ("neck", "chest", "abdomen_pelvis")
"""What the series of a case show, in the order of its slots; those beyond show the last."""

CODES = ("slice_thickness", "spacing_gap", "few_slices", "kernel", "contrast", "body_part", "coverage", "tube_voltage")


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
        _fill(arguments.cases, *MIXES[arguments.mix])
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


# --- Filling


def _fill(cases: int, waiting_percent: float, with_site_percent: float) -> None:
    """Write all rows: what is small by the models, what is large by the server itself."""
    from django.db import connection

    _plan()
    open_from = cases - int(cases * (waiting_percent + with_site_percent) / 100) - ANALYSTS
    held_from = cases - ANALYSTS
    site_from = held_from - int(cases * with_site_percent / 100)
    with connection.cursor() as cursor:
        # Foreign keys and append-only triggers rest while the rows come; they are right by construction.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET synchronous_commit = off")
        # Packed once and copied as they are: packing each of a million anew would take most of the time.
        rows = ", ".join(
            f"({n}, {_json(_answer(part))}, {_json(_answer('enhanced'))}, {_json(_digest())})"
            for n, part in enumerate(PARTS, start=1)
        )
        cursor.execute("CREATE TEMP TABLE packed (part int, body_part jsonb, contrast jsonb, digest jsonb)")
        cursor.execute(f"INSERT INTO packed VALUES {rows}")
        for model, source, columns in _large_tables(cases, open_from, site_from, held_from):
            began = time.monotonic()
            _insert(cursor, model, source, columns)
            print(f"  {model} {cursor.rowcount} rows, {time.monotonic() - began:.0f} s", flush=True)
        _lengthen_digests(cursor, open_from)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def _plan() -> None:
    """Write people, trials, sites, visit types and protocols, with keys that follow from their numbers."""
    from datetime import date

    from apps.accounts.models import Membership, User
    from apps.protocols.models import ImagingProtocol, RequiredSeries
    from apps.trials.models import Site, Trial, VisitType

    names = ["coordinator", "manager", "reader", *(f"analyst{number}" for number in range(ANALYSTS))]
    User.objects.bulk_create(User(pk=pk, username=name, first_name=name) for pk, name in enumerate(names, start=1))
    for trial in range(1, TRIALS + 1):
        Trial.objects.create(pk=trial, protocol_number=f"ONC-{trial:03}", title=f"Trial {trial}", sponsor="Nobody")
        for at in range(SITES_PER_TRIAL):
            pk = (trial - 1) * SITES_PER_TRIAL + at + 1
            Site.objects.create(pk=pk, trial_id=trial, number=str(100 + at), name=f"Hospital {pk}")
        ImagingProtocol.objects.create(pk=trial, trial_id=trial, version="1", effective_from=date(2020, 1, 1))
        for at in range(VISITS_PER_SUBJECT):
            kind = (trial - 1) * VISITS_PER_SUBJECT + at + 1
            VisitType.objects.create(pk=kind, trial_id=trial, name=f"Week {12 * at}", target_day=84 * at, days_after=7)
            for position, part in enumerate(PARTS):
                RequiredSeries.objects.create(
                    pk=(kind - 1) * SLOTS + position + 1,
                    protocol_id=trial,
                    visit_type_id=kind,
                    slot=part,
                    body_part=part,
                    contrast="enhanced",
                    max_slice_thickness_mm=5,
                    position=position,
                )
        Membership.objects.create(user_id=1, role="crc", trial_id=trial, site_id=(trial - 1) * SITES_PER_TRIAL + 1)
        Membership.objects.create(user_id=2, role="trial_manager", trial_id=trial)
        for pk in range(3, len(names) + 1):
            Membership.objects.create(user_id=pk, role="analyst", trial_id=trial)


Table = tuple[str, str, dict[str, str]]
"""A model, what its rows are made from, and SQL for the columns that are not at their default."""


def _large_tables(cases: int, open_from: int, site_from: int, held_from: int) -> Iterator[Table]:
    """Yield the large tables in SQL over the number `i` of a row."""
    sites = TRIALS * SITES_PER_TRIAL
    site = f"((i - 1) / {VISITS_PER_SUBJECT} % {sites} + 1)"
    trial = f"(({site} - 1) / {SITES_PER_TRIAL} + 1)"
    kind = f"(({trial} - 1) * {VISITS_PER_SUBJECT} + (i - 1) % {VISITS_PER_SUBJECT} + 1)"
    received = f"(now() - ({cases} - i) * interval '3 years' / {cases})"
    per_case = f"generate_series(1, {cases}) i"
    per_series = f"{per_case}, generate_series(1, {SERIES_PER_CASE}) n"
    with_json = f"{per_series} JOIN packed ON part = least(n, {len(PARTS)})"
    series = f"(i - 1) * {SERIES_PER_CASE} + n"
    outcome = "CASE WHEN i % 12 = 0 THEN 'returned' ELSE 'accepted' END"
    site_number = f"(100 + (s - 1) % {SITES_PER_TRIAL})::text"
    yield (
        "trials.Subject",
        f"generate_series(1, {cases // VISITS_PER_SUBJECT}) s",
        {
            "id": "s",
            "site_id": f"(s - 1) % {sites} + 1",
            "screening_number": f"{site_number} || '-' || lpad((s / {sites})::text, 4, '0')",
            "consented_on": "current_date - 1200",
            "baseline_on": "current_date - 1200",
        },
    )
    day = f"current_date - 1200 + 84 * ((i - 1) % {VISITS_PER_SUBJECT})"
    yield (
        "trials.Visit",
        per_case,
        {
            "id": "i",
            "subject_id": f"(i - 1) / {VISITS_PER_SUBJECT} + 1",
            "visit_type_id": kind,
            "target_on": day,
            "opens_on": day,
            "closes_on": f"{day} + 7",
        },
    )
    yield (
        "intake.Submission",
        per_case,
        {
            "id": "i",
            "visit_id": "i",
            "protocol_id": trial,
            "status": f"CASE WHEN i > {held_from} THEN 'in_review' WHEN i > {open_from} THEN 'transferred' "
            f"ELSE {outcome} END",
            "created_by_id": "1",
            "created_at": received,
            "transferred_at": received,
            "decided_at": f"CASE WHEN i <= {open_from} THEN {received} + interval '1 day' END",
        },
    )
    yield (
        "reviews.ReviewCase",
        per_case,
        {
            "id": "i",
            "submission_id": "i",
            "trial_id": trial,
            "site_id": site,
            "settles": f"i <= {open_from}",
            "status": f"CASE WHEN i > {held_from} THEN 'claimed' WHEN i > {open_from} THEN 'waiting' "
            "ELSE 'decided' END",
            "holder_id": f"CASE WHEN i > {held_from} THEN i - {held_from} + 3 "
            f"WHEN i <= {open_from} THEN i % {ANALYSTS} + 4 END",
            "kind": "CASE WHEN i % 20 = 0 THEN 'second' WHEN i % 97 = 0 THEN 'reopened' ELSE 'first' END",
            "opened_at": received,
            "due_at": f"{received} + interval '48 hours'",
            "priority": "CASE WHEN i % 50 = 0 THEN 2 WHEN i % 10 = 0 THEN 1 ELSE 0 END",
            "resubmitted": "i % 19 = 0",
            "ai_disagrees": "i % 7 = 0",
            "abstained": "i % 23 = 0",
            "arm": "CASE WHEN i % 11 = 0 THEN 'hidden' ELSE 'shown' END",
            "queries_open": f"CASE WHEN i > {site_from} AND i <= {held_from} THEN 1 ELSE 0 END",
            "queries_answered": f"CASE WHEN i > {open_from} AND i % 31 = 0 THEN 1 ELSE 0 END",
        },
    )
    yield "reviews.CaseFinding", per_case, {"case_id": "i", "code": f"({_array(CODES)})[i % {2 * len(CODES)} + 1]"}
    yield (
        "reviews.ReviewSession",
        f"{per_case} WHERE i <= {open_from} OR i > {held_from}",
        {
            "case_id": "i",
            "analyst_id": f"CASE WHEN i > {held_from} THEN i - {held_from} + 3 ELSE i % {ANALYSTS} + 4 END",
            "started_at": f"{received} + interval '1 day'",
            "last_beat_at": f"{received} + interval '1 day'",
            "active_seconds": "60 + i % 100",
            "ended_at": f"CASE WHEN i <= {open_from} THEN {received} + interval '1 day' END",
        },
    )
    yield (
        "reviews.Decision",
        f"generate_series(1, {open_from}) i",
        {
            "case_id": "i",
            "verdict": "CASE WHEN i % 12 = 0 THEN 'return_to_site' ELSE 'accept' END",
            "decided_by_id": f"i % {ANALYSTS} + 4",
            "decided_at": f"{received} + interval '1 day'",
            "active_seconds": "60 + i % 100",
        },
    )
    yield (
        "intake.Series",
        with_json,
        {
            "id": series,
            "submission_id": "i",
            "series_uid": "'1.2.' || i || '.' || n",
            "study_uid": "'1.2.' || i",
            "patient_key": "md5(i::text)",
            "description": f"coalesce(({_array(('Neck CE', 'Chest CE', 'Abdomen CE'))})[n], 'Thick slices')",
            "number": "n",
            "modality": "'CT'",
            "status": "'checked'",
            "digest": "digest",
            "digest_sha256": f"md5(({series})::text)",
            "created_at": received,
        },
    )
    yield (
        "imageqc.Classification",
        with_json,
        {
            "series_id": series,
            "digest_sha256": f"md5(({series})::text)",
            "bundle_name": "'bench'",
            "bundle_version": "'1'",
            "bundle_sha256": "md5('bench')",
            "body_part": "body_part",
            "contrast": "contrast",
            "abstained": "false",
            "device": "'CPU'",
            "seconds": "0.1",
            "created_at": received,
        },
    )
    yield (
        "imageqc.SlotMatch",
        f"{per_case}, generate_series(1, {SLOTS}) n",
        {
            "submission_id": "i",
            "required_id": f"({kind} - 1) * {SLOTS} + n",
            "series_id": series,
            "state": "CASE WHEN i % 7 = 0 AND n = 2 THEN 'problem' ELSE 'ok' END",
            "sentence": "''",
            "findings": f"CASE WHEN i % 7 = 0 AND n = 2 THEN {_json([_finding('contrast')])} ELSE '[]' END",
        },
    )
    yield (
        "imageqc.Finding",
        f"{per_series} WHERE n <= 2",
        {
            "submission_id": "i",
            "series_id": series,
            "code": f"({_array(CODES)})[i % {len(CODES)} + 1]",
            "severity": "'info'",
            "sentence": "'Something was found.'",
        },
    )
    event = {"at": received, "actor_id": "1", "actor_name": "'coordinator'"}
    yield (
        "audit.AuditEvent",
        f"{per_case}, unnest({_array(('begun', 'checked', 'transferred', 'in_review'))}) word",
        event | {"action": "'submission.' || word", "object_type": "'intake.submission'", "object_id": "i::text"},
    )
    yield (
        "audit.AuditEvent",
        f"{per_case}, unnest({_array(('opened', 'claimed', 'verdict'))}) word",
        event
        | {
            "action": "'reviewcase.' || word",
            "object_type": "'reviews.reviewcase'",
            "object_id": "i::text",
            "new": _json({"verdict": "accept"}),
        },
    )
    yield (
        "audit.AuditEvent",
        per_series,
        event | {"action": "'series.checked'", "object_type": "'intake.series'", "object_id": f"({series})::text"},
    )


def _insert(cursor: Any, label: str, source: str, columns: dict[str, str]) -> None:
    """Insert rows into the table of a model; columns that are not named get what the model would give them."""
    from django.apps import apps
    from django.db import connection, models

    given = dict(columns)
    for field in apps.get_model(label)._meta.concrete_fields:
        if field.column in given or field.primary_key or (field.null and not field.has_default()):
            continue
        if isinstance(field, models.UUIDField) and field.unique:
            given[field.column] = "gen_random_uuid()"
        else:
            given[field.column] = _literal(field.get_db_prep_save(field.get_default(), connection))
    names = ", ".join(f'"{name}"' for name in given)
    values = ", ".join(f'{value} AS "{name}"' for name, value in given.items())
    where = "code IS NOT NULL" if label == "reviews.CaseFinding" else "true"
    table = apps.get_model(label)._meta.db_table
    # The percent signs are SQL's own: no parameters are handed over.
    cursor.execute(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM (SELECT {values} FROM {source}) made WHERE {where}"
    )


def _literal(value: object) -> str:
    if hasattr(value, "obj"):  # JSON as the driver wraps it
        return _json(value.obj)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def _json(value: object) -> str:
    return "'" + json.dumps(value).replace("'", "''") + "'::jsonb"


def _array(words: tuple[str, ...]) -> str:
    return "ARRAY[" + ", ".join(f"'{word}'" for word in words) + "]"


def _answer(label: str) -> dict[str, Any]:
    """Return what a module of six classes says, with the maps of three planes."""
    scores = dict.fromkeys(("brain", "neck", "chest", "abdomen", "abdomen_pelvis", "enhanced"), 0.006) | {label: 0.97}
    return {
        "label": label,
        "score": 0.97,
        "scores": scores,
        "planes": dict.fromkeys(("axial", "sagittal", "coronal"), scores),
        "abstained": False,
        "reason": "",
        "distance": 0.12,
        "activations": {
            plane: [[(37 * row + 11 * column + start) % 256 for column in range(7)] for row in range(7)]
            for start, plane in enumerate(("axial", "sagittal", "coronal"))
        },
    }


def _digest() -> dict[str, Any]:
    return {
        "header": {
            "Modality": "CT",
            "Manufacturer": "CoreQC",
            "ManufacturerModelName": "Imaginary 16",
            "SliceThickness": 2.5,
            "KVP": 120.0,
            "ConvolutionKernel": "B31f",
            "BodyPartExamined": "CHEST",
            "ContrastBolusAgent": "IOHEXOL 350",
            "StudyDate": "20260520",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        },
        "geometry": {
            "slices": 300,
            "rows": 512,
            "columns": 512,
            "plane": "axial",
            "pixel_spacing_mm": [0.8, 0.8],
            "slice_spacing_mm": 2.5,
            "slice_thickness_mm": 2.5,
            "coverage_mm": 750.0,
            "extent_mm": [750.0, 409.6, 409.6],
        },
        "instances": [],
    }


def _finding(code: str) -> dict[str, str]:
    return {"code": code, "severity": "block", "sentence": "Odd.", "expected": "", "found": "", "where": ""}


def _lengthen_digests(cursor: Any, open_from: int) -> None:
    """Give the series of the cases whose pages are asked for the hashes of 300 instances; nothing packs them."""
    first = open_from * SERIES_PER_CASE
    cursor.execute(
        "UPDATE intake_series SET digest = jsonb_set(digest, '{instances}', (SELECT jsonb_agg(jsonb_build_object("
        "'sop_instance_uid', '2.25.' || id || k, 'sha256', md5(id || 'a' || k) || md5(id || 'b' || k), "
        "'pixel_sha256', md5(id || 'c' || k) || md5(id || 'd' || k))) FROM generate_series(1, 300) k)) "
        f"WHERE id > {first} AND id <= {first + OPENED_CASES * SERIES_PER_CASE}"
    )


# --- Measuring


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
