"""The analyst's pages: what there is to read, and one scan at a time."""

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import Role
from apps.accounts.permissions import require, roles_of
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.intake.pictures import private_png
from apps.reviews.clock import IDLE_AFTER
from apps.studies import services
from apps.studies.forms import ReadingForm
from apps.studies.models import Arm, Assignment, Reader, ReadingStudy
from apps.studies.progress import sessions_of
from apps.studies.selectors import own_readings, reading_page
from apps.studies.services.reading import NOT_YOURS, clock_runs


@require_safe
def readings(request: PersonsRequest) -> HttpResponse:
    """The studies in which the person reads, and when each session opens."""
    context = {
        "rows": own_readings(request.user, timezone.now()),
        "reads": Role.ANALYST in roles_of(request.user),
        "idle_seconds": int(IDLE_AFTER.total_seconds()),
    }
    return render(request, "studies/readings.html", context)


@require_POST
def begin(request: PersonsRequest, pk: int) -> HttpResponse:
    """Begin with the next scan of a study, or go on with it after a pause."""
    study = get_object_or_404(ReadingStudy.objects.visible_to(request.user), pk=pk)
    reader = Reader.objects.filter(study=study, analyst=request.user).select_related("study").first()
    require(reader is not None and study.status != ReadingStudy.Status.DRAFT, NOT_YOURS)
    assert reader is not None
    try:
        assignment = services.begin(reader, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("studies:readings")
    return redirect("studies:reading", assignment.pk)


@require_safe
def reading(request: PersonsRequest, pk: int) -> HttpResponse:
    """The scan to read now; covered while the clock stands."""
    assignment = _own(request, pk)
    current = services.current_assignment(assignment.reader)
    if current is None or current.pk != assignment.pk:
        messages.info(request, "This scan is not the one to read now. Here is what is open.")
        return redirect("studies:readings")
    context = {
        "page": reading_page(assignment, sessions_of(assignment.reader)),
        "assignment": assignment,
        "study": assignment.reader.study,
        "aided": assignment.arm == Arm.AI_AIDED,
        "uncovered": clock_runs(assignment, timezone.now()),
    }
    response = render(request, "studies/reading.html", context)
    # Going back never shows a scan off the clock.
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def beat(request: PersonsRequest, pk: int) -> JsonResponse:
    """Note a sign of work; the answer is the time by the server's clock, or 409 with a sentence."""
    try:
        return JsonResponse({"active_seconds": services.beat(_own(request, pk), by=request.user)})
    except Refused as refusal:
        return JsonResponse({"detail": str(refusal)}, status=409)


@require_POST
def pause(request: PersonsRequest, pk: int) -> HttpResponse:
    """Let the clock stand: the pictures are out of view."""
    try:
        services.pause(_own(request, pk), by=request.user)
    except Refused as refusal:
        return JsonResponse({"detail": str(refusal)}, status=409)
    return HttpResponse(status=204)


@require_POST
def read(request: PersonsRequest, pk: int) -> HttpResponse:
    """Keep the reading and go on to the next scan."""
    assignment = _own(request, pk)
    form = ReadingForm(request.POST)
    try:
        if not form.is_valid():
            raise Refused("Choose the body part and the contrast, one label each.")
        following = services.read(assignment, **form.cleaned_data, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        following = services.current_assignment(assignment.reader)
    else:
        if following is None:
            messages.success(request, "That was the last scan of this session. Thank you.")
    return redirect("studies:reading", following.pk) if following else redirect("studies:readings")


@require_safe
def picture(request: PersonsRequest, pk: int, name: str) -> HttpResponse:
    """One picture of the scan at hand; no other scan of the study is shown ahead of its turn."""
    assignment = _own(request, pk)
    current = services.current_assignment(assignment.reader)
    scan = assignment.scan
    path = f"pictures/{scan.series.uuid}/{scan.picture_version}/{name}.png"
    if current is None or current.pk != assignment.pk or name not in SHOWN_PICTURES or not default_storage.exists(path):
        raise Http404("There is no such picture.")

    def content() -> bytes:
        with default_storage.open(path) as png:
            return png.read()

    return private_png(request, scan.picture_version, name, content)


def _own(request: PersonsRequest, pk: int) -> Assignment:
    return get_object_or_404(Assignment.objects.visible_to(request.user).with_context(), pk=pk)
