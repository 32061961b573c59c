"""`python -m apps.imaging.training pictures|train|export`: from an archive to a bundle.

pictures ARCHIVE RUN          draw augmented, phantom and plain pictures into RUN (resumes by seed)
train RUN --weights FILE      train each plane classifier per fold and on all (finished ones are kept)
export ARCHIVE RUN BUNDLE     evaluate on held-out subjects, choose limits, write the bundle
"""

import argparse
import logging
from pathlib import Path

import torch

from apps.imaging.ensemble import Abstention
from apps.imaging.training.card import write_card
from apps.imaging.training.evaluate import both_right, choose_threshold, module_metrics, read_held_out
from apps.imaging.training.export import BundleIdentity, write_bundle
from apps.imaging.training.pictures import PictureSet, augmented_set, phantom_set, plain_set
from apps.imaging.training.tasks import TASKS
from apps.imaging.training.train import Settings, train_all

MIN_PLANES_AGREEING = 2
TISSUE_HU = -300.0
MIN_TISSUE_SHARE = 0.02

AIMS = {"body_part": 0.99, "contrast": 0.95}
"""Share of the answers that are to be right on full-resolution scans of held-out subjects."""

LEAST_LIMIT = 0.55
"""A label needs more than half of the vote, however well the held-out patients went with less."""

MIN_COVERAGE = 0.6
"""A module that answers fewer held-out series than this is no help, however right it is."""


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(prog="python -m apps.imaging.training", description=__doc__)
    steps = parser.add_subparsers(required=True)

    pictures = steps.add_parser("pictures")
    pictures.add_argument("archive", type=Path)
    pictures.add_argument("run", type=Path)
    pictures.add_argument("--per-class", type=int, default=65)
    pictures.add_argument("--people", type=int, default=10, help="phantoms per seed")
    pictures.add_argument("--seeds", type=int, default=2)
    pictures.set_defaults(step=draw)

    training = steps.add_parser("train")
    training.add_argument("run", type=Path)
    training.add_argument("--weights", type=Path, required=True, help="ImageNet weights of the backbone")
    training.add_argument("--folds", type=int, default=3)
    training.add_argument("--steps", type=int, default=Settings.steps)
    training.add_argument("--threads", type=int, default=2)
    training.add_argument("--module", choices=TASKS, action="append", help="only this one")
    training.set_defaults(step=train)

    exporting = steps.add_parser("export")
    exporting.add_argument("archive", type=Path)
    exporting.add_argument("run", type=Path)
    exporting.add_argument("bundle", type=Path)
    exporting.add_argument("--folds", type=int, default=3)
    exporting.add_argument("--name", default="imageqc-lite")
    exporting.add_argument("--version", required=True)
    exporting.add_argument("--created", required=True, help="date of the bundle, for example 2026-11-23")
    exporting.add_argument("--remarks", type=Path, required=True, help="Markdown: the limits, for the card")
    exporting.set_defaults(step=export)

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments = parser.parse_args()
    arguments.step(arguments)


def draw(arguments: argparse.Namespace) -> None:
    """Draw the picture sets of a run."""
    arguments.run.mkdir(parents=True, exist_ok=True)
    if not (arguments.run / "plain.npz").exists():
        plain_set(arguments.archive).save(arguments.run / "plain.npz")
    for seed in range(1, arguments.seeds + 1):
        real, made = arguments.run / f"augmented-{seed}.npz", arguments.run / f"phantoms-{seed}.npz"
        if not real.exists():
            augmented_set(arguments.archive, arguments.per_class, seed).save(real)
        if not made.exists():
            phantom_set(arguments.people, seed).save(made)


def train(arguments: argparse.Namespace) -> None:
    """Train all classifiers of a run."""
    torch.set_num_threads(arguments.threads)
    train_all(
        _training_set(arguments.run),
        PictureSet.load(arguments.run / "plain.npz"),
        arguments.folds,
        Settings(weights=arguments.weights, steps=arguments.steps),
        arguments.run,
        [TASKS[name] for name in arguments.module or TASKS],
    )


def export(arguments: argparse.Namespace) -> None:
    """Evaluate a run and write its bundle."""
    plain, drawn = PictureSet.load(arguments.run / "plain.npz"), _training_set(arguments.run)
    identity = BundleIdentity(
        arguments.name,
        arguments.version,
        arguments.created,
        "EfficientNet-Lite0 from ImageNet weights, upper blocks trained; body part from the three maximum intensity "
        "projections, contrast from the three middle planes, soft vote",
    )
    held_out = {name: read_held_out(task, plain, arguments.run, arguments.folds) for name, task in TASKS.items()}
    abstentions = {
        name: Abstention(
            max(LEAST_LIMIT, choose_threshold(held, plain, AIMS[name], MIN_COVERAGE, MIN_PLANES_AGREEING)),
            MIN_PLANES_AGREEING,
            TISSUE_HU,
            MIN_TISSUE_SHARE,
        )
        for name, held in held_out.items()
    }
    metrics = {
        "bundle": vars(identity),
        "folds": arguments.folds,
        "training": {
            "series": sum(source != "phantom" for source in drawn.source),
            "phantoms": sum(source == "phantom" for source in drawn.source),
            "subjects": len(set(plain.subject)),
        },
        "modules": {
            name: module_metrics(held, plain, abstentions[name].min_score, MIN_PLANES_AGREEING)
            for name, held in held_out.items()
        },
        "both_right": both_right(held_out["body_part"], held_out["contrast"]),
    }
    card = write_card(metrics, arguments.archive, arguments.remarks.read_text())
    settings = Settings(weights=Path())
    write_bundle(arguments.bundle, identity, arguments.run, plain, settings, abstentions, metrics, card)


def _training_set(run: Path) -> PictureSet:
    return PictureSet.load(*sorted(run.glob("augmented-*.npz")), *sorted(run.glob("phantoms-*.npz")))


main()
