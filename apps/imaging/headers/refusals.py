"""What is not read as a CT image, by name: sentences that begin where "<file> …" ends."""

from dataclasses import dataclass
from enum import StrEnum

from apps.imaging.errors import UnreadableFile


class Refusal(StrEnum):
    """Why a file did not end in a series. `index`, `system`, `not_dicom` and `not_an_image` are no faults."""

    EMPTY = "empty"
    NOT_DICOM = "not_dicom"
    NOT_AN_IMAGE = "not_an_image"
    INDEX = "index"
    SYSTEM = "system"
    DAMAGED = "damaged"
    UNSAFE = "unsafe"
    ENCRYPTED = "encrypted"


HARMLESS = frozenset((Refusal.NOT_DICOM, Refusal.NOT_AN_IMAGE, Refusal.INDEX, Refusal.SYSTEM))


@dataclass(frozen=True)
class RefusedFile:
    """A file that ended in no series: its name as given, and what it is and what to do, as the end of a sentence."""

    name: str
    reason: str
    code: Refusal = Refusal.DAMAGED

    @property
    def sentence(self) -> str:
        """The whole sentence: "IMG/0007 is a dose report, not an image; you need not send it."."""
        return f"{self.name} {self.reason}."

    @property
    def harmless(self) -> bool:
        """Whether nothing of the scan is missing because of it: texts, indexes and reports belong to any export."""
        return self.code in HARMLESS


class NotAnImage(UnreadableFile):
    """A file that is whole, but is no DICOM image; `code` says of which kind."""

    def __init__(self, code: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def damaged(how: str) -> str:
    """Return the end of the sentence about a file that is damaged."""
    return f"is damaged: {how}; copy or export it again"


def _not_an_image(what: str) -> tuple[Refusal, str]:
    return Refusal.NOT_AN_IMAGE, f"is {what}, not an image; you need not send it"


_DOSE = _not_an_image("a dose report")
_REPORT = _not_an_image("a structured report")
_DISPLAY = _not_an_image("a presentation state (how a reader displayed the pictures)")
_CURVE = _not_an_image("a recorded curve or sound")
_PLAN = _not_an_image("a radiotherapy plan")

NOT_IMAGES: dict[str, tuple[Refusal, str]] = {
    "1.2.840.10008.1.3.10": (
        Refusal.INDEX,
        "is the table of contents of the disc (DICOMDIR); it is not needed, the images are found without it",
    ),
    "1.2.840.10008.5.1.4.1.1.88.67": _DOSE,
    "1.2.840.10008.5.1.4.1.1.88.73": _DOSE,
    "1.2.840.10008.5.1.4.1.1.88.68": _DOSE,
    "1.2.840.10008.5.1.4.1.1.88.59": _not_an_image("a list of key images"),
    **{f"1.2.840.10008.5.1.4.1.1.88.{kind}": _REPORT for kind in (11, 22, 33, 34, 35, 40, 50, 65, 69, 70, 71, 72)},
    **{f"1.2.840.10008.5.1.4.1.1.11.{kind}": _DISPLAY for kind in range(1, 13)},
    **{f"1.2.840.10008.5.1.4.1.1.9.{kind}": _CURVE for kind in ("1.1", "1.2", "1.3", "2.1", "3.1", "4.1", "4.2")},
    "1.2.840.10008.5.1.4.1.1.104.1": _not_an_image("a PDF document in a DICOM file"),
    "1.2.840.10008.5.1.4.1.1.104.2": _not_an_image("a text document (CDA) in a DICOM file"),
    "1.2.840.10008.5.1.4.1.1.104.3": _not_an_image("a surface model in a DICOM file"),
    "1.2.840.10008.5.1.4.1.1.66": _not_an_image("raw data of the scanner"),
    "1.2.840.10008.5.1.4.1.1.66.1": _not_an_image("a spatial registration"),
    "1.2.840.10008.5.1.4.1.1.66.4": _not_an_image("a segmentation (marked regions)"),
    "1.2.840.10008.5.1.4.1.1.66.5": _not_an_image("a surface model"),
    "1.2.840.10008.5.1.4.1.1.481.2": _not_an_image("a radiotherapy dose map"),
    "1.2.840.10008.5.1.4.1.1.481.3": _not_an_image("a radiotherapy structure set (drawn contours)"),
    "1.2.840.10008.5.1.4.1.1.481.4": _PLAN,
    "1.2.840.10008.5.1.4.1.1.481.5": _PLAN,
    "1.2.840.10008.5.1.4.1.1.481.8": _PLAN,
    "1.3.12.2.1107.5.9.1": _not_an_image("private data of a Siemens workstation"),
}
"""SOP class -> why its objects end in no series."""

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "an archive or an office document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a bitmap picture or unknown data"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\\\x01\x00\x00", "a NIfTI file"),
)


def what_it_is(head: bytes, size: int) -> tuple[Refusal, str]:
    """Return why a file that does not begin like DICOM is not read, by what it begins with."""
    for magic, kind in MAGIC:
        if head.startswith(magic):
            advice = "unpack it and add the files" if "archive" in kind else "you need not send it"
            return Refusal.NOT_DICOM, f"is {kind}, not a DICOM file; {advice}"
    if not any(head):
        return Refusal.DAMAGED, "holds nothing but zeros; copy or export it again"
    if _is_text(head[:4096]):
        return Refusal.NOT_DICOM, "is a text file, not a DICOM file; you need not send it"
    return (
        Refusal.NOT_DICOM,
        f"is not a DICOM file ({size:,} bytes of another kind); if it should be one, export it again",
    )


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character.isspace() for character in text)
