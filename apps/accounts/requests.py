"""What a page or an API call knows of its reader."""

from django.http import HttpRequest
from rest_framework.request import Request

from apps.accounts.models import User


class PersonsRequest(HttpRequest):
    """The request of a page behind the log-in: LoginRequiredMiddleware lets nobody else through."""

    user: User


class PersonsApiRequest(Request):
    """The request of an API call: IsAuthenticated lets nobody else through."""

    user: User
