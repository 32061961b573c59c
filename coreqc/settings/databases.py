"""Database settings of the two shapes."""

from pathlib import Path
from typing import Any

from coreqc import env

# WAL: readers never wait for the writer. recursive_triggers: INSERT OR REPLACE meets the triggers that guard
# what is append-only. synchronous=NORMAL: in WAL mode a power cut costs the last moment at most.
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;PRAGMA recursive_triggers=ON;"
)


def sqlite(path: Path) -> dict[str, Any]:
    """Settings for a SQLite file.

    IMMEDIATE takes the write lock at BEGIN: with SQLite's own default, two writers that read first cannot
    both go on, and one of them fails at once whatever the time-out.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": SQLITE_PRAGMAS},
    }


def postgresql(name: str) -> dict[str, Any]:
    """Settings for the PostgreSQL address in the environment variable ``name``."""
    settings = env.postgresql(name)
    settings["CONN_MAX_AGE"] = env.number("DATABASE_CONN_MAX_AGE", default=60, least=0, most=86_400)
    settings["CONN_HEALTH_CHECKS"] = True
    return settings
