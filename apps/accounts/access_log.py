"""Sign-ins, failed ones and lock-outs in the audit trail."""

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth import signals
from django.db import transaction

from apps.accounts.models import User
from apps.audit.services import record


def connect() -> None:
    """Listen to the framework's own signals; ours never use any."""
    signals.user_logged_in.connect(_signed_in, dispatch_uid="access-log")
    signals.user_logged_out.connect(_signed_out, dispatch_uid="access-log")
    signals.user_login_failed.connect(_failed, dispatch_uid="access-log")
    user_locked_out.connect(_locked_out, dispatch_uid="access-log")


def _write(action: str, user: User | None, *, by: User | None) -> None:
    """Unknown user names are not written down: people type passwords there."""
    if user is not None:
        with transaction.atomic():
            record(action, user, by=by)


def _named(username: str | None) -> User | None:
    return User.objects.filter(username=username or "").first()


def _signed_in(user: User, **_: Any) -> None:
    _write("user.signed_in", user, by=user)


def _signed_out(user: User | None, **_: Any) -> None:
    _write("user.signed_out", user, by=user)


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    _write("user.sign_in_failed", _named(credentials.get("username")), by=None)


def _locked_out(username: str | None = None, **_: Any) -> None:
    _write("user.locked_out", _named(username), by=None)
