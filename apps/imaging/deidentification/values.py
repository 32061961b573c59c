"""Values that replace others: keyed UIDs, shifted dates, dummies; and how an element is written."""

import hashlib
import hmac
import re
import struct

from apps.imaging.deidentification.dataset import LONG_VRS
from apps.imaging.errors import UnreadableFile
from apps.imaging.transfer_syntaxes import Encoding

STANDARD_UID = re.compile(r"1\.2\.840\.10008(?:\.[0-9]{1,3}){1,9}\Z")
"""What the standard itself names: SOP classes, transfer syntaxes, frames of reference of atlases."""

OUR_UIDS = "2.25."
"""Root of UIDs made of a number (PS3.5 section B.2)."""

DUMMY_TEXT = "ANONYMOUS"

_DUMMIES = {
    "AS": b"000Y",
    "DA": b"19000101",
    "DT": b"19000101000000",
    "TM": b"000000",
    "DS": b"0",
    "IS": b"0",
    "UR": b"http://anonymous.invalid",
    "US": b"\0" * 2,
    "SS": b"\0" * 2,
    "AT": b"\0" * 4,
    "UL": b"\0" * 4,
    "SL": b"\0" * 4,
    "FL": b"\0" * 4,
    "OF": b"\0" * 4,
    "OL": b"\0" * 4,
    "FD": b"\0" * 8,
    "OD": b"\0" * 8,
    "OV": b"\0" * 8,
    "SV": b"\0" * 8,
    "UV": b"\0" * 8,
    "OB": b"\0" * 2,
    "OW": b"\0" * 2,
    "UN": b"\0" * 2,
    "SQ": b"",
}


def dummy(vr: str) -> bytes:
    """Return a value that says nothing; of a sequence no items."""
    return _DUMMIES.get(vr, DUMMY_TEXT.encode())


def uid_of(uid: str, key: bytes) -> str:
    """Return the UID that stands for `uid` in a trial: the same for the same key, unguessable without it.

    UIDs of the standard stay: they name kinds of things.
    """
    if not uid or STANDARD_UID.match(uid):
        return uid
    digest = hmac.new(key, uid.encode("latin-1"), hashlib.sha256).digest()
    return OUR_UIDS + str(int.from_bytes(digest[:16], "big"))


_DATE = re.compile(r"(\d{4})(\.?)(\d\d)\2(\d\d)\Z")
_DATE_TIME = re.compile(r"(\d{8})([0-9]{0,6}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?)\Z")


def shift_date(value: str, days: int) -> str:
    """Return a DICOM date (DA; "YYYY.MM.DD" as older objects have it) moved by `days`, empty when it is no date."""
    match = _DATE.match(value)
    if not match:
        return ""
    number = _day_number(int(match[1]), int(match[3]), int(match[4]))
    if number is None or not _FIRST_DAY <= number + days <= _LAST_DAY:
        return ""
    year, month, day = _civil(number + days)
    return match[2].join((f"{year:04d}", f"{month:02d}", f"{day:02d}"))


def shift_date_time(value: str, days: int) -> str:
    """Return a DICOM date and time (DT) moved by `days`, empty when it is none or names no day."""
    match = _DATE_TIME.match(value)
    moved = shift_date(match[1], days) if match else ""
    return moved + match[2] if match and moved else ""


def _day_number(year: int, month: int, day: int) -> int | None:
    """Return the days since 1970-01-01 in the Gregorian calendar, None when there is no such day."""
    if not (1 <= month <= 12 and 1 <= day <= 31 and year >= 1):
        return None
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    number = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - 719468
    return number if _civil(number) == (year, month, day) else None


def _civil(number: int) -> tuple[int, int, int]:
    """Return year, month and day of a number of days since 1970-01-01."""
    number += 719468
    era, of_era = divmod(number, 146097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    day_of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    return year_of_era + era * 400 + (month <= 2), month, day


_FIRST_DAY = -719162
"""0001-01-01."""
_LAST_DAY = 2932896
"""9999-12-31."""


def padded(value: bytes, vr: str) -> bytes:
    """Return `value` with an even length."""
    return value + (b"\0" if vr in ("UI", "OB", "UN") else b" ") if len(value) % 2 else value


def written(tag: int, vr: str, value: bytes, encoding: Encoding) -> bytes:
    """Return an element as it is written."""
    return head(tag, vr, len(value), encoding) + value


def head(tag: int, vr: str, length: int, encoding: Encoding) -> bytes:
    """Return what stands before an element's value: tag, representation, length."""
    order = "<" if encoding.little_endian else ">"
    group, number = tag >> 16, tag & 0xFFFF
    if not encoding.explicit:
        return struct.pack(order + "HHI", group, number, length)
    if vr in LONG_VRS:
        return struct.pack(order + "HH2sHI", group, number, vr.encode(), 0, length)
    if length > 0xFFFF:
        raise UnreadableFile("holds a list that is too long to be written; export the series again")
    return struct.pack(order + "HH2sH", group, number, vr.encode(), length)
