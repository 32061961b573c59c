"""Let time pass on a review case by moving its last sign of work into the past: the clock itself stays real."""

from datetime import timedelta

from django.utils import timezone

from apps.reviews.models import ReviewCase


def silent_for(case: ReviewCase, seconds: float) -> None:
    """Let the last sign of work on the open session of a case lie `seconds` back."""
    case.sessions.filter(ended_at=None).update(last_beat_at=timezone.now() - timedelta(seconds=seconds))
