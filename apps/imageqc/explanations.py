"""Where in a picture the evidence for a label lies: the maps that a classification keeps, laid over the pictures."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from PIL import Image
from rest_framework.request import Request

from apps.imageqc.models import Classification
from apps.imaging.explanation import overlay
from apps.imaging.vocabulary import PLANES
from apps.intake.blinding import labels_are_hidden
from apps.intake.models import Series
from apps.intake.pictures import private_png, read_picture


@dataclass(frozen=True)
class Explanation:
    """One map: where in `picture` the plane's network found the evidence for what the module voted, `label`."""

    module: str
    plane: str
    picture: str
    label: str
    address: str


def explanations(classification: Classification) -> tuple[Explanation, ...]:
    """Return the maps of a classification; none for labels of bundles that gave no maps."""
    return tuple(
        Explanation(module, plane, picture, _voted(answer["scores"]), _address(classification, module, plane))
        for module, answer in classification.answers.items()
        for plane in PLANES
        if plane in answer.get("activations", {}) and (picture := classification.picture_of(module, plane))
    )


def explanation_response(request: HttpRequest | Request, uuid: str, module: str, plane: str) -> HttpResponse:
    """Answer with a picture of a series and its map over it, or 404 for strangers and where there is none."""
    series = get_object_or_404(Series.objects.visible_to(request.user).defer("digest"), uuid=uuid)
    if labels_are_hidden(request.user, series.submission_id):
        raise Http404("The labels of this series are hidden until its case is decided.")
    said = Classification.latest_of(series)
    kept = explanations(said) if said else ()
    found = next((each for each in kept if (each.module, each.plane) == (module, plane)), None)
    if said is None or found is None or not default_storage.exists(series.picture_path(found.picture)):
        raise Http404("There is no map of this plane.")
    picture, grid = found.picture, said.answers[module]["activations"][plane]
    return private_png(request, str(said.pk), f"{module}-{plane}", lambda: _draw(read_picture(series, picture), grid))


def _draw(png: bytes, grid: list[list[int]]) -> bytes:
    with Image.open(io.BytesIO(png)) as picture:
        drawn = overlay(np.asarray(picture), np.asarray(grid, dtype=np.uint8))
    written = io.BytesIO()
    # Colours over gray shrink little: the hardest compression takes five times as long for a sixth less.
    Image.fromarray(drawn).save(written, format="PNG", compress_level=1)
    return written.getvalue()


def _voted(scores: Mapping[str, float]) -> str:
    """Return the class with the best voted score, also where the module stayed silent."""
    return max(scores, key=scores.__getitem__)


def _address(classification: Classification, module: str, plane: str) -> str:
    """Return where the map is, with its version: it is drawn and sent once."""
    address = reverse("imageqc:explanation", args=(classification.series.uuid, module, plane))
    return f"{address}?v={classification.pk}"
