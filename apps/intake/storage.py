"""Received files in the storage, and as paths on this machine for the imaging core."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage

from apps.intake.models import ReceivedFile, Submission


class StoredFile(NamedTuple):
    name: str
    size: int
    sha256: str


RECEIVED = "received"

SET_ASIDE = "quarantine"
"""Folder of what identifies somebody: nothing reads it, and its rights may be narrower than those of the rest."""


def store(submission: Submission, content: File, folder: str = RECEIVED) -> StoredFile:
    """Keep a file under its hash; the name tells nothing about the patient."""
    sha256 = hashlib.sha256()
    for chunk in content.chunks():
        sha256.update(chunk)
    content.seek(0)
    name = f"{folder}/{submission.uuid}/{sha256.hexdigest()}"
    size = content.size
    if not (default_storage.exists(name) and default_storage.size(name) == size):
        name = default_storage.save(name, content)
    return StoredFile(name, size, sha256.hexdigest())


@contextmanager
def local_paths(files: Iterable[ReceivedFile]) -> Iterator[dict[Path, ReceivedFile]]:
    """Give each file a path on this machine for as long as the context lasts; copies only what lies elsewhere."""
    files = list(files)
    if isinstance(default_storage, FileSystemStorage):
        yield {Path(default_storage.path(file.stored_as)): file for file in files}
        return
    with scratch_folder() as folder:
        paths = {}
        for file in files:
            path = folder / str(file.pk)
            with default_storage.open(file.stored_as) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            paths[path] = file
        yield paths


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards, on the disk meant for it."""
    with TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        yield Path(folder)
