"""Train, judge and export the networks that say which regions a series covers.

SOURCE is a manifest (docs/training.md) whose lines are labelled ranges of volumes, or a folder with volumes.csv and
crops.csv. RUN keeps pictures, networks and figures; what is there is not made again. OUT is what
`export --coverage OUT` takes into a bundle.
"""

import argparse
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from apps.imaging.coverage import PLANES_OF_COVERAGE, CoverageLimits
from apps.imaging.errors import BadManifest
from apps.imaging.training.archive import LabelledVolumes, archive_volumes
from apps.imaging.training.assemble import write_coverage
from apps.imaging.training.coverage_evaluate import choose_limits, coverage_metrics
from apps.imaging.training.coverage_pictures import COVERAGE_PICTURES, Plan, draw_sets, volumes_with_regions
from apps.imaging.training.manifest import read_manifest
from apps.imaging.training.reading import manifest_volumes
from apps.imaging.training.recipe import Recipe, load_recipe
from apps.imaging.training.region_targets import REGION_OF

if TYPE_CHECKING:
    from apps.imaging.training.coverage_fit import CoverageRecipe

SETS = ("real", "augmented", "phantoms", "composites")

MEASURED = 24
"""Real pictures on which the exported networks are compared with the trained ones."""

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which archive, which run, where to, and how much of everything."""
    parser.add_argument(
        "source", type=Path, metavar="SOURCE", help="manifest, or folder with volumes.csv and crops.csv"
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the training, made or gone on with")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the networks and coverage.toml")
    parser.add_argument("--composites", type=int, default=Plan.composites, help="composites per fold left out")
    parser.add_argument("--people", type=int, default=Plan.people, help="phantoms")
    parser.add_argument("--steps", type=int, help="training steps of each network")
    parser.add_argument("--threads", type=int, default=1, help="threads of the computation (default: 1)")


def run(arguments: argparse.Namespace) -> int:
    """Draw, train, judge, export; each step tells when it is done."""
    import torch

    from apps.imaging.training.coverage_fit import CoverageRecipe, see_sets, train_run

    source = labelled_volumes(arguments.source)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    plan = Plan(composites=arguments.composites, people=arguments.people)
    recipe = CoverageRecipe(**({"steps": arguments.steps} if arguments.steps else {}))
    folder: Path = arguments.run_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(
        json.dumps({"recipe": recipe.to_json(), "plan": vars(plan), "source": arguments.source.name}, indent=2) + "\n"
    )
    draw_sets(source, folder, plan, _log.info)
    see_sets(folder, recipe, SETS, _log.info)
    train_run(folder, recipe, [*range(plan.folds), None], _log.info)
    limits = choose_limits(folder)
    metrics = coverage_metrics(folder, limits)
    arguments.out.mkdir(parents=True, exist_ok=True)
    metrics["export"] = _export(folder, arguments.out, recipe, limits)
    for place in (folder, arguments.out):
        (place / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    return 0


def labelled_volumes(source: Path) -> LabelledVolumes:
    """Return the labelled volumes of a manifest or of an archive.

    Raises
    ------
    BadManifest
        When it is neither, is not understood, or no range of it shows where a region lies.
    """
    if source.is_dir():
        for table in ("volumes.csv", "crops.csv"):
            if not (source / table).is_file():
                raise BadManifest(f"{source} is no archive of volumes: it has no {table}.")
        found = archive_volumes(source)
    else:
        found = manifest_volumes(read_manifest(source, body_parts_alone()))
    if not volumes_with_regions(found):
        raise BadManifest(
            f"{source} has no range of a volume whose body part is {', '.join(REGION_OF)} or abdomen_pelvis around an "
            "abdomen: coverage is learned from these."
        )
    return found


def body_parts_alone() -> Recipe:
    """Return a recipe to read a manifest with: its body parts, whatever they are called."""
    recipe = load_recipe("imageqc-lite")
    return replace(recipe, name="coverage", modules={"body_part": replace(recipe.modules["body_part"], classes=())})


def _export(folder: Path, out: Path, recipe: "CoverageRecipe", limits: CoverageLimits) -> dict[str, float]:
    """Write networks and `coverage.toml`; return per plane the largest difference of a probability from torch's."""
    import numpy as np

    from apps.imaging.ensemble import network_input
    from apps.imaging.training.coverage_fit import load_coverage
    from apps.imaging.training.coverage_network import export_coverage
    from apps.imaging.training.coverage_pictures import open_set

    pixels = open_set(folder / "pictures" / "real").store.pixels[:MEASURED]
    apart = {}
    members = {}
    for index, plane in enumerate(PLANES_OF_COVERAGE):
        inputs = np.stack([network_input(pictures[index], recipe.input) for pictures in pixels])
        file = f"coverage-{plane}.onnx"
        apart[plane] = export_coverage(load_coverage(folder, recipe, plane), recipe.size, out / file, inputs)
        members[plane] = (COVERAGE_PICTURES[index], file)
    write_coverage(out, recipe.input, limits, members)
    return apart
