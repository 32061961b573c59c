"""An address that answers htmx with a fragment and everybody else with a page."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def by_htmx(request: HttpRequest) -> bool:
    """Whether the answer goes into a page that is open already."""
    return "HX-Request" in request.headers


def fragment_or_page(
    request: HttpRequest, fragment: str, page: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Render what was asked for; no cache may give one in place of the other."""
    answer = render(request, fragment if by_htmx(request) else page, context, status=status)
    patch_vary_headers(answer, ("HX-Request",))
    return answer


def saying(answer: HttpResponse, text: str) -> HttpResponse:
    """Let the page that is open say that something was done."""
    answer["HX-Trigger"] = json.dumps({"say": {"text": text, "tone": "ok"}})
    return answer
