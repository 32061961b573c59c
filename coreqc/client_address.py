"""From where somebody comes, when our own proxy stands between."""

from django.http import HttpRequest


def named_by_the_proxy(request: HttpRequest) -> str:
    """Return the last address of X-Forwarded-For: the one that our proxy added; those before it anybody may claim."""
    claimed = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return claimed[-1].strip() or request.META.get("REMOTE_ADDR", "")
