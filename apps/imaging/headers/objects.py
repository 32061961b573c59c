"""The elements of one object -> its InstanceHeader: facts, frames, and where the pixels lie."""

import functools
import hashlib
import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path

from pydicom._uid_dict import UID_dictionary

from apps.imaging.errors import UnreadableFile
from apps.imaging.headers import values
from apps.imaging.headers.attributes import FACT_KINDS, FREE_TEXT, IDENTITY_TAGS, NUMBERS, TAGS
from apps.imaging.headers.elements import CUT_SHORT, UNDEFINED, Elements, Malformed, ReadAt, Walk, fragments
from apps.imaging.headers.instances import Frame, HeaderFact, InstanceHeader, PixelLayout
from apps.imaging.headers.refusals import NOT_IMAGES, NotAnImage, Refusal, damaged
from apps.imaging.transfer_syntaxes import BIG_ENDIAN, COMPRESSED, DEFLATED, ENCODINGS

LARGEST_SIDE = 8192
"""Rows or columns of a picture; CT has up to 2048, scanned films up to about 5000."""

MOST_FRAMES = 20_000

CT_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
"""CT, Enhanced CT and legacy converted CT: what is CT even where Modality was removed."""

Spans = tuple[tuple[tuple[int, int], ...], ...]


def uid_name(uid: str) -> str:
    """Return what the standard calls a unique identifier: "Enhanced CT Image Storage"."""
    return str(UID_dictionary[uid][0]) if uid in UID_dictionary else f"unknown kind {uid}".strip()


class ImageObject:
    """The elements of one object on their way to an InstanceHeader.

    Parameters
    ----------
    meta
        TransferSyntaxUID and, where the file has them, SOPClassUID and SOPInstanceUID of the file meta group.
    data_set_at
        Where the data set begins in the file.
    walk
        The wanted elements of the data set.
    total
        Size of the file, or of what it inflates to.
    read_at
        Reads bytes of the same.
    """

    def __init__(
        self,
        meta: Mapping[str, str],
        data_set_at: int,
        walk: Walk,
        total: int,
        read_at: ReadAt,
    ) -> None:
        self.meta = meta
        self.transfer_syntax = meta["TransferSyntaxUID"]
        self.data_set_at = data_set_at
        self.walk = walk
        self.total = total
        self.read_at = read_at
        self.elements = walk.elements
        self.little_endian = self.transfer_syntax != BIG_ENDIAN
        self.encodings = values.encodings_of(self.raw("SpecificCharacterSet"))

    def raw(self, keyword: str, elements: Elements | None = None) -> bytes | None:
        value = (self.elements if elements is None else elements).get(TAGS[keyword])
        return value if isinstance(value, bytes) else None

    def items(self, keyword: str, elements: Elements) -> list[Elements]:
        value = elements.get(TAGS[keyword])
        return value if isinstance(value, list) else []

    def text(self, keyword: str) -> str:
        return values.text(self.raw(keyword) or b"", self.encodings)

    def short(self, keyword: str, default: int = 0, signed: bool = False) -> int:
        raw = self.raw(keyword)
        if raw is None or len(raw) < 2:
            return default
        return int.from_bytes(raw[:2], "little" if self.little_endian else "big", signed=signed)

    def header(self, path: Path, name: str, file_size: int) -> InstanceHeader:
        """Return the header, or raise with the sentence that says why there is none."""
        sop_class = values.uid(self.raw("SOPClassUID")) or self.meta.get("SOPClassUID", "")
        self._refuse_what_is_no_image(sop_class)
        series_uid = values.uid(self.raw("SeriesInstanceUID"))
        if not series_uid:
            raise UnreadableFile(damaged("it does not say to which series it belongs (SeriesInstanceUID)"))
        rows, columns, frame_count = self._size()
        layout = self._layout(rows, columns, frame_count)
        frames = self._frames(frame_count)
        identity = tuple(self.text_of(tag) for tag in IDENTITY_TAGS)
        parts = _identifying_parts(identity)
        facts = self._facts(sop_class, parts)
        description = self.text("SeriesDescription")
        return InstanceHeader(
            path=path,
            name=name,
            file_size=file_size,
            sop_instance_uid=values.uid(self.raw("SOPInstanceUID")) or self.meta.get("SOPInstanceUID", ""),
            sop_class_uid=sop_class,
            series_uid=series_uid,
            study_uid=values.uid(self.raw("StudyInstanceUID")),
            patient_key=_key(identity[:3]),
            modality=self.text("Modality") or ("CT" if sop_class in CT_CLASSES else ""),
            image_type=frames[0].image_type,
            description="" if _identifies(description, parts) else description,
            series_number=values.whole(self.raw("SeriesNumber")),
            acquisition_number=values.whole(self.raw("AcquisitionNumber")),
            instance_number=values.whole(self.raw("InstanceNumber")),
            transfer_syntax=self.transfer_syntax,
            rows=rows,
            columns=columns,
            frames=frames,
            pixels=layout,
            facts=facts,
        )

    def text_of(self, tag: int) -> str:
        value = self.elements.get(tag)
        return values.text(value, self.encodings) if isinstance(value, bytes) else ""

    def _refuse_what_is_no_image(self, sop_class: str) -> None:
        if sop_class in NOT_IMAGES:
            raise NotAnImage(*NOT_IMAGES[sop_class])
        if self.walk.float_pixels:
            raise NotAnImage(Refusal.NOT_AN_IMAGE, "is a map of computed values, not a CT image; you need not send it")
        if self.walk.pixels_at is None:
            if not self.elements:
                raise Malformed("the file ends in the middle of the header")
            if not sop_class and not self.raw("SeriesInstanceUID"):
                raise NotAnImage(Refusal.NOT_AN_IMAGE, "has no image in it; you need not send it")
            kind = uid_name(sop_class)
            if "Image Storage" in kind:
                raise Malformed("it calls itself an image, but holds no pixels")
            raise NotAnImage(Refusal.NOT_AN_IMAGE, f"is a DICOM object without an image ({kind}); you need not send it")

    def _size(self) -> tuple[int, int, int]:
        rows, columns = self.short("Rows"), self.short("Columns")
        frame_count = values.whole(self.raw("NumberOfFrames")) if self.raw("NumberOfFrames") else 1
        if not rows or not columns:
            raise Malformed("the header does not say how large the image is (Rows, Columns)")
        if max(rows, columns) > LARGEST_SIDE:
            raise UnreadableFile(f"claims an image of {rows} × {columns} pixels, more than CT has; export it again")
        if frame_count is None or not 1 <= frame_count <= MOST_FRAMES:
            raise Malformed(f"the number of images in it makes no sense ({self.text('NumberOfFrames')})")
        return rows, columns, frame_count

    def _layout(self, rows: int, columns: int, frame_count: int) -> PixelLayout:
        syntax = self.transfer_syntax
        allocated = self.short("BitsAllocated", 16)
        samples = self.short("SamplesPerPixel", 1)
        stored = self.short("BitsStored", allocated)
        if allocated not in (8, 16, 32) or samples not in (1, 3, 4):
            raise UnreadableFile(
                f"holds pixels of {samples} × {allocated} bits, which are not read; export it again as CT images"
            )
        if not 1 <= stored <= allocated or self.short("HighBit", stored - 1) != stored - 1:
            # Bits placed elsewhere are retired (PS3.5 section 8.1.1); a header that says so is not to be believed.
            stored = allocated
        spans = (
            self._native_spans(rows * columns * samples * allocated // 8, frame_count)
            if syntax in ENCODINGS
            else self._encapsulated_spans(frame_count)
        )
        signed = bool(self.short("PixelRepresentation"))
        return PixelLayout(
            transfer_syntax=syntax,
            bits_allocated=allocated,
            bits_stored=stored,
            signed=signed,
            samples=samples,
            padding=self._padding(signed),
            spans=spans,
            deflated_at=self.data_set_at if syntax == DEFLATED else None,
            little_endian=self.little_endian,
        )

    def _padding(self, signed: bool) -> tuple[int, int] | None:
        """Return the range of PixelPaddingValue and PixelPaddingRangeLimit (PS3.3 section C.7.5.1.1.2)."""
        if self.raw("PixelPaddingValue") is None:
            return None
        value = self.short("PixelPaddingValue", signed=signed)
        limit = self.short("PixelPaddingRangeLimit", value, signed=signed)
        return min(value, limit), max(value, limit)

    def _native_spans(self, frame_bytes: int, frame_count: int) -> Spans:
        at, length = self.walk.pixels_at, self.walk.pixels_length
        assert at is not None
        if length == UNDEFINED:
            raise Malformed("its pixels are compressed, but the header says that they are not")
        needed, present = frame_bytes * frame_count, min(length, self.total - at)
        if present < needed:
            raise Malformed(f"{CUT_SHORT} ({needed:,} bytes of pixels promised, {present:,} there)")
        return tuple(((at + index * frame_bytes, frame_bytes),) for index in range(frame_count))

    def _encapsulated_spans(self, frame_count: int) -> Spans:
        syntax = self.transfer_syntax
        if syntax not in COMPRESSED:
            raise UnreadableFile(
                f"its pixels are stored in a way that is not read ({uid_name(syntax)}); "
                "export the series again, uncompressed or in a lossless JPEG"
            )
        assert self.walk.pixels_at is not None
        if self.walk.pixels_length != UNDEFINED:
            raise Malformed("its pixels should be compressed, but are not cut into items")
        items = fragments(self.read_at, self.walk.pixels_at, self.total)
        table, pieces = items[:1], items[1:]
        if len(pieces) < frame_count:
            raise Malformed(f"{frame_count} images promised, {len(pieces)} there")
        if frame_count == 1:
            return (tuple(pieces),)
        if len(pieces) == frame_count:
            return tuple((piece,) for piece in pieces)
        return self._frames_of_fragments(self.read_at(*table[0]), pieces, frame_count)

    def _frames_of_fragments(self, table: bytes, pieces: list[tuple[int, int]], frame_count: int) -> Spans:
        """Gather the fragments of each frame by the basic offset table (PS3.5 section A.4)."""
        starts = [int.from_bytes(table[at : at + 4], "little") for at in range(0, len(table), 4)]
        first = pieces[0][0] - 8
        frame_starts = {first + start for start in starts}
        gathered: list[list[tuple[int, int]]] = []
        for piece in pieces:
            if piece[0] - 8 in frame_starts:
                gathered.append([])
            if gathered:
                gathered[-1].append(piece)
        if len(gathered) != frame_count:
            raise Malformed("it does not say where each of its images begins")
        return tuple(tuple(frame) for frame in gathered)

    def _frames(self, count: int) -> tuple[Frame, ...]:
        """Return the frames; of an Enhanced object from its functional groups (PS3.3 section C.7.6.16)."""
        shared = self._flat(self.items("SharedFunctionalGroupsSequence", self.elements))
        groups = self.items("PerFrameFunctionalGroupsSequence", self.elements)
        whole = {**self.elements, **shared}
        if not groups:
            return (self._frame(whole),) * count
        if len(groups) != count:
            raise Malformed(f"{count} images promised, {len(groups)} described")
        self.elements = {**whole, **self._flat(groups[:1])}
        return tuple(self._frame({**whole, **self._flat([group])}) for group in groups)

    def _flat(self, groups: list[Elements]) -> Elements:
        """Return the elements of functional groups without their nesting: no two groups share an attribute."""
        flat: Elements = {}
        for group in groups:
            for value in group.values():
                for item in value if isinstance(value, list) else ():
                    flat.update(item)
        return flat

    def _frame(self, elements: Elements) -> Frame:
        position = values.finite(self.raw("ImagePositionPatient", elements), 3)
        spacing = values.finite(self.raw("PixelSpacing", elements), 2)
        thickness = values.finite(self.raw("SliceThickness", elements), 1)
        image_type = self.raw("FrameType", elements) or self.raw("ImageType", elements) or b""
        return Frame(
            position=(position[0], position[1], position[2]) if position else None,
            orientation=values.finite(self.raw("ImageOrientationPatient", elements), 6),
            spacing=spacing if spacing and min(spacing) > 0 else None,
            thickness=thickness[0] if thickness and thickness[0] > 0 else None,
            slope=self._first_number("RescaleSlope", elements),
            intercept=self._first_number("RescaleIntercept", elements),
            image_type=tuple(value.upper() for value in values.texts(image_type, [])),
        )

    def _first_number(self, keyword: str, elements: Elements) -> float | None:
        raw = self.raw(keyword, elements)
        return None if raw is None or not raw.strip(b" \0") else values.numbers(raw)[0]

    def _facts(self, sop_class: str, parts: re.Pattern[str] | None) -> Mapping[str, HeaderFact]:
        """Return the allow-listed facts; a text in which a part of the patient's identity stands is left out."""
        facts: dict[str, HeaderFact] = {"SOPClassUID": sop_class, "TransferSyntaxUID": self.transfer_syntax}
        for keyword, kind in FACT_KINDS.items():
            raw = self.raw(keyword)
            if not raw:
                continue
            if kind in NUMBERS:
                _keep_numbers(facts, keyword, self._numbers(raw, kind))
            elif kind != "UI":
                said = values.texts(raw, self.encodings)
                if said and not (kind in FREE_TEXT and any(_identifies(value, parts) for value in said)):
                    facts[keyword] = said if len(said) > 1 or keyword == "ImageType" else said[0]
        for item in self.items("ContrastBolusAgentSequence", self.elements):
            meaning = values.text(self.raw("CodeMeaning", item) or b"", self.encodings)
            if meaning and "ContrastBolusAgent" not in facts and not _identifies(meaning, parts):
                facts["ContrastBolusAgent"] = meaning
        return facts

    def _numbers(self, raw: bytes, kind: str) -> list[float]:
        if kind in ("DS", "IS"):
            return values.numbers(raw)
        code = {"FD": "d", "FL": "f", "US": "H"}[kind]
        count = len(raw) // struct.calcsize(code)
        order = "<" if self.little_endian else ">"
        return [float(value) for value in struct.unpack_from(f"{order}{count}{code}", raw)]


def _keep_numbers(facts: dict[str, HeaderFact], keyword: str, numbers: list[float]) -> None:
    """Keep the numbers of a fact when every one of them is one."""
    if numbers and all(map(math.isfinite, numbers)):
        facts[keyword] = numbers if len(numbers) > 1 else numbers[0]


@functools.lru_cache(maxsize=16)
def _key(identity: tuple[str, ...]) -> str:
    """Return the key of a patient: a hash of the normalised name, number and birth date; empty when none is given."""
    told = [values.normalised(value) for value in identity]
    return hashlib.sha256("|".join(told).encode()).hexdigest() if any(told) else ""


@functools.lru_cache(maxsize=16)
def _identifying_parts(identity: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return what must not stand in a free text: the parts of name and number, None when there are none.

    Parts of four letters or more count wherever they stand, shorter ones only as whole words, single letters and
    digits not at all: "5.0" in a description is a thickness even when the patient is number 5.
    """
    parts = {part for value in identity for part in re.split(r"[^\w]+", values.normalised(value)) if len(part) > 1}
    whole = {values.normalised(value) for value in identity}
    patterns = [
        re.escape(part) if len(part) > 3 else rf"(?<!\w){re.escape(part)}(?!\w)"
        for part in sorted(parts | {value for value in whole if len(value) > 3})
    ]
    return re.compile("|".join(patterns)) if patterns else None


def _identifies(text: str, parts: re.Pattern[str] | None) -> bool:
    return parts is not None and parts.search(values.normalised(text)) is not None
