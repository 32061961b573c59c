from typing import Any

from django.conf import settings
from django.core.checks import Info


def mail_is_configured(**_: Any) -> list[Info]:
    """Say at the start, and with `manage.py check`, that notices stay in the pages."""
    if settings.NOTICES_BY_MAIL:
        return []
    return [
        Info(
            "No mail server is configured: notices are shown in the pages alone.",
            hint="Set EMAIL_URL and DEFAULT_FROM_EMAIL to send them by e-mail too (docs/operations.md).",
            id="notices.I001",
        )
    ]
