"""Deciding in tests: the signer gave the password with this very step."""

from collections.abc import Sequence

from django.utils import timezone

from apps.accounts.identity import Confirmation
from apps.accounts.models import User
from apps.reviews import services
from apps.reviews.models import Decision, ReviewCase


def password_given(by: User) -> Confirmation:
    return Confirmation(by.pk, timezone.now(), just_now=True)


def decide(case: ReviewCase, verdict: str, *, by: User, reasons: Sequence[str] = (), note: str = "") -> Decision:
    """Decide on a case as its analyst who has just given the password."""
    return services.decide(case, verdict, by=by, confirmed=password_given(by), reasons=reasons, note=note)
