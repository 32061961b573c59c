"""Whether an object that arrived still says who somebody is, and what becomes of it then."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

from apps.imaging.deidentification import Profile, residuals
from apps.imaging.errors import UnreadableFile
from apps.imaging.headers import InstanceHeader
from apps.intake.deidentification import deidentification_profile
from apps.intake.models import ReceivedFile, Submission
from apps.intake.storage import SET_ASIDE, StoredFile, store

NAMES_TOLD = 5
"""Attributes named in one reason; the rest is counted."""


def identifying(content: bytes, profile: Profile) -> str:
    """Return why an object may not be kept with the others, as the end of a sentence; empty when it may.

    Attributes are named, their values never.
    """
    try:
        found = residuals(content, profile)
    except UnreadableFile:
        return "cannot be read well enough to tell that nobody is named in them"
    if not found:
        return ""
    names = list(dict.fromkeys(map(str, found)))
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return f"may still say who the patient is: {', '.join(names[:NAMES_TOLD])}{more}"


def set_aside(submission: Submission, content: bytes) -> StoredFile:
    """Keep an object that identifies somebody, apart from all that is read."""
    return store(submission, ContentFile(content), SET_ASIDE)


def verify_files(
    submission: Submission, headers: Iterable[InstanceHeader], files: Mapping[Path, ReceivedFile]
) -> dict[Path, str]:
    """Hold files that came as they are against the trial's de-identification; return the reasons of those that fail.

    What fails has a copy apart when this returns; `quarantine` then turns to that one.
    """
    profile = deidentification_profile(submission.visit)
    reasons = {header.path: identifying(header.path.read_bytes(), profile) for header in headers}
    failed = {path: reason for path, reason in reasons.items() if reason}
    for path in failed:
        with path.open("rb") as content:
            store(submission, File(content), SET_ASIDE)
    return failed


def quarantine(file: ReceivedFile, reason: str) -> str:
    """Let a received file end apart from the others, with the reason; call in the transaction that sorts it.

    Returns where it lay before, for `forget` once that transaction stands.
    """
    former = file.stored_as
    file.status = ReceivedFile.Status.QUARANTINED
    file.reason = reason
    file.stored_as = f"{SET_ASIDE}/{file.submission.uuid}/{file.sha256}"
    file.save(update_fields=["status", "reason", "stored_as"])
    return former


def forget(names: Iterable[str]) -> None:
    """Delete what was set aside from where it lay before."""
    for name in names:
        default_storage.delete(name)
