"""`python -m apps.imaging deidentify`: a folder, de-identified for one visit, for sites that send by REST."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.imaging.deidentification.engine import Deidentified
    from apps.imaging.deidentification.profile import Profile

DONE, LEFT_OUT = 0, 1
"""Exit codes; wrong usage ends with 2, as argparse has it."""

_INDEX_OF_A_DISC = b"1.2.840.10008.1.3.10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    parser.description = (
        "De-identifies every DICOM object of a folder as the trial asks, reads each result again, and writes only "
        "those that identify nobody. Files are named by their new UIDs: old names may name the patient."
    )
    parser.epilog = "Exit code: 0 everything was written, 1 something was left out, 2 wrong usage."
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the exported files lie")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the de-identified files")
    parser.add_argument(
        "--profile", type=Path, required=True, metavar="FILE", help="the visit's profile, saved from its page; secret"
    )
    parser.add_argument("--report", action="store_true", help="say for each attribute what was done to it, and why")
    parser.set_defaults(do=lambda options: run(parser, options))


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """De-identify a folder and say what became of it; values of attributes are never printed."""
    profile = _profile(parser, options.profile)
    folder, out = options.folder.resolve(), options.out.resolve()
    if not folder.is_dir():
        parser.error(f"{options.folder} is not a folder.")
    if out == folder or folder in out.parents:
        parser.error(f"{options.out} lies in {options.folder}; choose a folder outside of it.")
    written, others, left_out = 0, 0, 0
    done: Counter[tuple[str, str, str]] = Counter()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        try:
            result = _deidentified(path, profile)
            _write(out, result)
        except _LeftOut as error:
            left_out += not error.harmless
            others += error.harmless
            print(f"{name} {error}", file=sys.stderr)
            continue
        written += 1
        done.update({(change.tag, change.action, change.why) for change in result.changes})
    if options.report:
        _report(done, written)
    print(f"{_counted(written, 'object')} written to {options.out}.")
    if others:
        print(f"{_counted(others, 'other file')} not needed.")
    if left_out:
        print(f"{_counted(left_out, 'file')} left out; the lines above say why.")
    return LEFT_OUT if left_out or not written else DONE


class _LeftOut(Exception):
    """A file that is not written; the text ends the sentence "<file> …"."""

    def __init__(self, sentence: str, *, harmless: bool = False) -> None:
        super().__init__(sentence)
        self.harmless = harmless


def _deidentified(path: Path, profile: "Profile") -> "Deidentified":
    """Return a file's object de-identified, having read the result again."""
    from apps.imaging.deidentification.dataset import NotDicom
    from apps.imaging.deidentification.engine import deidentify
    from apps.imaging.deidentification.residuals import residuals
    from apps.imaging.errors import UnreadableFile

    try:
        content = path.read_bytes()
        result = deidentify(content, profile)
    except NotDicom as error:
        raise _LeftOut(f"{error}.", harmless=True) from None
    except UnreadableFile as error:
        raise _LeftOut(f"{error}.") from None
    except OSError as error:
        raise _LeftOut(f"could not be opened ({error.strerror}); check the file.") from None
    if _INDEX_OF_A_DISC in result.header[:400]:
        raise _LeftOut("is the table of contents of a disc, which names patients; it is not needed.", harmless=True)
    found = residuals(result.content, profile)
    if found:
        raise _LeftOut(f"may still identify somebody: {'; '.join(dict.fromkeys(map(str, found)))}.")
    return result


def _profile(parser: argparse.ArgumentParser, path: Path) -> "Profile":
    from apps.imaging.deidentification.profile import Profile
    from apps.imaging.errors import BadProfile

    try:
        return Profile.from_json(json.loads(path.read_text("utf-8")))
    except OSError as error:
        parser.error(f"--profile: {path} could not be opened ({error.strerror}).")
    except (json.JSONDecodeError, UnicodeDecodeError):
        parser.error(f"--profile: {path} is not JSON; save the visit's profile again.")
    except BadProfile as error:
        parser.error(f"--profile: {path} {error}.")


def _write(out: Path, result: "Deidentified") -> None:
    """Write an object under its new UIDs: a folder per series, a file per object."""
    if not (result.sop_instance_uid and result.series_uid):
        raise _LeftOut("does not say which object of which series it is; export it again.")
    path = out / result.series_uid / f"{result.sop_instance_uid}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_bytes() != result.content:
        raise _LeftOut(f"has the UID of an object that was written already ({path}), but is another one.")
    path.write_bytes(result.content)


def _report(done: Counter[tuple[str, str, str]], written: int) -> None:
    from apps.imaging.deidentification.dictionary import attribute_names

    names = attribute_names()
    for (tag, action, why), count in sorted(done.items()):
        number = int(tag, 16) if len(tag) == 8 and all(one in "0123456789ABCDEF" for one in tag) else None
        told = f"({tag[:4]},{tag[4:]})" if number is not None else tag
        name = names.get(number, "private attribute") if number is not None else ""
        print(f"{told:11} {action:8} in {count} of {written}  {name}: {why}")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
