"""POST a user name and a password, get the token that every other address asks for."""

from typing import Any

from django.conf import settings
from django.db import transaction
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from apps.audit.services import record


class ObtainToken(ObtainAuthToken):
    """Trying passwords is slowed down here and ended by the lock-out that also guards the log-in page."""

    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "token"

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        try:
            response = super().post(request, *args, **kwargs)
            with transaction.atomic():
                owner = Token.objects.get(key=response.data["token"]).user
                record("user.token_obtained", owner, by=owner)
            return response
        except ValidationError:
            if getattr(request, "axes_locked_out", False):
                minutes = settings.AXES_COOLOFF_TIME.seconds // 60
                raise Throttled(
                    detail=f"The password was wrong {settings.AXES_FAILURE_LIMIT} times; signing in from here is "
                    f"closed for {minutes} minutes."
                ) from None
            raise
