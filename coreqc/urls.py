"""Every address of CoreQC, by app."""

from django.contrib import admin
from django.urls import include, path

from coreqc.health import alive, ready

urlpatterns = [
    path("", include("apps.ui.urls")),
    path("accounts/", include("apps.accounts.urls")),
    path("", include("apps.intake.urls")),
    path("", include("apps.imageqc.urls")),
    path("notices/", include("apps.notices.urls")),
    path("review/", include("apps.reviews.urls")),
    path("queries/", include("apps.queries.urls")),
    path("compliance/", include("apps.compliance.urls")),
    path("studies/", include("apps.studies.urls")),
    path("api/v1/", include("coreqc.api_urls")),
    path("admin/", admin.site.urls),
    path("health/", ready, name="health"),
    path("health/live/", alive, name="health-live"),
]
