"""Where Celery's autodiscovery finds the ledger's own task."""

from apps.jobs.ledger import requeue_lapsed

__all__ = ["requeue_lapsed"]
