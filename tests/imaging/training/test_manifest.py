"""Manifests: read, or refused with every problem at once."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from apps.imaging.errors import BadManifest
from apps.imaging.training.manifest import read_manifest
from apps.imaging.training.recipe import parse_recipe
from tests.imaging.training.conftest import write_volume
from tests.imaging.training.tiny_run import tiny_recipe

RECIPE = parse_recipe(tiny_recipe(), "tiny")


@pytest.fixture
def line(tmp_path):
    """A good line, with its volume of 12 slices."""
    write_volume(tmp_path / "v.npz", "chest", enhanced=True, seed=1)
    return {"path": "v.npz", "patient": "p1", "body_part": "chest", "contrast": "enhanced", "name": "one"}


def refusal(manifest):
    with pytest.raises(BadManifest) as refused:
        read_manifest(manifest, RECIPE)
    return str(refused.value)


def test_a_manifest_says_what_each_series_is(tiny_manifest):
    manifest = read_manifest(tiny_manifest, RECIPE)
    first, last = manifest.series[0], manifest.series[-1]
    assert (first.name, first.patient, first.z_range, first.set) == ("v0", "p0", (2, 9), "development")
    assert first.labels == {"body_part": "brain", "contrast": "enhanced"} and first.path.is_file()
    assert last.labels == {"body_part": "other"} and last.z_range is None
    assert len(manifest.sha256) == 64


def test_a_body_part_that_a_module_is_not_asked_of_is_for_the_others_alone(write_manifest, line):
    modules = RECIPE.modules
    asked = replace(RECIPE, modules=modules | {"contrast": replace(modules["contrast"], not_of=("brain",))})
    head = line | {"name": "two", "patient": "p2", "body_part": "brain"}
    chest, brain = read_manifest(write_manifest(line, head), asked).series
    assert chest.labels == {"body_part": "chest", "contrast": "enhanced"} and brain.labels == {"body_part": "brain"}
    alone = replace(asked, modules={"contrast": asked.modules["contrast"]})
    assert [one.name for one in read_manifest(write_manifest(line, head), alone).series] == ["one"]


def test_columns_of_the_lab_are_left_alone(write_manifest, line):
    assert read_manifest(write_manifest(line | {"reader": "Dr. K"}), RECIPE).series[0].name == "one"


def test_all_problems_are_told_at_once_with_line_column_and_remedy(write_manifest, line):
    said = refusal(
        write_manifest(
            line | {"z_low": "3", "z_high": ""},
            line | {"name": "two", "patient": ""},
            line | {"name": "three", "path": "gone.npz"},
            line | {"name": "four", "body_part": "thorax"},
            line | {"name": "five", "body_part": "", "contrast": ""},
            line | {"name": "one", "z_low": "0", "z_high": "40"},
            line | {"name": "six", "z_low": "8", "z_high": "3"},
            line | {"name": "seven", "patient": "p2", "set": "test"},
        )
    )
    for part in (
        "has 9 problems",
        "line 2, column z_high: is empty, the other end is not",
        "line 3, column patient: is empty",
        "line 4, column path: gone.npz does not exist",
        "line 5, column body_part: 'thorax' is none of the recipe's classes (brain, chest, abdomen, other); mend it, "
        "leave it empty, or train by a copy of the recipe that names it",
        "line 6, column body_part and contrast: are all empty",
        "line 7, column z_high: 40: the volume has slices 0 to 11",
        "line 7, column name: one is the name of line 2 too",
        "line 8, column z_high: 3 is not above z_low, 8",
        "line 9, column set: 'test' is unknown; write development, internal, external",
    ):
        assert part in said, said


def test_a_patient_who_is_trained_on_cannot_validate(write_manifest, line):
    said = refusal(write_manifest(line, line | {"name": "two", "set": "external"}))
    assert "patient p1 is external here and development in line 2" in said


def test_a_missing_or_misspelt_column_is_named(write_manifest, line):
    del line["contrast"]
    said = refusal(write_manifest(line | {"Contrast": "enhanced", "z_lo": "1"}))
    assert "line 1, column contrast: the header lacks it" in said and "what you call Contrast" in said
    assert "line 1, column z_lo: is no known column; write z_low" in said


def test_rows_of_another_length_than_the_header_are_refused(write_manifest, line):
    manifest = write_manifest(line)
    manifest.write_text(manifest.read_text() + "v.npz,p2,chest\n")
    assert "line 3: has 3 cells, the header 5" in refusal(manifest)


@pytest.mark.parametrize("content", [b"", b"path\xff,patient", b"path,path,patient,body_part,contrast\n"])
def test_what_is_no_table_is_refused(tmp_path, content):
    (tmp_path / "manifest.csv").write_bytes(content)
    assert "manifest.csv" in refusal(tmp_path / "manifest.csv")


def test_a_manifest_that_is_not_there_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.csv")


def test_without_a_development_set_there_is_nothing_to_train_on(write_manifest, line):
    assert "nothing to train on" in refusal(write_manifest(line | {"set": "internal"}))


def test_a_file_that_is_no_volume_is_refused(tmp_path, write_manifest, line):
    np.savez(tmp_path / "other.npz", pixels=np.zeros(3))
    (tmp_path / "text.npz").write_text("no archive")
    said = refusal(write_manifest(line | {"path": "other.npz"}, line | {"path": "text.npz", "name": "two"}))
    assert "other.npz is no volume: an .npz volume holds voxels" in said and "text.npz is no volume" in said


def test_pictures_of_planes_need_all_three(tmp_path, write_manifest, line):
    for plane in ("axial", "coronal"):
        Image.fromarray(np.full((8, 8), 1024, dtype=np.uint16)).save(tmp_path / f"scan-{plane}.png")
    planes = line | {"path": "scan-{plane}.png", "body_part": ""}
    assert "no picture of the plane sagittal" in refusal(write_manifest(planes))
    Image.fromarray(np.full((8, 8), 1024, dtype=np.uint16)).save(tmp_path / "scan-sagittal.png")
    series = read_manifest(write_manifest(planes), RECIPE).series[0]
    assert series.kind == "planes" and series.plane_file("sagittal").name == "scan-sagittal.png"


def test_a_dicom_folder_a_file_or_a_pattern_is_found(tmp_path, write_manifest, line):
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "a.dcm").write_bytes(b"")
    lines = [line | {"path": path, "name": path} for path in ("series", "series/a.dcm", "series/*.dcm")]
    assert {series.kind for series in read_manifest(write_manifest(*lines), RECIPE).series} == {"dicom"}
    assert "no file has such a name" in refusal(write_manifest(line | {"path": "series/*.ima"}))


def test_the_manifest_of_an_archive_is_one_that_can_be_trained_on(tmp_path):
    from apps.imaging.__main__ import main

    archive = tmp_path / "archive"
    (archive / "volumes").mkdir(parents=True)
    write_volume(archive / "volumes" / "a.npz", "chest", enhanced=True, seed=1)
    write_table(archive / "volumes.csv", [{"volume": "a", "subject": "s1", "source": "one"}])
    crop = {"volume": "a", "z_low": 0, "z_high": 5, "quality": "A"}
    crops = [
        crop | {"body_part": "chest", "contrast": "enhanced"},
        crop | {"body_part": "other", "contrast": "enhanced"},
    ]
    crops[1]["z_low"] = 1
    write_table(archive / "crops.csv", crops)
    assert main(["manifest", str(archive), str(tmp_path / "manifest.csv")]) == 0
    series = read_manifest(tmp_path / "manifest.csv", RECIPE).series
    assert [one.name for one in series] == ["a:0-5", "a:1-5"]
    assert series[0].labels == {"body_part": "chest", "contrast": "enhanced"}
    assert series[1].labels == {"body_part": "other"}


def test_a_folder_that_is_no_archive_is_refused(tmp_path, capsys):
    from apps.imaging.__main__ import main

    assert main(["manifest", str(tmp_path), str(tmp_path / "manifest.csv")]) == 2
    assert "is no archive of volumes: it has no volumes.csv" in capsys.readouterr().err


def write_table(file, rows):
    with file.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def test_a_recipe_of_one_module_leaves_out_what_it_does_not_ask_about(write_manifest, line):
    table = tiny_recipe()
    only = parse_recipe(table | {"modules": {"contrast": table["modules"]["contrast"]}}, "tiny")
    manifest = read_manifest(write_manifest(line, line | {"name": "limb", "contrast": ""}), only)
    assert [one.name for one in manifest.series] == ["one"]
    assert (manifest.series[0].labels, manifest.series[0].body_part) == ({"contrast": "enhanced"}, "chest")
    notes = read_manifest(write_manifest(line | {"body_part": "Head & neck"}, name="notes.csv"), only)
    assert notes.series[0].body_part == ""
