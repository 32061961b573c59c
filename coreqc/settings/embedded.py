"""What the embedded shape keeps under its folder: a secret key and the folders of the broker."""

import os
import secrets
from pathlib import Path
from typing import Any


def folder(path: Path) -> Path:
    path.mkdir(mode=0o750, parents=True, exist_ok=True)
    return path


def secret_key(path: Path) -> str:
    """Return the key kept at ``path``, made on first use. Web, worker and beat may come at the same time."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(fresh, path)  # of several at once the first wins, and none reads half a key
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="utf-8")


def filesystem_broker(root: Path) -> dict[str, Any]:
    """Options of kombu's filesystem transport: messages are files, so no broker needs to run."""
    messages = folder(root / "messages")
    return {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "control_folder": str(folder(root / "control")),
        "store_processed": False,
        "polling_interval": 0.1,
    }
