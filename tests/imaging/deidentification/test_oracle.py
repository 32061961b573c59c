"""An object with every attribute of the table filled with a marked value: only what the options keep is left of it."""

import re
import struct
from io import BytesIO
from typing import Any

import pydicom
import pytest

from apps.imaging.deidentification import Options, Profile, deidentify, residuals
from apps.imaging.deidentification.dictionary import representations
from apps.imaging.deidentification.engine import IMPLEMENTATION_UID
from apps.imaging.deidentification.table import resolve, rows
from apps.imaging.transfer_syntaxes import IMPLICIT
from tests.imaging.deidentification.objects import ALL, Spec, in_syntax, profile

SHORT = frozenset(("AS", "CS", "SH", "AE", "IS", "DS"))
NUMBERS = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "OF": 4, "OL": 4, "OD": 8, "OV": 8, "UV": 8}
LISTED = [row for row in rows() if not row.is_group]
GROUPED = (0x50000010, 0x50023000, 0x60003000, 0x60004000, 0x60023000)
NOT_IN_A_DATA_SET = frozenset((0x0000, 0x0002, 0x0004))


def mark(tag: int, vr: str) -> bytes:
    """Return a value of the representation that tells which attribute it came from."""
    hexadecimal = f"{tag:08X}"
    if vr in NUMBERS:
        return struct.pack("<I", tag ^ 0x5A5A5A5A) * max(1, NUMBERS[vr] // 4)
    if vr == "DA":
        return f"{tag % 887 + 1000}{tag % 11 + 1:02d}{tag % 27 + 1:02d}".encode()
    if vr == "DT":
        return mark(tag, "DA") + b"131415"
    if vr == "TM":
        return f"{tag % 24:02d}{tag % 60:02d}17.{tag % 10**6:06d}".encode() + b" "
    if vr == "UI":
        value = f"1.2.826.77.{tag}".encode()
        return value + b"\0" * (len(value) % 2)
    if vr in ("AS", "IS", "DS"):
        return {"AS": b"077Y", "IS": f"{tag % 10**9:010d}".encode(), "DS": f"{tag % 10**9:010d}".encode()}[vr]
    return f"Mark{hexadecimal}".encode()


def marked(depth: int = 1) -> list[Spec]:
    """Return all attributes of the table with their marks, in sequences once more."""
    made: list[Spec] = []
    for tag in sorted({int(row.tag, 16) for row in LISTED} | set(GROUPED) | {0x00091001, 0x00090010}):
        vr = representations().get(tag, "UN" if tag >> 16 & 1 else "OB")
        if vr == "SQ":
            made.append((tag, vr, [marked(depth - 1), [(0x00080104, "LO", mark(tag, "LO"))]] if depth else []))
        else:
            made.append((tag, vr, mark(tag, vr)))
    return [one for one in made if one[0] >> 16 not in NOT_IN_A_DATA_SET]


def object_of(transfer_syntax: str) -> bytes:
    pixels: list[Spec] = [(0x7FE00010, "OW", b"\1\2\3\4"), (0xFFFCFFFC, "OB", mark(0xFFFCFFFC, "OB"))]
    inside: list[Spec] = [(0x00081140, "SQ", [marked(0)])]
    made = {one[0]: one for one in [*marked(), *inside]}
    ends = [made.pop(tag) for tag in (0xFFFAFFFA, 0xFFFCFFFC)]
    return in_syntax([*(made[tag] for tag in sorted(made)), pixels[0], *ends], transfer_syntax)


OPTIONS = [
    Options(),
    Options(dates="remove", clean_descriptors=False),
    Options(dates="keep", retain_patient_characteristics=True, retain_device=True),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("transfer_syntax", ALL)
def test_nothing_of_655_filled_attributes_is_left_but_what_the_options_keep(
    transfer_syntax: str, options: Options
) -> None:
    assert len(LISTED) + 3 == 655
    content = object_of(transfer_syntax)
    used = profile(options)
    out = deidentify(content, used).content
    kept = {int(tag, 16) for tag, action in resolve(options)[0].items() if action in "KC"}
    left = {
        tag
        for row in LISTED
        if (tag := int(row.tag, 16)) not in kept and tag >> 16 not in NOT_IN_A_DATA_SET
        for vr in [representations()[tag]]
        if vr not in ("SQ", "AS", "TM") and mark(tag, vr).strip(b" \0") in out
    }
    assert left == set()
    assert all(mark(tag, "OB") not in out for tag in (*GROUPED, 0x00091001, 0x00090010))
    assert [one for one in residuals(out, used)] == []
    assert len(residuals(content, used)) > 400


def test_the_options_keep_what_they_say() -> None:
    content = object_of(IMPLICIT)
    plain = dataset_of(content, profile(Options(dates="remove", clean_descriptors=False)))
    assert "PatientAge" not in plain and "StationName" not in plain and "SeriesDescription" not in plain
    assert plain.StudyDate == "" and "SeriesDate" not in plain and plain.StudyTime == ""
    rich = dataset_of(content, profile(Options(dates="keep", retain_patient_characteristics=True, retain_device=True)))
    assert (rich.PatientAge, rich.StationName, rich.SeriesDescription) == ("077Y", "Mark00081010", "Mark0008103E")
    assert rich.StudyDate.encode() == mark(0x00080020, "DA")
    assert rich.PatientBirthDate == "" and rich.PatientName == "S-001"


def test_another_tool_leaves_nothing_that_this_one_removes() -> None:
    """dicom-anonymizer knows the same edition of the table; what it takes away is taken away here as well."""
    database = pytest.importorskip(
        "dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c", reason="dicom-anonymizer is not installed"
    )
    theirs = {
        **dict.fromkeys(single(database.X_TAGS), "X"),
        **dict.fromkeys(single(database.Z_TAGS), "Z"),
        **dict.fromkeys(single(database.D_TAGS), "D"),
        **dict.fromkeys(single(database.U_TAGS), "U"),
        **dict.fromkeys(single(database.Z_D_TAGS), "Z/D"),
        **dict.fromkeys(single(database.X_Z_TAGS), "X/Z"),
        **dict.fromkeys(single(database.X_D_TAGS), "X/D"),
        **dict.fromkeys(single(database.X_Z_D_TAGS), "X/Z/D"),
        **dict.fromkeys(single(database.X_Z_U_STAR_TAGS), "X/Z/U*"),
    }
    assert {row.tag: row.basic for row in LISTED} == theirs
    assert len(database.ALL_TAGS) == 655
    strictest, _ = resolve(Options(dates="remove", clean_descriptors=False))
    for tag, basic in theirs.items():
        assert strictest[tag] in basic.replace("*", "").split("/"), tag
    shown = dataset_of(object_of(IMPLICIT), profile(Options(dates="remove", clean_descriptors=False)))
    for tag, basic in theirs.items():
        if basic == "X":
            assert int(tag, 16) not in shown, tag


def test_the_other_tool_finds_nothing_left_to_remove() -> None:
    """Run over an object that comes from here, dicom-anonymizer removes no attribute more."""
    tool = pytest.importorskip("dicomanonymizer", reason="dicom-anonymizer is not installed")
    ours = dataset_of(object_of(IMPLICIT), profile(Options(dates="remove", clean_descriptors=False)))
    before = set(ours.keys())
    for element in list(ours):
        if element.VR == "SQ" or element.VR in ("OF", "OV", "OL", "OD", "UV", "SV", "OW", "AT"):
            del ours[element.tag]  # representations that the other tool stumbles over
    treated = set(ours.keys())
    tool.anonymize_dataset(ours)
    lost = {tag for tag in treated - set(ours.keys()) if tag not in (0x00120062, 0x00120063)}
    assert before and lost == set()


def test_the_same_object_gets_the_same_uids_again_and_others_with_another_key() -> None:
    content = object_of(IMPLICIT)
    first, again = deidentify(content, profile()), deidentify(content, profile())
    other = deidentify(content, profile(key="ab" * 32))
    assert first == again
    assert dataset_of(content, profile()).StudyInstanceUID.startswith("2.25.")
    assert uids(first.content).isdisjoint(uids(other.content))
    assert len(uids(first.content)) == len(uids(other.content)) > 40


def uids(content: bytes) -> set[bytes]:
    made = set(re.findall(rb"2\.25\.\d+", content))
    assert made
    return made - {IMPLEMENTATION_UID.encode()}


def dataset_of(content: bytes, used: Profile) -> Any:
    return pydicom.dcmread(BytesIO(deidentify(content, used).content))


def single(tags: list[Any]) -> list[str]:
    return [f"{tag[0]:04X}{tag[1]:04X}" for tag in tags if len(tag) == 2]
