"""Run folders: what evaluation and export read."""

import json

import numpy as np
import pytest

from apps.imaging.errors import BadManifest, BadRun
from apps.imaging.training.recipe import parse_recipe
from apps.imaging.training.run import classes_of, open_run, read_config, start_run
from apps.imaging.training.store import open_store, write_store
from tests.imaging.training.tiny_run import CLASSES, tiny_pictures, tiny_recipe, tiny_rows, write_tiny_run


def test_a_run_lists_its_finished_classifiers_alone(tiny_run):
    assert len(tiny_run.classifiers()) == 18
    (tiny_run.classifiers()[0].folder / "done.json").unlink()
    assert len(tiny_run.classifiers()) == 17
    assert [one.part for one in tiny_run.classifiers()[-3:]] == ["fold-0", "fold-1", "all"]


def test_predictions_of_all_folds_cover_the_development_set_once(tiny_run):
    of_picture = [one for one in tiny_run.classifiers() if one.picture == "mip_coronal" and one.fold is not None]
    series = np.concatenate([one.predictions("held-out").series for one in of_picture])
    assert sorted(series) == list(tiny_run.real.in_set("development"))
    patients = {tiny_run.real.rows[index].patient for index in of_picture[0].predictions("held-out").series}
    assert {tiny_run.folds[patient] for patient in patients} == {0}


def test_series_without_a_label_of_the_module_are_left_out(tiny_run):
    contrast = next(one for one in tiny_run.classifiers() if one.module == "contrast")
    names = {tiny_run.real.rows[index].name for index in contrast.predictions("held-out").series}
    assert names and not any(name.startswith("limb") for name in names)


def test_the_whole_trained_classifier_predicts_the_validation_sets(tiny_run):
    whole = next(one for one in tiny_run.classifiers() if one.part == "all")
    assert len(whole.predictions("external").series) == 6
    with pytest.raises(BadRun, match="has no predictions of the held-out series"):
        whole.predictions("held-out")


def test_classes_and_silent_classes_are_those_of_the_run(tiny_run):
    assert tiny_run.classes("body_part") == CLASSES["body_part"]
    assert tiny_run.silent("body_part") == ("other",)


def test_a_folder_without_configuration_is_no_run(tmp_path):
    with pytest.raises(BadRun, match=r"is no training run: it has no config\.json"):
        open_run(tmp_path)


def test_a_damaged_configuration_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BadRun, match="cannot be read"):
        open_run(tmp_path)


def test_a_run_goes_on_with_the_same_and_refuses_another_recipe(tmp_path):
    config = dict(read_config(write_tiny_run(tmp_path / "run").folder))
    start_run(tmp_path / "run", config)
    config["recipe"] = json.loads(json.dumps(config["recipe"])) | {"folds": 3}
    with pytest.raises(BadRun, match="holds a run with other recipe"):
        start_run(tmp_path / "run", config)


def test_stored_pictures_come_back(tmp_path):
    rows = tiny_rows()[:3]
    write_store(tmp_path / "real", ("mip_axial",), rows, (tiny_pictures(row)[:1] for row in rows))
    store = open_store(tmp_path / "real")
    assert store.rows == rows and store.pictures == ("mip_axial",)
    assert np.array_equal(store.picture("mip_axial")[2], tiny_pictures(rows[2])[0])
    with pytest.raises(BadRun, match="mid_axial is not among them"):
        store.picture("mid_axial")


def test_stored_pictures_that_lost_a_part_are_refused(tmp_path):
    rows = tiny_rows()[:3]
    write_store(tmp_path / "real", ("mip_axial",), rows, (tiny_pictures(row)[:1] for row in rows))
    table = (tmp_path / "real.csv").read_text().splitlines()
    (tmp_path / "real.csv").write_text("\n".join(table[:-1]))
    with pytest.raises(BadRun, match="are not whole"):
        open_store(tmp_path / "real")
    (tmp_path / "real.npy").unlink()
    with pytest.raises(BadRun, match="cannot be read"):
        open_store(tmp_path / "real")
    (tmp_path / "real.json").unlink()
    with pytest.raises(BadRun, match="There are no stored pictures"):
        open_store(tmp_path / "real")


def test_classes_come_from_the_manifest_when_the_recipe_names_none():
    table = tiny_recipe()
    table["modules"] = {"phase": table["modules"]["contrast"] | {"classes": []}}
    recipe = parse_recipe(table, "tiny")
    rows = [("development", {"phase": "venous"}), ("development", {"phase": "arterial"}), ("external", {"phase": "x"})]
    assert classes_of(recipe, rows) == {"phase": ("arterial", "venous")}
    with pytest.raises(BadManifest, match="phase needs two classes or more"):
        classes_of(recipe, rows[1:])
