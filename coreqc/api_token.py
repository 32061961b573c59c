"""POST a user name and a password, get the token that every other address asks for."""

from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.throttling import ScopedRateThrottle


class ObtainToken(ObtainAuthToken):
    """Trying passwords is slowed down here and ended by the lock-out that also guards the log-in page."""

    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "token"
