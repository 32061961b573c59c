"""The suite's settings: SQLite in a file of its own, or PostgreSQL and Redis where the variables say so."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from coreqc import env
from coreqc.settings.base import *  # noqa: F403
from coreqc.settings.databases import postgresql, sqlite

DEBUG = False
SECRET_KEY = "only-for-the-tests-" + "x" * 50
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]

# One folder and one database per run: several runs at once on one machine do not meet.
VAR_DIR = Path(tempfile.mkdtemp(prefix=f"coreqc-test-{os.getpid()}-"))
atexit.register(shutil.rmtree, VAR_DIR, ignore_errors=True)

if env.flag("COREQC_TEST_POSTGRESQL", default=False):
    DATABASES = {"default": postgresql("DATABASE_URL")}
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["TEST"] = {"NAME": f"test_coreqc_{os.getpid()}"}
else:
    DATABASES = {"default": sqlite(VAR_DIR / "coreqc.sqlite3")}
    # A file, as in the embedded shape: threads and live servers meet in one database, as in real life.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}

PUBLIC_URL = "https://coreqc.example.org"
NOTICES_BY_MAIL = True
DEFAULT_FROM_EMAIL = "coreqc@example.org"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

MEDIA_ROOT = VAR_DIR / "media"
FILE_UPLOAD_TEMP_DIR = VAR_DIR
PARTS_DIR = VAR_DIR
# Tiny phantoms name a patient, so that the rules of identity can be tried; tests of the verification switch it on.
VERIFY_DEIDENTIFICATION = False
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True

# Messages lie in this process's memory until a test asks for them; nothing is run behind a test's back.
CELERY_BROKER_URL = env.text(
    "COREQC_TEST_BROKER_URL",
    expected="a broker address, or nothing for messages in memory",
    example="redis://127.0.0.1:6379/15",
    default="memory://",
)
