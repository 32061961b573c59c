"""POST a user name and a password, get the token that every other address asks for."""

from typing import Any

from django.conf import settings
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle


class ObtainToken(ObtainAuthToken):
    """Trying passwords is slowed down here and ended by the lock-out that also guards the log-in page."""

    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "token"

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        try:
            return super().post(request, *args, **kwargs)
        except ValidationError:
            if getattr(request, "axes_locked_out", False):
                minutes = settings.AXES_COOLOFF_TIME.seconds // 60
                raise Throttled(
                    detail=f"The password was wrong {settings.AXES_FAILURE_LIMIT} times; signing in from here is "
                    f"closed for {minutes} minutes."
                ) from None
            raise
