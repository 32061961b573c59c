"""Where coverage is learned from: an archive, or a manifest whose lines are ranges of volumes."""

import csv

import numpy as np
import pytest

from apps.imaging.__main__ import main
from apps.imaging.errors import BadManifest
from apps.imaging.training.commands.coverage import labelled_volumes
from apps.imaging.training.coverage_pictures import real_series, volumes_with_regions
from apps.imaging.training.region_targets import OUTSIDE, RegionRange
from tests.imaging.training.conftest import write_volume
from tests.phantoms import cube_and_rod, write_series


@pytest.fixture
def line(tmp_path):
    """The head of a volume of 12 slices, as a line of a manifest."""
    write_volume(tmp_path / "v.npz", "brain", enhanced=False, seed=1)
    ends = {"z_low": "6", "z_high": "11", "set": "", "quality": "", "source": "one"}
    return {"path": "v.npz", "patient": "p1", "body_part": "brain", "contrast": "", **ends}


def regions(file):
    return {volume.name: volume.ranges for volume in volumes_with_regions(labelled_volumes(file))}


def test_lines_of_one_path_are_ranges_of_one_volume(write_manifest, line):
    neck = line | {"body_part": "neck", "z_low": "0", "z_high": "6", "contrast": "enhanced"}
    file = write_manifest(line, neck)
    assert regions(file) == {"v.npz": (RegionRange("head", 6, 11), RegionRange("neck", 0, 6))}
    (volume,) = volumes_with_regions(labelled_volumes(file))
    assert (volume.subject, volume.source, volume.quality) == ("p1", "one", "A")


def test_a_line_without_ends_is_its_whole_volume_dicom_too(tmp_path, write_manifest, line):
    write_series(tmp_path / "series", cube_and_rod())
    whole = line | {"z_low": "", "z_high": ""}
    chest = whole | {"path": "series", "patient": "p2", "body_part": "chest"}
    source = labelled_volumes(write_manifest(whole, chest))
    assert [(one.low, one.high) for one in source.ranges] == [(0, 11), (0, 11)]
    assert np.array_equal(source.load("series")[0], cube_and_rod())


def test_limbs_show_no_region_and_other_words_teach_nothing(write_manifest, line):
    whole = line | {"z_low": "", "z_high": ""}
    lines = [
        whole | {"body_part": word, "z_high": high, "z_low": "0"} for word, high in (("other", "5"), ("spine", "6"))
    ]
    assert regions(write_manifest(*lines)) == {"v.npz": (RegionRange(OUTSIDE, 0, 5),)}


def test_validation_sets_planes_and_unlabelled_lines_are_left_out(tmp_path, write_manifest, line):
    write_volume(tmp_path / "w.npz", "chest", enhanced=True, seed=2)
    external = line | {"path": "w.npz", "patient": "p2", "set": "external"}
    unlabelled = line | {"path": "w.npz", "patient": "p3", "body_part": "", "contrast": "enhanced"}
    assert list(regions(write_manifest(line, external, unlabelled))) == ["v.npz"]


@pytest.mark.parametrize("body_part", ["abdomen_pelvis", "spine"])
def test_a_manifest_that_says_of_no_region_where_it_lies_is_refused(write_manifest, line, body_part):
    with pytest.raises(BadManifest, match="has no range of a volume whose body part is brain, neck, chest, abdomen"):
        labelled_volumes(write_manifest(line | {"body_part": body_part}))


def test_a_manifest_is_read_as_strictly_as_for_training(write_manifest, line):
    with pytest.raises(BadManifest, match=r"z_high.*the volume has slices 0 to 11"):
        labelled_volumes(write_manifest(line | {"z_high": "12"}))


def test_what_is_neither_is_refused(tmp_path):
    with pytest.raises(BadManifest, match=r"it has no volumes\.csv"):
        labelled_volumes(tmp_path)
    with pytest.raises(BadManifest, match="cannot be read"):
        labelled_volumes(tmp_path / "nothing.csv")


def test_an_archive_and_its_manifest_teach_the_same(tmp_path):
    archive = tmp_path / "archive"
    (archive / "volumes").mkdir(parents=True)
    write_volume(archive / "volumes" / "a.npz", "chest", enhanced=True, seed=1)
    crops = [
        {"volume": "a", "z_low": low, "z_high": high, "body_part": word, "contrast": "enhanced", "quality": "A"}
        for word, low, high in (("chest", 5, 11), ("abdomen", 2, 5), ("abdomen_pelvis", 0, 5))
    ]
    for name, rows in (("volumes", [{"volume": "a", "subject": "s1", "source": "one"}]), ("crops", crops)):
        with (archive / f"{name}.csv").open("w", newline="") as stream:
            table = csv.DictWriter(stream, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    assert main(["manifest", str(archive), str(tmp_path / "manifest.csv")]) == 0
    sources = [labelled_volumes(archive), labelled_volumes(tmp_path / "manifest.csv")]
    drawn = [list(real_series(source, volumes_with_regions(source))) for source in sources]
    assert len(drawn[0]) == 4
    for one, other in zip(*drawn, strict=True):
        assert np.array_equal(one.pictures, other.pictures) and np.array_equal(one.targets, other.targets)
        assert (one.series.patient, one.series.labels, one.length_mm) == (
            other.series.patient,
            other.series.labels,
            other.length_mm,
        )
