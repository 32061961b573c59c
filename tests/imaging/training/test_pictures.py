"""The pictures of a run: read as the product reads, drawn the same each time, gone on with after a stop."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from apps.imaging.digest import build_digest
from apps.imaging.errors import BadManifest
from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.projections import project
from apps.imaging.sources import collect
from apps.imaging.training import pictures as drawing_of_pictures
from apps.imaging.training.archive import read_volume
from apps.imaging.training.drawing import FIRST_TRAINING_PHANTOM, make_plan, people
from apps.imaging.training.manifest import read_manifest
from apps.imaging.training.pictures import draw_pictures
from apps.imaging.training.recipe import SeriesAugmentation, parse_recipe
from apps.imaging.training.run import classes_of
from apps.imaging.training.store import open_store
from apps.imaging.vocabulary import PICTURES
from tests.imaging.training.conftest import write_volume
from tests.imaging.training.tiny_run import tiny_recipe
from tests.phantoms import cube_and_rod, write_series

RECIPE = parse_recipe(tiny_recipe(), "tiny")


def draw(manifest, folder, recipe=RECIPE, processes=1):
    """Draw the pictures of a manifest and return the real ones."""
    read = read_manifest(manifest, recipe)
    classes = classes_of(recipe, [(one.set, one.labels) for one in read.series])
    draw_pictures(folder, read, make_plan(recipe, classes, read.series), processes)
    return open_store(folder / "real")


def with_drawn(**numbers):
    """The tiny recipe with series drawn once."""
    none = {"per_class": 0, "phantoms": 0, "spines": 0, "test_objects": 0, "seeds": 1}
    return replace(RECIPE, series_augmentation=SeriesAugmentation(**(none | numbers)))


def test_a_range_of_a_volume_makes_the_pictures_of_a_series_of_these_slices(tiny_manifest, tmp_path):
    store = draw(tiny_manifest, tmp_path / "pictures")
    voxels, _ = read_volume(tmp_path / "v0.npz")
    expected = project(voxels[2:10])
    assert store.rows[0].name == "v0" and store.pictures == PICTURES
    assert all(np.array_equal(store.picture(name)[0], expected[name]) for name in PICTURES)


def test_a_run_of_contrast_alone_keeps_what_the_manifest_says_of_the_body_part(tiny_manifest, tmp_path):
    contrast = replace(RECIPE, modules={"contrast": RECIPE.modules["contrast"]})
    rows = draw(tiny_manifest, tmp_path / "pictures", contrast).rows
    assert {row.body_part for row in rows} == {"brain", "chest"}
    assert all(list(row.labels) == ["contrast"] for row in rows)


def test_a_dicom_series_makes_the_pictures_that_the_product_makes(tmp_path, write_manifest):
    write_series(tmp_path / "series", cube_and_rod())
    write_volume(tmp_path / "v.npz", "brain", enhanced=False, seed=1)
    lines = [
        {"path": "series", "patient": "p1", "body_part": "chest", "contrast": "enhanced", "z_low": "", "z_high": ""},
        {
            "path": "series/*",
            "patient": "p1",
            "body_part": "chest",
            "contrast": "enhanced",
            "z_low": "1",
            "z_high": "6",
        },
        {"path": "v.npz", "patient": "p2", "body_part": "brain", "contrast": "non_contrast"},
    ]
    store = draw(write_manifest(*lines), tmp_path / "pictures")
    headers, _ = read_headers(collect([tmp_path / "series"], tmp_path).files, {})
    digest = build_digest(group_into_series(headers)[0])
    assert all(np.array_equal(store.picture(name)[0], digest.pictures[name]) for name in PICTURES)
    expected = project(cube_and_rod()[1:7])
    assert all(np.array_equal(store.picture(name)[1], expected[name]) for name in PICTURES)


def test_of_middle_planes_only_the_mid_pictures_show_something(tmp_path, write_manifest):
    write_volume(tmp_path / "v.npz", "brain", enhanced=False, seed=1)
    for plane in ("axial", "sagittal", "coronal"):
        Image.fromarray(np.full((20, 30), 1024 + 50, dtype=np.uint16)).save(tmp_path / f"scan-{plane}.png")
    edge = np.full((20, 30), 0, dtype=np.uint16)
    edge[5:15, 5:25] = 1074
    Image.fromarray(edge).save(tmp_path / "scan-axial.png")
    lines = [
        {"path": "scan-{plane}.png", "patient": "p1", "body_part": "", "contrast": "enhanced"},
        {"path": "v.npz", "patient": "p2", "body_part": "brain", "contrast": "non_contrast"},
        {"path": "v.npz", "patient": "p2", "body_part": "chest", "contrast": "non_contrast"},
    ]
    store = draw(write_manifest(*lines), tmp_path / "pictures")
    shown = {name for name in PICTURES if store.picture(name)[0].any()}
    assert shown == {"mid_axial", "mid_sagittal", "mid_coronal"}
    # The margin around the scanned part is cut off: 50 HU, the middle of the window, fills the picture.
    assert (store.picture("mid_axial")[0] == 128).all()


def test_a_drawing_that_was_stopped_goes_on_with_what_is_missing(tiny_manifest, tmp_path, monkeypatch):
    recipe = with_drawn(per_class=1, test_objects=2)
    draw(tiny_manifest, tmp_path / "whole", recipe)
    drawn_now = []
    of_job = drawing_of_pictures.Job.run

    def run(job, plan):
        if job.seed == 1 and len(drawn_now) == 20:
            raise KeyboardInterrupt
        drawn_now.append(job.key)
        return of_job(job, plan)

    monkeypatch.setattr(drawing_of_pictures.Job, "run", run)
    with pytest.raises(KeyboardInterrupt):
        draw(tiny_manifest, tmp_path / "stopped", recipe)
    before = list(drawn_now)
    drawn_now.clear()
    draw(tiny_manifest, tmp_path / "stopped", recipe)
    assert len(before) == 20 and drawn_now and len(drawn_now) < 20
    whole, stopped = (np.load(tmp_path / run / "drawn-1.npy") for run in ("whole", "stopped"))
    assert np.array_equal(whole, stopped)
    assert not list((tmp_path / "stopped").glob("*.parts"))


def test_every_series_that_cannot_be_read_is_named_and_the_others_are_kept(tiny_manifest, tmp_path):
    for name in ("v4", "v9"):
        with np.load(tmp_path / f"{name}.npz") as stored:
            voxels = stored["voxels"]
        np.savez(tmp_path / f"{name}.npz", voxels=voxels.astype(np.float32), spacing_mm=np.ones(3))
    with pytest.raises(BadManifest) as refused:
        draw(tiny_manifest, tmp_path / "pictures")
    said = str(refused.value)
    assert "line 6: ValueError: voxels have to be int16" in said and "line 11: " in said
    for name in ("v4", "v9"):
        write_volume(tmp_path / f"{name}.npz", "brain", enhanced=True, seed=1)
    assert len(draw(tiny_manifest, tmp_path / "pictures").rows) == 14


def test_each_combination_of_labels_gives_its_number_of_variations(tiny_manifest):
    recipe = with_drawn(per_class=6)
    read = read_manifest(tiny_manifest, recipe)
    classes = classes_of(recipe, [(one.set, one.labels) for one in read.series])
    shares = make_plan(recipe, classes, read.series).shares
    of_cell = {}
    for one in read.series:
        cell = tuple(one.labels.values())
        of_cell[cell] = of_cell.get(cell, 0) + shares[one.name]
    assert len(of_cell) == 5
    assert all(total == pytest.approx(6) for total in of_cell.values())


def test_series_of_the_validation_sets_are_never_varied(tiny_manifest, tmp_path):
    content = tiny_manifest.read_text().splitlines()
    lines = [
        content[0] + ",set",
        *(line + (",external" if index < 4 else ",") for index, line in enumerate(content[1:])),
    ]
    tiny_manifest.write_text("\n".join(lines) + "\n")
    draw(tiny_manifest, tmp_path / "pictures", with_drawn(per_class=1))
    drawn = open_store(tmp_path / "pictures" / "drawn-1")
    assert drawn.rows and not {"p0", "p1", "p2", "p3"} & {row.patient for row in drawn.rows}


def test_phantoms_bear_the_labels_that_the_run_has_classes_for():
    classes = {"body_part": ("chest", "other"), "contrast": ("enhanced", "non_contrast")}
    plan = make_plan(with_drawn(), classes, [])
    assert plan.labels({"body_part": "chest", "contrast": "enhanced"}) == {"body_part": "chest", "contrast": "enhanced"}
    assert plan.labels({"body_part": "neck", "contrast": "enhanced"}) == {"contrast": "enhanced"}
    assert plan.silent_labels() == {"body_part": "other"}


def test_phantoms_bear_no_label_of_a_module_that_is_not_asked_of_their_body_part():
    asked = replace(RECIPE, modules={"contrast": replace(RECIPE.modules["contrast"], not_of=("brain",))})
    plan = make_plan(asked, {"contrast": ("enhanced", "non_contrast")}, [])
    assert plan.labels({"body_part": "brain", "contrast": "enhanced"}) == {}
    assert plan.labels({"body_part": "chest", "contrast": "enhanced"}) == {"contrast": "enhanced"}


def test_phantoms_of_training_are_none_that_anybody_is_shown():
    assert min(people(1, 20)) >= FIRST_TRAINING_PHANTOM
    assert people(1, 20) == people(1, 20) and not set(people(1, 20)) & set(people(2, 20))


def test_without_a_silent_class_nothing_out_of_scope_is_drawn(tiny_manifest, tmp_path):
    table = tiny_recipe()
    modules = {"contrast": table["modules"]["contrast"]}
    recipe = replace(
        parse_recipe(table | {"modules": modules}, "tiny"),
        series_augmentation=SeriesAugmentation(1, 0, 2, 3, 1),
    )
    lines = [line for line in tiny_manifest.read_text().splitlines() if ",other," not in line]
    tiny_manifest.write_text("\n".join(lines) + "\n")
    draw(tiny_manifest, tmp_path / "pictures", recipe)
    drawn = open_store(tmp_path / "pictures" / "drawn-1")
    assert drawn.rows and {row.origin for row in drawn.rows} == {"augmented"}
