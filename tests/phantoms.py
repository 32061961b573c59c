"""Tiny hand-made CT series, written as valid DICOM Part 10 files in any orientation and transfer syntax.

`write_series(folder, voxels)` takes canonical voxels (slices from inferior to superior, rows from anterior to
posterior, columns from the patient's right to left) in HU and cuts them as a scanner of that orientation would.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import config, uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

ORIENTATIONS: dict[str, tuple[str, str, str]] = {
    "axial": ("+x", "+y", "+z"),
    "reversed": ("+x", "+y", "-z"),
    "upside_down": ("+x", "-y", "+z"),
    "prone": ("-x", "-y", "+z"),
    "feet_first": ("-x", "+y", "-z"),
    "coronal": ("+x", "-z", "+y"),
    "sagittal": ("+y", "-z", "-x"),
}
"""Directions of a scanner's columns, rows and slices in the patient (+x left, +y posterior, +z superior)."""

CODECS = {
    "jpeg_ls": uid.JPEGLSLossless,
    "jpeg_lossless": uid.JPEGLosslessSV1,
    "j2k": uid.JPEG2000Lossless,
    "htj2k": uid.HTJ2KLossless,
    "rle": uid.RLELossless,
    "jpeg_extended": uid.JPEGExtended12Bit,
    "jpeg_baseline": uid.JPEGBaseline8Bit,
}
PLAIN = {
    "explicit": uid.ExplicitVRLittleEndian,
    "implicit": uid.ImplicitVRLittleEndian,
    "big_endian": uid.ExplicitVRBigEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
}
TRANSFER_SYNTAXES = {**PLAIN, **CODECS}

UID_ROOT = "1.2.826.0.1.3680043.8.498.77."


def bright_voxel(shape: tuple[int, int, int] = (4, 5, 6), at: tuple[int, int, int] = (1, 2, 3)) -> NDArray[np.int16]:
    """Return air with one voxel of 500 HU."""
    voxels = np.full(shape, -1000, np.int16)
    voxels[at] = 500
    return voxels


def cube_and_rod(shape: tuple[int, int, int] = (12, 16, 20)) -> NDArray[np.int16]:
    """Return a body of water with a bone rod along one corner and an air bubble in another: alike from no two sides."""
    slices, rows, columns = shape
    voxels = np.full(shape, -1000, np.int16)
    voxels[:, rows // 8 : -rows // 8, columns // 8 : -columns // 8] = 40
    voxels[slices // 3 :, rows // 4, columns // 4] = 700
    voxels[slices // 2, rows // 2 :, columns // 2] = 300
    voxels[1, rows // 2 + 1, 2 * columns // 3] = -600
    return voxels


def write_series(
    folder: Path,
    voxels: NDArray[np.int16],
    *,
    spacing_mm: tuple[float, float, float] = (2.0, 0.8, 0.7),
    orientation: str = "axial",
    transfer_syntax: str = "explicit",
    series: int = 1,
    study: int = 1,
    signed: bool = False,
    slope: float = 1.0,
    intercept: float = -1024.0,
    overrides: Mapping[int, Mapping[str, Any]] | None = None,
    common: Mapping[str, Any] | None = None,
    name: str = "IM{:05d}",
) -> list[Path]:
    """Write `voxels` as a CT series, one file per slice, and return the paths in acquisition order.

    Parameters
    ----------
    folder
        Made when absent.
    voxels
        int16 (slices, rows, columns), HU, canonical axes.
    spacing_mm
        Between slices, rows, columns of the canonical axes.
    orientation
        A key of `ORIENTATIONS`.
    transfer_syntax
        A key of `TRANSFER_SYNTAXES`.
    overrides
        Acquired slice index -> attributes by keyword; None deletes the attribute, a callable gets the dataset.
    common
        Attributes of all slices.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, dataset in enumerate(
        series_datasets(
            voxels,
            spacing_mm=spacing_mm,
            orientation=orientation,
            series=series,
            study=study,
            signed=signed,
            slope=slope,
            intercept=intercept,
        )
    ):
        _change(dataset, common or {})
        _change(dataset, (overrides or {}).get(index, {}))
        paths.append(folder / name.format(index + 1))
        save(dataset, paths[-1], transfer_syntax)
    return paths


def series_datasets(
    voxels: NDArray[np.int16],
    *,
    spacing_mm: tuple[float, float, float] = (2.0, 0.8, 0.7),
    orientation: str = "axial",
    series: int = 1,
    study: int = 1,
    signed: bool = False,
    slope: float = 1.0,
    intercept: float = -1024.0,
) -> list[Dataset]:
    """Return the slices of `write_series` as datasets with plain pixels, in acquisition order."""
    across, down, through = ORIENTATIONS[orientation]
    axes = ["zyx".index(direction[1]) for direction in (through, down, across)]
    backwards = [direction[0] == "-" for direction in (through, down, across)]
    acquired = voxels.transpose(axes)[tuple(slice(None, None, -1) if back else slice(None) for back in backwards)]
    stored = np.round((acquired.astype(np.float64) - intercept) / slope)
    pixels = np.ascontiguousarray(stored.astype(np.int16 if signed else np.uint16))
    step_mm = [spacing_mm[axis] for axis in axes]
    units = [_unit(through), _unit(down), _unit(across)]
    origin = np.array([-100.0, -120.0, 30.0])
    for axis, back, unit in zip(axes, backwards, units, strict=True):
        if back:
            origin = origin - unit * spacing_mm[axis] * (voxels.shape[axis] - 1)
    datasets = []
    for index, picture in enumerate(pixels):
        dataset = _ct_image(series, study, index)
        dataset.ImageOrientationPatient = [float(value) for value in (*units[2], *units[1])]
        dataset.ImagePositionPatient = [round(float(value), 6) for value in origin + units[0] * step_mm[0] * index]
        dataset.PixelSpacing = [step_mm[1], step_mm[2]]
        dataset.SliceThickness = step_mm[0]
        dataset.RescaleSlope = slope
        dataset.RescaleIntercept = intercept
        set_pixels(dataset, picture)
        datasets.append(dataset)
    return datasets


def set_pixels(dataset: Dataset, stored: NDArray, bits_stored: int | None = None) -> None:
    """Put stored values, (rows, columns) or (frames, rows, columns), into `dataset` with what describes them."""
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    dataset.BitsStored = bits_stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = np.ascontiguousarray(stored).tobytes()
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"


def enhanced_ct(
    voxels: NDArray[np.int16], *, spacing_mm: tuple[float, float, float] = (2.0, 0.8, 0.7), series: int = 1
) -> Dataset:
    """Return `voxels` as one Enhanced CT object: geometry in functional groups, frames from head to feet."""
    slices = series_datasets(voxels, spacing_mm=spacing_mm, orientation="reversed", series=series)
    dataset = _ct_image(series, 1, 0)
    dataset.SOPClassUID = uid.EnhancedCTImageStorage
    dataset.NumberOfFrames = len(slices)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    set_pixels(dataset, np.stack([np.frombuffer(s.PixelData, np.uint16).reshape(s.Rows, s.Columns) for s in slices]))
    shared = _item(
        PlaneOrientationSequence=[_item(ImageOrientationPatient=slices[0].ImageOrientationPatient)],
        PixelMeasuresSequence=[_item(PixelSpacing=slices[0].PixelSpacing, SliceThickness=slices[0].SliceThickness)],
        PixelValueTransformationSequence=[_item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")],
    )
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [
        _item(PlanePositionSequence=[_item(ImagePositionPatient=s.ImagePositionPatient)]) for s in slices
    ]
    return dataset


def save(dataset: Dataset, path: Path, transfer_syntax: str = "explicit") -> Path:
    """Write `dataset` as a Part 10 file in `transfer_syntax`, a key of `TRANSFER_SYNTAXES`."""
    written = Dataset()
    written.update(dataset)
    wanted = TRANSFER_SYNTAXES[transfer_syntax]
    written.file_meta = FileMetaDataset()
    written.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    written.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    written.file_meta.TransferSyntaxUID = wanted
    if transfer_syntax in CODECS:
        frames = [encode(frame, transfer_syntax) for frame in _frames(dataset)]
        written.PixelData = encapsulate(frames)
        written["PixelData"].VR = "OB"
        written["PixelData"].is_undefined_length = True
    elif transfer_syntax == "big_endian" and dataset.BitsAllocated == 16:
        written.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    with config.disable_value_validation():
        written.save_as(path, enforce_file_format=True)
    return path


def encode(stored: NDArray, transfer_syntax: str) -> bytes:
    """Return one frame of stored values in a compressed transfer syntax."""
    unsigned = stored.view(np.uint16) if stored.dtype == np.int16 else stored
    match transfer_syntax:
        case "jpeg_ls":
            return imagecodecs.jpegls_encode(unsigned)
        case "jpeg_lossless":
            return imagecodecs.ljpeg_encode(unsigned, bitspersample=16)
        case "j2k":
            return imagecodecs.jpeg2k_encode(stored, codecformat="J2K", level=0, reversible=True)
        case "htj2k":
            return imagecodecs.htj2k_encode(stored, reversible=True)
        case "rle":
            return _rle(unsigned)
        case "jpeg_extended":
            return imagecodecs.jpeg8_encode(unsigned, bitspersample=12, level=100)
        case "jpeg_baseline":
            return imagecodecs.jpeg8_encode(unsigned.astype(np.uint8), level=100)
    raise ValueError(transfer_syntax)


def _rle(stored: NDArray[np.uint16]) -> bytes:
    """Return one frame as RLE (PS3.5 Annex G) of literal runs: larger than the pixels, but plain to follow."""
    planes = (stored >> 8).astype(np.uint8), stored.astype(np.uint8)
    segments = []
    for plane in planes:
        coded = b"".join(
            bytes([len(run) - 1]) + run
            for row in plane
            for run in (row[start : start + 128].tobytes() for start in range(0, len(row), 128))
        )
        segments.append(coded + b"\0" * (len(coded) % 2))
    offsets = [2, 64, 64 + len(segments[0])]
    return np.array(offsets + [0] * 13, "<u4").tobytes() + b"".join(segments)


def _frames(dataset: Dataset) -> Sequence[NDArray]:
    kind = f"{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
    return list(np.frombuffer(dataset.PixelData, kind).reshape(-1, dataset.Rows, dataset.Columns))


def _unit(direction: str) -> NDArray[np.float64]:
    unit = np.zeros(3)
    unit["xyz".index(direction[1])] = -1.0 if direction[0] == "-" else 1.0
    return unit


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _change(dataset: Dataset, attributes: Mapping[str, Any]) -> None:
    with config.disable_value_validation():
        for keyword, value in attributes.items():
            if callable(value):
                value(dataset)
                continue
            if keyword in dataset:
                delattr(dataset, keyword)
            if value is not None:
                setattr(dataset, keyword, value)


def _ct_image(series: int, study: int, index: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = uid.CTImageStorage
    dataset.SOPInstanceUID = f"{UID_ROOT}{study}.{series}.{index + 1}"
    dataset.SeriesInstanceUID = f"{UID_ROOT}{study}.{series}"
    dataset.StudyInstanceUID = f"{UID_ROOT}{study}"
    dataset.FrameOfReferenceUID = f"{UID_ROOT}{study}.999"
    dataset.PatientName = "Tiny^Test"
    dataset.PatientID = "PH-0001"
    dataset.PatientBirthDate = "19600101"
    dataset.PatientSex = "O"
    dataset.PatientPosition = "HFS"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = "20261123"
    dataset.StudyTime = "101500"
    dataset.StudyID = "1"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Modality = "CT"
    dataset.Manufacturer = "CoreQC"
    dataset.ManufacturerModelName = "Phantom"
    dataset.SeriesDescription = "Phantom 2.0"
    dataset.SeriesNumber = series
    dataset.AcquisitionNumber = 1
    dataset.InstanceNumber = index + 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.KVP = 120
    dataset.ConvolutionKernel = "STANDARD"
    return dataset
