"""The addresses of a transfer: what is missing, its parts by tus, its end, and its receipt."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.permissions import require
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.intake import services, tus
from apps.intake.models import Part, Receipt, Submission
from apps.intake.permissions import may_edit
from apps.intake.receipt_page import receipt_page
from apps.intake.receipt_pdf import receipt_pdf
from apps.intake.services import parts
from apps.intake.services.receipts import canonical
from apps.intake.services.submissions import NOT_YOURS

STATUS_OF: dict[type[Refused], int] = {
    parts.PartBusy: 423,
    parts.PartTooLarge: 413,
    parts.PartClosed: 410,
    parts.WrongChecksum: tus.CHECKSUM_MISMATCH,
    parts.DiskFull: 507,
}
"""What the protocol answers where a service says no; 409 for all others."""


@require_GET
def missing(request: PersonsRequest, pk: int) -> JsonResponse:
    """What is announced and not here, and the parts of it that are half here: what the browser sends next."""
    submission = _submission(request, pk)
    require(may_edit(request.user, submission), NOT_YOURS)
    left = services.still_missing(submission)
    answer = JsonResponse(
        {
            "state": submission.status,
            "announced": left.announced,
            "here": left.here,
            "instances": left.instances,
            "parts": [
                {"url": _address(submission, part), "offset": part.offset, "size": part.size, "sha256": objects}
                for part, objects in left.parts
            ],
        }
    )
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
def stop(request: PersonsRequest, pk: int) -> HttpResponse:
    submission = _submission(request, pk)
    try:
        services.stop_sending(submission, by=request.user)
    except Refused as refusal:
        return _told(request, submission, str(refusal), refused=True)
    return _told(request, submission, "Stopped. What has arrived stays; the transfer goes on from there.")


@require_GET
def receipt(request: PersonsRequest, pk: int) -> HttpResponse:
    """The proof of receipt as a page; as JSON its content, whose hash the receipt names."""
    submission = _submission(request, pk)
    found = get_object_or_404(Receipt, submission=submission)
    if _wants_json(request):
        return HttpResponse(canonical(found.content), content_type="application/json")
    return render(request, "intake/receipt.html", {"page": receipt_page(found)})


@require_GET
def receipt_file(request: PersonsRequest, pk: int) -> HttpResponse:
    """The same as a PDF, with the hash of every image."""
    submission = _submission(request, pk)
    found = get_object_or_404(Receipt, submission=submission)
    answer = HttpResponse(receipt_pdf(found), content_type="application/pdf")
    name = f"receipt-{submission.visit.subject.screening_number}-{submission.pk}.pdf"
    answer["Content-Disposition"] = content_disposition_header(as_attachment=False, filename=name) or "inline"
    answer["Cache-Control"] = "private, no-cache"
    return answer


@require_http_methods(["OPTIONS", "POST"])
def new_part(request: PersonsRequest, pk: int) -> HttpResponse:
    """Create an upload (tus creation); OPTIONS tells what is understood here."""
    submission = _submission(request, pk)
    if request.method == "OPTIONS":
        return _options()
    require(may_edit(request.user, submission), NOT_YOURS)

    def create() -> HttpResponse:
        part = parts.begin_part(submission, tus.length_of(request), by=request.user)
        expires = tus.expiry(parts.expires_at(part))
        return tus.answer(201, location=_address(submission, part), upload_expires=expires)

    return _speaking_tus(request, create)


@require_http_methods(["OPTIONS", "HEAD", "PATCH", "DELETE", "POST"])
def part(request: PersonsRequest, pk: int, uuid: str) -> HttpResponse:
    """Tell how far a part has come, take more of it, or forget it."""
    submission = _submission(request, pk)
    found = get_object_or_404(Part.objects.select_related("submission__visit__subject__site"), uuid=uuid)
    if found.submission_id != submission.pk:
        return tus.refusal(404, "There is no such part.")
    require(may_edit(request.user, submission), NOT_YOURS)
    actions: dict[str, Callable[[PersonsRequest, Part], HttpResponse]] = {
        "HEAD": _head,
        "PATCH": _patch,
        "DELETE": _delete,
    }
    method = tus.method_of(request)
    if method == "OPTIONS":
        return _options()
    if method not in actions:
        return tus.refusal(405, "A part understands HEAD, PATCH and DELETE.")
    return _speaking_tus(request, lambda: actions[method](request, found))


def _head(request: PersonsRequest, part: Part) -> HttpResponse:
    return tus.answer(200, upload_offset=parts.offset_of(part), upload_length=part.size, **_expires(part))


def _patch(request: PersonsRequest, part: Part) -> HttpResponse:
    patch = tus.patch_of(request)
    offset = parts.receive(
        part, request, offset=patch.offset, length=patch.length, by=request.user, sha256=patch.sha256
    )
    return tus.answer(204, upload_offset=offset, **_expires(part))


def _delete(request: PersonsRequest, part: Part) -> HttpResponse:
    parts.drop_part(part, by=request.user)
    return tus.answer(204)


def _expires(part: Part) -> dict[str, str]:
    unfinished = part.status == Part.Status.RECEIVING
    return {"upload_expires": tus.expiry(parts.expires_at(part))} if unfinished else {}


def _options() -> HttpResponse:
    return tus.answer(
        204,
        tus_version=tus.VERSION,
        tus_extension=tus.EXTENSIONS,
        tus_max_size=parts.MOST_BYTES,
        tus_checksum_algorithm="sha256",
    )


def _speaking_tus(request: PersonsRequest, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Answer in the protocol's numbers, each refusal with its sentence."""
    try:
        tus.check_version(request)
        return act()
    except tus.BadRequest as error:
        return tus.refusal(error.status, str(error))
    except Refused as refused:
        return tus.refusal(STATUS_OF.get(type(refused), 409), str(refused))


def _address(submission: Submission, part: Part) -> str:
    return reverse("intake:part", args=(submission.pk, part.uuid))


def _submission(request: PersonsRequest, pk: int) -> Submission:
    return get_object_or_404(Submission.objects.visible_to(request.user).with_context(), pk=pk)


def _told(request: PersonsRequest, submission: Submission, sentence: str, *, refused: bool = False) -> HttpResponse:
    """Answer with a sentence: to a script as JSON, to a person on the page of the visit."""
    if _wants_json(request):
        return JsonResponse({"detail": sentence}, status=409 if refused else 200)
    messages.add_message(request, messages.ERROR if refused else messages.SUCCESS, sentence)
    return redirect("intake:visit", submission.visit_id)


def _wants_json(request: PersonsRequest) -> bool:
    return request.headers.get("Accept", "") == "application/json"
