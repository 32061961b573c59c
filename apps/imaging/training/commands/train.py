"""Train the plane classifiers that a recipe names on the series of a manifest.

Draws the pictures, deals the patients into folds, and trains each classifier once per fold and once on all. Run it
again after an interruption: what is finished is kept, what was begun goes on. docs/training.md explains manifest,
recipes and the run folder.
"""

import argparse
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from apps.imaging.errors import BadRecipe, ImagingError
from apps.imaging.networks import Weights, make_network, read_weights
from apps.imaging.networks.weights import FROM_PACKAGE, PACKAGED
from apps.imaging.training.classifiers import Selection, all_parts, train_classifiers
from apps.imaging.training.drawing import make_plan
from apps.imaging.training.environment import describe_environment
from apps.imaging.training.fit import Device
from apps.imaging.training.folds import assign_folds, write_folds
from apps.imaging.training.manifest import read_manifest
from apps.imaging.training.pictures import draw_pictures
from apps.imaging.training.recipe import Recipe, known_recipes, load_recipe
from apps.imaging.training.run import ALL, FOLDS, classes_of, open_run, start_run
from apps.imaging.training.store import open_store

log = logging.getLogger("apps.imaging.training")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what to train, on what, and where the results go."""
    parser.add_argument("manifest", type=Path, metavar="MANIFEST", help="CSV of the series (docs/training.md)")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of this training; made, or gone on with")
    parser.add_argument(
        "--recipe", required=True, metavar="NAME|FILE", help=f"{', '.join(known_recipes())}, or a TOML file"
    )
    parser.add_argument(
        "--weights",
        metavar="FILE|packaged|timm|none",
        help="ImageNet weights to begin with (default: the package that carries the backbone's, where there is one)",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_positive, help="steps per classifier instead of the recipe's")
    length.add_argument("--epochs", type=_positive, help="epochs per classifier instead of the recipe's")
    parser.add_argument("--module", action="append", default=[], help="only this module (may be repeated)")
    parser.add_argument("--picture", action="append", default=[], help="only this picture, mip_axial for example")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--fold", action="append", type=int, default=[], help="only this fold, from 0")
    parts.add_argument("--all-only", action="store_true", help="no folds: only on the whole development set")
    parser.add_argument("--pictures-only", action="store_true", help="draw the pictures and stop")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    parser.add_argument("--threads", type=_positive, default=os.cpu_count() or 1, help="of the CPU")
    parser.add_argument("--processes", type=_positive, default=min(2, os.cpu_count() or 1), help="that draw pictures")


def run(arguments: argparse.Namespace) -> int:
    """Draw, deal, train; return 0 when everything that was asked for is finished or in another process's hands."""
    recipe = _with_length(load_recipe(arguments.recipe), arguments)
    selection = _selection(recipe, arguments)
    source = arguments.weights or (FROM_PACKAGE if recipe.backbone.name in PACKAGED else None)
    if source is None:
        raise BadRecipe(
            f"No package carries ImageNet weights of {recipe.backbone.name}: name a file with --weights FILE, take "
            "timm's with --weights timm, or begin from nothing with --weights none."
        )
    make_network(recipe.backbone.name, 2)
    torch.set_num_threads(arguments.threads)
    device = Device.choose(arguments.device, recipe.training.precision)
    manifest = read_manifest(arguments.manifest, recipe)
    classes = classes_of(recipe, [(one.set, one.labels) for one in manifest.series])
    weights = read_weights(recipe.backbone.name, source)
    command = "python -m apps.imaging " + shlex.join(sys.argv[1:])
    start_run(
        arguments.run,
        {
            "recipe": recipe.to_json(),
            "classes": classes,
            "manifest": {"file": str(arguments.manifest), "sha256": manifest.sha256},
            "weights": weights.to_json(),
            "seed": recipe.training.seed,
            "command": command,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    with _log_to(arguments.run):
        log.info("%s", command)
        if weights.state is None:
            log.info("no ImageNet weights: the network begins from nothing, which costs accuracy")
        plan = make_plan(recipe, classes, manifest.series)
        draw_pictures(arguments.run / "pictures", manifest, plan, arguments.processes)
        _deal_folds(arguments.run, recipe)
        if not arguments.pictures_only:
            _train(arguments, recipe, selection, weights, device)
    return 0


def _train(
    arguments: argparse.Namespace, recipe: Recipe, selection: Selection, weights: Weights, device: Device
) -> None:
    run_of = open_run(arguments.run)
    environment = describe_environment(_device_name(device), device.precision, arguments.threads)
    (arguments.run / "environment.json").write_text(json.dumps(environment, indent=2) + "\n", encoding="utf-8")
    seeds = range(1, recipe.series_augmentation.seeds + 1)
    drawn = [open_store(arguments.run / "pictures" / f"drawn-{seed}") for seed in seeds]
    outcome = train_classifiers(run_of, drawn, selection, weights, device)
    log.info("%d trained, %d finished before, %d skipped", outcome.trained, outcome.kept, outcome.skipped)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _with_length(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    if not arguments.steps and not arguments.epochs:
        return recipe
    return replace(recipe, training=replace(recipe.training, steps=arguments.steps or 0, epochs=arguments.epochs or 0))


def _selection(recipe: Recipe, arguments: argparse.Namespace) -> Selection:
    parts = (ALL,) if arguments.all_only else tuple(f"fold-{fold}" for fold in arguments.fold)
    known = {
        "--module": (arguments.module, tuple(recipe.modules)),
        "--picture": (arguments.picture, recipe.pictures),
        "--fold": (parts, all_parts(recipe.folds)),
    }
    for option, (asked, there) in known.items():
        for word in asked:
            if word not in there:
                raise BadRecipe(f"{option}: the recipe {recipe.name} has no {word}; it has {', '.join(there)}.")
    return Selection(tuple(arguments.module), tuple(arguments.picture), parts)


def _deal_folds(folder: Path, recipe: Recipe) -> None:
    if not (folder / FOLDS).exists():
        write_folds(folder / FOLDS, assign_folds(open_store(folder / "pictures" / "real").rows, recipe.folds))


def _device_name(device: Device) -> str:
    return torch.cuda.get_device_name(device.name) if device.name.type == "cuda" else "cpu"


@contextmanager
def _log_to(folder: Path) -> Iterator[None]:
    """Write progress to the error output and to the run's log."""
    form = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S")
    handlers: list[logging.Handler] = [
        logging.StreamHandler(),
        logging.FileHandler(folder / "log.txt", encoding="utf-8"),
    ]
    log.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(form)
        log.addHandler(handler)
    try:
        yield
    except ImagingError as error:
        # The person reads the refusal from the command itself; the log keeps it for later.
        handlers[1].handle(log.makeRecord(log.name, logging.INFO, __file__, 0, "stopped: %s", (error,), None))
        raise
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
