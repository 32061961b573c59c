"""Stored values and Hounsfield units, whatever the file is compressed with."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from apps.imaging.errors import UnreadableFile
from apps.imaging.headers import read_header
from apps.imaging.hounsfield import Rescale
from apps.imaging.pixels import PixelReader
from tests.phantoms import (
    CODECS,
    TRANSFER_SYNTAXES,
    cube_and_rod,
    enhanced_ct,
    save,
    series_datasets,
    set_pixels,
    write_series,
)

LOSSLESS = [name for name in TRANSFER_SYNTAXES if name not in ("jpeg_baseline", "jpeg_extended")]


def stored_values(path: Path) -> np.ndarray:
    return np.stack(list(PixelReader(read_header(path)).frames()))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("transfer_syntax", LOSSLESS)
def test_every_lossless_transfer_syntax_gives_the_same_values_and_hash(tmp_path, transfer_syntax, signed):
    voxels = cube_and_rod()
    path = write_series(
        tmp_path, voxels, transfer_syntax=transfer_syntax, signed=signed, intercept=0 if signed else -1024
    )[5]
    reader = PixelReader(read_header(path))
    (stored,) = reader.frames()
    expected = voxels[5] + (0 if signed else 1024)
    assert np.array_equal(stored, expected)
    assert reader.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert reader.pixel_sha256 == hashlib.sha256(expected.astype("<i2").tobytes()).hexdigest()


def test_jpeg_with_loss_comes_close(tmp_path):
    path = write_series(tmp_path, cube_and_rod(), transfer_syntax="jpeg_extended")[5]
    assert np.abs(stored_values(path)[0] - (cube_and_rod()[5] + 1024.0)).max() <= 2


def test_eight_bit_jpeg_is_read(tmp_path):
    dataset = series_datasets(cube_and_rod())[0]
    gray = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (16, 1))
    set_pixels(dataset, gray)
    assert np.abs(stored_values(save(dataset, tmp_path / "8", "jpeg_baseline"))[0].astype(int) - gray).max() <= 3


@pytest.mark.parametrize("transfer_syntax", LOSSLESS)
def test_multi_frame_objects_are_read_frame_by_frame(tmp_path, transfer_syntax):
    voxels = cube_and_rod()
    path = save(enhanced_ct(voxels), tmp_path / "enhanced", transfer_syntax)
    assert np.array_equal(stored_values(path), voxels[::-1] + 1024)


def test_bits_above_those_stored_do_not_count(tmp_path):
    dataset = series_datasets(cube_and_rod())[5]
    twelve = np.frombuffer(dataset.PixelData, np.uint16).reshape(16, 20)
    set_pixels(dataset, twelve | 0xF000, bits_stored=12)
    assert np.array_equal(stored_values(save(dataset, tmp_path / "unsigned"))[0], twelve)
    signed = twelve.astype(np.int16) - 1024
    set_pixels(dataset, signed & 0x0FFF, bits_stored=12)
    assert np.array_equal(stored_values(save(dataset, tmp_path / "signed"))[0], signed)


@pytest.mark.parametrize("transfer_syntax", sorted(set(CODECS) - {"rle"}))
def test_a_code_stream_of_another_size_than_the_header_says_is_refused(tmp_path, transfer_syntax):
    dataset = series_datasets(cube_and_rod())[5]
    if transfer_syntax == "jpeg_baseline":
        set_pixels(dataset, np.zeros((16, 20), np.uint8))
    path = save(dataset, tmp_path / "x", transfer_syntax)
    content = path.read_bytes().replace(b"\x28\x00\x10\x00US\x02\x00\x10\x00", b"\x28\x00\x10\x00US\x02\x00\x18\x00")
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="16 × 20 pixels, the header says 24 × 20"):
        stored_values(path)


@pytest.mark.timeout(20)
def test_a_jpeg_ls_stream_without_its_end_is_refused_at_once(tmp_path):
    path = write_series(tmp_path, cube_and_rod(), transfer_syntax="jpeg_ls")[5]
    reader = PixelReader(read_header(path))
    (coded,) = reader.coded_frames()
    for length in range(0, len(coded) - 2, 7):
        with pytest.raises(UnreadableFile, match="cannot be decoded"):
            reader.decode(bytes(coded[:length]))


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
@pytest.mark.parametrize(
    "rescale",
    [
        Rescale(1, -1024),
        Rescale(1, 0),
        Rescale(1, -1024, (63536, 63536)),
        Rescale(1, 0, (-2000, -2000)),
        Rescale(1, -1024, (1000, 1200)),
        Rescale(1, 31000),
        Rescale(1, -32768.0),
        Rescale(0.5, -1000.25),
        Rescale(-1, 100),
        Rescale(2.4, 0.5, (0, 3)),
    ],
)
def test_the_fast_way_to_the_window_is_exact(kind, rescale):
    stored = np.arange(1 << 16, dtype=np.uint16).view(kind).reshape(256, 256)
    assert np.array_equal(rescale.windowed(stored), np.clip(rescale.hounsfield(stored), -450, 550))


def test_hounsfield_units_are_rounded_half_up_and_padding_is_air():
    stored = np.array([[0, 1, 3, 40000, 65535]], np.uint16)
    assert Rescale(0.5, -1000, (65535, 65535)).hounsfield(stored).tolist() == [[-1000, -999, -998, 19000, -1024]]
    assert Rescale(1, 0).hounsfield(stored).tolist() == [[0, 1, 3, 32767, 32767]]
