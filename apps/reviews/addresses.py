"""What the pages of the desk share: the case of an address, and the filters that travel with it."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.urls import reverse

from apps.accounts.requests import PersonsRequest
from apps.reviews.forms import WorklistForm
from apps.reviews.models import ReviewCase

KEPT_BACK = (
    "Another analyst reviews this submission once more, without knowing the first decision. You may be the one, so you "
    "can read the first decision when the second review is decided."
)


def visible_case(request: PersonsRequest, pk: int) -> ReviewCase:
    case = get_object_or_404(ReviewCase.objects.visible_to(request.user).with_context(), pk=pk)
    if not ReviewCase.objects.filter(pk=pk).not_kept_from(request.user).exists():
        raise PermissionDenied(KEPT_BACK)
    return case


def queue_query(request: PersonsRequest) -> str:
    """Return the worklist's filters that this address carries, so that Next case stays among them."""
    return WorklistForm(request.GET, person=request.user).query if request.GET else ""


def case_address(case: ReviewCase, query: str) -> str:
    return with_query(reverse("reviews:case", args=[case.pk]), query)


def with_query(address: str, query: str) -> str:
    return f"{address}?{query}" if query else address
