"""How much one drop may hold. Counted while reading, never believed from a directory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one collection; lengths in bytes."""

    files: int = 100_000
    """A whole-body study of 20 series has some 20,000."""
    depth: int = 32
    """Folders within folders."""
    member_bytes: int = 4 << 30
    """One file of an archive, unpacked: an Enhanced CT of 4000 frames has 2 GB."""
    archive_bytes: int = 40 << 30
    """All files of all archives, unpacked."""
    ratio: int = 100
    """How many times its own size an archive may unpack to, once it is past `ratio_free_bytes`."""
    ratio_free_bytes: int = 512 << 20
    """Small archives may be as empty as they like: slices of plain air shrink a thousandfold."""
    directory_bytes: int = 64 << 20
    """The table of contents of an archive."""

    @property
    def too_many_files(self) -> str:
        """Why the rest of a drop is not read."""
        return f"and the rest were not read: more than {self.files:,} files at once; add one examination at a time"


DEFAULT_LIMITS = Limits()
