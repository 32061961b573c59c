"""What a browser may fetch ahead while a case is open: the case that the analyst would get next, without taking it."""

from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.accounts.permissions import require
from apps.accounts.requests import PersonsRequest
from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.intake.models import Series
from apps.reviews.forms import WorklistForm
from apps.reviews.models import ReviewCase
from apps.reviews.permissions import may_claim
from apps.reviews.services.claiming import queue_of


@require_GET
def upcoming(request: PersonsRequest) -> HttpResponse:
    """Answer with the addresses of the pictures and slices of the first case in the queue that the filters show."""
    require(may_claim(request.user), "Only image analysts take cases from the queue.")
    form = WorklistForm(request.GET, person=request.user)
    case = queue_of(request.user, among=form.filters.narrow(ReviewCase.objects.all())).first()
    series = list(Series.objects.filter(pk__in=case.submission.slots.values("series"))) if case else []
    response = JsonResponse(
        {
            "pictures": [
                reverse("intake:picture", args=[each.uuid, name])
                for each in series
                if each.has_pictures
                for name in SHOWN_PICTURES
            ],
            "slices": [reverse("intake:slices", args=[each.uuid]) for each in series],
        }
    )
    response["Cache-Control"] = "private, no-store"
    return response
