"""To whom the labels of a submission are hidden: to the core lab, while a case of it measures what they change."""

from apps.accounts.permissions import Person
from apps.reviews.models import ReviewCase


def hides_from(person: Person, submission_pk: int) -> bool:
    """Whether an undecided case with hidden labels stands on the desk of this person's trial; never for the site."""
    cases = ReviewCase.objects.visible_to(person).filter(submission=submission_pk, arm=ReviewCase.Arm.HIDDEN)
    return cases.exclude(status=ReviewCase.Status.DECIDED).exists()
