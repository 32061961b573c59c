"""Database triggers that make a table append-only, for SQLite and PostgreSQL."""

from collections.abc import Callable

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import StateApps

_SQLITE = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{event} BEFORE {event} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def append_only(table: str) -> RunPython:
    """Return the migration operation after which rows of `table` can be added and read, nothing else."""
    return RunPython(_create(table), _drop(table))


def still_append_only(table: str, *operations: Operation) -> tuple[Operation, ...]:
    """Return operations that change columns of an append-only table, in either direction, and leave it so.

    SQLite changes a column by making the table anew, and its triggers go with the old one.
    """
    return (RunPython(RunPython.noop, _create_anew(table)), *operations, RunPython(_create_anew(table), RunPython.noop))


def but_for(table: str, *operations: Operation) -> tuple[Operation, ...]:
    """Return operations that fill a new column of an append-only table, in either direction."""
    return (RunPython(_drop(table), _create(table)), *operations, RunPython(_create(table), _drop(table)))


def _create_anew(table: str) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    def create(apps: StateApps, schema: BaseDatabaseSchemaEditor) -> None:
        if schema.connection.vendor == "sqlite":
            _create(table)(apps, schema)

    return create


def _create(table: str) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    def create(apps: StateApps, schema: BaseDatabaseSchemaEditor) -> None:
        if schema.connection.vendor == "sqlite":
            for event in ("update", "delete"):
                schema.execute(_SQLITE.format(table=table, event=event))
        else:
            # No parameters: psycopg would read the % of the message as a placeholder.
            schema.execute(_POSTGRESQL.format(table=table), params=None)

    return create


def _drop(table: str) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    def drop(apps: StateApps, schema: BaseDatabaseSchemaEditor) -> None:
        if schema.connection.vendor == "sqlite":
            for event in ("update", "delete"):
                schema.execute(f"DROP TRIGGER {table}_no_{event}")
        else:
            schema.execute(f"DROP TRIGGER {table}_no_change ON {table}; DROP TRIGGER {table}_no_truncate ON {table}")

    return drop
