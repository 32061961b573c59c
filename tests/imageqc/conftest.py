"""The whole check with a bundle that always says chest, with contrast."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def bundle(tiny_bundle: Path) -> Path:
    return tiny_bundle
