"""Unpacks zip archives that may be hostile: names are never used as paths, sizes are counted, not believed."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from apps.imaging.headers import Refusal, RefusedFile
from apps.imaging.headers.reading import begins_like_dicom
from apps.imaging.headers.refusals import what_it_is
from apps.imaging.sources.folders import printable, system_file
from apps.imaging.sources.limits import Limits

_CHUNK = 1 << 20
_ENCRYPTED = 1
_END_RECORD = b"PK\x05\x06"
_LARGE_END_RECORD = b"PK\x06\x06"

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    struct.error,
)
"""What `zipfile` raises over damaged, truncated or unsupported archives."""


class _Stop(Exception):
    """The archive is not unpacked further; the text says why."""


def is_zip(path: Path) -> bool:
    """Return whether a file begins like a zip archive; its name is not asked."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", _END_RECORD)
    except OSError:
        return False


class Unpacker:
    """Unpacks archives into one folder as numbered files, within limits over all of them together."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits
        self.unpacked_bytes = 0
        self.unpacked_files = 0
        self._stop_at = 0

    def unpack(
        self, archive: Path, name: str, found: Callable[[Path, str], None], refuse: Callable[[RefusedFile], None]
    ) -> None:
        """Unpack `archive`; each member is handed to `found` or to `refuse`, never both, and nothing is raised."""
        try:
            self._check_directory(archive)
            allowance = max(self.limits.ratio_free_bytes, self.limits.ratio * archive.stat().st_size)
            self._stop_at = self.unpacked_bytes + allowance
            with zipfile.ZipFile(archive) as opened:
                for member in opened.infolist():
                    if not member.is_dir():
                        self._member(opened, member, f"{name}: {printable(member.filename)}", found, refuse)
        except _Stop as stop:
            refuse(RefusedFile(name, str(stop), Refusal.UNSAFE))
        except _BROKEN:
            refuse(
                RefusedFile(
                    name, "is damaged: it cannot be unpacked; copy or export the archive again", Refusal.DAMAGED
                )
            )

    def _check_directory(self, archive: Path) -> None:
        """Refuse an archive whose table of contents alone would fill the memory, before it is loaded."""
        size = archive.stat().st_size
        with archive.open("rb") as file:
            file.seek(max(0, size - (1 << 16) - 128))
            tail = file.read()
        at = tail.rfind(_END_RECORD)
        if at < 0 or at + 22 > len(tail):
            raise zipfile.BadZipFile
        entries, directory = struct.unpack_from("<HI", tail, at + 10)
        large = tail.rfind(_LARGE_END_RECORD)
        if large >= 0 and large + 56 <= len(tail):
            entries, directory = struct.unpack_from("<QQ", tail, large + 32)
        if entries > self.limits.files or min(directory, size) > self.limits.directory_bytes:
            raise _Stop(f"lists more than {self.limits.files:,} files; send one examination at a time")

    def _member(
        self,
        opened: zipfile.ZipFile,
        member: zipfile.ZipInfo,
        name: str,
        found: Callable[[Path, str], None],
        refuse: Callable[[RefusedFile], None],
    ) -> None:
        if system_file(member.filename):
            refuse(RefusedFile(name, "belongs to the computer, not to the scan; you need not send it", Refusal.SYSTEM))
            return
        unsafe = _unsafe(member)
        if unsafe is not None:
            refuse(RefusedFile(name, unsafe[1], unsafe[0]))
            return
        if self.unpacked_files >= self.limits.files:
            raise _Stop(self.limits.too_many_files)
        try:
            with opened.open(member) as stream:
                first = stream.read(_CHUNK)
                if first[:4] in (b"PK\x03\x04", _END_RECORD):
                    why = "is an archive within the archive and was not opened; unpack it and add what it holds"
                    refuse(RefusedFile(name, why, Refusal.UNSAFE))
                    return
                if not begins_like_dicom(first, max(member.file_size, len(first))):
                    code, reason = what_it_is(first, member.file_size)
                    refuse(RefusedFile(name, reason, code))
                    return
                path = self._write(first, stream)
        except _BROKEN:
            refuse(RefusedFile(name, "is damaged: it cannot be unpacked; copy or export it again", Refusal.DAMAGED))
            return
        found(path, name)

    def _write(self, first: bytes, stream: IO[bytes]) -> Path:
        """Write one member under the next number; the count of bytes goes on while it is inflated."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._next_free()
        written = 0
        try:
            with path.open("xb") as file:
                for chunk in _chunks(first, stream):
                    written += len(chunk)
                    self._count(len(chunk), written)
                    file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _count(self, chunk: int, of_member: int) -> None:
        self.unpacked_bytes += chunk
        if self.unpacked_bytes > self._stop_at:
            raise _Stop(
                f"unpacks to more than {self.limits.ratio} times its size, which no scan does; the rest of it was not "
                "read. Send the files themselves"
            )
        if of_member > self.limits.member_bytes or self.unpacked_bytes > self.limits.archive_bytes:
            raise _Stop("unpacks to more than one examination holds; the rest of it was not read. Send it in parts")

    def _next_free(self) -> Path:
        while True:
            self.unpacked_files += 1
            path = self.folder / f"{self.unpacked_files:06d}"
            if not os.path.lexists(path):
                return path


def _chunks(first: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    chunk = first
    while chunk:
        yield chunk
        chunk = stream.read(_CHUNK)


def _unsafe(member: zipfile.ZipInfo) -> tuple[Refusal, str] | None:
    """Return why a member is not unpacked, None when it may be."""
    if member.flag_bits & _ENCRYPTED:
        return Refusal.ENCRYPTED, "is locked with a password; send it without one"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return Refusal.UNSAFE, "is a link, not a file, and was not followed; send the file itself"
    if kind not in (0, stat.S_IFREG):
        return Refusal.UNSAFE, "is no ordinary file; you need not send it"
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if ".." in parts or parts[:1] == ("/",) or any(":" in part for part in parts[:1]):
        return Refusal.UNSAFE, "has a path that leads out of the archive and was not unpacked; make the archive anew"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return Refusal.UNSAFE, "is packed in an unusual way and was not unpacked; make a plain zip archive"
    return None
