from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest

from apps.accounts.models import User
from apps.audit.admin import AuditedAdmin
from apps.trials.models import DeidentificationProfile, Site, Subject, Trial, Visit, VisitType
from apps.trials.services import plan_visit

ON_THEIR_WAY = ("draft", "checking", "checked", "sending")
"""Submissions whose images were read at their site and are not at the core lab."""


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


class DeidentificationProfileForm(ModelForm):
    """Options stay as they are while images that were read with them are on their way."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk and self.changed_data:
            begun = Visit.objects.filter(
                subject__site__trial=self.instance.trial, submissions__status__in=ON_THEIR_WAY
            ).count()
            if begun:
                raise ValidationError(
                    f"Submissions that are being checked or sent with the present options: {begun}. With new ones the "
                    "core lab would refuse their images. Wait until they have been transferred, or ask the sites to "
                    "withdraw them."
                )
        return cleaned


@admin.register(DeidentificationProfile)
class DeidentificationProfileAdmin(AuditedAdmin):
    """The options of a trial; the key is made once, never shown and never changed: new UIDs and dates hang on it."""

    list_display = ("trial", "dates", "retain_patient_characteristics", "retain_device", "clean_descriptors")
    list_filter = ("dates",)
    form = DeidentificationProfileForm
    fields = ("trial", "dates", "retain_patient_characteristics", "retain_device", "clean_descriptors")

    def get_readonly_fields(self, request: HttpRequest, obj: DeidentificationProfile | None = None) -> tuple[str, ...]:
        return ("trial",) if obj else ()
