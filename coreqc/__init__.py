"""The wiring of CoreQC: settings, addresses, the Celery application."""

from coreqc.celery import app as celery_app

__all__ = ["celery_app"]
