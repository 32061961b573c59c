"""Slices in order, and what is said of those that do not lie as they should."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.imaging.errors import NotAVolume
from apps.imaging.findings import Severity
from apps.imaging.geometry import Stack, arrange, slices_of
from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.volume import build_volume
from tests.phantoms import ORIENTATIONS, cube_and_rod, enhanced_ct, save, write_series


def stack_of(folder: Path, voxels: np.ndarray | None = None, **options: Any) -> Stack:
    return arranged(write_series(folder, cube_and_rod() if voxels is None else voxels, **options))


def arranged(paths: list[Path]) -> Stack:
    headers, refused = read_headers(paths)
    assert not refused
    (series,) = group_into_series(headers)
    return arrange(slices_of(series))


def codes(stack: Stack) -> list[str]:
    return [finding.code for finding in stack.findings]


def numbers(stack: Stack) -> list[int]:
    return [one.header.instance_number for one in stack.chosen]


def moved(index: int, by_mm: float) -> dict[str, list[float]]:
    """Return the position of acquired slice `index` of an axial phantom, moved along z."""
    return {"ImagePositionPatient": [-100.0, -120.0, 30.0 + 2.0 * index + by_mm]}


def test_slices_are_ordered_by_position_and_nothing_else(tmp_path):
    shuffled = [7, 3, 11, 0, 5, 9, 1, 10, 2, 8, 4, 6]
    overrides = {
        index: {"InstanceNumber": number + 1, "SpacingBetweenSlices": 99.0, "SliceLocation": -float(number)}
        for index, number in enumerate(shuffled)
    }
    stack = stack_of(tmp_path, overrides=overrides)
    assert numbers(stack) == [number + 1 for number in shuffled]
    assert stack.findings == ()


def test_a_sound_series_is_described_in_millimetres(tmp_path):
    facts = stack_of(tmp_path).facts
    assert (facts.slices, facts.rows, facts.columns, facts.plane) == (12, 16, 20, "axial")
    assert facts.pixel_spacing_mm == (0.8, 0.7)
    assert (facts.slice_spacing_mm, facts.smallest_spacing_mm, facts.largest_spacing_mm) == (2, 2, 2)
    assert (facts.slice_thickness_mm, facts.coverage_mm) == (2, 24)
    assert facts.extent_mm == (24, 12.8, 14)
    assert (facts.tilt_degrees, facts.oblique_degrees, facts.gaps, facts.duplicates, facts.left_out) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_acquisition_makes_the_same_volume(tmp_path, orientation):
    paths = write_series(tmp_path, cube_and_rod(), orientation=orientation)
    headers, _ = read_headers(sorted(paths, reverse=True))
    volume = build_volume(group_into_series(headers)[0])
    assert np.array_equal(volume.voxels, cube_and_rod())
    assert volume.spacing_mm == (2.0, 0.8, 0.7)
    assert volume.geometry.extent_mm == (24, 12.8, 14)
    assert volume.geometry.plane == (orientation if orientation in ("coronal", "sagittal") else "axial")


def test_an_enhanced_object_makes_the_same_volume(tmp_path):
    headers, _ = read_headers([save(enhanced_ct(cube_and_rod()), tmp_path / "enhanced")])
    assert np.array_equal(build_volume(group_into_series(headers)[0]).voxels, cube_and_rod())


def test_every_slice_is_scaled_by_its_own_rescale(tmp_path):
    voxels = np.full((4, 6, 6), 100, np.int16)
    overrides = {2: {"RescaleSlope": 2, "RescaleIntercept": -2048}}
    headers, _ = read_headers(write_series(tmp_path, voxels, overrides=overrides))
    volume = build_volume(group_into_series(headers)[0])
    # stored 1124: 1124 * 2 - 2048 = 200
    assert volume.voxels[:, 0, 0].tolist() == [100, 100, 200, 100]


def test_missing_slices_are_counted_and_placed(tmp_path):
    paths = write_series(tmp_path, np.zeros((20, 6, 6), np.int16))
    stack = arranged(paths[:7] + paths[9:])
    (finding,) = stack.findings
    assert (finding.code, finding.severity) == ("missing_slices", Severity.BLOCK)
    assert finding.sentence == (
        "2 slices are missing between z 42.0 mm and z 48.0 mm: the others lie 2.0 mm apart, there it is 6.0 mm. "
        "Export the series again and see that all its images are copied."
    )
    assert (finding.expected, finding.found) == ("2.0 mm from slice to slice", "6.0 mm")
    assert (stack.facts.gaps, stack.facts.slices) == (1, 18)


def test_uneven_spacing_is_told_with_its_distances(tmp_path):
    overrides = {index: moved(index, (index - 5) * 1.5) for index in range(6, 12)}
    (finding,) = stack_of(tmp_path, overrides=overrides).findings
    assert (finding.code, finding.severity) == ("uneven_spacing", Severity.WARN)
    assert finding.found == "3.5 mm (6 ×) and 2.0 mm (5 ×)"


def test_rounded_positions_are_not_uneven(tmp_path):
    overrides = {index: moved(index, 0.02 * (-1) ** index) for index in range(12)}
    assert codes(stack_of(tmp_path, overrides=overrides)) == []


def test_images_at_one_place_are_kept_together(tmp_path):
    stack = stack_of(tmp_path, overrides={5: moved(4, 0.01)})
    assert [len(place) for place in stack.places] == [1] * 4 + [2] + [1] * 6
    assert stack.facts.duplicates == 1


def test_a_few_slices_of_another_orientation_are_left_out(tmp_path):
    overrides = {index: {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]} for index in (3, 4)}
    stack = stack_of(tmp_path, np.zeros((20, 6, 6), np.int16), overrides=overrides)
    finding = stack.findings[0]
    assert (finding.code, finding.severity, finding.where) == ("mixed_images", Severity.WARN, "images 4 to 5")
    assert finding.sentence.startswith("2 images of this series differ from the other 18 in orientation and were left")
    assert (stack.facts.slices, stack.facts.left_out) == (18, 2)


def test_a_few_slices_of_another_size_are_left_out(tmp_path):
    paths = write_series(tmp_path / "a", np.zeros((12, 6, 6), np.int16))
    paths += write_series(tmp_path / "b", np.zeros((1, 8, 8), np.int16), overrides={0: {"SOPInstanceUID": "1.2.3"}})
    stack = arranged(paths)
    assert [finding.sentence.split(" and was ")[0] for finding in stack.findings] == [
        "1 image of this series differs from the other 12 in matrix size"
    ]


def test_half_and_half_is_no_volume(tmp_path):
    overrides = {index: {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]} for index in range(5)}
    stack = stack_of(tmp_path, overrides=overrides)
    assert stack.places == ()
    assert [(finding.code, finding.severity) for finding in stack.findings] == [("mixed_images", Severity.BLOCK)]
    assert "groups of 7 and 5" in stack.findings[0].sentence


def test_stray_slices_far_away_are_left_out(tmp_path):
    overrides = {index: moved(index, 300) for index in (10, 11)}
    stack = stack_of(tmp_path, overrides=overrides)
    (finding,) = stack.findings
    assert (finding.code, finding.severity) == ("stray_slices", Severity.WARN)
    assert finding.where == "images 11 to 12 (z 350.0 mm), others z 30.0 mm to z 48.0 mm"
    assert (stack.facts.slices, stack.facts.left_out) == (10, 2)


def test_two_halves_far_apart_are_told_as_missing_slices(tmp_path):
    stack = stack_of(tmp_path, overrides={index: moved(index, 100) for index in range(6, 12)})
    assert [(finding.code, finding.severity) for finding in stack.findings] == [("missing_slices", Severity.BLOCK)]
    assert stack.facts.slices == 12


def test_gantry_tilt_is_measured_from_the_positions(tmp_path):
    lean = np.tan(np.radians(15)) * 2
    overrides = {
        index: {"ImagePositionPatient": [-100.0, -120.0 + lean * index, 30.0 + 2.0 * index]} for index in range(12)
    }
    stack = stack_of(tmp_path, overrides=overrides)
    (finding,) = stack.findings
    assert (finding.code, finding.severity, finding.found) == ("gantry_tilt", Severity.WARN, "15.0 degrees")
    assert stack.facts.tilt_degrees == 15
    assert len(stack.places) == 12


def test_oblique_slices_are_shown_in_the_nearest_plane(tmp_path):
    sine, cosine = np.sin(np.radians(25)), np.cos(np.radians(25))
    overrides = {
        index: {
            "ImageOrientationPatient": [1, 0, 0, 0, round(cosine, 6), round(sine, 6)],
            "ImagePositionPatient": [0, round(-sine * 2 * index, 4), round(cosine * 2 * index, 4)],
        }
        for index in range(12)
    }
    stack = stack_of(tmp_path, overrides=overrides)
    (finding,) = stack.findings
    assert (finding.code, finding.severity, stack.facts.plane) == ("oblique_slices", Severity.INFO, "axial")
    assert (stack.facts.oblique_degrees, stack.facts.slice_spacing_mm) == (25, 2)


def test_slices_beside_the_line_are_named(tmp_path):
    overrides = {index: {"ImagePositionPatient": [-60.0, -120.0, 30.0 + 2 * index]} for index in (8, 9)}
    (finding,) = stack_of(tmp_path, overrides=overrides).findings
    assert (finding.code, finding.where) == ("shifted_slices", "images 9 to 10")
    assert "2 slices lie up to 40.0 mm beside" in finding.sentence


def test_localizers_inside_a_series_are_left_out(tmp_path):
    overrides = {0: {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}}
    stack = stack_of(tmp_path, overrides=overrides)
    (finding,) = stack.findings
    assert (finding.code, finding.severity, finding.where) == ("localizer_inside", Severity.INFO, "image 1")
    assert stack.facts.slices == 11


@pytest.mark.parametrize(
    "attributes",
    [
        {"ImagePositionPatient": None},
        {"ImagePositionPatient": ["nan", "0", "0"]},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
        {"PixelSpacing": None},
        {"PixelSpacing": [0, 0]},
    ],
)
def test_images_that_do_not_say_where_they_lie(tmp_path, attributes):
    common = {**attributes}
    if "nan" in str(attributes):
        common = {"ImagePositionPatient": None, "SliceLocation": 1.0}
    stack = stack_of(tmp_path / "all", common=common)
    assert (stack.places, codes(stack), stack.findings[0].severity) == ((), ["no_position"], Severity.BLOCK)
    stack = stack_of(tmp_path / "one", overrides={11: common})
    assert (stack.facts.slices, codes(stack), stack.findings[0].severity) == (11, ["no_position"], Severity.WARN)


def test_a_single_image_is_no_volume(tmp_path):
    paths = write_series(tmp_path, np.zeros((1, 6, 6), np.int16))
    headers, _ = read_headers(paths)
    with pytest.raises(NotAVolume, match="This series holds one image only"):
        build_volume(group_into_series(headers)[0])


def test_bolus_tracking_is_no_volume(tmp_path):
    stack = stack_of(tmp_path, overrides={index: moved(0, 0) for index in range(12)})
    assert (stack.places, codes(stack)) == ((), ["single_slice"])
    assert "The 12 images of this series all lie at one place" in stack.findings[0].sentence


def test_slices_of_two_thicknesses_are_told(tmp_path):
    stack = stack_of(tmp_path, overrides={index: {"SliceThickness": 5} for index in range(4)})
    assert [finding.found for finding in stack.findings] == ["2.0 mm (8 ×) and 5.0 mm (4 ×)"]


def test_the_real_tilted_head(real_ct: Path):
    stack = arranged(sorted((real_ct / "dicom" / "head-tilted").iterdir()))
    assert codes(stack) == ["uneven_spacing", "gantry_tilt", "mixed_slice_thickness"]
    assert (stack.facts.tilt_degrees, stack.facts.slices) == (18.5, 28)


def test_every_finding_of_reading_is_in_the_documentation():
    root = Path(__file__).parents[2]
    sources = [root / "apps" / "imaging" / part / "sentences.py" for part in ("geometry", "digest")]
    told = {code for path in sources for code in re.findall(r'Finding\(\s*"(\w+)"', path.read_text())}
    documented = set(re.findall(r"^\| `(\w+)` \|", (root / "docs" / "dicom-notes.md").read_text(), re.MULTILINE))
    assert len(told) > 15
    assert told == documented
