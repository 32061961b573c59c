"""REST: the maps of a series."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request

from apps.imageqc.explanations import explanation_response


@extend_schema(responses={(200, "image/png"): OpenApiTypes.BINARY})
@api_view(["GET"])
def explanation(request: Request, uuid: str, module: str, plane: str) -> HttpResponse:
    """One picture of a series with the evidence for a label laid over it, as the `maps` of an answer name them."""
    return explanation_response(request, uuid, module, plane)
