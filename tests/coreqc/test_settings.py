"""Both shapes start, production is sound, and secrets of the embedded shape are its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coreqc.settings.embedded import secret_key

ROOT = Path(__file__).resolve().parent.parent.parent

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "coreqc.settings.production",
    "SECRET_KEY": "kq3-Vf7pLz9_Tn2xRb8Wc5Hd1Jm6Sg4Ya0UeIoPNQhX7tZvBrCwDkFy",
    "ALLOWED_HOSTS": "coreqc.example.org",
    "DATABASE_URL": "postgresql://coreqc:secret@127.0.0.1:5432/coreqc",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "EMAIL_URL": "smtp+tls://coreqc:secret@mail.example.org",
    "DEFAULT_FROM_EMAIL": "coreqc@example.org",
}


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_passes_the_deployment_check(tmp_path: Path) -> None:
    answer = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION, UPLOAD_TEMP_DIR=str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert "no issues" in answer.stdout


def test_production_with_a_bucket_passes_it_too(tmp_path: Path) -> None:
    bucket = {"S3_BUCKET": "coreqc", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}
    bucket["UPLOAD_TEMP_DIR"] = str(tmp_path)
    answer = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION, **bucket)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL", "DEFAULT_FROM_EMAIL"])
def test_production_does_not_start_without_a_required_variable(name: str) -> None:
    answer = manage("check", **{key: value for key, value in PRODUCTION.items() if key != name})
    assert answer.returncode != 0
    assert f"{name} is not set. Expected:" in answer.stderr


def test_production_without_a_mail_server_says_so_and_starts(tmp_path: Path) -> None:
    without = {key: value for key, value in PRODUCTION.items() if key not in ("EMAIL_URL", "DEFAULT_FROM_EMAIL")}
    answer = manage("check", "--deploy", "--fail-level", "WARNING", **without, UPLOAD_TEMP_DIR=str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert "No mail server is configured" in answer.stderr and "Set EMAIL_URL" in answer.stderr


def test_production_that_sends_mail_must_know_its_own_address() -> None:
    anywhere = {**PRODUCTION, "ALLOWED_HOSTS": ".example.org,*"}
    answer = manage("check", **anywhere)
    assert answer.returncode != 0
    assert "PUBLIC_URL is not set. Expected:" in answer.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "https://coreqc.example.org mail.example.org 587 coreqc True False"),
        (
            {"EMAIL_URL": "smtps://mail.example.org:4650", "PUBLIC_URL": "https://qc.example.org/"},
            "https://qc.example.org mail.example.org 4650  False True",
        ),
    ],
)
def test_mail_goes_by_the_server_that_is_named(variables: dict[str, str], expected: str, tmp_path: Path) -> None:
    program = (
        "from django.conf import settings as s; "
        "print(s.PUBLIC_URL, s.EMAIL_HOST, s.EMAIL_PORT, s.EMAIL_HOST_USER, s.EMAIL_USE_TLS, s.EMAIL_USE_SSL)"
    )
    answer = manage("shell", "-v", "0", "-c", program, **{**PRODUCTION, "UPLOAD_TEMP_DIR": str(tmp_path), **variables})
    assert answer.stdout.strip() == expected, answer.stderr


def test_the_embedded_shape_writes_mails_into_its_log(tmp_path: Path) -> None:
    program = "from django.conf import settings as s; print(s.EMAIL_BACKEND, s.NOTICES_BY_MAIL, s.PUBLIC_URL)"
    answer = manage("shell", "-v", "0", "-c", program, COREQC_VAR=str(tmp_path / "var"), PORT="8123")
    assert answer.stdout.split() == [
        "django.core.mail.backends.console.EmailBackend",
        "True",
        "http://127.0.0.1:8123",
    ], answer.stderr


def test_the_embedded_shape_keeps_everything_in_its_folder(tmp_path: Path) -> None:
    answer = manage("check", COREQC_VAR=str(tmp_path / "var"))
    assert answer.returncode == 0, answer.stderr
    names = {path.name for path in (tmp_path / "var").iterdir()}
    assert {"secret-key", "broker", "media"} <= names


def test_the_secret_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret-key"
    first = secret_key(path)
    assert len(first) >= 64
    assert secret_key(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret-key"]
