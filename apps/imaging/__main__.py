"""The command line of the imaging core: `python -m apps.imaging check PATH...` and `project PATH --out DIR`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.imaging.bundle import ModelBundle
    from apps.imaging.headers import RefusedFile
    from apps.imaging.pipeline import SeriesReport
    from apps.imaging.spec import ImagingSpec

ANSWERED, UNREADABLE, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes; 130 is what shells give for Ctrl-C."""

BUNDLES = Path(__file__).resolve().parents[2] / "models" / "imageqc-lite"
"""Where the bundles lie that are used when none is named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever happens, the person reads a sentence."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        exit_code: int = options.run(options)
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


def _parser() -> argparse.ArgumentParser:
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
    check.set_defaults(run=lambda options: _check(check, options))
    project = commands.add_parser(
        "project",
        help="write the nine pictures of each series",
        description="Writes the nine pictures (MIP, AIP, mid-plane in three planes) of each series as PNG.",
        epilog="Exit code: 0 every series was projected, 1 something was unreadable, 2 wrong usage.",
    )
    project.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="DICOM files, folders or zips")
    project.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the pictures")
    project.set_defaults(run=lambda options: _project(project, options))
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Check all series; print one JSON object per line, or the text that a person reads."""
    _refuse_missing(parser, options.paths)
    spec = _load_spec(parser, options.protocol)
    bundle = _load_bundle(parser, options.bundle)

    from apps.imaging.pipeline import SeriesReport, UncheckedSeries, check_paths, match_reports
    from apps.imaging.text_report import board_text, series_text, summary_text

    reports: list[SeriesReport] = []
    unchecked: list[UncheckedSeries] = []
    refused: list[RefusedFile] = []
    for outcome in check_paths(options.paths, bundle, spec, progress=_progress):
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
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: {options.out} cannot be made a folder ({error.strerror}).")

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


def _load_spec(parser: argparse.ArgumentParser, path: Path | None) -> "ImagingSpec | None":
    if path is None:
        return None
    from apps.imaging.errors import BadSpec
    from apps.imaging.spec import load_spec

    try:
        return load_spec(path)
    except BadSpec as error:
        parser.error(f"--protocol: {error}")


def _load_bundle(parser: argparse.ArgumentParser, folder: Path | None) -> "ModelBundle":
    from apps.imaging.bundle import load_bundle
    from apps.imaging.errors import BadBundle

    folder = folder or _newest_bundle(parser)
    try:
        bundle = load_bundle(folder, threads=os.cpu_count() or 1)
        bundle.prepare()
    except BadBundle as error:
        parser.error(f"--bundle: {error}")
    return bundle


def _newest_bundle(parser: argparse.ArgumentParser) -> Path:
    """Return the folder with the highest version, number by number: 0.10.0 is newer than 0.9.0."""
    versions = {
        tuple(int(part) for part in manifest.parent.name.split(".")): manifest.parent
        for manifest in BUNDLES.glob("*/bundle.toml")
        if all(part.isdecimal() for part in manifest.parent.name.split("."))
    }
    if not versions:
        parser.error(f"no model bundle was found in {BUNDLES}; name one with --bundle DIR.")
    return versions[max(versions)]


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
