from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from rest_framework.authtoken import admin as _token_admin  # noqa: F401
from rest_framework.authtoken.models import TokenProxy

from apps.accounts.models import Membership, User
from apps.audit.admin import AuditedAdmin
from apps.audit.services import record

admin.site.unregister(Group)
# A token is the person's own: nobody reads it off a page. (Imported above, its admin is registered by now.)
admin.site.unregister(TokenProxy)


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0


@admin.register(User)
class UserAdmin(AuditedAdmin, DjangoUserAdmin):
    """Accounts are switched off, never deleted."""

    inlines = (MembershipInline,)
    list_display = ("username", "first_name", "last_name", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "memberships__role")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
    )

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> None:  # type: ignore[override]
        """Record a password that is set by its own form, which ends here; the other changes are recorded as saved."""
        assert isinstance(request.user, User)  # the admin asks for a log-in
        if request.resolver_match and request.resolver_match.url_name == "auth_user_password_change":
            record("user.password_set", obj, by=request.user)


@admin.register(Membership)
class MembershipAdmin(AuditedAdmin):
    list_display = ("user", "role", "trial", "site")
    list_filter = ("role", "trial")
    autocomplete_fields = ("user",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A role ends by deleting the membership; the trail keeps that it was."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        assert isinstance(request.user, User)  # the admin asks for a log-in
        with transaction.atomic():
            record(
                "membership.deleted",
                obj,
                by=request.user,
                old={"user": obj.user.username, "role": obj.role, "trial": str(obj.trial), "site": str(obj.site or "")},
            )
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset:
            self.delete_model(request, membership)
