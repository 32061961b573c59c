"""What holds in every shape of CoreQC."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from coreqc import env

BASE_DIR = Path(__file__).resolve().parent.parent.parent

INSTALLED_APPS = [
    "apps.ui",
    "apps.demo",
    "apps.compliance",
    "apps.studies",
    "apps.queries",
    "apps.reviews",
    "apps.imageqc",
    "apps.intake",
    "apps.notices",
    "apps.protocols",
    "apps.trials",
    "apps.accounts",
    "apps.jobs",
    "apps.audit",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "template_partials",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Every view asks for a log-in unless it says otherwise: a forgotten word closes a page, never opens it.
    "apps.accounts.middleware.ReturnToThePage",
    "apps.ui.middleware.ReadersTimeZone",
    "django_htmx.middleware.HtmxMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "coreqc.urls"
WSGI_APPLICATION = "coreqc.wsgi.application"
ASGI_APPLICATION = "coreqc.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.ui.context_processors.frame",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# --- People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_COOKIE_SAMESITE = "Lax"

# Five wrong passwords for one account from one address close it to that address for a quarter of an hour.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_VERBOSE = False
# Who signed in stands in the audit trail; names that belong to nobody may be passwords and are shown nowhere.
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"

# --- What a browser may do with a page
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        # Without 'wasm-unsafe-eval': decoders run in workers alone, and a worker has the policy of its own answer.
        "script-src": [SELF],
        "worker-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# --- Files
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Modules, workers and decoders name each other by relative addresses, without the hash that pages use: the browser
# asks each time whether they have changed. What is named with its hash is kept for ever.
WHITENOISE_MAX_AGE = 0
MEDIA_URL = "/media/"  # Never served as such: each file goes through a view that starts from `visible_to(user)`.

# An uploaded file goes to disk as it arrives, whatever its size: the web process stays small.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024  # form fields and JSON; files are not counted
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3000

# Parts of a transfer that was begun and never ended are forgotten after so many days; what was unpacked stays.
PARTS_KEPT_DAYS = env.number("PARTS_KEPT_DAYS", default=14, least=1, most=365)
# Whether files that come as they are (form, REST) are held against the de-identification of their trial, as those of
# a transfer from the site always are.
VERIFY_DEIDENTIFICATION = env.flag("VERIFY_DEIDENTIFICATION", default=True)

# --- E-mail, which notices alone use; without a server they stay in the pages
_mail_server = env.mail_server("EMAIL_URL")
NOTICES_BY_MAIL = _mail_server is not None
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _mail_server else 'dummy'}.EmailBackend"
if _mail_server:
    EMAIL_HOST = _mail_server.host
    EMAIL_PORT = _mail_server.port
    EMAIL_HOST_USER = _mail_server.user
    EMAIL_HOST_PASSWORD = _mail_server.password
    EMAIL_USE_TLS = _mail_server.starts_tls
    EMAIL_USE_SSL = _mail_server.begins_with_tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text(
    "DEFAULT_FROM_EMAIL",
    expected="the address that e-mails come from",
    example="coreqc@example.org",
    default=None if _mail_server else "coreqc@localhost",
)

# --- The ensemble
IMAGEQC_BUNDLE = Path(
    env.text(
        "IMAGEQC_BUNDLE",
        expected="the folder of a model bundle",
        example="/srv/bundles/imageqc-lite/0.3.0",
        default=str(BASE_DIR / "models" / "imageqc-lite" / "0.3.0"),
    )
)
# Per worker process: processes times threads should not exceed the cores, or they slow each other down.
IMAGEQC_THREADS = env.number("IMAGEQC_THREADS", default=1, least=1, most=64)

# What was checked at a site and never transferred is forgotten after so many days without a touch.
PRECHECK_RETENTION_DAYS = env.number("PRECHECK_RETENTION_DAYS", default=30, least=1, most=3650)

# --- REST
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "coreqc.api_errors.answer",
    "DEFAULT_THROTTLE_RATES": {"token": "30/min"},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CoreQC",
    "DESCRIPTION": "Visits, submissions, review cases and compliance of an imaging core lab.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "SubmissionStateEnum": "apps.intake.models.Submission.Status",
        "SeriesStateEnum": "apps.intake.models.Series.Status",
        "ReviewCaseStateEnum": "apps.reviews.models.ReviewCase.Status",
        "QueryStateEnum": "apps.queries.models.Query.Status",
        "VerdictEnum": "apps.reviews.models.Decision.Verdict",
        "SeriesVerdictEnum": "apps.reviews.models.SeriesDecision.Verdict",
    },
}

# --- Work behind the pages
CELERY_TASK_DEFAULT_QUEUE = "intake"
CELERY_TASK_ROUTES = {
    "imageqc.*": {"queue": "imageqc"},
    "intake.*": {"queue": "intake"},
    "notices.*": {"queue": "intake"},
    "queries.*": {"queue": "intake"},
    "reviews.*": {"queue": "intake"},
    "jobs.*": {"queue": "intake"},
}
CELERY_BEAT_SCHEDULE = {
    "requeue lapsed jobs": {
        "task": "jobs.requeue_lapsed",
        "schedule": 10.0,
        # Worth nothing once the next is due: a worker that was stopped finds no pile of them.
        "options": {"expires": 10.0},
    },
    "return idle review cases": {
        "task": "reviews.return_idle_cases",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "confirm complete transfers": {
        "task": "intake.confirm_complete",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "forget old parts": {
        "task": "intake.prune_parts",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    "forget old pre-checks": {
        "task": "imageqc.forget_prechecks",
        "schedule": 24 * 3600.0,
        "options": {"expires": 3600.0},
    },
    "open missing review cases": {
        "task": "reviews.open_missing_cases",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    "remind sites of queries": {
        "task": "queries.remind",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    "mail waiting notices": {
        "task": "notices.mail_waiting",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
}
CELERY_TIMEZONE = "UTC"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# A message is confirmed when its task has ended, and a child holds one message: with the ledger, that is what
# brings the work of a killed worker back.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 15 * 60
CELERY_TASK_TIME_LIMIT = 16 * 60
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

# --- Logs: what happened to which row, never a name, a header value or a file name
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # pydicom warns with header values: what is wrong with a file is told by findings instead.
        "pydicom": {"level": "CRITICAL"},
        "axes": {"level": "WARNING"},
    },
}
