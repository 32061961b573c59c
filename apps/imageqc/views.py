from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.permissions import require
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.imageqc import services
from apps.imageqc.forms import ChooseSlotForm
from apps.intake.models import Submission
from apps.intake.permissions import may_edit
from apps.intake.services.submissions import NOT_YOURS


@require_POST
def choose_slot(request: PersonsRequest, pk: int, required_pk: int) -> HttpResponse:
    """Let the coordinator say which series stands for a required series, or leave it to the check again."""
    submission = get_object_or_404(Submission.objects.visible_to(request.user).with_context(), pk=pk)
    require(may_edit(request.user, submission), NOT_YOURS)
    required = get_object_or_404(submission.protocol.required_series, pk=required_pk)
    form = ChooseSlotForm(request.POST, submission=submission)
    try:
        if not form.is_valid():
            raise Refused("This series is not among those of the visit. Reload the page and choose one of the list.")
        chosen = form.cleaned_data["series"]
        if chosen is not None:
            services.choose_slot(chosen, required, by=request.user)
        else:
            for series in submission.series.filter(chosen_slot=required):
                services.choose_slot(series, None, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(reverse("intake:visit", args=(submission.visit_id,)) + "#slots-title")
