"""What the worklist knows of queries: how many of a submission wait for the site, and how many for the core lab."""

from django.db import transaction
from django.db.models import Count, Q

from apps.intake.models import Submission
from apps.queries.models import Query
from apps.reviews.models import ReviewCase

_UNDECIDED = (ReviewCase.Status.WAITING, ReviewCase.Status.CLAIMED)


def hold_cases(submission_pk: int) -> list[int]:
    """Lock the undecided cases of a submission until the transaction ends, and return their keys.

    Whoever changes a query takes this first: two changes at once would each count without the other, and a case could
    be accepted between the look at it and the question.
    """
    cases = ReviewCase.objects.filter(submission=submission_pk, status__in=_UNDECIDED)
    return list(cases.select_for_update().order_by("pk").values_list("pk", flat=True))


def recount(submission: Submission) -> None:
    """Count the queries of a submission anew for all its undecided cases."""
    with transaction.atomic():
        cases = hold_cases(submission.pk)
        counts = Query.objects.filter(submission=submission.pk).aggregate(
            queries_open=Count("pk", filter=Q(status=Query.Status.OPEN)),
            queries_answered=Count("pk", filter=Q(status=Query.Status.ANSWERED)),
        )
        ReviewCase.objects.filter(pk__in=cases).update(**counts)
