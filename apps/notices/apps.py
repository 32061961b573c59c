from django.apps import AppConfig
from django.core.checks import register

from apps.notices.checks import mail_is_configured


class NoticesConfig(AppConfig):
    name = "apps.notices"

    def ready(self) -> None:
        register(mail_is_configured)
