"""The REST interface, version 1: token, schema, documentation, and the addresses of the apps."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
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

urlpatterns = [
    path("auth/token/", ObtainToken.as_view(), name="api-token"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("series/<uuid:uuid>/pictures/<str:name>.png", picture, name="api-picture"),
    path("series/<uuid:uuid>/maps/<str:module>-<str:plane>.png", explanation, name="api-explanation"),
    path("trials/<int:pk>/compliance/", ComplianceView.as_view(), name="api-compliance"),
    path("", include(router.urls)),
]
