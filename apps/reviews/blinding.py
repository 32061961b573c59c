"""To whom the labels of a submission are hidden: to the core lab, while a case of it measures what they change."""

from apps.accounts.permissions import Person
from apps.reviews.models import ReviewCase, ReviewPolicy


def hides_from(person: Person, submission_pk: int) -> bool:
    """Whether an undecided case with hidden labels stands on the desk of this person's trial; never for the site."""
    cases = ReviewCase.objects.visible_to(person).filter(submission=submission_pk, arm=ReviewCase.Arm.HIDDEN)
    return cases.exclude(status=ReviewCase.Status.DECIDED).exists()


def keeps_to_the_desk(person: Person, submission_pk: int) -> bool:
    """Whether an analyst sees the labels of this submission on the desk alone, because some there are wrong on purpose.

    Beside the true ones nobody would be fooled. All undecided cases of a trial that shows wrong labels are treated
    alike: were it only those that show one, its absence would give it away.
    """
    undecided = ReviewCase.objects.decidable_by(person).exclude(status=ReviewCase.Status.DECIDED)
    trials = undecided.filter(submission=submission_pk).values("trial")
    seeds = ReviewPolicy.objects.filter(trial__in=trials, seeded_share__gt=0).exists()
    return seeds or undecided.filter(trial__in=trials, seeded__isnull=False).exists()
