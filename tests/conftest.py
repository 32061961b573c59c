"""What every test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from pytest_django.fixtures import Settings

from apps.imageqc.registry import current_bundle
from tests.append_only import flush_with_triggers_at_rest
from tests.cast import cast
from tests.imaging.tiny_bundle import write_tiny_bundle

__all__ = ["cast", "flush_with_triggers_at_rest"]

BESIDE_THE_CHECKOUT = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what only PostgreSQL can do where the suite runs on SQLite."""
    if connection.vendor == "postgresql":
        return
    for item in items:
        if item.get_closest_marker("postgresql"):
            item.add_marker(pytest.mark.skip(reason="holds only on PostgreSQL"))


@pytest.fixture(autouse=True)
def files_of_one_test(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test keeps received files in a folder of its own."""
    settings.MEDIA_ROOT = tmp_path_factory.mktemp("media")
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path_factory.mktemp("incoming")
    settings.PARTS_DIR = tmp_path_factory.mktemp("parts")


@pytest.fixture
def tiny_bundle(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle that always says chest, with contrast, in the place of the trained one."""
    settings.IMAGEQC_BUNDLE = write_tiny_bundle(tmp_path_factory.mktemp("bundle"))
    current_bundle.cache_clear()
    yield settings.IMAGEQC_BUNDLE
    current_bundle.cache_clear()


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    """What one test was throttled for is not held against the next."""
    cache.clear()


@pytest.fixture(scope="session")
def real_ct() -> Path:
    """The folder of real CT (its `dicom/` holds the series), which is not part of CoreQC."""
    folder = Path(os.environ.get("COREQC_REAL_CT", "") or BESIDE_THE_CHECKOUT)
    if not (folder / "dicom").is_dir():
        pytest.skip(f"there is no real CT in {folder}; COREQC_REAL_CT may name another folder")
    return folder
