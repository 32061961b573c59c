"""The addresses of a check at the site: how to de-identify, and how to read what only the browser has seen."""

from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import require
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.imaging.digest.plan import reading_plan
from apps.intake.bodies import NotUnderstood, no_store, read_json, refusal_json
from apps.intake.deidentification import deidentification_profile
from apps.intake.models import Submission
from apps.intake.permissions import may_edit
from apps.intake.services.precheck import read_series
from apps.intake.services.submissions import NOT_YOURS

MOST_SERIES = 500
"""Of one request; an examination has some twenty."""


@require_GET
def profile(request: PersonsRequest, pk: int) -> JsonResponse:
    """How the images of this visit are de-identified, with the trial's key: for the browsers of its site alone."""
    submission = _own_submission(request, pk)
    return no_store(JsonResponse(deidentification_profile(submission.visit).to_json()))


@require_POST
def describe(request: PersonsRequest, pk: int) -> JsonResponse:
    """Tell from the headers of each series how its pixels are to be read; nothing of it is kept."""
    _own_submission(request, pk)
    try:
        asked = read_json(request)
        series = asked.get("series") if isinstance(asked, dict) else None
        if not isinstance(series, list) or len(series) > MOST_SERIES:
            raise NotUnderstood(f"Expected a list of up to {MOST_SERIES} series. Reload the page and try again.")
        plans = [reading_plan(read_series(_headers(one))) for one in series]
    except Refused as refusal:
        return refusal_json(refusal)
    return no_store(JsonResponse({"series": [{"plan": plan.to_json()} for plan in plans]}))


def _headers(series: object) -> object:
    return series.get("headers") if isinstance(series, dict) else None


def _own_submission(request: PersonsRequest, pk: int) -> Submission:
    """Return a submission of the coordinator's own site."""
    submission = get_object_or_404(Submission.objects.visible_to(request.user).with_context(), pk=pk)
    require(may_edit(request.user, submission), NOT_YOURS)
    return submission
