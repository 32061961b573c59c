"""The Celery application: queues, routes and what beat starts.

Work is sent through ``apps.jobs`` (one row per job), so that a killed worker or a lost message delays a job and
never loses it. What stands here only says where a task runs and how long it may take.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coreqc.settings.production")

app = Celery("coreqc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
