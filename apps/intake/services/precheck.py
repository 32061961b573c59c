"""Header records from a browser: what it may say of files that stay at the site, and nothing that names somebody."""

import re

from apps.imaging.errors import BadRecord
from apps.imaging.headers import HeaderFact, InstanceHeader, SeriesFiles
from apps.imaging.headers.attributes import FACTS
from apps.imaging.headers.records import from_record
from apps.intake.bodies import NotUnderstood

MOST_RECORDS = 40_000
MOST_FRAMES = 80_000
"""Of one series; a whole-body study of 20 series has some 20,000 slices."""

LONGEST_TEXT = 400
"""DICOM allows 64 characters for the texts in question, some archives write more, and a letter is longer."""

DATES = tuple(name for name in FACTS if name.endswith("Date"))

_MADE_UID = re.compile(r"2\.25\.[0-9]{1,39}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_DATE = re.compile(r"[0-9.]{0,10}\Z")
AGAIN = "Reload the page and try again; if it comes again, tell the core lab."


def read_series(stored: object) -> SeriesFiles:
    """Return one series from the records of its files, as the browser put them together.

    Refuses, with a sentence that repeats nothing of what was sent, what are no records of one series, and what could
    tell who the patient is: facts beyond the allow-list, UIDs that de-identification did not make, a patient that is
    no hash, texts as long as a letter.
    """
    if not isinstance(stored, list) or not stored:
        raise NotUnderstood(f"A series came without the headers of its files. {AGAIN}")
    if len(stored) > MOST_RECORDS:
        raise NotUnderstood(f"More than {MOST_RECORDS:,} images in one series.")
    headers = tuple(_read(record, number) for number, record in enumerate(stored, start=1))
    keys = {(header.series_uid, header.study_uid, header.patient_key) for header in headers}
    if len({header.path for header in headers}) != len(headers) or len(keys) != 1:
        raise NotUnderstood(f"The headers are not those of one series of one patient. {AGAIN}")
    if sum(len(header.frames) for header in headers) > MOST_FRAMES:
        raise NotUnderstood(f"More than {MOST_FRAMES:,} images in one series.")
    return SeriesFiles(*keys.pop(), headers)


def is_sha256(value: object) -> bool:
    """Return whether a value is a SHA-256 in hexadecimal digits."""
    return isinstance(value, str) and bool(_HASH.match(value))


def _read(record: object, number: int) -> InstanceHeader:
    try:
        header = from_record(record)
    except BadRecord as error:
        raise NotUnderstood(f"Header {number} is not one that can be checked: {error}. {AGAIN}") from None
    told = _what_could_name_somebody(header)
    if told:
        raise NotUnderstood(f"Header {number} was refused, because its {told} could name somebody. {AGAIN}")
    return header


def _what_could_name_somebody(header: InstanceHeader) -> str:
    """Return the field of a header that says more than a site may send, empty when none does."""
    for name, uid in (
        ("series UID", header.series_uid),
        ("study UID", header.study_uid),
        ("instance UID", header.sop_instance_uid),
    ):
        if uid and not _MADE_UID.match(uid):
            return name
    if header.patient_key and not is_sha256(header.patient_key):
        return "patient"
    if len(header.description) > LONGEST_TEXT or len(header.modality) > LONGEST_TEXT:
        return "description"
    for name, value in header.facts.items():
        if not all(_is_harmless(name, one) for one in (value if isinstance(value, list) else [value])):
            return name
    return ""


def _is_harmless(name: str, value: HeaderFact) -> bool:
    if name in DATES:
        return isinstance(value, str) and bool(_DATE.match(value))
    return not isinstance(value, str) or len(value) <= LONGEST_TEXT
