"""Let the tests empty a database that guards its trail against being emptied.

Tests that commit for real (`transaction=True`) are followed by a flush of every table. The triggers that make a table
append-only refuse that, as they should; they rest for the length of the flush and for nothing else.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import TransactionTestCase


@contextmanager
def triggers_at_rest() -> Iterator[None]:
    """Take the append-only triggers off and put them back as they were."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            triggers = cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            off, on = [f"DROP TRIGGER {name}" for name, _ in triggers], [sql for _, sql in triggers]
        else:
            cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
            tables = [table for (table,) in cursor.fetchall()]
            off = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in tables]
            on = [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in tables]
        for statement in off:
            cursor.execute(statement)
        try:
            yield
        finally:
            for statement in on:
                cursor.execute(statement)


def others_have_ended(within_seconds: float = 5) -> None:
    """Let requests of a browser that was just closed come to their end: emptying tables under them is a deadlock."""
    if connection.vendor != "postgresql":
        return
    until = time.monotonic() + within_seconds
    at_work = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' "
        "AND state <> 'idle'"
    )
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(at_work)
            if not cursor.fetchone()[0]:
                return
            time.sleep(0.02)


@pytest.fixture(scope="session", autouse=True)
def flush_with_triggers_at_rest() -> Iterator[None]:
    flush = TransactionTestCase._fixture_teardown

    def teardown(case: Any) -> None:
        others_have_ended()
        with triggers_at_rest():
            flush(case)

    with patch.object(TransactionTestCase, "_fixture_teardown", teardown):
        yield
