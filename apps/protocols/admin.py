from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from apps.audit.admin import AuditedAdmin
from apps.protocols.models import ImagingProtocol, RequiredSeries


class RequiredSeriesInline(admin.StackedInline):
    model = RequiredSeries
    extra = 0


@admin.register(ImagingProtocol)
class ImagingProtocolAdmin(AuditedAdmin):
    """A version that submissions were checked against stays as it is; changes make a new version."""

    list_display = ("trial", "version", "effective_from")
    list_filter = ("trial",)
    inlines = (RequiredSeriesInline,)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        used = isinstance(obj, ImagingProtocol) and obj.submissions.exists()
        return not used and super().has_change_permission(request, obj)
