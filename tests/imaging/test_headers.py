"""Each file ends in a series or in a list with its sentence."""

import json
import zlib
from pathlib import Path

import pytest
from pydicom import dcmread, uid
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from apps.imaging.digest import build_digest
from apps.imaging.headers import Refusal, group_into_series, read_header, read_headers
from apps.imaging.headers.attributes import TAGS
from apps.imaging.transfer_syntaxes import LARGEST_INFLATED
from tests.phantoms import (
    PLAIN,
    TRANSFER_SYNTAXES,
    bright_voxel,
    cube_and_rod,
    enhanced_ct,
    save,
    series_datasets,
    write_series,
)

LOSSLESS = [name for name in TRANSFER_SYNTAXES if name not in ("jpeg_baseline", "jpeg_extended")]


def slice_of(**attributes: object) -> Dataset:
    dataset = series_datasets(bright_voxel())[0]
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def refusal(path: Path) -> tuple[Refusal, str]:
    headers, (refused,) = read_headers([path])
    assert not headers
    assert refused.sentence == f"{path.name} {refused.reason}."
    return refused.code, refused.reason


@pytest.mark.parametrize("transfer_syntax", LOSSLESS)
def test_a_header_says_the_same_in_every_transfer_syntax(tmp_path, transfer_syntax):
    path = write_series(tmp_path, cube_and_rod(), transfer_syntax=transfer_syntax)[3]
    header = read_header(path)
    assert header.position == (-100.0, -120.0, 36.0)
    assert header.orientation == (1, 0, 0, 0, 1, 0)
    assert header.spacing == (0.8, 0.7)
    assert (header.rows, header.columns, header.instance_number) == (16, 20, 4)
    assert (header.modality, header.description, header.series_number) == ("CT", "Phantom 2.0", 1)
    assert (header.frames[0].slope, header.frames[0].intercept, header.frames[0].thickness) == (1, -1024, 2)
    assert header.facts["KVP"] == 120.0
    assert header.facts["ImageType"] == ["ORIGINAL", "PRIMARY", "AXIAL"]


@pytest.mark.parametrize("transfer_syntax", ["explicit", "implicit", "big_endian"])
def test_files_without_preamble_and_file_meta_are_read(tmp_path, transfer_syntax):
    path = write_series(tmp_path, cube_and_rod(), transfer_syntax=transfer_syntax)[3]
    kind = PLAIN[transfer_syntax]
    bare = DicomBytesIO()
    bare.is_implicit_VR, bare.is_little_endian = kind.is_implicit_VR, kind.is_little_endian
    dataset = dcmread(path)
    write_dataset(bare, dataset)
    (tmp_path / "bare").write_bytes(bare.getvalue())
    assert read_header(tmp_path / "bare").position == read_header(path).position


def test_a_missing_preamble_before_the_file_meta_is_no_matter(tmp_path):
    path = write_series(tmp_path, bright_voxel())[0]
    short = tmp_path / "short"
    short.write_bytes(path.read_bytes()[132:])
    assert read_header(short).series_uid == read_header(path).series_uid


def test_a_data_set_written_otherwise_than_declared_is_read_as_written(tmp_path):
    path = write_series(tmp_path, bright_voxel(), transfer_syntax="implicit")[0]
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2."))
    liar = path.read_bytes().replace(b"UI\x12\x001.2.840.10008.1.2.", b"UI\x12\x001.2.840.10008.1.2\0")
    path.write_bytes(liar.replace(b"UI\x12\x001.2.840.10008.1.2\0", b"UI\x14\x001.2.840.10008.1.2.1\0"))
    assert read_header(path).transfer_syntax == "1.2.840.10008.1.2"


def test_an_enhanced_object_tells_each_frame(tmp_path):
    header = read_header(save(enhanced_ct(cube_and_rod()), tmp_path / "enhanced"))
    assert len(header.frames) == 12
    assert [frame.position for frame in header.frames[:2]] == [(-100, -120, 52), (-100, -120, 50)]
    assert {(frame.slope, frame.intercept, frame.thickness) for frame in header.frames} == {(1, -1024, 2)}
    assert header.facts["SliceThickness"] == 2.0


@pytest.mark.parametrize(
    ("sop_class", "sentence"),
    [
        (uid.XRayRadiationDoseSRStorage, "is a dose report, not an image; you need not send it"),
        (uid.BasicTextSRStorage, "is a structured report, not an image; you need not send it"),
        (uid.EncapsulatedPDFStorage, "is a PDF document in a DICOM file, not an image; you need not send it"),
        (
            uid.GrayscaleSoftcopyPresentationStateStorage,
            "is a presentation state (how a reader displayed the pictures), not an image; you need not send it",
        ),
        (
            uid.RTStructureSetStorage,
            "is a radiotherapy structure set (drawn contours), not an image; you need not send it",
        ),
        (uid.KeyObjectSelectionDocumentStorage, "is a list of key images, not an image; you need not send it"),
    ],
)
def test_objects_without_an_image_are_refused_by_name(tmp_path, sop_class, sentence):
    dataset = slice_of(SOPClassUID=sop_class)
    del dataset.PixelData
    assert refusal(save(dataset, tmp_path / "SR1")) == (Refusal.NOT_AN_IMAGE, sentence)


def test_the_index_of_a_disc_is_named_and_harmless(tmp_path):
    dataset = slice_of(SOPClassUID=uid.MediaStorageDirectoryStorage)
    del dataset.PixelData, dataset.SOPClassUID
    dataset.SOPClassUID = uid.MediaStorageDirectoryStorage
    path = save(dataset, tmp_path / "DICOMDIR")
    _, (refused,) = read_headers([path])
    assert (refused.code, refused.harmless) == (Refusal.INDEX, True)
    assert "DICOMDIR" in refused.sentence


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", Refusal.EMPTY, "is empty"),
        (b"Dear colleague,\nplease find enclosed the scan.\n", Refusal.NOT_DICOM, "is a text file"),
        ("Größe: 5 mm\n".encode(), Refusal.NOT_DICOM, "is a text file"),
        (b"%PDF-1.7 ...", Refusal.NOT_DICOM, "is a PDF document"),
        (b"\xff\xd8\xff\xe0" + bytes(50), Refusal.NOT_DICOM, "is a JPEG picture"),
        (bytes(5000), Refusal.DAMAGED, "nothing but zeros"),
        (bytes(range(200, 256)) * 40, Refusal.NOT_DICOM, "is not a DICOM file"),
        (bytes(128) + b"DICM", Refusal.DAMAGED, "is damaged"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), Refusal.NOT_DICOM, "unpack it"),
    ],
)
def test_files_that_are_no_dicom_are_told_apart(tmp_path, content, code, words):
    path = tmp_path / "report.dcm"
    path.write_bytes(content)
    found, reason = refusal(path)
    assert found == code
    assert words in reason


def test_a_truncated_image_is_refused_with_what_is_missing(tmp_path):
    path = write_series(tmp_path, cube_and_rod())[0]
    path.write_bytes(path.read_bytes()[:-100])
    code, reason = refusal(path)
    assert code == Refusal.DAMAGED
    assert "the file ends in the middle of the image (640 bytes of pixels promised, 540 there)" in reason


@pytest.mark.parametrize("transfer_syntax", ["jpeg_ls", "j2k", "rle", "implicit", "deflated", "big_endian"])
def test_truncated_files_of_every_kind_are_refused(tmp_path, transfer_syntax):
    path = write_series(tmp_path, cube_and_rod(), transfer_syntax=transfer_syntax)[0]
    content = path.read_bytes()
    for part in (0.2, 0.5, 0.9):
        path.write_bytes(content[: int(len(content) * part)])
        code, reason = refusal(path)
        assert code == Refusal.DAMAGED, reason


def test_a_header_that_claims_ten_gigabytes_is_refused_before_anything_is_allocated(tmp_path):
    path = save(slice_of(Rows=8000, Columns=8000, NumberOfFrames=80), tmp_path / "huge")
    assert "10,240,000,000 bytes of pixels promised, 60 there" in refusal(path)[1]
    path = save(slice_of(Rows=65535, Columns=65535), tmp_path / "wide")
    assert "claims an image of 65535 × 65535 pixels" in refusal(path)[1]
    path = save(slice_of(NumberOfFrames=2_000_000_000), tmp_path / "many")
    assert "makes no sense" in refusal(path)[1]


def test_a_compressed_object_that_claims_more_frames_than_it_has_is_refused(tmp_path):
    path = save(slice_of(), tmp_path / "few", "jpeg_ls")
    dataset = dcmread(path)
    dataset.NumberOfFrames = 19_000
    dataset.save_as(path)
    assert "19000 images promised, 1 there" in refusal(path)[1]


def test_a_deflated_file_may_not_inflate_without_end(tmp_path):
    path = write_series(tmp_path, bright_voxel(), transfer_syntax="deflated")[0]
    content = path.read_bytes()
    start = content.index(b"1.2.840.10008.1.2.1.99") + 22
    meta_length = int.from_bytes(content[140:144], "little")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 24)
    bomb = b"".join(deflater.compress(zeros) for _ in range(LARGEST_INFLATED // len(zeros) + 2)) + deflater.flush()
    assert start < 144 + meta_length
    path.write_bytes(content[: 144 + meta_length] + bomb)
    assert "inflates to more than 256 MB" in refusal(path)[1]


def test_several_patients_studies_and_series_are_kept_apart(tmp_path):
    paths = write_series(tmp_path / "a", bright_voxel(), series=1)
    paths += write_series(tmp_path / "b", bright_voxel(), series=2)
    paths += write_series(tmp_path / "c", bright_voxel(), study=2)
    paths += write_series(tmp_path / "d", bright_voxel(), common={"PatientName": "Another^One", "PatientID": "X9"})
    headers, refused = read_headers(reversed(paths))
    series = group_into_series(headers)
    assert not refused
    assert [one.n_instances for one in series] == [4, 4, 4, 4]
    assert len({one.patient_key for one in series}) == 2
    assert len({one.series_uid for one in series}) == 3


def test_the_patient_key_does_not_depend_on_how_a_name_is_written(tmp_path):
    def key(name: str, **identity: str) -> str:
        return read_header(save(slice_of(PatientName=name, **identity), tmp_path / "x")).patient_key

    assert key("DOE^JANE") == key("Doe^Jane^^^ ") == key("doe, jane")
    assert key("DOE^JANE") != key("DOE^JOHN")
    assert key("DOE^JANE") != key("DOE^JANE", PatientID="2")
    assert key("", PatientID="", PatientBirthDate="") == ""


def test_non_ct_series_are_series_all_the_same(tmp_path):
    headers, refused = read_headers(write_series(tmp_path, bright_voxel(), common={"Modality": "MR"}))
    (series,) = group_into_series(headers)
    assert (series.modality, refused) == ("MR", [])


def test_a_name_planted_in_every_text_never_reaches_a_digest(tmp_path):
    """Every text attribute that is read says the patient's name; none of it is in the digest."""
    texts = {
        keyword: "Zanzibar"
        for keyword, tag in TAGS.items()
        if dictionary_VR(tag) in ("LO", "SH", "CS", "LT", "ST", "UT", "PN")
        and keyword not in ("SpecificCharacterSet", "Modality", "PhotometricInterpretation")
    }
    texts |= dict.fromkeys(
        ("ProtocolName", "StudyDescription", "InstitutionName", "ReferringPhysicianName", "ImageComments"), "Zanzibar"
    )
    texts |= {"PatientName": "Zanzibar^Quentin", "PatientID": "ID-4711-Q", "SeriesDescription": "ABD zanzibar 5.0"}
    assert len(texts) > 20
    headers, refused = read_headers(write_series(tmp_path, cube_and_rod(), common=texts))
    (series,) = group_into_series(headers)
    digest = build_digest(series)
    said = json.dumps(digest.to_json()).lower()
    assert not refused
    assert digest.pictures
    assert "zanzibar" not in said
    assert "quentin" not in said
    assert "4711" not in said


def test_a_description_is_kept_when_nothing_in_it_is_the_patient(tmp_path):
    path = save(slice_of(SeriesDescription="ABD/PEL 5.0 B30f", PatientID="5", PatientName="Li^An"), tmp_path / "x")
    assert read_header(path).description == "ABD/PEL 5.0 B30f"
    path = save(slice_of(SeriesDescription="Abdomen Li", PatientName="Li^An"), tmp_path / "x")
    assert read_header(path).description == ""


@pytest.mark.parametrize(
    ("character_set", "written", "read"),
    [
        ("ISO_IR 100", "Schädel", "Schädel"),
        ("ISO_IR 192", "頭部 5mm", "頭部 5mm"),
        ("ISO_IR 144", "Голова", "Голова"),
        (["", "ISO 2022 IR 87"], "頭部", "頭部"),
    ],
)
def test_descriptions_are_read_in_their_character_set(tmp_path, character_set, written, read):
    dataset = slice_of(SpecificCharacterSet=character_set, SeriesDescription=written)
    assert read_header(save(dataset, tmp_path / "x")).description == read


def test_real_headers_say_what_pydicom_says(real_ct: Path):
    """Our own walk over the elements against pydicom's, on every file of the real series."""
    paths = sorted(path for path in (real_ct / "dicom").rglob("*") if path.is_file())
    assert len(paths) > 100
    headers, refused = read_headers(paths)
    assert not refused
    for header in headers[::5]:
        dataset = dcmread(header.path, stop_before_pixels=True)
        assert header.position == tuple(map(float, dataset.ImagePositionPatient))
        assert header.sop_instance_uid == dataset.SOPInstanceUID
        assert header.frames[0].intercept == dataset.RescaleIntercept
        assert header.description == dataset.get("SeriesDescription", "").strip()
        assert header.pixels.bits_stored == dataset.BitsStored
