"""The browser's engine and Python's give the same bytes, whatever the object."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.imaging.deidentification import Options, Profile, deidentify, residuals
from apps.imaging.deidentification.dictionary import representations
from apps.imaging.errors import UnreadableFile
from apps.imaging.transfer_syntaxes import EXPLICIT
from tests import phantoms
from tests.imaging.deidentification.objects import (
    ALL,
    BrowserEngine,
    browser_engine,
    encoded,
    identifying_ct,
    in_syntax,
    part10,
    profile,
    written,
)
from tools import deidentification_tables

EXAMPLES = 60
"""Of what hypothesis makes up; the two engines agreed over some thousands."""

ALL_OPTIONS = [
    Options(),
    Options(dates="remove", clean_descriptors=False),
    Options(dates="keep", retain_patient_characteristics=True, retain_device=True),
]


@pytest.fixture(scope="module")
def in_browser() -> Iterator[BrowserEngine]:
    yield from browser_engine()


def assert_same(in_browser: BrowserEngine, content: bytes, used: Profile) -> None:
    """Both engines refuse with the same sentence, or give the same bytes, changes and residuals."""
    answer = in_browser.ask("deidentify", content, used)
    try:
        ours = deidentify(content, used)
    except UnreadableFile as error:
        assert answer == {"refused": str(error)}
        return
    assert "refused" not in answer, answer
    assert base64.b64decode(answer["header"]) == ours.header
    assert base64.b64decode(answer["pixels"]) == ours.pixels
    assert (answer["pixelAt"], answer["pixelEnd"]) == (ours.pixel_at, ours.pixel_end)
    assert answer["changes"] == [vars(change) for change in ours.changes]
    for one in (content, ours.content):
        told = in_browser.ask("residuals", one, used)
        assert [(found["tag"], found["reason"]) for found in told] == [
            (found.tag, found.reason) for found in residuals(one, used)
        ]


@pytest.mark.parametrize("options", ALL_OPTIONS, ids=str)
@pytest.mark.parametrize("transfer_syntax", phantoms.TRANSFER_SYNTAXES)
def test_a_hospital_s_object_comes_out_alike(
    in_browser: BrowserEngine, transfer_syntax: str, options: Options, tmp_path: Any
) -> None:
    path = phantoms.save(identifying_ct(), tmp_path / "ct.dcm", transfer_syntax)
    assert_same(in_browser, path.read_bytes(), profile(options))


def test_an_enhanced_ct_comes_out_alike(in_browser: BrowserEngine, tmp_path: Any) -> None:
    dataset = phantoms.enhanced_ct(phantoms.bright_voxel())
    dataset.ContentDate = dataset.StudyDate
    dataset.AcquisitionDateTime = "20261123101500.123+0100"
    for options in ALL_OPTIONS:
        assert_same(in_browser, phantoms.save(dataset, tmp_path / "ct.dcm").read_bytes(), profile(options))


CHARACTER_SETS = {
    "": b"M\xc3\xbcller^Zo\xc3\xab",
    "ISO_IR 100": b"M\xfcller^Zo\xeb",
    "ISO_IR 101": b"\xa3ukasz^\xb6wit",
    "ISO_IR 144": b"\xbb\xee\xda\xd5\xe6^\xb0\xdd\xdd\xd0",
    "ISO_IR 126": b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2",
    "ISO_IR 127": b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd1",
    "ISO_IR 138": b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4",
    "ISO_IR 148": b"\xdd\xfe\xfd\xf0^Nur",
    "ISO_IR 166": b"\xb9\xd2\xc2\xca\xc1\xaa\xd2\xc2",
    "ISO_IR 203": b"\xbcuvre^\xa4l",
    "ISO_IR 13": b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
    "ISO 2022 IR 6\\ISO 2022 IR 87": b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    "ISO 2022 IR 6\\ISO 2022 IR 159": b"Hong^A=\x1b$(D0!\x1b(B",
    "\\ISO 2022 IR 149": b"Hong^Gildong="
    b"\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
    "\\ISO 2022 IR 58": b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
    "ISO_IR 192": "Wang^XiaoDong=王^小東=김^희중".encode(),
    "GB18030": "Wang^XiaoDong=王^小东=".encode("gb18030"),
    "GBK": "Wang^XiaoDong=王^小东=".encode("gbk"),
    "nonsense": b"M\xfcller^Zo\xeb",
}


@pytest.mark.parametrize("declared", CHARACTER_SETS)
def test_names_in_every_character_set_are_found_alike(in_browser: BrowserEngine, declared: str) -> None:
    name = CHARACTER_SETS[declared]
    part = name.split(b"=")[-1].split(b"^")[0] or name.split(b"^")[0]
    elements = [
        (0x00080005, "CS", even(declared.encode())),
        (0x0008103E, "LO", even(b"chest " + part + b" 5.0")),
        (0x00081090, "LO", even(name.replace(b"^", b" "))),
        (0x00100010, "PN", even(name)),
        (0x00181030, "LO", even(name.upper())),
    ]
    for transfer_syntax in ALL:
        content = in_syntax(elements, transfer_syntax)
        assert_same(in_browser, content, profile())
        assert residuals(deidentify(content, profile()).content, profile()) == ()
    assert name not in deidentify(content, profile()).content


def test_what_is_no_dicom_or_damaged_is_refused_alike(in_browser: BrowserEngine) -> None:
    whole = written(identifying_ct())
    bad = [
        b"",
        b"%PDF-1.7 no",
        b"\0" * 200,
        whole[:140],
        whole[: len(whole) // 2],
        whole[:-3],
        whole[128:],
        whole[132:],
    ]
    overlay = [(0x60000100, "US", b"\x10\0"), (0x60000102, "US", b"\x0c\0"), (0x00280010, "US", b"\1\0")]
    bad += [
        part10(encoded(sorted(overlay))),
        part10(b"\x08\0\x05\0\0\0\0\0"),
        part10(whole, "1.2.3.4"),
        whole + b"\0\1",
    ]
    bad.append(part10(b"", "1.2.840.10008.1.2.1.99")[:-1])
    for content in bad:
        assert_same(in_browser, content, profile())


def test_the_person_who_sends_sees_what_becomes_of_each_attribute(in_browser: BrowserEngine) -> None:
    rows = {row["path"] + row["tag"]: row for row in in_browser.ask("explain", written(identifying_ct()), profile())}

    def row(tag: str) -> tuple[str, str, str, str]:
        return rows[tag]["name"], rows[tag]["action"], rows[tag]["before"], rows[tag]["after"]

    assert row("00100010") == ("Patient's Name", "replaced", "Planter^Marigold", "S-001")
    assert row("0008103E") == ("Series Description", "cleaned", "Chest 2.0 HN-778812", "Chest 2.0")
    assert row("00080080") == ("Institution Name", "removed", "Meadow Clinic", "")
    assert row("00080060") == ("Modality", "kept", "CT", "CT")
    assert row("00280010") == ("Rows", "kept", "5", "5")
    assert row("00120040") == ("Clinical Trial Subject ID", "added", "", "S-001")
    assert row("00120064[0].00080100") == ("Code Value", "added", "", "113100")
    assert rows["00120064[0].00080100"]["why"] == rows["00120064"]["why"] == "written for the trial"
    assert row("00291001")[:2] == ("private attribute", "removed")
    assert row("00080020")[1:3] == ("shifted", "20261123")
    assert rows["00291001"]["why"] == "a private attribute: nobody can say what it holds"
    assert list(rows) == sorted(rows)


def test_the_browser_s_tables_are_those_of_python() -> None:
    assert (deidentification_tables.FOLDER / "dictionary.js").read_text("utf-8") == deidentification_tables.dictionary()
    assert (deidentification_tables.FOLDER / "names.js").read_text("utf-8") == deidentification_tables.names()


def even(value: bytes, padding: bytes = b" ") -> bytes:
    return value + padding * (len(value) % 2)


PUBLIC = sorted(tag for tag in representations() if 0x00080000 <= tag < 0x7FE00000)
WORDS = [
    "Planter",
    "PLANTER",
    "chest",
    "5.0",
    "HN-778812",
    "12.03.2024",
    "Ünal",
    "unal",
    "CT",
    "王小明",
    "a@b.org",
    "ANONYMOUS",
]
LETTERS = st.characters(codec="utf-8", max_codepoint=0x2FFF, exclude_categories=["Cs", "Cn", "Co"])
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(LETTERS, max_size=4), max_size=8)
DATES = [b"20240229", b"19991231", b"2024.02.28", b"00010101", b"99991231", b"20230229", b"2024", b"x", b""]
DAYS = st.sampled_from(DATES)
CHARSETS = st.sampled_from([b"ISO_IR 100", b"ISO_IR 192", b"ISO 2022 IR 6\\ISO 2022 IR 87", b""])
UIDS = st.sampled_from([b"1.2.3.4", b"1.2.840.10008.1.2", b"2.25.77", b"", b"1.2.3\\1.2.4"])


@st.composite
def elements(draw: Any, depth: int = 0) -> list[Any]:
    tags = draw(st.lists(st.sampled_from(PUBLIC) | st.integers(0x00080000, 0x60FFFFFF), max_size=9, unique=True))
    if draw(st.booleans()):
        tags += [tag for tag in (0x00100010, 0x00100020, 0x00100030, 0x00080005) if tag not in tags]
    return [draw(element(tag, depth)) for tag in sorted(tags) if tag >> 16 != 0xFFFE]


@st.composite
def element(draw: Any, tag: int, depth: int) -> Any:
    vr = representations().get(tag) or draw(st.sampled_from(["LO", "UN", "OB", "SQ", "PN"]))
    if draw(st.integers(0, 9)) == 0 and vr != "SQ":
        vr = draw(st.sampled_from(["UN", "LO", "PN", "UI", "DA"]))
    if vr == "SQ":
        return tag, vr, draw(st.lists(elements(depth + 1), max_size=2)) if depth < 2 else []
    if tag == 0x00080005:
        return tag, vr, even(draw(CHARSETS))
    if vr in ("DA", "DT", "TM"):
        return tag, vr, even(draw(DAYS))
    if vr == "UI":
        return tag, vr, even(draw(UIDS), b"\0")
    if vr in ("LO", "SH", "PN", "ST", "LT", "UT", "UC", "CS", "AE", "UR", "UN"):
        return tag, vr, even("".join(draw(TEXTS)).encode()[:200])
    return tag, vr, even(draw(st.binary(max_size=8)), b"\0")


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    made=elements(),
    transfer_syntax=st.sampled_from(ALL),
    undefined=st.booleans(),
    options=st.sampled_from(ALL_OPTIONS),
    behind=st.sampled_from([b"", b"\0\0\0", b"\xfc\xff\xfc\xffOB\0\0\2\0\0\0xx"]),
)
def test_any_object_comes_out_alike_and_clean(
    in_browser: BrowserEngine, made: list[Any], transfer_syntax: str, undefined: bool, options: Options, behind: bytes
) -> None:
    pixels = [(0x7FE00010, "OW", b"\1\2\3\4")]
    content = in_syntax([*made, *pixels], transfer_syntax, undefined)
    if transfer_syntax == EXPLICIT:
        content += behind
    used = profile(options)
    assert_same(in_browser, content, used)
    try:
        out = deidentify(content, used)
    except UnreadableFile:
        return
    assert out.pixels == b"\1\2\3\4"
    assert [found for found in residuals(out.content, used) if "writing" not in found.reason] == []


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(132, 2500), byte=st.integers(0, 255), cut=st.integers(0, 3))
def test_a_damaged_byte_is_treated_alike(in_browser: BrowserEngine, place: int, byte: int, cut: int) -> None:
    content = bytearray(written(identifying_ct()))
    content[min(place, len(content) - 1)] = byte
    assert_same(in_browser, bytes(content[: len(content) - cut]), profile())
