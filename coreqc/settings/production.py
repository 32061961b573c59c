"""The served shape: PostgreSQL, Redis, a proxy with TLS in front. Everything comes from the environment."""

from pathlib import Path

from coreqc import env
from coreqc.settings.base import *  # noqa: F403
from coreqc.settings.base import BASE_DIR, CELERY_TASK_TIME_LIMIT, LOGGING, NOTICES_BY_MAIL, REST_FRAMEWORK
from coreqc.settings.databases import postgresql

DEBUG = False
SECRET_KEY = env.secret(
    "SECRET_KEY",
    expected="a random text known to nobody",
    example="\"$(python -c 'import secrets; print(secrets.token_urlsafe(64))')\"",
)
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", expected="the host names under which people open CoreQC", example="coreqc.example.org"
)
_one_host = next((host for host in ALLOWED_HOSTS if host[0] not in ".*"), "")
PUBLIC_URL = env.address(
    "PUBLIC_URL",
    schemes=("https", "http"),
    example="https://coreqc.example.org",
    # Links of e-mails begin with it: where no host is named alone, somebody has to say.
    default=f"https://{_one_host}" if _one_host else None if NOTICES_BY_MAIL else "",
).rstrip("/")
CSRF_TRUSTED_ORIGINS = [f"https://{host.lstrip('.')}" for host in ALLOWED_HOSTS if host != "*"]

DATABASES = {"default": postgresql("DATABASE_URL")}

REDIS_URL = env.address("REDIS_URL", schemes=("redis", "rediss"), example="redis://redis:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = env.address(
    "BROKER_URL",
    schemes=("redis", "rediss", "amqp", "amqps"),
    example="redis://redis:6379/0",
    default=REDIS_URL,
)
if CELERY_BROKER_URL.startswith("redis"):
    # Longer than any task may take, or Redis would hand a running task out a second time.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": CELERY_TASK_TIME_LIMIT + 300,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }
CELERY_BEAT_SCHEDULE_FILENAME = env.text(
    "BEAT_SCHEDULE_FILE",
    expected="a path that beat may write",
    example="/tmp/beat-schedule",
    default="/tmp/coreqc-beat-schedule",
)

# --- Files: one volume shared by web and workers, or S3 where a bucket is named
MEDIA_ROOT = Path(
    env.text(
        "MEDIA_ROOT",
        expected="the folder for received files, the same for web and workers",
        example="/var/lib/coreqc/media",
        default="/var/lib/coreqc/media",
    )
)
# Where a file rests while it arrives: on the disk of MEDIA_ROOT, moving it into place copies nothing.
FILE_UPLOAD_TEMP_DIR = Path(
    env.text(
        "UPLOAD_TEMP_DIR",
        expected="a folder with room for the largest upload",
        example="/var/lib/coreqc/incoming",
        default="/var/lib/coreqc/incoming",
    )
)
# Where the parts of a transfer grow until they are unpacked: seen by web and workers alike.
PARTS_DIR = Path(
    env.text(
        "PARTS_DIR",
        expected="the folder for the parts of a transfer, the same for web and workers",
        example="/var/lib/coreqc/parts",
        default="/var/lib/coreqc/parts",
    )
)
S3_BUCKET = env.text("S3_BUCKET", expected="the name of a bucket", example="coreqc-media", default="")
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if S3_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.address(
                "S3_ENDPOINT", schemes=("https", "http"), example="https://s3.example.org", default=""
            )
            or None,
            "access_key": env.text("S3_ACCESS_KEY", expected="the access key of the bucket", example="AKIA..."),
            "secret_key": env.text("S3_SECRET_KEY", expected="the secret key of the bucket", example="wJal..."),
            "signature_version": "s3v4",
            "file_overwrite": False,
            "querystring_auth": True,
            "default_acl": None,
        },
    }

# --- Transport
if env.flag("BEHIND_TLS_PROXY", default=True):
    # The proxy must set this header itself and drop what a client sends under its name.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Without these the proxy's address would stand for everybody's, and one guesser close the door to all.
    AXES_CLIENT_IP_CALLABLE = "coreqc.client_address.named_by_the_proxy"
    REST_FRAMEWORK["NUM_PROXIES"] = 1
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", default=31_536_000, least=0, most=63_072_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# --- Logs
LOGGING["root"]["level"] = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
