"""Measure a training run: report.html, metrics.json and tables as CSV. Needs no torch; docs/evaluation.md explains."""

import argparse
import json
from pathlib import Path

from apps.imaging.errors import BadRun
from apps.imaging.training.evaluate.chosen import Settings
from apps.imaging.training.evaluate.limits import AIMS, MIN_COVERAGE
from apps.imaging.training.evaluate.measure import evaluate
from apps.imaging.training.evaluate.written import write_tables
from apps.imaging.training.report.html import report_html
from apps.imaging.training.run import Run, open_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which run, where to, and what is asked of the answers."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a training run")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (default: RUN/evaluation)")
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Say what is asked of the answers."""
    parser.add_argument(
        "--aim",
        action="append",
        default=[],
        type=_aim,
        metavar="MODULE=SHARE",
        help="share of a module's answers that are to be right (default: "
        + ", ".join(f"{module}={aim}" for module, aim in AIMS.items())
        + ")",
    )
    parser.add_argument(
        "--min-coverage",
        type=_share,
        default=MIN_COVERAGE,
        metavar="SHARE",
        help=f"share of in-scope series that are to be answered (default: {MIN_COVERAGE})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Judge the run and write all of it."""
    found = open_run(arguments.run_folder)
    if not found.classifiers():
        raise BadRun(f"{arguments.run_folder} holds no finished classifier yet; `train` goes on where it stopped.")
    evaluation = evaluate(found, settings_of(arguments, found))
    folder = arguments.out or arguments.run_folder / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    metrics = json.dumps(evaluation.metrics, indent=1, allow_nan=False)
    (folder / "metrics.json").write_text(metrics + "\n", encoding="utf-8")
    write_tables(evaluation, folder)
    report = folder / "report.html"
    report.write_text(report_html(evaluation), encoding="utf-8")
    print(f"{report}: heads may show faces; keep it in the lab.")
    return 0


def settings_of(arguments: argparse.Namespace, run: Run) -> Settings:
    """Return what is asked of the answers; a module that the run does not have is refused."""
    unknown = sorted({module for module, _ in arguments.aim} - set(run.recipe.modules))
    if unknown:
        raise BadRun(f"--aim names {', '.join(unknown)}; the run has {', '.join(run.recipe.modules)}.")
    return Settings({**AIMS, **dict(arguments.aim)}, arguments.min_coverage)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share; give a number above 0 and up to 1, for example 0.95")
    return share


def _aim(text: str) -> tuple[str, float]:
    module, sign, share = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text} is no aim; write it as contrast=0.95")
    return module, _share(share)
