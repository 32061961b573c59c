"""A site's own software: a token per person, and scans to send."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from tests.cast import PASSWORD, Cast
from tests.phantoms import cube_and_rod, write_series

Sender = Callable[[str], APIClient]


@pytest.fixture
def as_(cast: Cast) -> Sender:
    """`as_("carla")` is a client that carries Carla's token."""

    def sign_in(username: str) -> APIClient:
        client = APIClient()
        token = client.post("/api/v1/auth/token/", {"username": username, "password": PASSWORD}).json()["token"]
        client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return client

    return sign_in


@pytest.fixture
def chest(tmp_path: Path) -> list[Path]:
    """The files of one sound CT series."""
    return write_series(tmp_path / "chest", cube_and_rod())
