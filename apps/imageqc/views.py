from collections.abc import Mapping

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import require
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.imageqc import services
from apps.imageqc.bundle_page import bundle_page
from apps.imageqc.explanations import explanation_response
from apps.imageqc.forms import ChooseSlotForm, DeclarationForm
from apps.imageqc.services.site_digest import read_picture, record_digest
from apps.imaging.vocabulary import PICTURES
from apps.intake.bodies import MOST_SENT_BYTES, NotUnderstood, no_store, parse_json, read_json, refusal_json
from apps.intake.models import Submission
from apps.intake.permissions import may_edit
from apps.intake.services.precheck import read_series
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
            services.choose_slot(chosen, required, by=request.user, note=form.cleaned_data["note"])
        else:
            services.leave_to_check(submission, required, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(reverse("intake:visit", args=(submission.visit_id,)) + "#slots-title")


@require_POST
def digest(request: PersonsRequest, pk: int) -> JsonResponse:
    """Keep the digest of one series that the site's browser made: its headers and reading, and its pictures."""
    submission = get_object_or_404(Submission.objects.visible_to(request.user).with_context(), pk=pk)
    require(may_edit(request.user, submission), NOT_YOURS)
    try:
        told = parse_json(_part(request, "series"))
        if not isinstance(told, dict):
            raise NotUnderstood("A digest came without its series. Reload the page and try again.")
        names = [name for name in PICTURES if name in request.FILES]
        pictures = {name: read_picture(_part(request, name)) for name in names}
        series = record_digest(
            submission, read_series(told.get("headers")), told.get("reading"), pictures, by=request.user
        )
    except Refused as refusal:
        return refusal_json(refusal)
    return no_store(JsonResponse({"series": str(series.uuid)}, status=201))


def _part(request: PersonsRequest, name: str) -> bytes:
    """Return one part of a form, sent as a file or, where it is short, as a field."""
    sent = request.FILES.get(name)
    return sent.read(MOST_SENT_BYTES + 1) if isinstance(sent, UploadedFile) else request.POST.get(name, "").encode()


@require_POST
def declare(request: PersonsRequest, pk: int, uuid: str) -> HttpResponse:
    """Keep what the coordinator says that a series is, from the form of its card or as JSON."""
    submission = get_object_or_404(Submission.objects.visible_to(request.user).with_context(), pk=pk)
    require(may_edit(request.user, submission), NOT_YOURS)
    series = get_object_or_404(submission.series, uuid=uuid)
    as_json = request.content_type == "application/json"
    try:
        said = read_json(request) if as_json else request.POST
        form = DeclarationForm(said if isinstance(said, Mapping) else {})
        if not form.is_valid():
            raise NotUnderstood(
                "This is not among the labels to choose from. Reload the page and choose one of the list."
            )
        declaration = services.declare(series, by=request.user, **form.cleaned_data)
    except Refused as refusal:
        if as_json:
            return refusal_json(refusal)
        messages.error(request, str(refusal))
    else:
        if as_json:
            labels = {"body_part": declaration.body_part, "contrast": declaration.contrast}
            return JsonResponse({"series": str(series.uuid), **labels, "note": declaration.note})
    return redirect(reverse("intake:visit", args=(submission.visit_id,)) + f"#series-{series.pk}")


@require_GET
def explanation(request: PersonsRequest, uuid: str, module: str, plane: str) -> HttpResponse:
    """One picture of a series with the evidence for a label laid over it."""
    return explanation_response(request, uuid, module, plane)


@require_GET
def bundle(request: PersonsRequest) -> HttpResponse:
    """The bundle that runs now: what it can say, within which limits, and what was measured of it."""
    page = bundle_page()
    return render(request, "imageqc/bundle.html", {"page": page}, status=200 if page.bundle else 503)
