"""A lab of any size, written by PostgreSQL itself: small tables by the models, large ones in SQL."""

import json
import time
from collections.abc import Iterator
from typing import Any

TRIALS, SITES_PER_TRIAL, VISITS_PER_SUBJECT, SLOTS = 20, 10, 4, 3
ANALYSTS = 30
SERIES_PER_CASE = 10
OPENED_CASES = 60
"""Cases whose page is asked for: these alone carry digests of full length, 300 instances with hashes."""

MIXES = {"usual": (2.0, 0.5), "hard": (30.0, 5.0)}
"""Per mix the percent of the cases that wait, and that are with the site."""

PARTS = ("neck", "chest", "abdomen_pelvis")
"""What the series of a case show, in the order of its slots; those beyond show the last."""

CODES = ("slice_thickness", "contiguity", "few_slices", "kernel", "contrast", "body_part", "coverage", "tube_voltage")


def fill(cases: int, waiting_percent: float, with_site_percent: float) -> None:
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
