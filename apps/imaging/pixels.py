"""Stored pixel values out of files, uncompressed or compressed; hashed in the same pass."""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from apps.imaging import transfer_syntaxes as syntaxes
from apps.imaging.errors import UnreadableFile
from apps.imaging.headers.instances import InstanceHeader, PixelLayout
from apps.imaging.headers.refusals import damaged

READ_AT_ONCE = 1 << 23
"""Files up to this size are read whole; longer ones, Enhanced CT, piece by piece."""

_PIECE = 1 << 20


class PixelReader:
    """Reads the frames of one object in order, each byte of its file once; then knows both hashes.

    `pixel_sha256` is over the stored values as little-endian 16-bit words (32-bit where so many are allocated), frame
    by frame: the same in every lossless transfer syntax.
    """

    def __init__(self, header: InstanceHeader) -> None:
        self.header = header
        self.sha256 = ""
        self.pixel_sha256 = ""

    def frames(self) -> Iterator[NDArray]:
        """Yield the stored values (rows, columns) of each frame.

        Raises
        ------
        UnreadableFile
            When the file cannot be read or a frame not be decoded; `sha256` is known then all the same if the file
            could be read.
        """
        for coded in self.coded_frames():
            stored = self.decode(coded)
            self.count(stored)
            yield stored

    def coded_frames(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes of each frame as they lie in the file; `sha256` is known afterwards."""
        try:
            with self.header.path.open("rb", buffering=0) as file:
                self._pixels = hashlib.sha256()
                yield from self._coded(file.fileno(), os.fstat(file.fileno()).st_size)
                self.pixel_sha256 = self._pixels.hexdigest()
        except OSError as error:
            raise UnreadableFile(f"could not be read ({error.strerror or error}); add it again") from None

    def count(self, stored: NDArray) -> None:
        """Take a frame into `pixel_sha256`; frames must come in order."""
        words = stored if stored.dtype.itemsize > 1 else stored.astype(np.uint16)
        self._pixels.update(np.ascontiguousarray(words, words.dtype.newbyteorder("<")).data)

    def _coded(self, descriptor: int, size: int) -> Iterator[bytes | memoryview]:
        if size != self.header.file_size:
            raise UnreadableFile("was changed while it was read; add it again")
        spans, deflated_at = self.header.pixels.spans, self.header.pixels.deflated_at
        whole = hashlib.sha256()
        if deflated_at is not None or size <= READ_AT_ONCE:
            content = os.pread(descriptor, size, 0)
            whole.update(content)
            self.sha256 = whole.hexdigest()
            if deflated_at is not None:
                content = syntaxes.inflate(content[deflated_at:])
            view = memoryview(content)
            for pieces in spans:
                yield _joined([view[offset : offset + length] for offset, length in pieces])
            return
        hashed = 0
        for pieces in spans:
            parts = []
            for offset, length in pieces:
                hashed = _hash_up_to(whole, descriptor, hashed, offset)
                parts.append(memoryview(os.pread(descriptor, length, offset)))
                if hashed == offset:
                    whole.update(parts[-1])
                    hashed = offset + length
            yield _joined(parts)
        _hash_up_to(whole, descriptor, hashed, size)
        self.sha256 = whole.hexdigest()

    def decode(self, coded: bytes | memoryview) -> NDArray:
        """Return the stored values (rows, columns) of one frame; safe to call from several threads.

        Raises
        ------
        UnreadableFile
            When the bytes are not what the header promises.
        """
        layout = self.header.pixels
        shape = (self.header.rows, self.header.columns)
        if layout.transfer_syntax in syntaxes.ENCODINGS:
            return _native(coded, layout, shape)
        return _normalised(_decompressed(bytes(coded), layout, shape), layout, shape)


def _joined(parts: list[memoryview]) -> bytes | memoryview:
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _hash_up_to(whole: "hashlib._Hash", descriptor: int, start: int, end: int) -> int:
    while start < end:
        piece = os.pread(descriptor, min(_PIECE, end - start), start)
        if not piece:
            raise UnreadableFile(damaged("the file ends in the middle of the image"))
        whole.update(piece)
        start += len(piece)
    return max(start, end)


def file_sha256(path: Path) -> str:
    """Return the hash of a file, empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _native(coded: bytes | memoryview, layout: PixelLayout, shape: tuple[int, int]) -> NDArray:
    order = "<" if layout.little_endian else ">"
    kind = np.dtype(f"{order}{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}")
    count = shape[0] * shape[1] * layout.samples
    if len(coded) < count * kind.itemsize:
        raise UnreadableFile(damaged("the file ends in the middle of the image"))
    stored = np.frombuffer(coded, kind, count)
    if not layout.little_endian:
        stored = stored.astype(kind.newbyteorder("="))
    return _without_unused_bits(stored.reshape(_with_samples(shape, layout)), layout)


def _with_samples(shape: tuple[int, int], layout: PixelLayout) -> tuple[int, ...]:
    return shape if layout.samples == 1 else (*shape, layout.samples)


def _without_unused_bits(stored: NDArray, layout: PixelLayout) -> NDArray:
    """Return `stored` with the bits above BitsStored cleared, or filled with the sign (overlays once lived there)."""
    unused = stored.dtype.itemsize * 8 - layout.bits_stored
    if unused <= 0:
        return stored
    if layout.signed:
        return (stored << unused) >> unused
    return stored & stored.dtype.type((1 << layout.bits_stored) - 1)


def _normalised(decoded: NDArray, layout: PixelLayout, shape: tuple[int, int]) -> NDArray:
    """Return decoded values in the type that the header gives them, whatever the codec thought of their sign."""
    if decoded.shape != _with_samples(shape, layout):
        raise UnreadableFile(damaged(f"its image is {_by(decoded.shape)} pixels, the header says {_by(shape)}"))
    width = decoded.dtype.itemsize
    if width == 1 and layout.bits_allocated > 8:
        decoded = decoded.astype(np.int16 if decoded.dtype.kind == "i" else np.uint16)
        width = 2
    stored = np.ascontiguousarray(decoded).view(f"{'i' if layout.signed else 'u'}{width}")
    return _without_unused_bits(stored, layout)


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} × {shape[1]}"


def _decompressed(coded: bytes, layout: PixelLayout, shape: tuple[int, int]) -> NDArray:
    _check_claim(coded, layout, shape)
    try:
        if layout.transfer_syntax == syntaxes.RLE:
            return _rle(coded, layout, shape)
        return _DECODERS[layout.transfer_syntax](coded)
    except Exception as error:
        # Codecs raise what they like over damaged bytes.
        raise UnreadableFile(damaged("its compressed image cannot be decoded")) from error


_DECODERS: dict[str, Callable[[bytes], NDArray]] = {
    **dict.fromkeys((syntaxes.JPEG_BASELINE, syntaxes.JPEG_EXTENDED), imagecodecs.jpeg8_decode),
    **dict.fromkeys(syntaxes.JPEG_LOSSLESS, imagecodecs.jpeg8_decode),
    **dict.fromkeys(syntaxes.JPEG_LS, imagecodecs.jpegls_decode),
    **dict.fromkeys(syntaxes.JPEG_2000 | syntaxes.HTJ2K, imagecodecs.jpeg2k_decode),
}
"""Chosen for damaged bytes as much as for speed: GDCM, jpegsof3 and dicomrle end the process over some of them."""


def _rle(coded: bytes, layout: PixelLayout, shape: tuple[int, int]) -> NDArray:
    """Return one RLE frame (PS3.5 Annex G): per sample a segment of high bytes, then of low bytes."""
    width, count = layout.bits_allocated // 8, shape[0] * shape[1]
    table = np.frombuffer(coded, "<u4", 16)
    segments = int(table[0])
    if segments != width * layout.samples:
        raise ValueError(f"{segments} segments")
    bounds = [*table[1 : segments + 1].tolist(), len(coded)]
    planes = [_unpacked_bits(coded[start:end], count) for start, end in itertools.pairwise(bounds)]
    samples = [
        np.stack(planes[first : first + width], axis=-1).view(f">u{width}")[:, 0].astype(f"u{width}")
        for first in range(0, segments, width)
    ]
    return samples[0].reshape(shape) if layout.samples == 1 else np.stack(samples, axis=-1).reshape(*shape, -1)


def _unpacked_bits(segment: bytes, count: int) -> NDArray[np.uint8]:
    """Return the `count` bytes of a segment; what would unpack to more is refused before it does."""
    room = bytearray(count)
    try:
        unpacked = imagecodecs.packbits_decode(segment, out=room)
    except imagecodecs.PackbitsError:
        # Segments of odd length are padded with a zero, which reads as the beginning of one more run.
        unpacked = imagecodecs.packbits_decode(segment[:-1], out=room)
    return np.frombuffer(unpacked, np.uint8, count)


def _check_claim(coded: bytes, layout: PixelLayout, shape: tuple[int, int]) -> None:
    """Compare the size that a code stream claims with the header's, before a decoder allocates it."""
    syntax = layout.transfer_syntax
    if syntax == syntaxes.RLE:
        return
    claim = _j2k_claim(coded) if syntax in syntaxes.JPEG_2000 | syntaxes.HTJ2K else _jpeg_claim(coded)
    # CharLS reads on for ever where a stream ends without its end marker.
    endless = syntax in syntaxes.JPEG_LS and not coded.rstrip(b"\0").endswith(b"\xff\xd9")
    if claim is None or endless:
        raise UnreadableFile(damaged("its compressed image cannot be decoded"))
    rows, columns, samples = claim
    if (rows, columns) != shape:
        raise UnreadableFile(damaged(f"its image is {_by((rows, columns))} pixels, the header says {_by(shape)}"))
    if samples != layout.samples:
        raise UnreadableFile(damaged(f"its image has {samples} values a pixel, the header says {layout.samples}"))


Claim = tuple[int, int, int]
"""Rows, columns, samples per pixel."""


def _jpeg_claim(coded: bytes) -> Claim | None:
    """Return what the frame header of a JPEG or JPEG-LS stream says (ITU-T T.81 section B.2.2)."""
    at = 2
    if coded[:2] != b"\xff\xd8":
        return None
    while at + 10 <= len(coded) and coded[at] == 0xFF:
        marker = coded[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns = (int.from_bytes(coded[at + field : at + field + 2], "big") for field in (5, 7))
            return rows, columns, coded[at + 9]
        at += 2 + int.from_bytes(coded[at + 2 : at + 4], "big")
    return None


def _j2k_claim(coded: bytes) -> Claim | None:
    """Return what the SIZ marker of a JPEG 2000 code stream says (ITU-T T.800 section A.5.1)."""
    at = coded.find(b"\xff\x4f\xff\x51", 0, 1024)
    if at < 0 or at + 42 > len(coded):
        return None
    width, height, left, top = (int.from_bytes(coded[at + 8 + 4 * field :][:4], "big") for field in range(4))
    return height - top, width - left, int.from_bytes(coded[at + 40 : at + 42], "big")
