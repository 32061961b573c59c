"""The REST interface, version 1: token, schema, documentation, and the addresses of the apps."""

from typing import NoReturn

from django.urls import include, path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.routers import SimpleRouter

from apps.compliance.api import ComplianceView
from apps.imageqc.api import explanation
from apps.intake.api import SubmissionViewSet, VisitViewSet, picture
from apps.notices.api import NoticeViewSet
from apps.queries.api import QueryViewSet
from apps.reviews.api import ReviewCaseViewSet
from coreqc.api_token import ObtainToken

router = SimpleRouter()
router.register("visits", VisitViewSet, basename="api-visit")
router.register("submissions", SubmissionViewSet, basename="api-submission")
router.register("notices", NoticeViewSet, basename="api-notice")
router.register("review-cases", ReviewCaseViewSet, basename="api-review-case")
router.register("queries", QueryViewSet, basename="api-query")


@extend_schema(exclude=True)
@api_view(["GET", "POST", "PUT", "PATCH", "DELETE"])
def nothing(request: Request, address: str) -> NoReturn:
    """Programs read JSON, also where they go astray."""
    raise NotFound("Nothing is at this address. /api/v1/docs/ lists what there is.")


urlpatterns = [
    path("auth/token/", ObtainToken.as_view(), name="api-token"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("series/<uuid:uuid>/pictures/<str:name>.png", picture, name="api-picture"),
    path("series/<uuid:uuid>/maps/<str:module>-<str:plane>.png", explanation, name="api-explanation"),
    path("trials/<int:pk>/compliance/", ComplianceView.as_view(), name="api-compliance"),
    path("", include(router.urls)),
    # With the slash at its end: without it, an address that only lacks the slash would not be led to the right one.
    path("<path:address>/", nothing, name="api-nothing"),
]
