"""The phantom is a plausible CT, the same for the same seed, and valid DICOM in every transfer syntax."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.ndimage import label

from apps.imaging.phantom import REGIONS, Examination, Mistakes, Patient, make_phantom, thickened, write_series
from apps.imaging.phantom.__main__ import main
from apps.imaging.phantom.dicom import TRANSFER_SYNTAXES
from apps.imaging.phantom.subject import Subject
from apps.imaging.phantom.tissues import TISSUES, hounsfield_units


def _small(region: str = "abdomen", **wishes):
    return make_phantom(region, **{"slices": 12, "matrix": 64, "seed": 3, **wishes})


def _share_between(voxels: np.ndarray, low: int, high: int) -> float:
    return float(((voxels >= low) & (voxels < high)).mean())


def test_every_region_is_a_body_in_air():
    for region in REGIONS:
        voxels, spacing_mm = _small(region)
        assert voxels.dtype == np.int16 and voxels.shape == (12, 64, 64)
        assert min(spacing_mm) > 0
        middle = voxels[6, 20:44, 20:44]
        assert np.median(middle) > -900, region
        assert _share_between(voxels, -1100, -800) > 0.1, region
        assert voxels.max() > 300, f"no bone in the {region}"


def test_the_same_seed_is_the_same_scan_and_another_seed_is_not():
    first, again, other = _small()[0], _small()[0], _small(seed=4)[0]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_contrast_changes_brightness_and_no_outline():
    without, given = _small("chest")[0], _small("chest", enhanced=True)[0]
    assert np.mean((without < -500) != (given < -500)) < 0.01
    assert Subject(9).size == Subject(9).size != Subject(10).size


@pytest.mark.parametrize(("region", "organ"), [("abdomen", "liver"), ("chest", "artery"), ("neck", "thyroid")])
def test_contrast_brightens_what_takes_it_up(region: str, organ: str):
    plain, arterial, portal = TISSUES[organ]
    assert plain < arterial and plain < portal
    without, _ = _small(region, slices=24, matrix=128)
    given, _ = _small(region, slices=24, matrix=128, enhanced=True, phase="portal")
    assert without.shape == given.shape
    brightened = (given.astype(int) - without) > 50
    assert 0.002 < brightened.mean() < 0.25


def test_the_liver_has_its_hounsfield_units():
    """In the right half of the body, under the diaphragm, lies liver."""
    for enhanced, low, high in ((False, 40, 75), (True, 85, 140)):
        voxels, _ = make_phantom("abdomen", enhanced=enhanced, seed=3, phase="portal", matrix=128)
        units = hounsfield_units("portal" if enhanced else "plain", Subject(3).random("tissues"))
        right = voxels[int(len(voxels) * 0.72), 54:74, 28:46].astype(float)
        assert low < units["liver"] < high
        assert abs(np.median(right) - units["liver"]) < 12


def test_the_aorta_lies_before_the_spine_and_takes_up_contrast():
    plain, spacing_mm = make_phantom("abdomen", seed=3, matrix=128)
    given, _ = make_phantom("abdomen", enhanced=True, phase="arterial", seed=3, matrix=128)
    height = len(plain) // 2
    central = (slice(50, 90), slice(50, 80))
    brightened = (given[height][central].astype(int) - plain[height][central]) > 170
    labels, count = label(brightened)
    assert count > 0
    aorta = labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1
    assert 9 < np.sqrt(aorta.sum() * spacing_mm[1] ** 2) < 40, "the aorta is 10 to 40 mm wide"
    assert 25 < np.median(plain[height][central][aorta]) < 62
    assert 220 < np.median(given[height][central][aorta]) < 400


def test_regions_look_different():
    lungs = {region: _share_between(_small(region, matrix=96)[0][:, 24:72, 24:72], -950, -700) for region in REGIONS}
    assert lungs["chest"] > 0.2
    assert all(share < 0.12 for region, share in lungs.items() if not region.startswith("chest")), lungs
    bone = {region: _share_between(_small(region)[0], 300, 4000) for region in REGIONS}
    assert bone["brain"] > 2 * bone["abdomen"]


def test_slice_thickness_and_matrix_are_as_asked():
    voxels, spacing_mm = make_phantom("chest", seed=1, slice_thickness_mm=10.0, matrix=64, pixel_mm=5.0)
    assert spacing_mm == (10.0, 5.0, 5.0)
    assert 20 < len(voxels) < 45
    with pytest.raises(ValueError, match="No phantom of 'moon'"):
        make_phantom("moon")


@pytest.fixture
def scan():
    voxels, spacing_mm = _small("chest", enhanced=True)
    return voxels, spacing_mm, Examination("chest", True, 3, "Chest CE 5 mm")


@pytest.mark.parametrize("transfer_syntax", TRANSFER_SYNTAXES)
def test_every_transfer_syntax_decodes_to_the_same_voxels(tmp_path: Path, scan, transfer_syntax: str):
    voxels, spacing_mm, examination = scan
    files = write_series(tmp_path, voxels, spacing_mm, examination, transfer_syntax=transfer_syntax)
    objects = [pydicom.dcmread(file) for file in files]
    assert {item.file_meta.TransferSyntaxUID for item in objects} == {TRANSFER_SYNTAXES[transfer_syntax]}
    read = np.stack([item.pixel_array * item.RescaleSlope + item.RescaleIntercept for item in objects])
    assert np.array_equal(read, voxels)


def test_the_objects_are_valid_ct_images(tmp_path: Path, scan):
    voxels, spacing_mm, examination = scan
    files = write_series(tmp_path, voxels, spacing_mm, examination)
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    try:
        objects = [pydicom.dcmread(file) for file in files]
        for item in objects:
            str(item)
    finally:
        pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    assert len({item.SOPInstanceUID for item in objects}) == len(voxels)
    assert {item.SeriesInstanceUID for item in objects} == {objects[0].SeriesInstanceUID}
    assert {item.SOPClassUID for item in objects} == {pydicom.uid.CTImageStorage}
    heights = [float(item.ImagePositionPatient[2]) for item in objects]
    assert np.allclose(np.diff(heights), spacing_mm[0], atol=1e-4)
    assert objects[0].ContrastBolusAgent == "IOHEXOL 350"
    assert objects[0].BodyPartExamined == "CHEST"
    assert objects[0].Manufacturer == "CoreQC Phantom"


def test_the_same_call_writes_the_same_bytes(tmp_path: Path, scan):
    voxels, spacing_mm, examination = scan
    first = write_series(tmp_path / "a", voxels, spacing_mm, examination)
    again = write_series(tmp_path / "b", voxels, spacing_mm, examination)
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in again]


def test_two_series_of_a_study_share_the_study_and_two_patients_do_not(tmp_path: Path, scan):
    voxels, spacing_mm, examination = scan
    patient = Patient.imagined(3)
    plain = Examination("chest", False, 4, "Chest plain", number=3)
    files = [
        write_series(tmp_path / "a", voxels[:1], spacing_mm, examination, patient=patient)[0],
        write_series(tmp_path / "b", voxels[:1], spacing_mm, plain, patient=patient)[0],
        write_series(tmp_path / "c", voxels[:1], spacing_mm, plain, patient=Patient.imagined(77))[0],
    ]
    one, two, three = (pydicom.dcmread(file) for file in files)
    assert one.StudyInstanceUID == two.StudyInstanceUID != three.StudyInstanceUID
    assert len({one.SeriesInstanceUID, two.SeriesInstanceUID, three.SeriesInstanceUID}) == 3
    assert "ContrastBolusAgent" not in two


def test_mistakes_are_made_as_asked(tmp_path: Path, scan):
    voxels, spacing_mm, examination = scan
    wrong = Mistakes(
        missing=frozenset({4, 5}), localizer=True, secondary_capture=True, dose_report=True,
        reversed_order=True, without_extension=True, other_patient_from=10,
    )  # fmt: skip
    files = write_series(tmp_path, voxels, spacing_mm, examination, mistakes=wrong)
    objects = [pydicom.dcmread(file) for file in files]
    assert len(objects) == 12 - 2 + 3
    assert all(not file.suffix for file in files)
    assert objects[0].ImageType[2] == "LOCALIZER"
    assert objects[0].SeriesInstanceUID == objects[-3].SeriesInstanceUID
    assert objects[-2].SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert objects[-1].Modality == "SR"
    slices = objects[1:-2]
    assert len({item.PatientID for item in slices}) == 2
    heights = [float(item.ImagePositionPatient[2]) for item in slices]
    assert heights == sorted(heights, reverse=True)
    assert np.isclose(max(-np.diff(heights)), 3 * spacing_mm[0], atol=1e-3)


def test_the_header_may_lie(tmp_path: Path, scan):
    voxels, spacing_mm, _ = scan
    lying = Examination("chest", True, 3, "Thorax", body_part_examined="BREAST", contrast_agent="")
    item = pydicom.dcmread(write_series(tmp_path, voxels[:1], spacing_mm, lying)[0])
    assert item.BodyPartExamined == "BREAST" and "ContrastBolusAgent" not in item


def test_thickened_slices_are_means_of_their_neighbours():
    voxels = np.arange(7, dtype=np.int16)[:, None, None] * np.ones((1, 2, 2), np.int16) * 10
    thick, spacing_mm = thickened(voxels, (1.0, 0.5, 0.5), 3)
    assert thick[:, 0, 0].tolist() == [10, 40]
    assert spacing_mm == (3.0, 0.5, 0.5)


def test_the_command_writes_one_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["neck", "--out", str(tmp_path / "neck"), "--contrast", "--slices", "3", "--matrix", "32"])
    assert code == 0
    assert len(list((tmp_path / "neck").iterdir())) == 3
    assert "3 files" in capsys.readouterr().out
