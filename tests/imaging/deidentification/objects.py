"""Objects to de-identify, written byte by byte, and the browser's engine to compare with."""

import base64
import json
import struct
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from apps.imaging.deidentification import Options, Profile, make_profile
from apps.imaging.deidentification.dataset import LONG_VRS
from apps.imaging.transfer_syntaxes import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT
from tests import phantoms
from tests.node import ROOT, node

KEY = "5f" * 32

Spec = tuple[int, str, Any]
"""(tag, representation, bytes or a list of items); an item is a list of Spec."""


def profile(options: Options | None = None, **other: str) -> Profile:
    """Return the profile of a visit: subject S-001 of site 004."""
    said = {
        "key": KEY,
        "subject": "17",
        "sponsor": "Sponsor & Söhne",
        "protocol": "CQ-2026-01",
        "site": "004",
        "subject_number": "S-001",
        "visit": "Week 8",
        **other,
    }
    return make_profile(options or Options(), **said)


def encoded(elements: Sequence[Spec], explicit: bool = True, little: bool = True, undefined: bool = False) -> bytes:
    """Return a data set; sequences and items of undefined length when asked."""
    return b"".join(_element(*one, explicit, little, undefined) for one in elements)


def part10(data_set: bytes, transfer_syntax: str = EXPLICIT, preamble: bytes = b"\0" * 128) -> bytes:
    """Return a data set as a file, deflated where the transfer syntax says so."""
    told: list[Spec] = [
        (0x00020002, "UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
        (0x00020003, "UI", b"1.2.3.4.5.6\0"),
        (0x00020010, "UI", _even(transfer_syntax.encode(), b"\0")),
        (0x00020016, "AE", b"DOE_WORKSTATION "),
    ]
    meta = encoded(told)
    head = encoded([(0x00020000, "UL", struct.pack("<I", len(meta)))])
    if transfer_syntax == DEFLATED:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data_set = deflater.compress(data_set) + deflater.flush()
    return preamble + b"DICM" + head + meta + data_set


def written(dataset: Dataset, transfer_syntax: str = "explicit") -> bytes:
    """Return a pydicom data set as a file."""
    buffer = BytesIO()
    phantoms.save(dataset, buffer, transfer_syntax)  # type: ignore[arg-type]  # pydicom writes into streams too
    return buffer.getvalue()


def identifying_ct() -> Dataset:
    """Return a CT slice as a hospital exports it: everybody is named."""
    dataset = phantoms.series_datasets(phantoms.bright_voxel())[0]
    dataset.PatientName = "Planter^Marigold"
    dataset.PatientID = "HN-778812"
    dataset.PatientBirthDate = "19610704"
    dataset.AccessionNumber = "ACC99182"
    dataset.ReferringPhysicianName = "Sorrel^Linden"
    dataset.OperatorsName = "Thistle^Fern"
    dataset.InstitutionName = "Meadow Clinic"
    dataset.StationName = "CTROOM2"
    dataset.StudyDescription = "CT thorax, Marigold PLANTER 04.07.1961"
    dataset.SeriesDescription = "Chest 2.0 HN-778812"
    dataset.ProtocolName = "Sorrel chest"
    dataset.ImageComments = "call Dr. Sorrel"
    dataset.PatientComments = "daughter of the mayor"
    dataset.ConvolutionKernel = "B30f"
    dataset.ContrastBolusAgent = "Omnipaque 350"
    dataset.SoftwareVersions = "VA48A"
    block = dataset.private_block(0x0029, "MEADOW PRIVATE", create=True)
    block.add_new(0x01, "LO", "Marigold Planter")
    return dataset


ALL = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)


def in_syntax(elements: Sequence[Spec], transfer_syntax: str, undefined: bool = False) -> bytes:
    """Return elements as a file in an uncompressed transfer syntax."""
    explicit, little = transfer_syntax != IMPLICIT, transfer_syntax != BIG_ENDIAN
    return part10(encoded(elements, explicit, little, undefined), transfer_syntax)


class BrowserEngine:
    """The engine in static/js, in one process of Node.js that answers line by line."""

    def __init__(self) -> None:
        command = [node(), "--import", "./tests/js/node.mjs", "tests/js/deidentify.mjs"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, what: str, content: bytes, profile: Profile) -> Any:
        """Return what came of `what`: deidentify, residuals or explain."""
        assert self.process.stdin is not None and self.process.stdout is not None
        asked = {"what": what, "profile": profile.dumps(), "content": base64.b64encode(content).decode()}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the browser's engine fell over; its error stands above"
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def browser_engine() -> Iterator[BrowserEngine]:
    """Give the engine to a fixture."""
    engine = BrowserEngine()
    yield engine
    engine.close()


def files_of(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _element(tag: int, vr: str, value: Any, explicit: bool, little: bool, undefined: bool) -> bytes:
    if isinstance(value, list):
        body = b"".join(_item(item, explicit, little, undefined) for item in value)
        if undefined:
            body += struct.pack(_order(little) + "HHI", 0xFFFE, 0xE0DD, 0)
        return _head(tag, vr, 0xFFFFFFFF if undefined else len(body), explicit, little) + body
    return _head(tag, vr, len(value), explicit, little) + value


def _item(elements: Sequence[Spec], explicit: bool, little: bool, undefined: bool) -> bytes:
    order = _order(little)
    body = encoded(elements, explicit, little, undefined)
    if undefined:
        end = struct.pack(order + "HHI", 0xFFFE, 0xE00D, 0)
        return struct.pack(order + "HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + body + end
    return struct.pack(order + "HHI", 0xFFFE, 0xE000, len(body)) + body


def _head(tag: int, vr: str, length: int, explicit: bool, little: bool) -> bytes:
    order = _order(little)
    group, number = tag >> 16, tag & 0xFFFF
    if not explicit:
        return struct.pack(order + "HHI", group, number, length)
    if vr in LONG_VRS:
        return struct.pack(order + "HH2sHI", group, number, vr.encode(), 0, length)
    return struct.pack(order + "HH2sH", group, number, vr.encode(), length)


def _order(little: bool) -> str:
    return "<" if little else ">"


def _even(value: bytes, padding: bytes = b" ") -> bytes:
    return value + padding * (len(value) % 2)
