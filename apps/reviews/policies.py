"""How a trial's cases are reviewed."""

from apps.reviews.models import ReviewPolicy
from apps.trials.models import Trial


def policy_of(trial: Trial) -> ReviewPolicy:
    """Return the trial's own policy, or the defaults where it has none."""
    return ReviewPolicy.objects.filter(trial=trial).first() or ReviewPolicy(trial=trial)
