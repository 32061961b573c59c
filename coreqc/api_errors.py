"""The API's refusals, in the words of the pages."""

from typing import Any

from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.audit.lifecycle import Refused


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer 409 with the sentence when a service refuses a step, else what REST framework answers."""
    if isinstance(error, Refused):
        return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
    return exception_handler(error, context)
