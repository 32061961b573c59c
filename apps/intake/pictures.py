"""The pictures of a series, for the pages and for the API: private, and cached under their version."""

from collections.abc import Callable

from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from rest_framework.request import Request

from apps.imaging.vocabulary import PICTURES
from apps.intake.models import Series

A_YEAR = 365 * 24 * 3600


def picture_response(request: HttpRequest | Request, uuid: str, name: str) -> HttpResponse:
    """Answer with one picture of a series, or 404 for strangers and where there is none."""
    series = get_object_or_404(Series.objects.visible_to(request.user), uuid=uuid)
    path = series.picture_path(name)
    if name not in PICTURES or not series.digest_sha256 or not default_storage.exists(path):
        raise Http404("There is no such picture.")
    return private_png(request, series.digest_version, name, lambda: read_picture(series, name))


def read_picture(series: Series, name: str) -> bytes:
    """Return the PNG of a picture that the storage keeps."""
    with default_storage.open(series.picture_path(name)) as png:
        return png.read()


def private_png(request: HttpRequest | Request, version: str, name: str, make: Callable[[], bytes]) -> HttpResponse:
    """Answer with a PNG for this person alone; it is made only where the browser does not have this version yet."""
    etag = f'"{version}-{name}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        response = HttpResponse(make(), content_type="image/png")
    return cached_privately(response, etag, fixed=request.GET.get("v") == version)


def cached_privately(response: HttpResponse, etag: str, *, fixed: bool) -> HttpResponse:
    """Let this person's browser alone keep an answer.

    With its version in the address (`fixed`) it never changes; without, the browser asks each time.
    """
    response["Cache-Control"] = f"private, max-age={A_YEAR}, immutable" if fixed else "private, no-cache"
    response["ETag"] = etag
    return response
