"""Which attributes are read from a header at all: what cannot be found here cannot reach a digest."""

from pydicom.datadict import dictionary_VR, tag_for_keyword

FACTS = (
    "AcquisitionDate",
    "BodyPartExamined",
    "BurnedInAnnotation",
    "ContentDate",
    "ContrastBolusAgent",
    "ContrastBolusRoute",
    "ContrastBolusVolume",
    "ConversionType",
    "ConvolutionKernel",
    "DataCollectionDiameter",
    "Exposure",
    "ExposureTime",
    "FilterType",
    "GantryDetectorTilt",
    "ImageType",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "Manufacturer",
    "ManufacturerModelName",
    "Modality",
    "PatientIdentityRemoved",
    "PatientPosition",
    "PhotometricInterpretation",
    "ReconstructionDiameter",
    "RescaleType",
    "KVP",
    "SOPClassUID",
    "ScanOptions",
    "SeriesDate",
    "SliceThickness",
    "SoftwareVersions",
    "SpacingBetweenSlices",
    "SpiralPitchFactor",
    "StudyDate",
    "XRayTubeCurrent",
)
"""The allow-list: what a digest may say of a header. Nothing in it names a person, a place or a number of either."""

FREE_TEXT = frozenset(("LO", "SH", "CS", "LT", "ST", "UT"))
NUMBERS = frozenset(("DS", "IS", "FD", "FL", "US"))

_IDENTITY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
)
"""Read to key the patient and to keep parts of these values out of free text; never stored."""

_STRUCTURE = (
    "SpecificCharacterSet",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesDescription",
    "SeriesNumber",
    "InstanceNumber",
    "AcquisitionNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "FrameType",
    "CodeMeaning",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)

_SEQUENCES = (
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "CTImageFrameTypeSequence",
    "CTXRayDetailsSequence",
    "CTReconstructionSequence",
    "CTGeometrySequence",
    "CTExposureSequence",
    "ContrastBolusAgentSequence",
    "DirectoryRecordSequence",
)


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return int(tag)


TAGS = {keyword: _tag(keyword) for keyword in {*FACTS, *_IDENTITY, *_STRUCTURE, *_SEQUENCES}}
"""Keyword -> tag of all that is read."""

WANTED = {tag: keyword in _SEQUENCES for keyword, tag in TAGS.items()}
"""Tag -> whether it is a sequence."""

FACT_KINDS = {keyword: dictionary_VR(TAGS[keyword]) for keyword in FACTS}
"""Keyword of an allow-listed fact -> its value representation."""

IDENTITY_TAGS = tuple(TAGS[keyword] for keyword in _IDENTITY)
