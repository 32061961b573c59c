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


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"])
def test_production_does_not_start_without_a_required_variable(name: str) -> None:
    answer = manage("check", **{key: value for key, value in PRODUCTION.items() if key != name})
    assert answer.returncode != 0
    assert f"{name} is not set. Expected:" in answer.stderr


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
