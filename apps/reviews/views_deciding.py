"""What an analyst does with the case at hand."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.reviews import services
from apps.reviews.addresses import case_address, queue_query, visible_case
from apps.reviews.forms import CorrectionForm, DecisionForm
from apps.reviews.views_case import show_case


@require_POST
def decide(request: PersonsRequest, pk: int) -> HttpResponse:
    """Give the verdict; what is refused comes back on the page with everything that was typed."""
    case = visible_case(request, pk)
    form = DecisionForm(request.POST, trial=case.trial)
    if not form.is_valid():
        return show_case(request, pk, form=form, status=409)
    try:
        services.decide(case, by=request.user, **form.cleaned_data)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return show_case(request, pk, form=form, status=409)
    except PermissionDenied as refusal:
        form.add_error(None, str(refusal))
        return show_case(request, pk, form=form, status=403)
    return redirect(case_address(case, queue_query(request)))


@require_POST
def correct(request: PersonsRequest, pk: int) -> HttpResponse:
    """Set a label of one series; the ensemble's own stays beside it."""
    case = visible_case(request, pk)
    form = CorrectionForm(request.POST)
    address = case_address(case, queue_query(request))
    if form.is_valid():
        address += f"#series-{form.cleaned_data['series']}"
        series = get_object_or_404(case.submission.series, pk=form.cleaned_data["series"])
        try:
            services.correct_label(
                case, series, form.cleaned_data["module"], form.cleaned_data["label"], by=request.user
            )
        except Refused as refusal:
            messages.error(request, str(refusal))
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect(address)
