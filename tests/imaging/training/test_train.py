"""Training itself, on small volumes and a few steps: from manifest to predictions."""

# ruff: noqa: E402 - whether torch is there is asked before what needs it is imported

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training packages are not installed")

from apps.imaging.__main__ import main
from apps.imaging.errors import BadRun
from apps.imaging.networks import make_network, read_weights
from apps.imaging.training.classifiers import Selection, train_classifiers
from apps.imaging.training.fit import Device, Examples, Fit
from apps.imaging.training.inputs import Inputs, Windows
from apps.imaging.training.locking import lock_or_skip
from apps.imaging.training.recipe import parse_recipe
from apps.imaging.training.run import open_run
from tests.imaging.training.tiny_run import tiny_recipe

CPU = Device(torch.device("cpu"), bfloat16=False)
RECIPE = parse_recipe(tiny_recipe(), "tiny")


@pytest.fixture
def recipe_file(tmp_path):
    """Writes a recipe as TOML; changes replace whole sections."""

    def write(**changes):
        file = tmp_path / "recipe.toml"
        file.write_text(as_toml(tiny_recipe(**changes)))
        assert tomllib.loads(file.read_text())["name"] == "tiny"
        return file

    return write


def as_toml(table, path=""):
    """Plain values and sections as TOML."""
    values = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    sections = [(f"{path}{key}", value) for key, value in table.items() if isinstance(value, dict)]
    parts = [f"[{name}]\n{as_toml(value, name + '.')}" for name, value in sections]
    return "\n".join([*values, "", *parts])


@pytest.fixture
def train(tmp_path, tiny_manifest, recipe_file):
    """Trains into the folder `run` without ImageNet weights and returns the exit code."""

    def do(*options, recipe=None, run="run"):
        file = recipe or recipe_file()
        words = ["train", str(tiny_manifest), str(tmp_path / run), "--recipe", str(file), "--weights", "none"]
        return main([*words, "--threads", "1", "--processes", "1", *options])

    return do


ONE = ("--module", "body_part", "--picture", "mip_axial")


def test_one_command_leads_from_a_manifest_to_predictions(train, tmp_path):
    assert train("--module", "contrast", "--picture", "mid_axial") == 0
    run = open_run(tmp_path / "run")
    assert [one.part for one in run.classifiers()] == ["fold-0", "fold-1", "all"]
    held_out = [one.predictions("held-out") for one in run.classifiers()[:2]]
    series = np.concatenate([said.series for said in held_out])
    labelled = [index for index, row in enumerate(run.real.rows) if "contrast" in row.labels]
    assert sorted(series) == labelled and len(labelled) == 12
    assert held_out[0].logits.shape == (len(held_out[0].series), 2) and held_out[0].logits.dtype == np.float32
    assert (held_out[0].distance >= -1e-5).all() and (held_out[0].distance <= 2).all()
    folder = run.classifiers()[0].folder
    bias = torch.load(folder / "weights.pt", weights_only=True)["classifier.bias"].numpy()
    assert np.allclose(held_out[0].activation.mean(axis=(2, 3), dtype=np.float32) + bias, held_out[0].logits, atol=0.01)
    assert {file.name for file in folder.iterdir()} == {
        *("curve.csv", "curve.svg", "done.json", "held-out.npz", "lock", "references.npy", "weights.pt"),
    }
    assert run.classifiers()[0].done()["steps"] == 4
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["packages"]["torch"] and environment["precision"] == "float32"
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "no ImageNet weights" in log and "classifiers: 2 of 3 trained" in log


def test_series_that_are_no_answer_are_predicted_too(train, tmp_path):
    assert train(*ONE, "--fold", "0", "--fold", "1") == 0
    run = open_run(tmp_path / "run")
    series = np.concatenate([one.predictions("held-out").series for one in run.classifiers()])
    assert {run.real.rows[index].labels["body_part"] for index in series} == {"brain", "chest", "other"}


def test_what_is_finished_is_kept(train, tmp_path):
    assert train(*ONE, "--all-only") == 0
    weights = tmp_path / "run" / "classifiers" / "body_part" / "mip_axial" / "all" / "weights.pt"
    before = weights.stat().st_mtime_ns
    assert train(*ONE) == 0
    assert weights.stat().st_mtime_ns == before
    assert len(open_run(tmp_path / "run").classifiers()) == 3


def test_two_trainings_of_one_run_do_not_meet_in_a_classifier(train, tmp_path):
    assert train(*ONE, "--pictures-only") == 0
    folder = tmp_path / "run" / "classifiers" / "body_part" / "mip_axial" / "fold-0"
    folder.mkdir(parents=True)
    with lock_or_skip(folder / "lock") as held:
        assert held
        assert train(*ONE) == 0
    assert [one.part for one in open_run(tmp_path / "run").classifiers()] == ["fold-1", "all"]
    assert "body_part mip_axial fold-0: another training of this run is at it" in (tmp_path / "run/log.txt").read_text()


def test_another_recipe_needs_another_folder(train, recipe_file, tmp_path, capsys):
    assert train(*ONE, "--fold", "0") == 0
    assert train(*ONE, recipe=recipe_file(folds=3)) == 2
    assert "holds a run with other recipe" in capsys.readouterr().err
    assert train(*ONE, "--steps", "5") == 2


def test_what_the_recipe_does_not_have_is_refused(train, capsys):
    assert train("--module", "phase") == 2
    assert train("--picture", "aip_axial") == 2
    assert train("--fold", "2") == 2
    said = capsys.readouterr().err
    assert "has no phase; it has body_part, contrast" in said and "has no fold-2" in said


def test_a_bad_manifest_is_refused_before_anything_is_written(train, tiny_manifest, tmp_path, capsys):
    tiny_manifest.write_text(tiny_manifest.read_text().replace("chest", "thorax"))
    assert train() == 2
    assert "'thorax' is none of the recipe's classes" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_series_that_cannot_be_read_is_named_with_its_line(train, tiny_manifest, tmp_path, capsys):
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "a.dcm").write_bytes(b"no DICOM")
    tiny_manifest.write_text(tiny_manifest.read_text().replace("v3.npz", "series"))
    assert train() == 2
    assert "line 5: " in capsys.readouterr().err


def test_drawn_series_are_learned_from_and_never_of_a_held_out_patient(train, recipe_file, tmp_path):
    numbers = {"per_class": 1, "phantoms": 0, "spines": 1, "test_objects": 1, "seeds": 1}
    recipe = recipe_file(series_augmentation=numbers)
    assert train(*ONE, "--fold", "0", recipe=recipe) == 0
    from apps.imaging.training.store import open_store

    drawn = open_store(tmp_path / "run" / "pictures" / "drawn-1")
    origins = [row.origin for row in drawn.rows]
    assert {"augmented", "generated"} == set(origins)
    assert drawn.pictures == RECIPE.pictures
    assert any(row.name.startswith("spine") and row.labels == {"body_part": "other"} for row in drawn.rows)
    run = open_run(tmp_path / "run")
    unseen = {patient for patient, fold in run.folds.items() if fold == 0}
    seen = [row for row in [*run.real.rows, *drawn.rows] if row.patient not in unseen and "body_part" in row.labels]
    assert run.classifiers()[0].done()["pictures"] == len(seen)


def test_the_same_pictures_are_drawn_by_one_process_and_by_two(train, recipe_file, tmp_path):
    recipe = recipe_file(
        series_augmentation={"per_class": 1, "phantoms": 0, "spines": 0, "test_objects": 1, "seeds": 1}
    )
    assert train("--pictures-only", recipe=recipe) == 0
    assert train("--pictures-only", "--processes", "2", recipe=recipe, run="again") == 0
    one, two = (np.load(tmp_path / run / "pictures" / "drawn-1.npy") for run in ("run", "again"))
    assert np.array_equal(one, two) and len(one)


def test_the_published_augmentation_makes_eight_of_one(train, recipe_file, tmp_path):
    table = tiny_recipe()
    recipe = recipe_file(
        backbone={"name": "efficientnet_lite0", "frozen_blocks": 0},
        picture_augmentation={"rotation_degrees": 20, "horizontal_flip": 0.5, "vertical_flip": 0.5, "copies": 8},
        training=table["training"] | {"sampling": "plain"},
    )
    assert train(*ONE, "--all-only", recipe=recipe) == 0
    assert open_run(tmp_path / "run").classifiers()[0].done()["pictures"] == 8 * 14


def test_pictures_can_be_varied_while_the_network_learns(train, recipe_file, tmp_path):
    recipe = recipe_file(
        backbone={"name": "efficientnet_lite0", "frozen_blocks": 0},
        picture_augmentation={"rotation_degrees": 20, "horizontal_flip": 0.5, "vertical_flip": 0.5, "copies": 0},
    )
    assert train(*ONE, "--all-only", recipe=recipe) == 0
    assert open_run(tmp_path / "run").classifiers()[0].done()["pictures"] == 14


class Killed(Exception):
    """Stands for the end of a process."""


def fit_of(folder, frozen_blocks=9, checkpoint_seconds=0.0):
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    network = make_network("efficientnet_lite0", 2)
    settings = replace(RECIPE.training, steps=6)
    return Fit("body_part mip_axial all", network, frozen_blocks, settings, CPU, folder / "c.pt", checkpoint_seconds)


@pytest.fixture
def examples():
    """Ten random pictures of 32 x 32 of two classes."""
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (10, 32, 32), dtype=np.uint8))
    inputs = Inputs(pixels, Windows.of(RECIPE.modules["body_part"].input, CPU.name), CPU.name)
    return Examples(inputs, np.arange(10), np.arange(10) % 2, np.full(10, 0.1))


def test_a_killed_training_ends_as_one_that_was_left_alone(tmp_path, examples):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    whole = fit_of(tmp_path / "whole", frozen_blocks=0)
    without = whole.run(examples, tuning=examples)

    def kill(step):
        if step == 4:
            raise Killed

    with pytest.raises(Killed):
        fit_of(tmp_path / "killed", frozen_blocks=0).run(examples, tuning=examples, after_step=kill)
    resumed = fit_of(tmp_path / "killed", frozen_blocks=0)
    steps = []
    after = resumed.run(examples, tuning=examples, after_step=steps.append)
    torch.set_num_threads(threads)
    assert steps == [5, 6]
    for (name, expected), found in zip(
        whole.network.state_dict().items(), resumed.network.state_dict().values(), strict=True
    ):
        assert torch.equal(expected, found), name
    assert [vars(point) for point in after.curve] == [vars(point) for point in without.curve]
    assert after.loss == without.loss


def test_a_checkpoint_of_another_training_is_refused(tmp_path, examples):
    def kill(step):
        raise Killed

    with pytest.raises(Killed):
        first = fit_of(tmp_path)
        first.run(pass_lower(first, examples), after_step=kill)
    other = fit_of(tmp_path)
    other.name = "contrast mid_axial all"
    with pytest.raises(BadRun, match="is of another training"):
        other.run(pass_lower(other, examples))
    (tmp_path / "c.pt").write_bytes(b"half")
    with pytest.raises(BadRun, match="cannot be read"):
        fit_of(tmp_path).run(pass_lower(other, examples))


def pass_lower(fit, examples):
    """The examples as feature maps of the frozen blocks."""
    from apps.imaging.training.inputs import feature_maps

    maps = feature_maps(fit.lower, examples.inputs.stored, examples.inputs.windows)
    return replace(examples, inputs=replace(examples.inputs, stored=maps, mirror=0.3))


def test_frozen_blocks_keep_their_weights_and_their_statistics(tmp_path, examples):
    fit = fit_of(tmp_path)
    before = {name: tensor.clone() for name, tensor in fit.network.state_dict().items()}
    fit.run(pass_lower(fit, examples))
    changed = {name for name, tensor in fit.network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    frozen = {"stem", *(f"blocks.{index}" for index in range(9))}
    assert not [name for name in changed if any(name.startswith(f"{part}.") for part in frozen)]
    assert {"classifier.weight", "last.1.weight", "blocks.9.project.2.running_mean"} <= changed


def test_a_loss_that_is_no_number_ends_the_training_with_a_remedy(tmp_path, examples):
    fit = fit_of(tmp_path)
    with torch.no_grad():
        fit.network.head.weight.fill_(float("nan"))
    with pytest.raises(BadRun, match="Lower the learning rate"):
        fit.run(pass_lower(fit, examples))


def test_all_parts_begin_with_the_same_network(tmp_path):
    one, two = (fit_of(tmp_path).network.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_published_backbone_trains_by_the_same_path(train, recipe_file, tmp_path):
    table = tiny_recipe()
    modules = {"body_part": table["modules"]["body_part"] | {"pictures": ["mip_axial"]}}
    modules["body_part"]["input"] = modules["body_part"]["input"] | {"size": 75}
    recipe = recipe_file(
        backbone={"name": "inception_resnet_v2", "frozen_blocks": 0},
        training=table["training"] | {"steps": 1, "batch": 2},
        modules=modules,
    )
    assert train("--all-only", recipe=recipe) == 0
    assert open_run(tmp_path / "run").classifiers()[0].done()["steps"] == 1


def test_without_packaged_weights_the_person_says_where_they_are(tiny_manifest, tmp_path, capsys):
    assert main(["train", str(tiny_manifest), str(tmp_path / "run"), "--recipe", "imageqc-net"]) == 2
    assert "No package carries ImageNet weights of inception_resnet_v2" in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(BadRun, match="torch finds none"):
        Device.choose("cuda", "auto")
    assert Device.choose("auto", "auto").precision == "float32"


def test_a_training_that_is_killed_by_the_system_leaves_no_lock(train, tmp_path):
    assert train("--pictures-only") == 0
    folder = tmp_path / "lock-test"
    folder.mkdir()
    holder = (
        "import sys; from pathlib import Path; from apps.imaging.training.locking import lock_or_skip\n"
        f"with lock_or_skip(Path({str(folder / 'lock')!r})) as held: print(held, flush=True); sys.stdin.read()"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", holder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout.readline() == "True\n"
        with lock_or_skip(folder / "lock") as held:
            assert not held
        process.kill()
        process.wait()
    with lock_or_skip(folder / "lock") as held:
        assert held


def test_the_selection_of_nothing_trains_nothing(train, tmp_path):
    assert train(*ONE, "--fold", "0") == 0
    run = open_run(tmp_path / "run")
    outcome = train_classifiers(
        run,
        [],
        Selection(("body_part",), ("mip_axial",), ("fold-0",)),
        read_weights("efficientnet_lite0", "none"),
        CPU,
    )
    assert (outcome.trained, outcome.kept, outcome.skipped) == (0, 1, 0)
