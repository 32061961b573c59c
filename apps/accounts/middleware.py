"""Signing in again after a session has run out."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect


class ReturnToThePage(LoginRequiredMiddleware):
    """Asks for a log-in everywhere; after it, a form that was sent leads back to its page, not to its own address.

    The address of a form answers POST alone: coming back to it by a link would be an error page.
    """

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirect:
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        page = urlsplit(request.headers.get("Referer", ""))
        back_to = page.path if page.netloc == request.get_host() else "/"
        return redirect_to_login(back_to, self.get_login_url(view_func), self.get_redirect_field_name(view_func))
