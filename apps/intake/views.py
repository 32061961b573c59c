from collections import Counter
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.intake import services
from apps.intake.forms import TransferForm, UploadForm, VisitFilterForm, WithdrawForm
from apps.intake.models import Submission
from apps.intake.pictures import picture_response
from apps.intake.selectors import visits_by_need
from apps.intake.submission_page import submission_page, visit_page
from apps.intake.way_here import addresses
from apps.notices.models import Notice
from apps.notices.services import mark_read
from apps.trials.models import Visit

STOP_POLLING = 286
"""What htmx takes for "this is the last answer"."""


@require_GET
def visits(request: PersonsRequest) -> HttpResponse:
    form = VisitFilterForm(request.GET)
    chosen = form.cleaned_data if form.is_valid() else {}
    found = visits_by_need(
        request.user, timezone.localdate(), subject=chosen.get("subject", ""), need=chosen.get("need", "")
    )
    narrowed = any(chosen.values())
    return render(request, "intake/visits.html", {"form": form, "found": found, "narrowed": narrowed})


@require_GET
def visit(request: PersonsRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Visit.objects.visible_to(request.user).with_context(), pk=pk)
    mark_read(Notice.objects.about(found), by=request.user)
    return render(request, "intake/visit.html", {"page": visit_page(found, request.user, timezone.localdate())})


@require_POST
def begin(request: PersonsRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Visit.objects.visible_to(request.user).with_context(), pk=pk)
    try:
        submission = services.begin_submission(found, by=request.user)
    except Refused as refusal:
        return _refused(request, refusal, found)
    if _wants_json(request):
        return JsonResponse({"submission": submission.pk, **addresses(submission)}, status=201)
    return redirect("intake:visit", pk)


@require_GET
def submission(request: PersonsRequest, pk: int) -> HttpResponse:
    """An earlier submission of a visit, to read."""
    found = _submission(request, pk)
    return render(request, "intake/submission.html", {"page": submission_page(found, request.user)})


@require_GET
def progress(request: PersonsRequest, pk: int) -> HttpResponse:
    """The moving part of the visit page, asked for again and again until the check has ended."""
    page = submission_page(_submission(request, pk), request.user)
    status = 200 if page.is_working else STOP_POLLING
    return render(request, "intake/_progress.html", {"page": page}, status=status)


@require_POST
def files(request: PersonsRequest, pk: int) -> HttpResponse:
    found = _submission(request, pk)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _refused(
            request, Refused("No file was chosen. Choose the folder or the files of the scan."), found.visit
        )
    try:
        outcomes = services.receive_files(
            found, form.uploads(), by=request.user, more_to_come=form.cleaned_data["more"]
        )
    except Refused as refusal:
        return _refused(request, refusal, found.visit)
    if _wants_json(request):
        return JsonResponse({"outcomes": [{"kept": each.kept, "sentence": each.sentence} for each in outcomes]})
    for sentence, number in Counter(each.sentence or "Arrived." for each in outcomes).items():
        messages.info(request, f"{number} files: {sentence}" if number > 1 else f"1 file: {sentence}")
    return redirect("intake:visit", found.visit_id)


@require_GET
def received(request: PersonsRequest, pk: int) -> JsonResponse:
    """The hashes of what has arrived, so that the same folder sends only what is missing."""
    return JsonResponse({"sha256": list(_submission(request, pk).files.values_list("sha256", flat=True))})


@require_POST
def check(request: PersonsRequest, pk: int) -> HttpResponse:
    found = _submission(request, pk)
    return _act(request, found, lambda: services.start_check(found, by=request.user), "")


@require_POST
def transfer(request: PersonsRequest, pk: int) -> HttpResponse:
    """Hand the submission to the core lab; a script is told whether it has to send images now, and where to."""
    found = _submission(request, pk)
    try:
        services.transfer(found, by=request.user, because=_reason(TransferForm(request.POST)))
    except Refused as refusal:
        return _refused(request, refusal, found.visit)
    sending = found.status == Submission.Status.SENDING
    done = (
        "The images go to the core lab from the computer that read them: leave the page open there until all are sent."
        if sending
        else "Transferred. The core lab has the images; its decision will appear here."
    )
    if not _wants_json(request):
        messages.success(request, done)
        return redirect("intake:visit", found.visit_id)
    send_to = {name: reverse(f"intake:{name}", args=(found.pk,)) for name in ("missing", "parts")} if sending else {}
    return JsonResponse({"state": found.status, "detail": done, **send_to})


@require_POST
def withdraw(request: PersonsRequest, pk: int) -> HttpResponse:
    found = _submission(request, pk)
    reason = _reason(WithdrawForm(request.POST))
    return _act(
        request,
        found,
        lambda: services.withdraw(found, by=request.user, because=reason),
        "Withdrawn. The visit is open again.",
    )


@require_GET
def picture(request: PersonsRequest, uuid: str, name: str) -> HttpResponse:
    return picture_response(request, uuid, name)


def _submission(request: PersonsRequest, pk: int) -> Submission:
    return get_object_or_404(Submission.objects.visible_to(request.user).with_context(), pk=pk)


def _act(request: PersonsRequest, submission: Submission, service: Callable[[], None], done: str) -> HttpResponse:
    """Let a service act, and answer as the caller asked: the page again, or a word for the script."""
    try:
        service()
    except Refused as refusal:
        return _refused(request, refusal, submission.visit)
    if _wants_json(request):
        return JsonResponse({"detail": done})
    if done:
        messages.success(request, done)
    return redirect("intake:visit", submission.visit_id)


def _refused(request: PersonsRequest, refusal: Refused, visit: Visit) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"detail": str(refusal)}, status=409)
    messages.error(request, str(refusal))
    return redirect("intake:visit", visit.pk)


def _wants_json(request: PersonsRequest) -> bool:
    return request.headers.get("Accept", "") == "application/json"


def _reason(form: TransferForm | WithdrawForm) -> str:
    reason: str = form.cleaned_data["reason"] if form.is_valid() else ""
    return reason
