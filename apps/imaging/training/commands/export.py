"""Write the chosen ensemble of a training run as a model bundle: ONNX models, thresholds, hashes, metrics, card.

`ensemble RUN` comes first. The bundle's folder must not exist: a bundle is never changed.
"""

import argparse
import csv
import datetime
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.imaging.bundle.manifest import MODULES
from apps.imaging.errors import BadRun
from apps.imaging.training.assemble import Identity, coverage_metrics, refuse_existing, write_bundle
from apps.imaging.training.bundle_metrics import Origin, bundle_metrics
from apps.imaging.training.card import write_card
from apps.imaging.training.ensemble_file import ChosenRun, read_chosen
from apps.imaging.training.evaluate.chosen import Settings
from apps.imaging.training.evaluate.measure import evaluate
from apps.imaging.training.kept import is_bundle, keep_module
from apps.imaging.training.parity import AUTO, PRECISIONS
from apps.imaging.training.run import Run, open_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which run, where to, and how the bundle is called."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a training run")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the new bundle")
    parser.add_argument(
        "--take",
        type=_taken,
        action="append",
        default=[],
        metavar="MODULE=RUN",
        help="take a module from another run, which has its own ensemble.json, or keep that of an earlier bundle "
        "(may be given more than once)",
    )
    parser.add_argument("--name", required=True, help="name of the bundle, for example imageqc-lite")
    parser.add_argument("--version", required=True, help="its version, for example 0.2.0")
    parser.add_argument(
        "--created",
        type=datetime.date.fromisoformat,
        default=datetime.date.today(),
        metavar="DATE",
        help="its date, for example 2026-11-23 (default: today)",
    )
    parser.add_argument("--recipe", help="one line on how it was made, kept with every label (default: from the run)")
    parser.add_argument(
        "--remarks", type=Path, metavar="FILE", help="Markdown on the limits of the bundle, for CARD.md"
    )
    parser.add_argument(
        "--licences",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="table with the columns source and licence, for CARD.md (may be given more than once)",
    )
    parser.add_argument(
        "--precision",
        choices=(AUTO, *PRECISIONS),
        default=AUTO,
        help="how models are stored: int8 where it answers as the trained network does, else fp16 (default: auto)",
    )
    parser.add_argument(
        "--coverage",
        type=Path,
        metavar="DIR",
        help="folder of exported coverage networks, with their coverage.toml; or a bundle whose networks are kept",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export, measure, write."""
    refuse_existing(arguments.bundle)
    taken = _known(dict(arguments.take))
    kept = {module: keep_module(folder, module) for module, folder in taken.items() if is_bundle(folder)}
    if len(kept) == len(MODULES):
        raise BadRun("--take keeps every module of an earlier bundle: nothing of the run would be in the new one.")
    origins = _origins(arguments.run_folder, taken, [module for module in MODULES if module not in kept])
    remarks = _read(arguments.remarks) if arguments.remarks else ""
    licences = _read_licences(arguments.licences)
    coverage = coverage_metrics(arguments.coverage) if arguments.coverage else None
    figures = bundle_metrics(origins, licences, kept)
    line = arguments.recipe or recipe_line(figures["modules"])
    identity = Identity(arguments.name, arguments.version, arguments.created.isoformat(), line)
    from apps.imaging.training.export import export_module

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with tempfile.TemporaryDirectory() as scratch:
        modules = {module: found.ready for module, found in kept.items()}
        parity = {module: dict(found.parity) for module, found in kept.items()}
        for module, origin in origins.items():
            modules[module], parity[module] = export_module(
                origin.run, module, origin.chosen, arguments.precision, Path(scratch)
            )
        metrics = {
            **_evaluated(origins, {module: found.evaluated for module, found in kept.items()}),
            "both_right": figures["both_right"],
            "bundle": figures,
            "onnx_against_torch": parity,
            "coverage": coverage,
        }
        card = write_card(identity, figures, parity, coverage, remarks)
        sha256 = write_bundle(arguments.bundle, identity, modules, arguments.coverage, metrics, card)
    size = sum(file.stat().st_size for file in arguments.bundle.iterdir())
    for module, measured in parity.items():
        stored = ", ".join(f"{plane} {precision}" for plane, precision in measured["precision"].items())
        print(f"{module}: {stored}; the vote says the same class on {100 * measured['vote']['same_class']:.1f} %")
    print(f"{arguments.bundle}: {identity.name} {identity.version}, {size / 1e6:.1f} MB, SHA-256 {sha256}")
    return 0


def recipe_line(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return how the ensemble was made, in one line, from the figures of its modules."""
    return (
        "; ".join(
            f"{module.replace('_', ' ')} by {found['run']['backbone']} from {', '.join(found['pictures'].values())} "
            f"(recipe {found['run']['recipe']}, seed {found['run']['seed']})"
            for module, found in ((module, figures[module]) for module in MODULES)
        )
        + "; soft vote"
    )


def _known(taken: Mapping[str, Path]) -> Mapping[str, Path]:
    """Return what --take names, or refuse a module that no bundle has."""
    unknown = sorted(set(taken) - set(MODULES))
    if unknown:
        raise BadRun(f"--take names {', '.join(unknown)}; a bundle answers {' and '.join(MODULES)}.")
    return taken


def _origins(folder: Path, taken: Mapping[str, Path], modules: Sequence[str]) -> dict[str, Origin]:
    """Return the run that each of the modules comes from."""
    origins = {}
    opened: dict[Path, tuple[Run, ChosenRun]] = {}
    for module in modules:
        source = taken.get(module, folder)
        if source not in opened:
            opened[source] = (open_run(source), read_chosen(source))
        run, chosen = opened[source]
        if module not in chosen.modules:
            raise BadRun(
                f"A bundle answers {' and '.join(MODULES)}; {source} has no {module}. `--take {module}=RUN` takes it "
                "from another run."
            )
        origins[module] = Origin(run, chosen.choice, chosen.modules[module])
    return origins


def _evaluated(origins: Mapping[str, Origin], kept: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return all figures of the run; of a module from elsewhere, the figures of its run or bundle in its place."""
    metrics: dict[Path, dict[str, Any]] = {}
    for origin in origins.values():
        if origin.run.folder not in metrics:
            metrics[origin.run.folder] = dict(evaluate(origin.run, _settings(origin)).metrics)
    modules = {module: metrics[origin.run.folder]["modules"][module] for module, origin in origins.items()}
    return {**next(iter(metrics.values())), "modules": {**modules, **kept}}


def _settings(origin: Origin) -> Settings:
    """Return what was asked of the limits when they were chosen."""
    chosen = read_chosen(origin.run.folder).modules
    aims = {module: float(one.limits["aim"]) for module, one in chosen.items()}
    return Settings(aims, min(float(one.limits["min_coverage"]) for one in chosen.values()))


def _taken(text: str) -> tuple[str, Path]:
    module, sign, run = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text} names no module and run; write it as contrast=RUN")
    return module, Path(run)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRun(f"{file} cannot be read ({error}).") from error


def _read_licences(tables: Sequence[Path]) -> dict[str, str]:
    licences: dict[str, set[str]] = {}
    for table in tables:
        try:
            with table.open(newline="", encoding="utf-8") as lines:
                for row in csv.DictReader(lines):
                    licences.setdefault(row["source"], set()).add(row["licence"])
        except (OSError, KeyError, UnicodeDecodeError) as error:
            raise BadRun(f"{table} is no table with the columns source and licence ({error!r}).") from error
    return {source: " or ".join(sorted(found)) for source, found in licences.items()}
