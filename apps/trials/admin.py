from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from apps.accounts.models import User
from apps.audit.admin import AuditedAdmin
from apps.trials.models import Site, Subject, Trial, Visit, VisitType
from apps.trials.services import plan_visit


class SiteInline(admin.TabularInline):
    model = Site
    extra = 0


class VisitTypeInline(admin.TabularInline):
    model = VisitType
    extra = 0


@admin.register(Trial)
class TrialAdmin(AuditedAdmin):
    list_display = ("protocol_number", "title", "sponsor")
    inlines = (SiteInline, VisitTypeInline)


@admin.register(Site)
class SiteAdmin(AuditedAdmin):
    list_display = ("number", "name", "trial")
    list_filter = ("trial",)


@admin.register(Subject)
class SubjectAdmin(AuditedAdmin):
    """Enrolling a subject plans its visits."""

    list_display = ("screening_number", "site", "consented_on", "baseline_on")
    list_filter = ("site__trial", "site")
    search_fields = ("screening_number",)

    def save_model(self, request: HttpRequest, obj: Subject, form: ModelForm, change: bool) -> None:
        assert isinstance(request.user, User)  # the admin asks for a log-in
        super().save_model(request, obj, form, change)
        if not change:
            for visit_type in obj.site.trial.visit_types.all():
                plan_visit(obj, visit_type, by=request.user)


@admin.register(Visit)
class VisitAdmin(AuditedAdmin):
    list_display = ("subject", "visit_type", "opens_on", "target_on", "closes_on")
    list_filter = ("visit_type", "subject__site")
    search_fields = ("subject__screening_number",)
