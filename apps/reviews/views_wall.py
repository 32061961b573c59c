"""The wall: the worklist in pictures."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.accounts.requests import PersonsRequest
from apps.imaging.vocabulary import PLANES
from apps.reviews.selectors.wall import DEFAULT_PLANE, wall
from apps.reviews.views_worklist import worklist_context

CASES_PER_PAGE_OF_UNUSED = 20
"""A case holds more series in no slot than in one: fewer cases fill the page."""


@require_GET
def wall_page(request: PersonsRequest) -> HttpResponse:
    """All series of a page of the worklist side by side; `plane` chooses the picture, `unused` what is in no slot."""
    unused = request.GET.get("unused") == "on"
    context = worklist_context(request, CASES_PER_PAGE_OF_UNUSED if unused else None)
    asked = request.GET.get("plane", "")
    plane = asked if asked in PLANES else DEFAULT_PLANE
    view_query = f"plane={plane}&unused=on&" if unused else f"plane={plane}&"
    context |= {
        "groups": wall(context["shown"].rows, unused=unused),
        "plane": plane,
        "planes": PLANES,
        "case_address": _around("reviews:case", 0),
        "picture_address": _around("intake:picture", UUID(int=0), f"mip_{plane}"),
        "unused": unused,
        "view_query": view_query,
        "pager_query": f"{view_query}{context['pager_query']}",
    }
    return render(request, "reviews/wall.html", context)


def _around(name: str, unknown: int | UUID, *more: str) -> tuple[str, str]:
    """Return what stands around `unknown` in an address: asked for once, not for each of hundreds of tiles."""
    before, _, after = reverse(name, args=[unknown, *more]).partition(str(unknown))
    return before, after
