from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse_lazy

from apps.audit.services import record


class ChangePassword(PasswordChangeView):
    """Change one's own password."""

    success_url = reverse_lazy("accounts:password_changed")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        with transaction.atomic():
            record("user.password_changed", form.user, by=form.user)
            return super().form_valid(form)
