"""The browser reads headers exactly as the server does: the same records, the same refusals, the same sentences."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from apps.imaging.errors import BadRecord, UnreadableFile
from apps.imaging.headers import NotAnImage, read_header, tables
from apps.imaging.headers.records import from_record, to_record
from apps.imaging.headers.refusals import Refusal
from tests.node import run_module
from tests.phantoms import (
    ORIENTATIONS,
    TRANSFER_SYNTAXES,
    cube_and_rod,
    enhanced_ct,
    save,
    series_datasets,
    set_pixels,
    write_series,
)

READABLE = [name for name in TRANSFER_SYNTAXES if name != "jpeg_baseline"]


def server_says(path: Path, index: int) -> dict[str, Any]:
    try:
        header = read_header(path)
    except NotAnImage as error:
        return {"code": str(error.code), "reason": str(error)}
    except UnreadableFile as error:
        return {"code": str(Refusal.DAMAGED), "reason": str(error)}
    return {"record": to_record(header, index), "spans": header.pixels.spans}


def both_say_the_same(paths: list[Path]) -> list[dict[str, Any]]:
    """Compare the two readers over files; return what they say."""
    browser = run_module("records.mjs", paths)
    assert len(browser) == len(paths) > 0
    for index, (path, said) in enumerate(zip(paths, browser, strict=True)):
        assert said == json.loads(json.dumps(server_says(path, index))), path
    return browser


def write(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    paths = []
    for name, content in contents.items():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths


def test_every_orientation_and_transfer_syntax(tmp_path):
    paths = [
        path
        for orientation in ORIENTATIONS
        for path in write_series(tmp_path / orientation, cube_and_rod()[:2], orientation=orientation)
    ]
    for name in READABLE:
        paths += write_series(tmp_path / name, cube_and_rod()[:2], transfer_syntax=name)
        paths.append(save(enhanced_ct(cube_and_rod()), tmp_path / f"enhanced-{name}", name))
    assert all("record" in said for said in both_say_the_same(paths))


def as_text(keyword: str, value: str) -> Callable[[Dataset], None]:
    """Return what writes any text at all into an attribute of numbers."""

    def change(dataset: Dataset) -> None:
        dataset.add_new(tag_for_keyword(keyword), "LO", value)

    return change


ATTRIBUTES: dict[str, dict[str, Any]] = {
    "numbers": {
        "KVP": "120.0",
        "Exposure": "1_0",
        "SpiralPitchFactor": 0.9,
        "XRayTubeCurrent": "+7",
        "ExposureTime": "5",
    },
    "no numbers": {
        "a": as_text("RescaleSlope", "x"),
        "RescaleIntercept": None,
        "b": as_text("KVP", "12O"),
        "GantryDetectorTilt": "-0",
    },
    "infinite": {"a": as_text("RescaleSlope", "inf"), "b": as_text("RescaleIntercept", "-Infinity")},
    "nothing": {
        "RescaleSlope": "",
        "PixelSpacing": None,
        "ImagePositionPatient": "1\\2",
        "a": as_text("InstanceNumber", "1e3"),
    },
    "zero spacing": {"PixelSpacing": [0, 1], "SliceThickness": -1, "SeriesNumber": "99999999999"},
    "padding": {"PixelPaddingValue": 3000, "PixelPaddingRangeLimit": 2000},
    "identity in texts": {
        "PatientName": "Müller^Zoë=x",
        "SpecificCharacterSet": "ISO_IR 100",
        "SeriesDescription": "THORAX MÜLLER 5.0",
        "ContrastBolusAgent": "zoe Iomeprol",
        "Manufacturer": "ZOË medical",
        "ProtocolName": "x",
    },
    "short identity": {"PatientName": "Li^X", "SeriesDescription": "li ver", "Manufacturer": "Liver", "PatientID": "5"},
    "no identity": {"PatientName": None, "PatientID": "", "PatientBirthDate": None},
    "folded": {"PatientName": "STRASSE^ΑΓΓΕΛΟΣ", "SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": "straße"},
    "turkish": {"PatientName": "IŞIL^İnci", "SpecificCharacterSet": "ISO_IR 148", "SeriesDescription": "IŞIL scan"},
    "utf-8": {"SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": "胸部\u200b CT\u00a0x"},
    "greek": {"SpecificCharacterSet": "ISO_IR 126", "SeriesDescription": "Θώρακας"},
    "cyrillic": {"SpecificCharacterSet": "ISO_IR 144", "SeriesDescription": "Грудь"},
    "hebrew": {"SpecificCharacterSet": "ISO_IR 138", "SeriesDescription": "חזה"},
    "thai": {"SpecificCharacterSet": "ISO_IR 166", "SeriesDescription": "ทรวงอก"},
    "chinese": {"SpecificCharacterSet": "GB18030", "SeriesDescription": "胸部增强"},
    "katakana": {"SpecificCharacterSet": "ISO_IR 13", "SeriesDescription": "ﾑﾈ"},
    "korean": {"SpecificCharacterSet": ["", "ISO 2022 IR 149"], "SeriesDescription": "흉부 CT"},
    "japanese": {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "SeriesDescription": "胸部 CT"},
    "mixed": {"SpecificCharacterSet": ["ISO 2022 IR 100", "ISO 2022 IR 126"], "SeriesDescription": "a\\Θ"},
    "localizer": {"ImageType": ["original", "primary", "localizer"], "FrameType": "X"},
    "high bit": {"BitsStored": 12, "HighBit": 15},
    "twelve bits": {"BitsStored": 12, "HighBit": 11},
    "no modality": {"Modality": None},
    "contrast": {"ContrastBolusAgent": None, "ContrastBolusVolume": ["1", "2"], "ScanOptions": ["HELIX", "", "CE"]},
    "burned in": {"BurnedInAnnotation": "YES", "SoftwareVersions": ["a", "b"]},
    "no uid": {"SOPInstanceUID": "1.2", "StudyInstanceUID": ""},
    "no series": {"SeriesInstanceUID": None},
    "no rows": {"Rows": None},
    "too large": {"Rows": 9000},
    "too many frames": {"NumberOfFrames": "0"},
    "many frames": {"NumberOfFrames": "12"},
    "structured report": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"},
    "five samples": {"SamplesPerPixel": 5},
}


def test_attributes_of_every_kind(tmp_path):
    paths = []
    for name, attributes in ATTRIBUTES.items():
        paths += write_series(tmp_path / name, cube_and_rod()[:1], common=attributes)
    said = both_say_the_same(paths)
    described = {name: one.get("record", {}).get("description") for name, one in zip(ATTRIBUTES, said, strict=True)}
    assert (described["identity in texts"], described["short identity"], described["folded"]) == ("", "", "")
    assert described["korean"] == "흉부 CT"
    assert described["japanese"] == "胸部 CT"


def test_text_of_another_character_set_than_the_header_says(tmp_path):
    values = [
        b"M\xfcller",
        "Müller".encode(),
        b"\x1b$)C\xb0\xa1",
        b"\x1b$B\x24\x22\x1b(B x",
        b"a\x1bZb\xe9",
        b"\xa4\xff",
    ]
    sets = [b"ISO_IR 100", b"ISO_IR 6  ", b"\\ISO 2022 IR 149", b"\\ISO 2022 IR 87 ", b"\\ISO 2022 IR 159", b"nonsense"]
    contents = {}
    plain = write_series(tmp_path / "p", cube_and_rod()[:1], common={"SpecificCharacterSet": "ISO_IR 100"})[
        0
    ].read_bytes()
    for number, value in enumerate(values):
        for other, named in enumerate(sets):
            content = plain.replace(
                b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", b"\x08\x00\x05\x00CS" + struct.pack("<H", len(named)) + named
            )
            padded = value + b" " * (len(value) % 2)
            content = content.replace(b"LO\x0b\x00Phantom 2.0", b"").replace(
                b"LO\x0c\x00Phantom 2.0 ", b"LO" + struct.pack("<H", len(padded)) + padded
            )
            assert padded in content
            contents[f"{number}-{other}"] = content
    both_say_the_same(write(tmp_path, contents))


def test_files_without_preamble_or_meta_or_written_otherwise_than_they_say(tmp_path):
    contents = {}
    for name in ("explicit", "implicit", "big_endian", "deflated", "jpeg_ls"):
        content = write_series(tmp_path / name, cube_and_rod()[:1], transfer_syntax=name)[0].read_bytes()
        meta_ends = 144 + struct.unpack_from("<I", content, 140)[0]
        contents[f"{name}-no-preamble"] = content[132:]
        contents[f"{name}-magic"] = content[128:]
        contents[f"{name}-bare"] = content[meta_ends:]
        contents[f"{name}-short"] = content[:-3]
        contents[f"{name}-half"] = content[: len(content) // 2]
        contents[f"{name}-head"] = content[:200]
        contents[f"{name}-other"] = content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0")
        contents[f"{name}-mpeg"] = content.replace(b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.4.99")
    both_say_the_same(write(tmp_path, contents))


def test_what_is_no_dicom_file(tmp_path):
    contents = {
        "empty": b"",
        "one": b"x",
        "zeros": bytes(2000),
        "text": "Grüße\n\tund mehr".encode(),
        "cut text": ("é" * 3000).encode()[:4095],
        "control": b"abc\x07",
        "bom": b"\xef\xbb\xbfhello",
        "pdf": b"%PDF-1.7",
        "png": b"\x89PNG\r\n",
        "zip": b"PK\x03\x04xxxx",
        "gz": b"\x1f\x8b123456",
        "noise": bytes(range(256)) * 40,
        "dicm": bytes(128) + b"DICM",
        "dicm and noise": bytes(128) + b"DICM" + bytes(range(200)),
        "not deflated": bytes(128) + b"DICM\2\0\x10\0UI\x16\x001.2.840.10008.1.2.1.99" + b"\xff" * 100,
    }
    said = both_say_the_same(write(tmp_path, contents))
    assert all("reason" in one for one in said)


@pytest.mark.parametrize("kind", [*READABLE, "enhanced"])
def test_damaged_bytes(tmp_path, kind):
    if kind == "enhanced":
        original = save(enhanced_ct(cube_and_rod()), tmp_path / "enhanced", "jpeg_ls").read_bytes()
    else:
        original = write_series(tmp_path / kind, cube_and_rod()[:1], transfer_syntax=kind)[0].read_bytes()
    chance = np.random.default_rng(len(original))
    contents = {}
    for number in range(60):
        content = bytearray(original)
        for at in chance.integers(128, min(len(content), 1500), chance.integers(1, 5)):
            content[at] = chance.integers(256)
        contents[f"flipped-{number}"] = bytes(content)
        start = int(chance.integers(128, len(original)))
        contents[f"cut-{number}"] = original[:start]
        contents[f"out-{number}"] = original[:start] + original[start + int(chance.integers(1, 40)) :]
    if kind != "deflated":
        both_say_the_same(write(tmp_path, contents))
        return
    # The two inflaters do not stop at the same damaged bit: what is refused is the same, the sentence may differ.
    paths = write(tmp_path, contents)
    browser = run_module("records.mjs", paths)
    for index, (path, said) in enumerate(zip(paths, browser, strict=True)):
        assert ("record" in said) == ("record" in server_says(path, index))


def test_fragments_in_several_pieces(tmp_path):
    dataset = enhanced_ct(cube_and_rod())
    paths = [save(dataset, tmp_path / "whole", "rle")]
    single = series_datasets(cube_and_rod())[0]
    set_pixels(single, np.zeros((300, 300), np.uint16))
    paths.append(save(single, tmp_path / "long", "rle"))
    content = paths[0].read_bytes()
    paths += write(tmp_path, {"no delimiter": content[:-8], "no last": content[:-40]})
    both_say_the_same(paths)


def test_real_files(real_ct):
    paths = sorted(path for folder in (real_ct / "dicom").iterdir() for path in folder.iterdir())
    assert all("record" in said for said in both_say_the_same(paths))


def test_the_tables_of_the_browser_are_those_of_the_server():
    written = tables.WHERE.read_text(encoding="utf-8")
    now = tables.javascript()
    # Which characters fold to something else than their lower case grows with each version of Unicode.
    mark = "export const CASE_FOLDS"
    assert written.split(mark)[0] == now.split(mark)[0], "python -m apps.imaging.headers.tables"
    assert mark in written


def test_a_record_survives_its_way(tmp_path):
    paths = write_series(tmp_path, cube_and_rod()[:1], common={**ATTRIBUTES["no numbers"], "KVP": 80})
    header = read_header(paths[0])
    record = json.loads(json.dumps(to_record(header, 7), allow_nan=False))
    again = from_record(record)
    assert to_record(again, 7) == record
    assert (again.path, again.facts, again.frames[0].position) == (Path("7"), header.facts, header.frames[0].position)
    assert again.frames[0].slope != again.frames[0].slope  # nan


def changed(record: dict[str, Any], where: str, value: object) -> dict[str, Any]:
    again = json.loads(json.dumps(record))
    target = again
    *way, last = where.split(".")
    for step in way:
        target = target[int(step)] if step.isdigit() else target[step]
    if value is KeyError:
        del target[last]
    else:
        target[last] = value
    return again


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("rows", 0),
        ("rows", 1e9),
        ("rows", True),
        ("rows", KeyError),
        ("index", -1),
        ("file_size", "12"),
        ("series_uid", ""),
        ("series_uid", "1.2\n"),
        ("series_uid", "x" * 65),
        ("patient_key", "Tiny^Test"),
        ("description", "two\nlines"),
        ("description", "x" * 20_000),
        ("series_number", 2**40),
        ("frames", []),
        ("frames", [{}]),
        ("frames.0.position", [1, 2]),
        ("frames.0.position", [1, 2, "nan"]),
        ("frames.0.spacing", [0, 1]),
        ("frames.0.thickness", "nan"),
        ("frames.0.slope", "many"),
        ("frames.0.slope", 10**400),
        ("pixels", None),
        ("pixels.transfer_syntax", "1.2.3"),
        ("pixels.bits_allocated", 12),
        ("pixels.bits_stored", 17),
        ("pixels.signed", 1),
        ("pixels.padding", [1]),
        ("facts", []),
        ("facts.PatientName", "Tiny"),
        ("facts.KVP", "high"),
        ("facts.KVP", []),
        ("facts.KVP", "inf"),
        ("facts.Manufacturer", {"a": 1}),
        ("facts.Manufacturer", ["a"] * 5000),
    ],
)
def test_a_record_that_no_header_could_have_said_is_refused(tmp_path, where, value):
    record = to_record(read_header(write_series(tmp_path, cube_and_rod()[:1])[0]), 0)
    with pytest.raises(BadRecord):
        from_record(changed(record, where, value))


@pytest.mark.parametrize("record", [None, [], "x", 3, {}])
def test_what_is_no_record_at_all_is_refused(record):
    with pytest.raises(BadRecord):
        from_record(record)
