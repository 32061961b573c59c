"""Choosing the ensemble of a run, and keeping the choice."""

import numpy as np
import pytest

from apps.imaging.__main__ import main
from apps.imaging.errors import BadRun
from apps.imaging.training.ensemble_file import BEST, ENSEMBLE, PUBLISHED, choose, read_chosen
from apps.imaging.training.evaluate.chosen import USUAL_SETTINGS
from apps.imaging.training.run import Predictions, open_run


def test_the_choice_is_read_as_it_was_kept(tiny_run):
    chosen = choose(tiny_run, USUAL_SETTINGS, published=False)
    chosen.save(tiny_run.folder)
    assert read_chosen(tiny_run.folder) == chosen
    assert chosen.choice == BEST
    assert chosen.modules["body_part"].pictures["axial"] == "mip_axial"
    assert set(chosen.modules["body_part"].parts.values()) == {"all"}
    assert chosen.modules["contrast"].abstention.max_distance < 0.6


def test_the_published_pictures_can_be_asked_for(tiny_run):
    chosen = choose(tiny_run, USUAL_SETTINGS, published=True)
    assert chosen.choice == PUBLISHED
    assert chosen.modules["contrast"].pictures == {
        "axial": "mid_axial",
        "sagittal": "mid_sagittal",
        "coronal": "mid_coronal",
    }


def test_weights_of_the_first_fold_ship_where_none_were_trained_on_all(tiny_run):
    for done in tiny_run.folder.glob("classifiers/contrast/mid_axial/all/done.json"):
        done.unlink()
    chosen = choose(open_run(tiny_run.folder), USUAL_SETTINGS, published=True)
    assert chosen.modules["contrast"].parts == {"axial": "fold-0", "sagittal": "all", "coronal": "all"}


def test_the_best_picture_of_a_plane_enters(tiny_run):
    # The middle plane is right everywhere, the projection is wrong on one chest.
    source = tiny_run.folder / "classifiers" / "body_part" / "mip_axial"
    for part in source.iterdir():
        copy = source.parent / "mid_axial" / part.name
        copy.mkdir(parents=True)
        for file in part.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        if part.name.startswith("fold"):
            said = np.load(copy / "held-out.npz")
            truth = [tiny_run.real.rows[index].labels["body_part"] for index in said["series"]]
            classes = tiny_run.classes("body_part")
            right = 4.5 * np.eye(len(classes), dtype=np.float32)[[classes.index(word) for word in truth]]
            Predictions(said["series"], right, said["distance"]).save(copy / "held-out.npz")
    run = open_run(tiny_run.folder)
    assert choose(run, USUAL_SETTINGS, published=False).modules["body_part"].pictures["axial"] == "mid_axial"
    assert choose(run, USUAL_SETTINGS, published=True).modules["body_part"].pictures["axial"] == "mip_axial"


@pytest.mark.parametrize("published", [True, False])
def test_a_run_without_a_plane_is_refused_by_name(tiny_run, published):
    for done in tiny_run.folder.glob("classifiers/body_part/mip_coronal/*/done.json"):
        done.unlink()
    with pytest.raises(BadRun, match="An ensemble for body_part needs finished folds"):
        choose(open_run(tiny_run.folder), USUAL_SETTINGS, published=published)


def test_the_command_writes_the_choice_and_says_it(tiny_run, capsys):
    assert main(["ensemble", str(tiny_run.folder), "--published", "--aim", "contrast=0.9"]) == 0
    told = capsys.readouterr().out
    assert "contrast: mid_axial (all)" in told and ENSEMBLE in told
    assert read_chosen(tiny_run.folder).modules["contrast"].limits["aim"] == 0.9


def test_a_run_without_a_choice_says_how_to_make_one(tiny_run):
    with pytest.raises(BadRun, match=r"python -m apps\.imaging ensemble"):
        read_chosen(tiny_run.folder)
    (tiny_run.folder / ENSEMBLE).write_text('{"choice": "best", "modules": {"contrast": {}}}')
    with pytest.raises(BadRun, match="cannot be read"):
        read_chosen(tiny_run.folder)
