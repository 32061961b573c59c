"""The time that people spend on cases."""

from django.core.exceptions import PermissionDenied
from django.http import JsonResponse
from django.views.decorators.http import require_POST

from apps.accounts.requests import PersonsRequest
from apps.reviews import services
from apps.reviews.addresses import visible_case


@require_POST
def beat(request: PersonsRequest, pk: int) -> JsonResponse:
    """Note a sign of work; the answer is the time by the server's clock, or 403 with a sentence."""
    case = visible_case(request, pk)
    try:
        return JsonResponse({"active_seconds": services.beat(case, by=request.user)})
    except PermissionDenied as refusal:
        return JsonResponse({"detail": str(refusal)}, status=403)
