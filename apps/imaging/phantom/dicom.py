"""Phantoms written as DICOM: valid CT Image Storage objects, and the mistakes that sites really make with them.

Every identifier follows from the arguments, so that the same call writes the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder

TRANSFER_SYNTAXES: dict[str, uid.UID] = {
    "explicit": uid.ExplicitVRLittleEndian,
    "implicit": uid.ImplicitVRLittleEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
    "jpeg_lossless": uid.JPEGLosslessSV1,
    "jpeg_ls": uid.JPEGLSLossless,
    "j2k": uid.JPEG2000Lossless,
    "rle": uid.RLELossless,
}

_RESCALE_INTERCEPT = -1024

_BODY_PART_EXAMINED = {
    "brain": "HEAD", "head_neck": "HEADNECK", "neck": "NECK", "chest": "CHEST", "abdomen": "ABDOMEN",
    "abdomen_pelvis": "ABDOMENPELVIS", "chest_abdomen": "CHESTABDOMEN", "pelvis": "PELVIS",
    "chest_abdomen_pelvis": "CHESTABDPELVIS", "thigh": "THIGH",
}  # fmt: skip
"""Defined terms of PS3.16 Annex L for the regions of the phantom."""

_KERNELS = {"brain": ("H31s", "UB"), "neck": ("B30f", "STANDARD"), "chest": ("B31f", "B50f", "LUNG", "STANDARD")}


@dataclass(frozen=True)
class Patient:
    """A patient who does not exist."""

    patient_id: str
    name: str
    birth_date: date
    sex: str

    @classmethod
    def imagined(cls, seed: int) -> "Patient":
        """Return a patient drawn from a seed, recognisable as invented.

        The name has no word of the other header facts: readers blank what looks like the patient's name.
        """
        random = np.random.default_rng([seed, *b"patient"])
        born = date(int(random.integers(1938, 1992)), int(random.integers(1, 13)), int(random.integers(1, 29)))
        return cls(f"INVENTED{seed:06d}", f"Invented^{seed:06d}", born, str(random.choice(["F", "M"])))


@dataclass(frozen=True)
class Mistakes:
    """What went wrong at the site.

    Parameters
    ----------
    missing
        Slices that are not there, as numbers from the most inferior one.
    localizer, secondary_capture, dose_report
        Objects beside or inside the series that are no slices of it.
    reversed_order
        Instance numbers and file names run from head to feet.
    without_extension
        Files named as by a PACS export: IM000001.
    other_patient_from
        From this slice on the objects belong to somebody else.
    """

    missing: frozenset[int] = frozenset()
    localizer: bool = False
    secondary_capture: bool = False
    dose_report: bool = False
    reversed_order: bool = False
    without_extension: bool = False
    other_patient_from: int | None = None


@dataclass(frozen=True)
class Examination:
    """The header facts of one series.

    `body_part_examined` and `contrast_agent` say what the header claims; None takes what is true of the region
    and of `enhanced`. `study` tells a patient's studies apart.
    """

    region: str
    enhanced: bool
    seed: int
    description: str
    number: int = 2
    acquired: date = date(2026, 3, 2)
    study: str = "1"
    body_part_examined: str | None = None
    contrast_agent: str | None = None
    kernel: str | None = None
    kvp: int | None = None
    facts: dict[str, str | float | int] = field(default_factory=dict)


def write_series(
    folder: Path,
    voxels: NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
    examination: Examination,
    *,
    patient: Patient | None = None,
    transfer_syntax: str = "explicit",
    mistakes: Mistakes | None = None,
) -> list[Path]:
    """Write a series and return its files, in the order of their names.

    Parameters
    ----------
    folder
        Made if it is not there.
    voxels
        int16 HU (slices from inferior to superior, rows from anterior to posterior, columns from right to left).
    spacing_mm
        Spacing in that order.
    transfer_syntax
        A key of `TRANSFER_SYNTAXES`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wrong = mistakes or Mistakes()
    person = patient or Patient.imagined(examination.seed)
    other = Patient.imagined(examination.seed + 500_000)
    count = len(voxels)
    suffix = "" if wrong.without_extension else ".dcm"
    prefix = f"{examination.number:02d}" if not wrong.without_extension else ""
    objects: list[Dataset] = []
    for index in range(count):
        if index in wrong.missing:
            continue
        whose = other if wrong.other_patient_from is not None and index >= wrong.other_patient_from else person
        instance = count - index if wrong.reversed_order else index + 1
        objects.append(_slice(voxels[index], index, instance, spacing_mm, examination, whose, transfer_syntax))
    objects.sort(key=lambda item: int(item.InstanceNumber))
    if wrong.localizer:
        objects.insert(0, _localizer(voxels, spacing_mm, examination, person))
    if wrong.secondary_capture:
        objects.append(_secondary_capture(voxels, examination, person))
    if wrong.dose_report:
        objects.append(_dose_report(examination, person))
    files = []
    for order, item in enumerate(objects, start=1):
        name = f"IM{order:06d}" if wrong.without_extension else f"series{prefix}-{order:04d}"
        files.append(folder / (name + suffix))
        item.save_as(files[-1], enforce_file_format=True)
    return files


def thickened(
    voxels: NDArray[np.int16], spacing_mm: tuple[float, float, float], times: int
) -> tuple[NDArray[np.int16], tuple[float, float, float]]:
    """Return the volume as reconstructed with slices `times` as thick."""
    count = len(voxels) // times
    joined = voxels[: count * times].reshape(count, times, *voxels.shape[1:]).mean(axis=1, dtype=np.float32)
    return np.rint(joined).astype(np.int16), (spacing_mm[0] * times, *spacing_mm[1:])


def _uid(*words: object) -> uid.UID:
    return uid.generate_uid(entropy_srcs=["CoreQC phantom", *map(str, words)])


def _header(sop_class: uid.UID, examination: Examination, patient: Patient, what: str, syntax: uid.UID) -> Dataset:
    """Return what every object of the study shares: patient, study, series, equipment."""
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID = sop_class
    key = (patient.patient_id, examination.study)
    item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID = _uid(
        *key, examination.number, examination.seed, what
    )
    item.file_meta.TransferSyntaxUID = syntax
    item.file_meta.ImplementationClassUID = _uid("implementation")
    item.file_meta.ImplementationVersionName = "COREQC_PHANTOM"
    day = examination.acquired.strftime("%Y%m%d")
    item.SpecificCharacterSet = "ISO_IR 100"
    item.StudyDate = item.SeriesDate = item.AcquisitionDate = item.ContentDate = day
    item.StudyTime = item.SeriesTime = item.ContentTime = f"{9 + examination.seed % 8:02d}{examination.seed % 60:02d}00"
    item.AccessionNumber = ""
    item.Modality = "CT"
    item.Manufacturer = "CoreQC Phantom"
    item.ManufacturerModelName = f"Imaginary {(16, 64, 128)[examination.seed % 3]}"
    item.SoftwareVersions = "1.0"
    item.ReferringPhysicianName = ""
    item.StudyDescription = f"CT {examination.region.replace('_', ' ')}"
    item.SeriesDescription = examination.description
    item.PatientName, item.PatientID = patient.name, patient.patient_id
    item.PatientBirthDate, item.PatientSex = patient.birth_date.strftime("%Y%m%d"), patient.sex
    item.StudyInstanceUID = _uid(*key, "study")
    item.SeriesInstanceUID = _uid(patient.patient_id, examination.study, examination.number, examination.seed, "series")
    item.FrameOfReferenceUID = _uid(*key, "frame")
    item.PositionReferenceIndicator = ""
    item.StudyID = "1"
    item.SeriesNumber = examination.number
    item.PatientPosition = "HFS"
    return item


def _slice(
    hu: NDArray[np.int16],
    index: int,
    instance: int,
    spacing_mm: tuple[float, float, float],
    examination: Examination,
    patient: Patient,
    transfer_syntax: str,
) -> Dataset:
    """Return one CT Image Storage object (PS3.3 A.3)."""
    syntax = TRANSFER_SYNTAXES[transfer_syntax]
    item = _header(uid.CTImageStorage, examination, patient, f"slice {index}", syntax)
    random = np.random.default_rng([examination.seed, *b"scanner"])
    item.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    item.InstanceNumber, item.AcquisitionNumber = instance, 1
    item.AcquisitionTime = item.StudyTime
    item.BodyPartExamined = examination.body_part_examined or _BODY_PART_EXAMINED[examination.region]
    item.ProtocolName = f"{examination.region} {'ce' if examination.enhanced else 'plain'}".replace("_", " ")
    item.KVP = examination.kvp or int(random.choice([100, 120, 120, 120]))
    item.ConvolutionKernel = examination.kernel or str(
        random.choice(_KERNELS.get(examination.region, ("B30f", "STANDARD")))
    )
    item.XRayTubeCurrent = int(random.integers(90, 380))
    item.ExposureTime = 500
    item.GantryDetectorTilt = 0
    item.ReconstructionDiameter = _decimal(hu.shape[1] * spacing_mm[2])
    agent = (
        examination.contrast_agent
        if examination.contrast_agent is not None
        else "IOHEXOL 350"
        if examination.enhanced
        else ""
    )
    if agent:
        item.ContrastBolusAgent, item.ContrastBolusRoute = agent, "IV"
    item.SliceThickness = _decimal(spacing_mm[0])
    item.PixelSpacing = [_decimal(spacing_mm[1]), _decimal(spacing_mm[2])]
    item.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    corner = (-(hu.shape[1] - 1) / 2 * spacing_mm[2], -(hu.shape[0] - 1) / 2 * spacing_mm[1], index * spacing_mm[0])
    item.ImagePositionPatient = [_decimal(value) for value in corner]
    item.SliceLocation = _decimal(corner[2])
    item.RescaleType = "HU"
    for keyword, value in examination.facts.items():
        setattr(item, keyword, value)
    _fill(item, hu, transfer_syntax)
    return item


def _decimal(value: float) -> str:
    """Return a decimal string of at most 16 characters (PS3.5 6.2)."""
    return f"{value:.6f}".rstrip("0").rstrip(".") or "0"


def _fill(item: Dataset, hu: NDArray[np.int16], transfer_syntax: str) -> None:
    """Put the pixels in: stored = HU + 1024, 16 bits unsigned as CT scanners of most makers write them."""
    stored = np.ascontiguousarray(np.clip(hu.astype(np.int32) - _RESCALE_INTERCEPT, 0, 65535).astype(np.uint16))
    item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
    item.Rows, item.Columns = stored.shape
    item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 0
    item.RescaleIntercept, item.RescaleSlope = _RESCALE_INTERCEPT, 1
    item.WindowCenter, item.WindowWidth = 50, 400
    if transfer_syntax in _CODECS:
        frame = _CODECS[transfer_syntax](stored)
        item.PixelData = encapsulate([bytes(frame) + b"\0" * (len(frame) % 2)])
        item["PixelData"].VR = "OB"
        item["PixelData"].is_undefined_length = True
    else:
        item.PixelData = stored.astype("<u2").tobytes()
        item["PixelData"].VR = "OW"


def _rle(stored: NDArray[np.uint16]) -> bytes:
    return get_encoder(uid.RLELossless).encode(
        stored, rows=stored.shape[0], columns=stored.shape[1], samples_per_pixel=1, bits_allocated=16, bits_stored=16,
        pixel_representation=0, photometric_interpretation="MONOCHROME2", number_of_frames=1, encoding_plugin="pydicom",
    )  # fmt: skip


_CODECS: dict[str, Callable[[NDArray[np.uint16]], bytes | bytearray]] = {
    "jpeg_lossless": lambda stored: imagecodecs.jpeg_encode(stored, lossless=True, predictor=1, bitspersample=16),
    "jpeg_ls": lambda stored: imagecodecs.jpegls_encode(stored),
    "j2k": lambda stored: imagecodecs.jpeg2k_encode(stored, level=0, codecformat="j2k"),
    "rle": _rle,
}


def _localizer(
    voxels: NDArray[np.int16], spacing_mm: tuple[float, float, float], examination: Examination, patient: Patient
) -> Dataset:
    """Return the scout view that the scanner put into the series: a coronal summation picture."""
    item = _header(uid.CTImageStorage, examination, patient, "localizer", uid.ExplicitVRLittleEndian)
    picture = voxels[::-1].mean(axis=1, dtype=np.float32)
    item.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    item.InstanceNumber, item.AcquisitionNumber = 0, 1
    item.KVP, item.SliceThickness = 120, "1"
    item.PixelSpacing = [_decimal(spacing_mm[0]), _decimal(spacing_mm[2])]
    item.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    left, top = -(voxels.shape[2] - 1) / 2 * spacing_mm[2], (len(voxels) - 1) * spacing_mm[0]
    item.ImagePositionPatient = [_decimal(left), "0", _decimal(top)]
    _fill(item, np.rint(picture).astype(np.int16), "explicit")
    return item


def _secondary_capture(voxels: NDArray[np.int16], examination: Examination, patient: Patient) -> Dataset:
    """Return a screenshot of the middle slice, as a workstation saves it (PS3.3 A.8)."""
    item = _header(uid.SecondaryCaptureImageStorage, examination, patient, "capture", uid.ExplicitVRLittleEndian)
    item.SeriesInstanceUID = _uid(
        patient.patient_id, examination.study, examination.number, examination.seed, "capture series"
    )
    item.SeriesNumber, item.SeriesDescription, item.InstanceNumber = 900 + examination.number, "Screen save", 1
    item.ConversionType, item.ImageType = "WSD", ["DERIVED", "SECONDARY"]
    del item.PatientPosition, item.FrameOfReferenceUID, item.PositionReferenceIndicator
    shown = np.clip((voxels[len(voxels) // 2].astype(np.float32) + 150) / 400, 0, 1) * 255
    item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
    item.Rows, item.Columns = shown.shape
    item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 8, 8, 7, 0
    pixels = shown.astype(np.uint8).tobytes()
    item.PixelData = pixels + b"\0" * (len(pixels) % 2)
    item["PixelData"].VR = "OB"
    return item


def _dose_report(examination: Examination, patient: Patient) -> Dataset:
    """Return a radiation dose report without pictures (PS3.3 A.35.8)."""
    item = _header(uid.XRayRadiationDoseSRStorage, examination, patient, "dose", uid.ExplicitVRLittleEndian)
    item.Modality = "SR"
    item.SeriesInstanceUID = _uid(
        patient.patient_id, examination.study, examination.number, examination.seed, "dose series"
    )
    item.SeriesNumber, item.SeriesDescription, item.InstanceNumber = 950 + examination.number, "Dose Report", 1
    del item.PatientPosition, item.FrameOfReferenceUID, item.PositionReferenceIndicator
    item.CompletionFlag, item.VerificationFlag = "COMPLETE", "UNVERIFIED"
    item.ValueType, item.ContinuityOfContent = "CONTAINER", "SEPARATE"
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = "113701", "DCM", "X-Ray Radiation Dose Report"
    item.ConceptNameCodeSequence = [title]
    item.ReferencedPerformedProcedureStepSequence = []
    item.PerformedProcedureCodeSequence = []
    return item
