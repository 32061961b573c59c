"""The embedded shape: SQLite and a broker that needs no server, everything under var/, loopback only."""

import os
from pathlib import Path

from coreqc import env
from coreqc.settings.base import *  # noqa: F403
from coreqc.settings.base import BASE_DIR, NOTICES_BY_MAIL
from coreqc.settings.databases import sqlite
from coreqc.settings.embedded import filesystem_broker, folder, secret_key

VAR_DIR = folder(Path(os.environ.get("COREQC_VAR", BASE_DIR / "var")).resolve())

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = secret_key(VAR_DIR / "secret-key")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

DATABASES = {"default": sqlite(VAR_DIR / "coreqc.sqlite3")}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": folder(VAR_DIR / "cache"),
    },
}

MEDIA_ROOT = folder(VAR_DIR / "media")
FILE_UPLOAD_TEMP_DIR = folder(VAR_DIR / "incoming")
PARTS_DIR = folder(VAR_DIR / "parts")
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

PUBLIC_URL = f"http://127.0.0.1:{env.number('PORT', default=8000, least=1, most=65535)}"
if not NOTICES_BY_MAIL:  # what would be sent stands in the worker's log
    NOTICES_BY_MAIL = True
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

CELERY_BROKER_URL = "filesystem://localhost"
CELERY_BROKER_TRANSPORT = "coreqc.folder_broker:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS = filesystem_broker(VAR_DIR / "broker")
# Remote control would leave a file per worker and question behind; this shape asks its processes directly.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
