"""The rounds of one submission: what a review left, what may be reopened, and reviews that nobody may take."""

from django.db.models import Exists, OuterRef, QuerySet

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import Person, has_role
from apps.intake.models import Submission
from apps.reviews.models import LabelCorrection, ReviewCase
from apps.reviews.querysets import ReviewCaseQuerySet
from apps.reviews.selectors.shown import seed_was_noticed

SETTLED = (Submission.Status.ACCEPTED, Submission.Status.RETURNED, Submission.Status.REJECTED)
"""The outcomes that a submission can have."""

REOPENED = "reviewcase.reopened"
"""The audit event of a decision that does not stand any more."""

OTHER_EYES = (ReviewCase.Kind.SECOND, ReviewCase.Kind.ADJUDICATION)
"""Reviews for somebody who has not decided on the submission yet."""


def corrections_of(case: ReviewCase) -> dict[tuple[int, str], LabelCorrection]:
    """Return the newest correction of each label on a case, by series and module."""
    return {(row.series_id, row.module): row for row in case.corrections.order_by("corrected_at", "pk")}


def standing_corrections() -> QuerySet[LabelCorrection]:
    """Return the corrections that no later pair of eyes has gone over, in the order in which they were made.

    A second review agrees with what it leaves and adjudication decides it, so corrections of the rounds before are
    either repeated there or overruled. Those of a decision that was reopened stand until they are changed.
    """
    later = ReviewCase.objects.filter(
        submission=OuterRef("case__submission"),
        round__gt=OuterRef("case__round"),
        kind__in=OTHER_EYES,
        status=ReviewCase.Status.DECIDED,
    )
    return LabelCorrection.objects.filter(~Exists(later)).order_by("corrected_at", "pk")


def overlooked(case: ReviewCase) -> bool:
    """Whether a case showed a label that was wrong on purpose and its analyst let it stand."""
    if not case.seeded:
        return False
    return not seed_was_noticed(case.seeded, {key: row.label for key, row in corrections_of(case).items()})


def may_reopen(user: Person, case: ReviewCase) -> bool:
    """Analysts of the trial, whoever decided."""
    return has_role(user, Role.ANALYST, trial=case.trial_id)


def is_reopenable(case: ReviewCase) -> bool:
    """Whether this is the decision that gave its submission the outcome that stands, and the site has not gone on."""
    return case.settles and case.submission.status in SETTLED and not site_went_on(case.submission)


def site_went_on(submission: Submission) -> bool:
    """Whether the visit has a later submission that the site did not take back."""
    later = Submission.objects.filter(visit=submission.visit_id, pk__gt=submission.pk)
    return later.exclude(status=Submission.Status.WITHDRAWN).exists()


def nobody_may_take(cases: ReviewCaseQuerySet) -> ReviewCaseQuerySet:
    """Return the waiting cases whose trial has no analyst left who has not decided on the submission already."""
    decided_already = ReviewCase.objects.filter(
        submission=OuterRef(OuterRef("submission")),
        round__lt=OuterRef(OuterRef("round")),
        decision__decided_by=OuterRef("user"),
    )
    analysts = Membership.objects.filter(trial=OuterRef("trial"), role=Role.ANALYST, user__is_active=True)
    free = analysts.filter(~Exists(decided_already))
    return cases.waiting().filter(~Exists(free), kind__in=OTHER_EYES)
