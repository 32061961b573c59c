"""The pages that belong to nobody's workspace."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.permissions import roles_of
from apps.ui.context_processors import WORKSPACES
from apps.ui.words import SEVERITIES, STATUSES


def home(request: HttpRequest) -> HttpResponse:
    """Send each person to their workspace."""
    roles = roles_of(request.user)
    for workspace in WORKSPACES:
        if workspace.role in roles:
            return redirect(workspace.url_name)
    return render(request, "ui/no_role.html")


@login_not_required
def help_page(request: HttpRequest) -> HttpResponse:
    """Show what each role does, the words and the keys; also to those who cannot sign in yet."""
    return render(request, "ui/help.html", {"statuses": STATUSES["submission"], "severities": SEVERITIES})
