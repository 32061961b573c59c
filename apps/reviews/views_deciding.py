"""What an analyst does with the case at hand."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.identity import Confirmation, NotConfirmed, confirm, confirmation_of, keep_alive
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.intake.pictures import private_png, read_picture
from apps.reviews import services
from apps.reviews.addresses import case_address, queue_query, visible_case
from apps.reviews.forms import AnnotationForm, CorrectionForm, DecisionForm, SeriesVerdictForm
from apps.reviews.models import Annotation, ReviewCase
from apps.reviews.shapes import painted
from apps.reviews.signing import asks_each_time
from apps.reviews.views_case import show_case
from apps.ui.form_errors import in_a_sentence


@require_POST
def decide(request: PersonsRequest, pk: int) -> HttpResponse:
    """Give the verdict; what is refused comes back on the page with everything that was typed."""
    case = visible_case(request, pk)
    form = DecisionForm(request.POST, trial=case.trial)
    if not form.is_valid():
        return show_case(request, pk, form=form, status=409)
    password = form.cleaned_data.pop("password")
    try:
        services.on_the_desk(case, request.user)
        services.require_complete(case, **form.cleaned_data)
        confirmed = _confirmation(request, case, password)
        services.decide(case, by=request.user, confirmed=confirmed, **form.cleaned_data)
        keep_alive(request, confirmed)
    except NotConfirmed as refusal:
        form.add_error("password", str(refusal))
        return show_case(request, pk, form=form, status=409)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return show_case(request, pk, form=form, status=409)
    except PermissionDenied as refusal:
        form.add_error(None, str(refusal))
        return show_case(request, pk, form=form, status=403)
    return redirect(case_address(case, queue_query(request)))


def _confirmation(request: PersonsRequest, case: ReviewCase, password: str) -> Confirmation:
    """Return what signs: the password given now, or that of this sitting where the trial lets it stand."""
    kept = None if password or asks_each_time(case) else confirmation_of(request, request.user)
    return kept or confirm(request, request.user, password)


@require_POST
def judge(request: PersonsRequest, pk: int) -> HttpResponse:
    """Say what becomes of one series."""
    case = visible_case(request, pk)
    form = SeriesVerdictForm(request.POST, trial=case.trial)
    if not form.is_valid():
        messages.error(request, in_a_sentence(form))
        return redirect(case_address(case, queue_query(request)))
    given = form.cleaned_data
    series = get_object_or_404(case.submission.series, pk=given.pop("series"))
    try:
        services.judge_series(case, series, by=request.user, **given)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{case_address(case, queue_query(request))}#series-{series.pk}")


@require_POST
def annotate(request: PersonsRequest, pk: int) -> HttpResponse:
    """Keep what was drawn on a picture."""
    case = visible_case(request, pk)
    form = AnnotationForm(request.POST)
    if not form.is_valid():
        messages.error(request, in_a_sentence(form))
        return redirect(case_address(case, queue_query(request)))
    given = form.cleaned_data
    series = get_object_or_404(case.submission.series, pk=given["series"])
    try:
        services.annotate(case, series, given["picture"], given["shapes"], by=request.user, note=given["note"])
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{case_address(case, queue_query(request))}#series-{series.pk}")


@require_GET
def annotated(request: PersonsRequest, pk: int) -> HttpResponse:
    """A picture with what an analyst drew on it: for the core lab, and for the site once the case is decided."""
    annotation = get_object_or_404(Annotation.objects.visible_to(request.user).select_related("series"), pk=pk)
    series, name = annotation.series, annotation.picture
    if not default_storage.exists(series.picture_path(name)):
        raise Http404("There is no such picture.")
    version = f"{annotation.pk}"
    return private_png(request, version, name, lambda: painted(read_picture(series, name), annotation.shapes))


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
        messages.error(request, in_a_sentence(form))
    return redirect(address)
