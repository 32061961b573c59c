"""Reviews beyond the first: a decided submission that is looked at again."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.reviews.addresses import case_address, queue_query, visible_case
from apps.reviews.services.reopening import reopen as reopen_submission


@require_POST
def reopen(request: PersonsRequest, pk: int) -> HttpResponse:
    """Put a decided submission into the queue anew; goes on to its new case."""
    case = visible_case(request, pk)
    try:
        new = reopen_submission(case, by=request.user, because=request.POST.get("because", ""))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(case_address(case, queue_query(request)))
    messages.success(request, f"{new.submission.visit} is reopened: a new case waits in the queue.")
    return redirect(case_address(new, queue_query(request)))
