"""The operators' pages: everything that changes there leaves an audit event; the trail itself can only be read."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Model
from django.forms import BaseModelFormSet, ModelForm, model_to_dict
from django.http import HttpRequest

from apps.audit.models import AuditEvent
from apps.audit.services import record


class AuditedAdmin(admin.ModelAdmin):
    """Adds and changes leave an event with old and new values; of deletions there are those of inline rows alone."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """The audit trail takes the place of the admin's own log."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """The audit trail takes the place of the admin's own log."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            _record(request, obj, form, "changed" if change else "added")

    def save_formset(self, request: HttpRequest, form: ModelForm, formset: BaseModelFormSet, change: bool) -> None:
        with transaction.atomic():
            for row in formset.deleted_forms:
                if row.instance.pk:
                    _record_deleted(request, row)
            super().save_formset(request, form, formset, change)
            for row in formset.forms:
                if row.has_changed() and row.instance.pk and row not in formset.deleted_forms:
                    _record(request, row.instance, row, "changed" if row.initial else "added")


class ReadOnlyAdmin(admin.ModelAdmin):
    """For looking on: nothing is added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_name", "action", "object_name", "reason")
    list_filter = ("action", "object_type")
    search_fields = ("actor_name", "object_name", "object_id", "reason")
    date_hierarchy = "at"


_NEVER_SHOWN = ("password",)


def _record(request: HttpRequest, obj: Model, form: ModelForm, verb: str) -> None:
    assert isinstance(request.user, AbstractBaseUser)  # the admin asks for a log-in
    changed = [name for name in form.changed_data if name in form.cleaned_data]
    record(
        f"{obj._meta.model_name}.{verb}",
        obj,
        by=request.user,
        old={name: _written(name, form.initial.get(name)) for name in changed} if verb == "changed" else {},
        new={name: _written(name, form.cleaned_data[name]) for name in changed},
    )


def _record_deleted(request: HttpRequest, row: ModelForm) -> None:
    """Write down what a row said; called while it still has its key."""
    assert isinstance(request.user, AbstractBaseUser)  # the admin asks for a log-in
    said = {name: _written(name, value) for name, value in model_to_dict(row.instance).items()}
    record(f"{row.instance._meta.model_name}.deleted", row.instance, by=request.user, old=said)


def _written(name: str, value: object) -> object:
    if name in _NEVER_SHOWN or "password" in name:
        return "(not shown)"
    if isinstance(value, list) or (hasattr(value, "__iter__") and not isinstance(value, str)):
        return [str(item) for item in value]
    return value if isinstance(value, int | float | bool | None) else str(value)
