"""Choose the ensemble of a training run: the best classifier per plane by tuning results, temperature and limits.

Writes RUN/ensemble.json, which `export` reads. Needs no torch; docs/ensemble.md explains the choice.
"""

import argparse
from pathlib import Path

from apps.imaging.errors import BadRun
from apps.imaging.training.commands.evaluate import add_settings, settings_of
from apps.imaging.training.ensemble_file import choose
from apps.imaging.training.run import open_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which run, and how to choose."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a training run")
    parser.add_argument(
        "--published",
        action="store_true",
        help="take the published pictures: body part from maximum intensity projections, contrast from middle planes",
    )
    parser.add_argument("--module", action="append", default=[], help="only this module (may be repeated)")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Choose and write."""
    found = open_run(arguments.run_folder)
    unknown = [module for module in arguments.module if module not in found.recipe.modules]
    if unknown:
        raise BadRun(f"{found.folder} has no module {unknown[0]}; it has {', '.join(found.recipe.modules)}.")
    settings = settings_of(arguments, found)
    chosen = choose(found, settings, published=arguments.published, modules=tuple(arguments.module))
    file = chosen.save(arguments.run_folder)
    for name, module in chosen.modules.items():
        members = ", ".join(f"{picture} ({module.parts[plane]})" for plane, picture in module.pictures.items())
        print(f"{name}: {members}; temperature {module.temperature:.3f}. {module.limits['sentence']}")
    print(file)
    return 0
