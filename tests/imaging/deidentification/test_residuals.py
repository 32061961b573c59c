"""What a received object still holds of a person, told without its value."""

import pydicom
import pytest

from apps.imaging.deidentification import Options, deidentify, residuals
from apps.imaging.errors import UnreadableFile
from tests import phantoms
from tests.imaging.deidentification.objects import Spec, encoded, identifying_ct, part10, profile, written
from tests.imaging.deidentification.test_engine import NAMES

OPTIONS = [
    Options(),
    Options(dates="remove", clean_descriptors=False),
    Options(dates="keep", retain_patient_characteristics=True, retain_device=True),
]


def reasons(content: bytes, options: Options | None = None) -> set[str]:
    return {found.name for found in residuals(content, profile(options))}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("transfer_syntax", phantoms.TRANSFER_SYNTAXES)
def test_nothing_is_left_after_de_identification(transfer_syntax: str, options: Options, tmp_path) -> None:
    path = phantoms.save(identifying_ct(), tmp_path / "ct.dcm", transfer_syntax)
    out = deidentify(path.read_bytes(), profile(options))
    assert residuals(out.content, profile(options)) == ()


def test_an_object_as_the_hospital_wrote_it_is_found_out_and_its_values_are_not_told() -> None:
    found = residuals(written(identifying_ct()), profile())
    named = {one.name for one in found}
    assert {"Patient's Name", "Patient ID", "Patient's Birth Date", "Institution Name", "private attribute"} <= named
    told = " ".join(map(str, found)).encode()
    assert not [name for name in NAMES if name in told]


def changed(**attributes: object) -> bytes:
    """Return a de-identified object in which somebody changed something afterwards."""
    import io

    dataset = pydicom.dcmread(io.BytesIO(deidentify(written(identifying_ct()), profile()).content))
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("attribute", "value", "name"),
    [
        ("PatientName", "Planter^Marigold", "Patient's Name"),
        ("PatientID", "S-002", "Patient ID"),
        ("ClinicalTrialSubjectID", "S-002", "Clinical Trial Subject ID"),
        ("PatientBirthDate", "19610704", "Patient's Birth Date"),
        ("PatientIdentityRemoved", "NO", "Patient Identity Removed"),
        ("PatientIdentityRemoved", None, "Patient Identity Removed"),
        ("DeidentificationMethodCodeSequence", None, "De-identification Method Code Sequence"),
        ("LongitudinalTemporalInformationModified", "UNMODIFIED", "Longitudinal Temporal Information Modified"),
        ("InstitutionName", "Meadow Clinic", "Institution Name"),
        ("StudyInstanceUID", "1.2.3.4", "Study Instance UID"),
        ("SeriesDescription", "Chest 12.03.2024", "Series Description"),
        ("StudyDescription", "call 04419988776", "Study Description"),
        ("AccessionNumber", "ACC1", "Accession Number"),
        ("PatientAge", "064Y", "Patient's Age"),
    ],
)
def test_what_was_put_back_is_found(attribute: str, value: object, name: str) -> None:
    assert reasons(changed(**{attribute: value})) == {name}


def test_objects_of_another_option_or_subject_are_not_taken() -> None:
    content = deidentify(written(identifying_ct()), profile(Options(dates="keep"))).content
    assert "Longitudinal Temporal Information Modified" in reasons(content)
    other = profile(subject_number="S-009")
    assert {found.name for found in residuals(deidentify(written(identifying_ct()), profile()).content, other)} == {
        "Patient's Name",
        "Patient ID",
        "Clinical Trial Subject ID",
    }


def test_preamble_meta_group_and_trailer_are_looked_at() -> None:
    clean = deidentify(written(identifying_ct()), profile()).content
    assert reasons(b"Planter" + clean[7:]) == {"preamble"}
    assert reasons(clean + encoded([(0xFFFCFFFC, "OB", b"Planter ")])) == {"end of the file"}
    assert "Source Application Entity Title" in reasons(part10(encoded([(0x00080060, "CS", b"CT")])))


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"BurnedInAnnotation": "YES"}, "Burned In Annotation"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "SOP Class UID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"}, "SOP Class UID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "SOP Class UID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67"}, "SOP Class UID"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "Image Type"),
        ({"ImageType": ["ORIGINAL", "SECONDARY", "OTHER", "CT_SOM5 PROT"]}, "Image Type"),
        ({"ConversionType": "WSD"}, "Conversion Type"),
        ({"PhotometricInterpretation": "RGB"}, "Photometric Interpretation"),
    ],
)
def test_writing_in_the_picture_is_suspected(attributes: dict[str, object], name: str) -> None:
    dataset = identifying_ct()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    assert reasons(deidentify(written(dataset), profile()).content) == {name}


@pytest.mark.parametrize(
    "image_type",
    [
        ["ORIGINAL", "PRIMARY", "AXIAL"],
        ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"],
        ["ORIGINAL", "PRIMARY", "LOCALIZER", "CT_SOM5 TOP"],
        ["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 SPI DUAL"],
    ],
)
def test_plain_ct_and_its_reformats_are_not_suspected(image_type: list[str]) -> None:
    dataset = identifying_ct()
    dataset.ImageType = image_type
    dataset.BurnedInAnnotation = "NO"
    assert reasons(deidentify(written(dataset), profile()).content) == set()


def test_private_attributes_in_a_sequence_are_found() -> None:
    inside: list[Spec] = [(0x00090010, "LO", b"VENDOR")]
    out = deidentify(written(identifying_ct()), profile()).content
    assert "private attribute" in reasons(_with_sequence(out, inside))


def _with_sequence(content: bytes, inside: list[Spec]) -> bytes:
    at = content.index(b"\x18\x00\x50\x00DS")
    return content[:at] + encoded([(0x00082218, "SQ", [inside])]) + content[at:]


def test_what_is_no_dicom_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="is not a DICOM file"):
        residuals(b"%PDF-1.7", profile())
