"""The time that people spend on cases."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.reviews import services
from apps.reviews.addresses import case_address, queue_query, visible_case
from apps.reviews.forms import TimeCorrectionForm
from apps.ui.form_errors import in_a_sentence


@require_POST
def correct(request: PersonsRequest, pk: int) -> HttpResponse:
    """Add to or take from the measured time of an analyst, with a reason."""
    case = visible_case(request, pk)
    form = TimeCorrectionForm(request.POST)
    if not form.is_valid():
        messages.error(request, in_a_sentence(form))
    else:
        given = form.cleaned_data
        try:
            services.correct_time(case, given["analyst"], given["seconds"], by=request.user, because=given["reason"])
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "The time is corrected; what was measured stays beside it.")
    return redirect(case_address(case, queue_query(request)) + "#time")


@require_POST
def beat(request: PersonsRequest, pk: int) -> JsonResponse:
    """Note a sign of work, on the series in view; the answer is the time by the server's clock, or 403."""
    case = visible_case(request, pk)
    in_view = request.POST.get("series", "")
    series = case.submission.series.filter(pk=in_view).first() if in_view.isdecimal() else None
    try:
        return JsonResponse({"active_seconds": services.beat(case, by=request.user, series=series)})
    except PermissionDenied as refusal:
        return JsonResponse({"detail": str(refusal)}, status=403)
