"""The slices of a series for a viewer: what there is, and the values of one slice."""

import re

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.http import require_GET

from apps.accounts.requests import PersonsRequest
from apps.intake.models import Series
from apps.intake.pictures import cached_privately
from apps.intake.slices import CannotBeShown, kept_slice, packed, slice_bytes, stored_stack

_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")


@require_GET
def stack(request: PersonsRequest, uuid: str) -> HttpResponse:
    """Answer with the order, the places and the state of a series' slices."""
    series = get_object_or_404(Series.objects.visible_to(request.user), uuid=uuid)
    try:
        found = stored_stack(series)
    except CannotBeShown as error:
        return _cannot(error)
    etag = f'"{found.version}-{found.missing}"'
    response = get_conditional_response(request, etag=etag) or JsonResponse(found.to_json())
    return cached_privately(response, etag, fixed=False)


@require_GET
def slice_values(request: PersonsRequest, uuid: str, place: int) -> HttpResponse:
    """Answer with the values of the slice at `place`, counted from 0 in the order of the index."""
    series = get_object_or_404(Series.objects.visible_to(request.user), uuid=uuid)
    asked = request.GET.get("v", "")
    try:
        one, version = kept_slice(series, asked, place)
        etag = f'"{version}-{place}"'
        response = get_conditional_response(request, etag=etag)
        if response is None:
            response = _values(request, slice_bytes(series, one))
    except CannotBeShown as error:
        return _cannot(error)
    except IndexError:
        raise Http404("There is no such slice.") from None
    return cached_privately(response, etag, fixed=asked == version)


def _values(request: PersonsRequest, values: bytes) -> HttpResponse:
    zipped = bool(_GZIP.search(request.headers.get("Accept-Encoding", "")))
    response = HttpResponse(packed(values) if zipped else values, content_type="application/octet-stream")
    if zipped:
        response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ("Accept-Encoding",))
    return response


def _cannot(error: CannotBeShown) -> JsonResponse:
    response = JsonResponse({"detail": str(error)}, status=422)
    response["Cache-Control"] = "private, no-store"
    return response
