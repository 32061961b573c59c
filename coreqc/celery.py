"""The Celery application.

Work is sent through ``apps.jobs`` (one row per job), so that a killed worker or a lost message delays a job
and never loses it. Queues, limits and what beat starts stand in `coreqc.settings.base`.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coreqc.settings.production")

app = Celery("coreqc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
