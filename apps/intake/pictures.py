"""The pictures of a series, for the pages and for the API: private, and cached under their version."""

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
    version = series.digest_version
    etag = f'"{version}-{name}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        with default_storage.open(path) as png:
            response = HttpResponse(png.read(), content_type="image/png")
    # With its version in the address a picture never changes; without, the browser asks each time.
    fixed = request.GET.get("v") == version
    response["Cache-Control"] = f"private, max-age={A_YEAR}, immutable" if fixed else "private, no-cache"
    response["ETag"] = etag
    return response
