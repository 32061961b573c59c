"""What became of what a site sent: the list of notices, their number, and the switch for e-mail."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.requests import PersonsRequest
from apps.notices import services
from apps.notices.forms import MailForm
from apps.notices.models import MailPreference, Notice

PER_PAGE = 50


@require_GET
def notices(request: PersonsRequest) -> HttpResponse:
    """The person's notices, newest first; the visit that one leads to marks it as read."""
    own = Notice.objects.visible_to(request.user).with_context()
    return render(request, "notices/list.html", {"page": Paginator(own, PER_PAGE).get_page(request.GET.get("page"))})


@require_GET
def count(request: PersonsRequest) -> JsonResponse:
    """How many are unread, asked for now and then by a page that stays open."""
    return JsonResponse({"unread": Notice.objects.visible_to(request.user).unread().count()})


@require_POST
def read_all(request: PersonsRequest) -> HttpResponse:
    services.mark_read(Notice.objects.visible_to(request.user), by=request.user)
    return redirect("notices:list")


@require_http_methods(["GET", "POST"])
def mail_settings(request: PersonsRequest) -> HttpResponse:
    """Turn one's own notices by e-mail on or off."""
    if request.method == "POST":
        form = MailForm(request.POST)
        if form.is_valid():
            on = form.cleaned_data["by_mail"]
            services.switch_mail(request.user, on=on)
            messages.success(request, f"Notices by e-mail are {'on' if on else 'off'}.")
            return redirect("notices:settings")
    off = MailPreference.objects.filter(user=request.user, by_mail=False).exists()
    form = MailForm(initial={"by_mail": not off})
    return render(request, "notices/settings.html", {"form": form, "mail_is_sent": settings.NOTICES_BY_MAIL})
