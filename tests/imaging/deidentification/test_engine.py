"""One object in, the same object without what identifies somebody out."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

from apps.imaging.deidentification import Options, deidentify, residuals, shift_date, uid_of
from apps.imaging.deidentification.values import shift_date_time
from apps.imaging.digest import build_digest
from apps.imaging.errors import UnreadableFile
from apps.imaging.headers import group_into_series, read_header
from apps.imaging.transfer_syntaxes import DEFLATED, EXPLICIT, IMPLICIT
from tests import phantoms
from tests.imaging.deidentification.objects import (
    ALL,
    Spec,
    encoded,
    identifying_ct,
    in_syntax,
    part10,
    profile,
    written,
)

NAMES = (b"Planter", b"Marigold", b"PLANTER", b"778812", b"ACC99182", b"Sorrel", b"Thistle", b"Meadow", b"MEADOW")
PIXELS: Spec = (0x7FE00010, "OW", bytes(range(16)))


def read(content: bytes) -> Any:
    return pydicom.dcmread(BytesIO(content))


@pytest.mark.parametrize("transfer_syntax", phantoms.TRANSFER_SYNTAXES)
def test_no_name_is_left_and_the_pixels_are_the_same(transfer_syntax: str, tmp_path: Path) -> None:
    path = phantoms.save(identifying_ct(), tmp_path / "ct.dcm", transfer_syntax)
    out = deidentify(path.read_bytes(), profile())
    assert not [name for name in NAMES if name in out.content]
    before, after = pydicom.dcmread(path), read(out.content)
    assert after.PixelData == before.PixelData
    expected = EXPLICIT if transfer_syntax == "deflated" else phantoms.TRANSFER_SYNTAXES[transfer_syntax]
    assert after.file_meta.TransferSyntaxUID == expected


def test_the_trial_is_written_into_it() -> None:
    out = read(deidentify(written(identifying_ct()), profile()).content)
    assert (out.PatientName, out.PatientID, out.ClinicalTrialSubjectID) == ("S-001", "S-001", "S-001")
    assert (out.ClinicalTrialSponsorName, out.ClinicalTrialProtocolID) == ("Sponsor & Sohne", "CQ-2026-01")
    assert (out.ClinicalTrialSiteID, out.ClinicalTrialTimePointID) == ("004", "Week 8")
    assert (out.PatientIdentityRemoved, out.LongitudinalTemporalInformationModified) == ("YES", "MODIFIED")
    codes = [item.CodeValue for item in out.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113105", "113107"]
    assert all(len(text) <= 64 for text in out.DeidentificationMethod)


def test_what_the_checks_need_is_as_it_was() -> None:
    before, after = identifying_ct(), read(deidentify(written(identifying_ct()), profile()).content)
    for keyword in (
        "Modality",
        "KVP",
        "SliceThickness",
        "ImagePositionPatient",
        "Manufacturer",
        "ConvolutionKernel",
        "ContrastBolusAgent",
        "SoftwareVersions",
        "ImageType",
        "PatientPosition",
        "StudyTime",
    ):
        assert after.get(keyword) == before.get(keyword), keyword
    assert after.StudyDescription == "CT thorax"
    assert after.SeriesDescription == "Chest 2.0"


def test_a_series_gives_the_same_pictures_and_geometry(tmp_path: Path) -> None:
    def digest(folder: Path) -> Any:
        headers = [read_header(path) for path in sorted(folder.iterdir())]
        (series,) = group_into_series(headers)
        return build_digest(series)

    files = phantoms.write_series(tmp_path / "before", phantoms.cube_and_rod())
    (tmp_path / "after").mkdir()
    for path in files:
        (tmp_path / "after" / path.name).write_bytes(deidentify(path.read_bytes(), profile()).content)
    before, after = digest(tmp_path / "before"), digest(tmp_path / "after")
    assert after.geometry == before.geometry
    assert {name: picture.tobytes() for name, picture in after.pictures.items()} == {
        name: picture.tobytes() for name, picture in before.pictures.items()
    }


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("transfer_syntax", ALL)
def test_sequences_are_treated_inside(transfer_syntax: str, undefined: bool) -> None:
    inside: list[Spec] = [
        (0x00080020, "DA", b"20240301"),
        (0x00081155, "UI", b"1.2.3.4\0"),
        (0x00090010, "LO", b"PRIVATE "),
        (0x00100010, "PN", b"Planter^Marigold"),
        (0x00180050, "DS", b"2.5 "),
    ]
    outer: list[Spec] = [(0x00081155, "UI", b"1.2.3\0"), (0x00400440, "SQ", [inside]), (0x52009230, "SQ", [inside])]
    content = in_syntax([(0x00081140, "SQ", [outer, inside]), PIXELS], transfer_syntax, undefined)
    out = deidentify(content, profile())
    assert b"Planter" not in out.content and b"PRIVATE" not in out.content
    (first, second) = read(out.content).ReferencedImageSequence
    assert first.ReferencedSOPInstanceUID == uid_of("1.2.3", profile().key_bytes)
    deep = first[0x52009230].value[0]
    assert deep.ReferencedSOPInstanceUID == second.ReferencedSOPInstanceUID == uid_of("1.2.3.4", profile().key_bytes)
    assert deep.SliceThickness == 2.5
    assert deep.StudyDate == shift_date("20240301", profile().date_shift_days)


def test_a_sequence_in_which_nothing_changes_is_copied_byte_by_byte() -> None:
    sequence: Spec = (0x00082218, "SQ", [[(0x00080100, "SH", b"T-D3000 "), (0x00080104, "LO", b"Chest ")]])
    for undefined in (False, True):
        kept = encoded([sequence], undefined=undefined)
        assert kept in deidentify(part10(kept + encoded([PIXELS])), profile()).content


def test_what_hides_in_un_is_seen() -> None:
    items = encoded([(0x00081140, "SQ", [[(0x00100010, "PN", b"Planter^")]])], explicit=False)[8:]
    hidden: list[Spec] = [(0x00081140, "UN", items), (0x00082112, "UN", b"not items at all"), PIXELS]
    out = deidentify(part10(encoded(hidden)), profile())
    assert b"Planter" not in out.content
    assert read(out.content).ReferencedImageSequence[0].PatientName == ""
    assert "SourceImageSequence" not in read(out.content)


def test_curves_overlays_private_attributes_and_group_lengths_go() -> None:
    elements: list[Spec] = [
        (0x00080000, "UL", b"\1\0\0\0"),
        (0x00080060, "CS", b"CT"),
        (0x00190010, "LO", b"VENDOR"),
        (0x00191001, "OB", b"secret"),
        (0x50023000, "OW", b"secret"),
        (0x60003000, "OW", b"secret"),
        (0x60004000, "LT", b"secret"),
        (0x70F10010, "LO", b"secret"),
        PIXELS,
        (0x7FE10010, "OB", b"secret"),
        (0xFFFCFFFC, "OB", b"secret"),
    ]
    for transfer_syntax in ALL:
        out = deidentify(in_syntax(elements, transfer_syntax), profile())
        assert b"secret" not in out.content and b"VENDOR" not in out.content
        assert out.pixels == PIXELS[2]
        assert out.content.endswith(PIXELS[2])


def test_preamble_and_file_meta_group_are_written_anew() -> None:
    content = part10(encoded([(0x00080018, "UI", b"1.2.3\0"), PIXELS]), preamble=b"II*\0Planter" + b"\0" * 117)
    out = deidentify(content, profile())
    assert out.content[:132] == b"\0" * 128 + b"DICM"
    assert b"DOE_WORKSTATION" not in out.content
    meta = read(out.content).file_meta
    assert meta.MediaStorageSOPInstanceUID == read(out.content).SOPInstanceUID == uid_of("1.2.3", profile().key_bytes)


@pytest.mark.parametrize("cut", [128, 132])
def test_a_missing_preamble_or_meta_group_is_made(cut: int) -> None:
    whole = part10(b"")
    data_set = encoded([(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0"), (0x00080060, "CS", b"CT"), PIXELS])
    content = whole[128:] + data_set if cut == 128 else data_set
    out = read(deidentify(content, profile()).content)
    assert out.file_meta.TransferSyntaxUID == EXPLICIT
    assert out.Modality == "CT"


def test_a_deflated_object_comes_out_inflated() -> None:
    content = in_syntax([(0x00080060, "CS", b"CT"), PIXELS], DEFLATED)
    out = deidentify(content, profile())
    assert read(out.content).file_meta.TransferSyntaxUID == EXPLICIT
    assert out.pixels == PIXELS[2]


def test_an_overlay_among_the_pixels_is_refused_by_name() -> None:
    overlay: list[Spec] = [(0x60000100, "US", b"\x10\0"), (0x60000102, "US", b"\x0c\0"), PIXELS]
    with pytest.raises(UnreadableFile, match="overlay among its pixels"):
        deidentify(part10(encoded(overlay)), profile())


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.7", part10(b"\x08\0\x05\0CS\xff\xff1"), part10(encoded([PIXELS]))[:-4], part10(b"", "1.2.9")],
)
def test_bad_input_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"^(is|holds) "):
        deidentify(content, profile())


def test_a_second_run_changes_no_words_but_the_uids() -> None:
    once = deidentify(written(identifying_ct()), profile())
    twice = deidentify(once.content, profile(Options(dates="keep")))
    changed = {change.action for change in twice.changes} - {"added", "mapped", "emptied", "removed"}
    assert changed == set()


def test_dates_move_by_the_same_days_and_keep_their_distance() -> None:
    days = profile().date_shift_days
    assert -365 <= days <= -1
    assert days == profile(subject_number="S-001b").date_shift_days
    assert days != profile(subject="18").date_shift_days or days != profile(subject="19").date_shift_days


@pytest.mark.parametrize(
    ("value", "days", "moved"),
    [
        ("20240301", -1, "20240229"),
        ("20230301", -1, "20230228"),
        ("2024.03.01", -1, "2024.02.29"),
        ("20240101", -365, "20230101"),
        ("00010101", -1, ""),
        ("99991231", 1, ""),
        ("20230229", -1, ""),
        ("20241301", -1, ""),
        ("2024", -1, ""),
        ("soon", -1, ""),
    ],
)
def test_a_date_is_moved_or_emptied(value: str, days: int, moved: str) -> None:
    assert shift_date(value, days) == moved


def test_a_date_with_time_keeps_its_time_and_zone() -> None:
    assert shift_date_time("20240301101500.123+0100", -1) == "20240229101500.123+0100"
    assert shift_date_time("202403", -1) == ""


def test_times_stay_when_dates_are_shifted_and_go_when_they_are_removed() -> None:
    assert read(deidentify(written(identifying_ct()), profile()).content).StudyTime == "101500"
    removed = read(deidentify(written(identifying_ct()), profile(Options(dates="remove"))).content)
    assert (removed.StudyTime, removed.StudyDate) == ("", "")
    assert removed.LongitudinalTemporalInformationModified == "REMOVED"


def test_an_enhanced_ct_without_dates_has_values_where_it_must(tmp_path: Path) -> None:
    dataset = phantoms.enhanced_ct(phantoms.bright_voxel())
    dataset.ContentDate, dataset.ContentTime = "20260101", "101010"
    dataset.AcquisitionDateTime = "20260101101010"
    dataset.DeviceSerialNumber = "12345"
    content = phantoms.save(dataset, tmp_path / "ct.dcm").read_bytes()
    out = read(deidentify(content, profile(Options(dates="remove"))).content)
    assert (out.ContentDate, out.ContentTime) == ("19000101", "000000")
    assert (out.AcquisitionDateTime, out.DeviceSerialNumber) == ("19000101000000", "ANONYMOUS")
    assert len(out.PerFrameFunctionalGroupsSequence) == 4


def test_uids_of_the_standard_stay_and_nothing_passes_for_one() -> None:
    key = profile().key_bytes
    assert uid_of("1.2.840.10008.5.1.4.1.1.2", key) == "1.2.840.10008.5.1.4.1.1.2"
    assert uid_of("1.2.840.10008.1.4.1.1", key) == "1.2.840.10008.1.4.1.1"
    assert uid_of("", key) == ""
    for disguised in ("1.2.840.10008.7788129", "1.2.840.10008.Planter", "1.2.840.10008./../x", "1.2.840.100081"):
        assert uid_of(disguised, key).startswith("2.25.")


def test_implicit_and_explicit_tell_the_same() -> None:
    elements: list[Spec] = [
        (0x00080020, "DA", b"20240301"),
        (0x00081090, "LO", b"Planter scanner "),
        (0x00100010, "PN", b"Planter^Marigold"),
        (0x00189999, "LO", b"unknown "),
        PIXELS,
    ]
    shown = [
        [(one.tag, one.value) for one in read(deidentify(in_syntax(elements, syntax), profile()).content)]
        for syntax in (IMPLICIT, EXPLICIT)
    ]
    assert shown[0] == shown[1]
    assert residuals(deidentify(in_syntax(elements, IMPLICIT), profile()).content, profile()) == ()


def test_nothing_hides_in_numbers_dates_and_uids() -> None:
    elements: list[Spec] = [
        (0x00080016, "UI", b"1.2.Planter."),
        (0x00080030, "TM", b"Planter "),
        (0x0008010C, "UI", b"1.2.Planter."),
        (0x00101010, "AS", b"Plan"),
        (0x00180050, "DS", b"Planter "),
        (0x00180060, "DS", b"120 "),
        (0x00200013, "IS", b"Planter "),
        (0x00200012, "IS", b"12"),
        (0x00209165, "AT", b"Planter!"),
        PIXELS,
    ]
    named: list[Spec] = [(0x00100010, "PN", b"Planter^Marigold")]
    for transfer_syntax in ALL:
        content = in_syntax(sorted([*elements, *named]), transfer_syntax)
        for options in (Options(), Options(dates="keep", retain_patient_characteristics=True)):
            out = deidentify(content, profile(options))
            assert b"Plan" not in out.content
            assert (read(out.content).KVP, read(out.content).AcquisitionNumber) == (120, 12)


def test_a_name_in_a_comment_of_compressed_pixels_is_refused(tmp_path: Path) -> None:
    path = phantoms.save(identifying_ct(), tmp_path / "ct.dcm", "jpeg_baseline")
    content = path.read_bytes()
    at = content.index(b"\xff\xd8")
    comment = b"\xff\xfe\x00\x0aMarigold"
    size = int.from_bytes(content[at - 4 : at], "little") + len(comment)
    told = content[: at - 4] + size.to_bytes(4, "little") + content[at : at + 2] + comment + content[at + 2 :]
    assert deidentify(content, profile()).pixels
    with pytest.raises(UnreadableFile, match="holds a name among its compressed pixels"):
        deidentify(told, profile())
