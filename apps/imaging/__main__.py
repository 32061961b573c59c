"""The command line of the imaging core: `python -m apps.imaging COMMAND`.

`check` and `project` are here, `deidentify` in a module of its own. The commands of TRAINING_COMMANDS live one per
module in `training/commands` and are imported when they are asked for: they need packages that nothing which serves
installs.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn

from apps.imaging import deidentify

if TYPE_CHECKING:
    from apps.imaging.bundle import ModelBundle
    from apps.imaging.headers import RefusedFile
    from apps.imaging.pipeline import SeriesReport
    from apps.imaging.spec import ImagingSpec

ANSWERED, UNREADABLE, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes; 130 is what shells give for Ctrl-C."""

TRAINING_COMMANDS = {
    "manifest": "write the manifest of an archive of volumes",
    "train": "train the plane classifiers that a recipe names on the series of a manifest",
    "evaluate": "measure a training run and write its report",
    "ensemble": "choose the best classifier per plane of a training run",
    "export": "write the chosen classifiers of a training run as a model bundle",
    "coverage": "train, judge and export the networks that say which regions a series covers",
}
"""Commands that need the training tools, each with its line of help."""

BUNDLES = Path(__file__).resolve().parents[2] / "models" / "imageqc-lite"
"""Where the bundles lie that are used when none is named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever happens, the person reads a sentence."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    asked = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(asked).parse_args(asked)
    try:
        exit_code: int = options.do(options)
        sys.stdout.flush()
        return exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our lines has enough; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREADABLE
    except Exception as error:
        _tell(f"CoreQC could not go on ({type(error).__name__}: {error}). Please report this message.")
        return UNREADABLE


def _parser(asked: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m apps.imaging",
        description="Checks CT series: what they show, how they were made, and whether a protocol accepts them.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="say body part, contrast and findings of each series",
        description="Says body part, contrast and findings of each CT series among files, folders and zips.",
        epilog="Exit code: 0 everything was answered, 1 something was unreadable, 2 wrong usage.",
    )
    check.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="DICOM files, folders or zips")
    check.add_argument(
        "--bundle", type=Path, metavar="DIR", help="model bundle (default: the newest under models/imageqc-lite)"
    )
    check.add_argument("--protocol", type=Path, metavar="FILE", help="what the visit asks for, as TOML or JSON")
    check.add_argument("--json", action="store_true", help="one JSON object per series and line")
    check.add_argument(
        "--explain",
        type=Path,
        metavar="DIR",
        help="folder for the pictures with the evidence for the labels",
    )
    check.set_defaults(do=lambda options: _check(check, options))
    project = commands.add_parser(
        "project",
        help="write the nine pictures of each series",
        description="Writes the nine pictures (MIP, AIP, mid-plane in three planes) of each series as PNG.",
        epilog="Exit code: 0 every series was projected, 1 something was unreadable, 2 wrong usage.",
    )
    project.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="DICOM files, folders or zips")
    project.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the pictures")
    project.set_defaults(do=lambda options: _project(project, options))
    deidentify.add_arguments(commands.add_parser("deidentify", help="write the objects of a folder de-identified"))
    for name, help_line in TRAINING_COMMANDS.items():
        command = commands.add_parser(name, help=help_line)
        if asked and asked[0] == name:
            _add_training_command(command, name)
    return parser


def _add_training_command(parser: argparse.ArgumentParser, name: str) -> None:
    """Give a training command its arguments and what it does; what it refuses is told in its own sentences."""
    from apps.imaging.errors import ImagingError

    def needs_tools(error: ModuleNotFoundError) -> NoReturn:
        if (error.name or "apps").partition(".")[0] == "apps":
            raise error
        parser.error(
            f"this needs the training tools, and {error.name} is not installed here. `make train-env` makes an "
            f"environment with them; then: .venv-train/bin/python -m apps.imaging {name} ..."
        )

    try:
        command = import_module(f"apps.imaging.training.commands.{name}")
    except ModuleNotFoundError as error:
        needs_tools(error)
    command.add_arguments(parser)
    parser.description = command.__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter

    def run(options: argparse.Namespace) -> int:
        try:
            exit_code: int = command.run(options)
            return exit_code
        except ModuleNotFoundError as error:
            needs_tools(error)
        except ImagingError as error:
            _tell(str(error))
            return WRONG_USAGE

    parser.set_defaults(do=run)


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Check all series; print one JSON object per line, or the text that a person reads."""
    _refuse_missing(parser, options.paths)
    bundle = _load_bundle(parser, options.bundle)
    spec = _load_spec(parser, options.protocol, bundle)
    if options.explain is not None:
        _make_folder(parser, "--explain", options.explain)

    from apps.imaging.pipeline import SeriesReport, UncheckedSeries, check_paths, match_reports
    from apps.imaging.text_report import board_text, series_text, summary_text

    reports: list[SeriesReport] = []
    unchecked: list[UncheckedSeries] = []
    refused: list[RefusedFile] = []
    look = None if options.explain is None else _explain_into(options.explain, bundle)
    for outcome in check_paths(options.paths, bundle, spec, progress=_progress, look=look):
        _clear_progress()
        if isinstance(outcome, SeriesReport):
            reports.append(outcome)
            if options.json:
                print(json.dumps(outcome.to_json(), allow_nan=False), flush=True)
            else:
                print(series_text(outcome), end="\n\n", flush=True)
        elif isinstance(outcome, UncheckedSeries):
            unchecked.append(outcome)
            _tell(outcome.sentence)
        else:
            refused.append(outcome)
            if options.json:
                _tell(outcome.sentence)
    _clear_progress()
    if not options.json:
        if spec is not None:
            print(board_text(spec, match_reports(spec, reports), reports), end="\n\n")
        if refused:
            print(
                "\n".join(["Files that belong to no series", *(f"  {file.sentence}" for file in refused)]), end="\n\n"
            )
        print(summary_text(reports, len(unchecked), len(refused)))
    return _exit_code(
        refused, found=bool(reports or unchecked), failed=bool(unchecked) or any(map(_undecodable, reports))
    )


def _project(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Write the pictures: into the folder itself for one series, into a folder per series for several."""
    _refuse_missing(parser, options.paths)
    _make_folder(parser, "--out", options.out)

    from apps.imaging.digest import build_digest
    from apps.imaging.pipeline import find_series
    from apps.imaging.projections import write_pictures
    from apps.imaging.rules.identity import series_words

    with TemporaryDirectory(prefix="coreqc-") as unpack_into:
        found = find_series(options.paths, Path(unpack_into))
        failed = False
        for index, series in enumerate(found.series, start=1):
            digest = build_digest(series)
            if not digest.pictures:
                failed = True
                why = " ".join(finding.sentence for finding in digest.findings)
                _tell(f"No pictures of {series_words(digest)}. {why}")
                continue
            folder = options.out if len(found.series) == 1 else options.out / f"series-{index}"
            write_pictures(digest.pictures, folder)
            print(f"{folder}: {series_words(digest)}")
    for file in found.refused:
        _tell(file.sentence)
    return _exit_code(found.refused, found=bool(found.series), failed=failed)


def _refuse_missing(parser: argparse.ArgumentParser, paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            parser.error(f"{path} does not exist.")


def _make_folder(parser: argparse.ArgumentParser, option: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"{option}: {folder} cannot be made a folder ({error.strerror}).")


def _explain_into(folder: Path, bundle: "ModelBundle") -> "Callable[[SeriesReport], None]":
    """Return what writes the evidence of each series into its own folder, `series-1`, `series-2`, ..."""
    from apps.imaging.explanation import write_overlays
    from apps.imaging.rules.identity import series_words

    numbers = count(1)

    def look(report: "SeriesReport") -> None:
        of_series = folder / f"series-{next(numbers)}"
        said = report.classification
        if said is None:
            return
        for name, answer in (("body_part", said.body_part), ("contrast", said.contrast)):
            looked_at = {member.plane: member.picture for member in bundle.modules[name].members}
            write_overlays(report.digest.pictures, answer.activations, looked_at, of_series, name)
        _clear_progress()
        _tell(f"{of_series}: evidence for the labels of {series_words(report.digest)}")

    return look


def _load_spec(parser: argparse.ArgumentParser, path: Path | None, bundle: "ModelBundle") -> "ImagingSpec | None":
    """Read the protocol, which may ask for the published classes and for those that the bundle can say."""
    if path is None:
        return None
    from apps.imaging.errors import BadSpec
    from apps.imaging.spec import load_spec

    try:
        return load_spec(path, {name: module.known_labels for name, module in bundle.modules.items()})
    except BadSpec as error:
        parser.error(f"--protocol: {error}")


def _load_bundle(parser: argparse.ArgumentParser, folder: Path | None) -> "ModelBundle":
    from apps.imaging.bundle import load_bundle
    from apps.imaging.errors import BadBundle

    folder = folder or newest_bundle()
    if folder is None:
        parser.error(f"no model bundle was found in {BUNDLES}; name one with --bundle DIR.")
    try:
        bundle = load_bundle(folder, threads=os.cpu_count() or 1)
        bundle.prepare()
    except BadBundle as error:
        parser.error(f"--bundle: {error}")
    return bundle


def newest_bundle() -> Path | None:
    """Return the folder in BUNDLES with the highest version, number by number: 0.10.0 is newer than 0.9.0."""
    versions = {
        tuple(int(part) for part in manifest.parent.name.split(".")): manifest.parent
        for manifest in BUNDLES.glob("*/bundle.toml")
        if all(part.isdecimal() for part in manifest.parent.name.split("."))
    }
    return versions[max(versions)] if versions else None


def _exit_code(refused: "Sequence[RefusedFile]", *, found: bool, failed: bool) -> int:
    """Return the exit code; tables of contents, reports and system files are read, they only hold no images."""
    from apps.imaging.headers import Refusal

    read = {Refusal.INDEX, Refusal.SYSTEM, Refusal.NOT_AN_IMAGE}
    if not found and not refused:
        _tell("No files were found there.")
        return UNREADABLE
    return UNREADABLE if failed or any(file.code not in read for file in refused) else ANSWERED


def _undecodable(report: "SeriesReport") -> bool:
    """Return whether pixels of a series could not be read."""
    return any(not instance.pixel_sha256 for instance in report.digest.instances)


def _progress(number: int, total: int) -> None:
    """Show how far the check is, where a person watches the error output."""
    if sys.stderr.isatty():
        print(f"\rchecking series {number} of {total} ...", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
