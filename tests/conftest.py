"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.append_only import flush_with_triggers_at_rest
from tests.cast import cast

__all__ = ["cast", "flush_with_triggers_at_rest"]

BESIDE_THE_CHECKOUT = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def files_of_one_test(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test keeps received files in a folder of its own."""
    settings.MEDIA_ROOT = tmp_path_factory.mktemp("media")
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path_factory.mktemp("incoming")


@pytest.fixture(scope="session")
def real_ct() -> Path:
    """The folder of real CT (its `dicom/` holds the series), which is not part of CoreQC."""
    folder = Path(os.environ.get("COREQC_REAL_CT", "") or BESIDE_THE_CHECKOUT)
    if not (folder / "dicom").is_dir():
        pytest.skip(f"there is no real CT in {folder}; COREQC_REAL_CT may name another folder")
    return folder
