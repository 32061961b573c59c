"""Reads settings from the environment, loudly: a wrong or missing variable stops the start with a sentence.

Each variable may also be given as a file: where ``NAME`` is not set, ``NAME_FILE`` names a file (a Docker or
Kubernetes secret, say) whose content is the value.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})


def text(name: str, *, expected: str, example: str, default: str | None = None) -> str:
    """Return the value of ``name``; without a default the variable is required."""
    value = _read(name)
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(
            f"{name} is not set. Expected: {expected}. Example: {name}={example} "
            f"(or {name}_FILE with the path of a file that holds it)."
        )
    return default


def secret(name: str, *, expected: str, example: str, shortest: int = 50) -> str:
    """Return a required secret, refusing one too short to be one. The value is never shown."""
    value = text(name, expected=expected, example=example)
    if len(value) < shortest:
        raise ImproperlyConfigured(
            f"{name} has {len(value)} characters. Expected: {expected}, at least {shortest} characters. "
            f"Example: {name}={example}."
        )
    return value


def flag(name: str, *, default: bool) -> bool:
    value = _read(name)
    if not value:
        return default
    if value.lower() in YES:
        return True
    if value.lower() in NO:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither yes nor no. Expected: 1 or 0. Example: {name}=1.")


def number(name: str, *, default: int, least: int, most: int) -> int:
    value = _read(name)
    if not value:
        return default
    try:
        count = int(value)
    except ValueError:
        count = None
    if count is None or not least <= count <= most:
        raise ImproperlyConfigured(
            f"{name}={value!r} is not usable. Expected: a whole number from {least} to {most}. "
            f"Example: {name}={default}."
        )
    return count


def choice(name: str, choices: tuple[str, ...], *, default: str) -> str:
    value = _read(name) or default
    if value not in choices:
        raise ImproperlyConfigured(
            f"{name}={value!r} is not known. Expected: one of {', '.join(choices)}. Example: {name}={default}."
        )
    return value


def words(name: str, *, expected: str, example: str, default: tuple[str, ...] | None = None) -> list[str]:
    """Return a list written with commas."""
    value = text(name, expected=expected, example=example, default=None if default is None else ",".join(default))
    return [word.strip() for word in value.split(",") if word.strip()]


def address(name: str, *, schemes: tuple[str, ...], example: str, default: str | None = None) -> str:
    """Return a URL with one of ``schemes`` and a host. The value is not shown, as it may hold a password."""
    expected = f"an address that begins with {' or '.join(scheme + '://' for scheme in schemes)}"
    value = text(name, expected=expected, example=example, default=default)
    if value and not _parses(lambda: _require_host(value, schemes)):
        raise ImproperlyConfigured(f"{name} is not usable. Expected: {expected}. Example: {name}={example}.")
    return value


@dataclass(frozen=True)
class MailServer:
    """Where e-mail is handed over, and how the connection is guarded."""

    host: str
    port: int
    user: str
    password: str
    starts_tls: bool
    begins_with_tls: bool


MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
"""Open (a relay on the same machine), TLS asked for after the greeting, TLS from the first byte."""


def mail_server(name: str) -> MailServer | None:
    """Return the mail server of an `smtp://`, `smtp+tls://` or `smtps://` address; None where none is set."""
    value = address(
        name, schemes=tuple(MAIL_PORTS), example="smtp+tls://coreqc:password@mail.example.org:587", default=""
    )
    if not value:
        return None
    parts = urlsplit(value)
    return MailServer(
        host=parts.hostname or "",
        port=parts.port or MAIL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starts_tls=parts.scheme == "smtp+tls",
        begins_with_tls=parts.scheme == "smtps",
    )


def postgresql(name: str) -> dict[str, Any]:
    """Return Django's database settings for a required ``postgresql://`` address."""
    value = address(
        name,
        schemes=("postgresql", "postgres"),
        example="postgresql://coreqc:password@postgres:5432/coreqc",
    )
    settings: dict[str, Any] = environ.Env.db_url_config(value)
    if not settings.get("NAME"):
        raise ImproperlyConfigured(
            f"{name} names no database. Expected: an address that ends with the database's name. "
            f"Example: {name}=postgresql://coreqc:password@postgres:5432/coreqc."
        )
    return settings


def _read(name: str) -> str:
    value = os.environ.get(name, "").strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if value or not path:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as reason:
        raise ImproperlyConfigured(
            f"{name}_FILE={path!r} cannot be read ({reason.strerror}). Expected: the path of a readable "
            f"file that holds the value of {name}. Example: {name}_FILE=/run/secrets/{name.lower()}."
        ) from reason


def _require_host(value: str, schemes: tuple[str, ...]) -> None:
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname or (parts.port or 1) < 1:
        raise ValueError(value)


def _parses(read: Callable[[], None]) -> bool:
    try:
        read()
    except ValueError:
        return False
    return True
