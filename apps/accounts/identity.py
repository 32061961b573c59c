"""Showing once more who is signed in: what a signature needs (21 CFR 11.200)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from axes.utils import reset
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.lifecycle import Refused

SITTING = timedelta(minutes=30)
"""A password stands for further signatures while the last one is no older than this; then it is asked again."""

_KEY = "identity_confirmed"


class NotConfirmed(Refused):
    """The password is missing or wrong; nothing was signed."""


@dataclass(frozen=True)
class Confirmation:
    """That a person gave the password: with this very step, or earlier in this sitting."""

    user_pk: int
    at: datetime
    """When the password was given."""
    just_now: bool


def confirm(request: HttpRequest, user: User, password: str) -> Confirmation:
    """Check the password of who is signed in.

    A wrong one counts towards the lock-out of the account as a failed sign-in does, and stands in the audit trail.
    """
    if not password:
        raise NotConfirmed("Sign with your password: a decision is a signature.")
    if authenticate(request, username=user.get_username(), password=password) != user:
        if getattr(request, "axes_locked_out", False):
            minutes = settings.AXES_COOLOFF_TIME.seconds // 60
            raise NotConfirmed(f"The password was wrong too often. Signing from here is closed for {minutes} minutes.")
        raise NotConfirmed("This is not your password, so nothing was signed. Type it again.")
    reset(username=user.get_username())
    return Confirmation(user.pk, timezone.now(), just_now=True)


def confirmation_of(request: HttpRequest, user: User) -> Confirmation | None:
    """Return the confirmation of this sitting; None where none was given or the last signature lies too far back."""
    kept = request.session.get(_KEY)
    if not kept or kept["user"] != user.pk:
        return None
    if datetime.fromisoformat(kept["last"]) + SITTING < timezone.now():
        return None
    return Confirmation(user.pk, datetime.fromisoformat(kept["at"]), just_now=False)


def keep_alive(request: HttpRequest, confirmation: Confirmation) -> None:
    """Let the sitting go on from this signature."""
    request.session[_KEY] = {
        "user": confirmation.user_pk,
        "at": confirmation.at.isoformat(),
        "last": timezone.now().isoformat(),
    }
