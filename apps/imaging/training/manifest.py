"""The manifest: a CSV that says which series there are, whose they are and what they show.

    path     folder or files of one DICOM series | .npz volume | ...{plane}....png, three 16-bit pictures (HU + 1024)
    patient  everything of one patient stays on one side of a fold
    <module> one column per module of the recipe (body_part, contrast ...); empty = not for that module
    z_low, z_high (slices, inclusive, 0 = most inferior), set, source, scanner, quality, name: optional

`docs/training.md` is the person's page.
"""

import csv
import difflib
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.imaging.errors import BadManifest
from apps.imaging.training.archive import OPTIONAL_COLUMNS, slices_of_volume
from apps.imaging.training.recipe import WORD, Recipe
from apps.imaging.training.store import SETS
from apps.imaging.vocabulary import PLANES

KNOWN = ("path", "patient", *OPTIONAL_COLUMNS)

PLANE = "{plane}"
"""Stands in a path for axial, sagittal and coronal."""

SHOWN_PROBLEMS = 40
"""A manifest with more problems than this has one cause; the rest is counted."""


@dataclass(frozen=True)
class ManifestSeries:
    """One line: `path` absolute, `labels` per module without empty ones, `z_range` inclusive or None for all.

    `body_part` is what stands in the column of that name, whether the recipe asks for it or not.
    """

    line: int
    name: str
    path: Path
    patient: str
    labels: dict[str, str]
    z_range: tuple[int, int] | None
    set: str
    source: str
    scanner: str
    quality: str
    body_part: str = ""

    @property
    def kind(self) -> str:
        """What lies at the path: "planes", "volume" (.npz) or "dicom"."""
        if PLANE in self.path.name:
            return "planes"
        return "volume" if self.path.suffix.lower() == ".npz" else "dicom"

    def plane_file(self, plane: str) -> Path:
        """Return the picture of one plane."""
        return self.path.with_name(self.path.name.replace(PLANE, plane))


@dataclass(frozen=True)
class Manifest:
    """All series of a manifest that was understood; `sha256` of its bytes."""

    file: Path
    sha256: str
    series: tuple[ManifestSeries, ...]


def read_manifest(file: Path, recipe: Recipe) -> Manifest:
    """Read a manifest for the modules of a recipe.

    Raises
    ------
    BadManifest
        When anything is wrong: each problem with line and column, all of them at once.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadManifest(f"The manifest {file} cannot be read: {error.strerror}.") from error
    try:
        lines = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadManifest(f"The manifest {file} is no CSV file in UTF-8: {error}.") from error
    problems = _Problems(file)
    if not lines:
        problems.say(1, "", "the file is empty; its first line has to name the columns")
        problems.refuse()
    header = [column.strip() for column in lines[0]]
    _check_header(header, recipe, problems)
    problems.refuse()
    series = []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            problems.say(number, "", f"has {len(cells)} cells, the header {len(header)}; quote cells that hold a comma")
            continue
        row = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
        series.append(_read_series(number, row, file.absolute().parent, recipe, problems))
    _check_together(series, problems)
    problems.refuse()
    series = [one for one in series if one.labels]
    if not any(one.set == "development" for one in series):
        raise BadManifest(f"{file} has no series of the set development: there is nothing to train on.")
    return Manifest(file, hashlib.sha256(content).hexdigest(), tuple(series))


class _Problems:
    """What is wrong with a manifest, gathered so that a person mends all of it in one go."""

    def __init__(self, file: Path) -> None:
        self._file, self._found = file, list[tuple[int, str]]()

    def say(self, line: int, column: str, what: str) -> None:
        """Keep one problem."""
        self._found.append((line, f"  line {line}{f', column {column}' if column else ''}: {what}"))

    def refuse(self) -> None:
        """Refuse the manifest when anything was found."""
        if not self._found:
            return
        count = len(self._found)
        more = [f"  ... and {count - SHOWN_PROBLEMS} more"] if count > SHOWN_PROBLEMS else []
        title = f"The manifest {self._file} has {count} problem{'s' if count > 1 else ''}:"
        told = [sentence for _, sentence in sorted(self._found, key=lambda problem: problem[0])[:SHOWN_PROBLEMS]]
        raise BadManifest("\n".join([title, *told, *more]))


def _check_header(header: Sequence[str], recipe: Recipe, problems: _Problems) -> None:
    needed = ("path", "patient", *recipe.modules)
    for column in needed:
        if column not in header:
            close = difflib.get_close_matches(column, header, 1, 0.7)
            instead = f"; is it what you call {close[0]}?" if close else ""
            problems.say(
                1, column, f"the header lacks it (the recipe {recipe.name} needs {', '.join(needed)}){instead}"
            )
    for column in sorted({column for column in header if header.count(column) > 1}):
        problems.say(1, column, "the header names it twice")
    for column in header:
        # Other columns are the lab's own notes; only what looks like a slip of the pen is refused.
        if column and column not in (*KNOWN, *recipe.modules):
            close = difflib.get_close_matches(column.lower(), KNOWN, 1, 0.8)
            if close and close[0] not in header:
                problems.say(1, column, f"is no known column; write {close[0]} if that is meant, or rename it")


def _read_series(
    line: int, row: Mapping[str, str], folder: Path, recipe: Recipe, problems: _Problems
) -> ManifestSeries:
    if not row["patient"]:
        problems.say(line, "patient", "is empty; a pseudonym is needed, so that no patient stands in two folds")
    labels = _labels(line, row, recipe, problems)
    of_set = row.get("set") or "development"
    if of_set not in SETS:
        problems.say(line, "set", f"{of_set!r} is unknown; write {', '.join(SETS)} or leave it empty (development)")
    series = ManifestSeries(
        line=line,
        name=row.get("name") or f"line-{line}",
        path=folder / row["path"],
        patient=row["patient"],
        labels=labels,
        z_range=_z_range(line, row, problems),
        set=of_set,
        source=row.get("source", ""),
        scanner=row.get("scanner", ""),
        quality=row.get("quality", ""),
        body_part=word if WORD.fullmatch(word := row.get("body_part", "")) else "",
    )
    if not row["path"]:
        problems.say(line, "path", "is empty; write where the series lies, relative to the manifest")
    else:
        _check_path(series, row["path"], problems)
    return series


def _labels(line: int, row: Mapping[str, str], recipe: Recipe, problems: _Problems) -> dict[str, str]:
    labels, unasked = {}, False
    for module, of_module in recipe.modules.items():
        word = row[module]
        if not word:
            continue
        labels[module] = word
        if not WORD.fullmatch(word):
            problems.say(line, module, f"{word!r} is no class name: small letters, digits and _ only")
        elif of_module.classes and word not in of_module.classes:
            known = ", ".join(of_module.classes)
            remedy = "mend it, leave it empty, or train by a copy of the recipe that names it among the classes"
            problems.say(line, module, f"{word!r} is none of the recipe's classes ({known}); {remedy}")
        if not of_module.asks(row.get("body_part", "")):
            del labels[module]
            unasked = True
    # A recipe of one module asks one question of an archive that may hold answers to others: those lines are left out.
    if not labels and not unasked and len(recipe.modules) > 1:
        columns = " and ".join(recipe.modules)
        problems.say(line, columns, "are all empty; label the series or take the line out")
    return labels


def _z_range(line: int, row: Mapping[str, str], problems: _Problems) -> tuple[int, int] | None:
    written = {column: row.get(column, "") for column in ("z_low", "z_high")}
    if not any(written.values()):
        return None
    for column, text in written.items():
        if not text.isdecimal():
            what = "is empty, the other end is not" if not text else f"{text!r} is no slice number"
            problems.say(line, column, f"{what}; write whole numbers from 0 (most inferior), or leave both empty")
            return None
    low, high = int(written["z_low"]), int(written["z_high"])
    if high <= low:
        problems.say(line, "z_high", f"{high} is not above z_low, {low}; a series has two slices or more")
        return None
    return low, high


def _check_path(series: ManifestSeries, written: str, problems: _Problems) -> None:
    if series.kind == "planes":
        missing = [plane for plane in PLANES if not series.plane_file(plane).is_file()]
        if missing:
            problems.say(series.line, "path", f"{written}: there is no picture of the plane {', '.join(missing)}")
        if series.z_range:
            problems.say(series.line, "z_low", "pictures of planes have no slices; leave z_low and z_high empty")
        return
    if "*" in series.path.name:
        if not any(series.path.parent.glob(series.path.name)):
            problems.say(series.line, "path", f"{written}: no file has such a name")
        return
    if not series.path.exists():
        problems.say(series.line, "path", f"{written} does not exist (looked for {series.path})")
        return
    if series.kind != "volume":
        return
    try:
        slices = slices_of_volume(series.path)
    except (OSError, ValueError, KeyError) as error:
        problems.say(series.line, "path", f"{written} is no volume: {error}")
        return
    if series.z_range and series.z_range[1] >= slices:
        problems.say(series.line, "z_high", f"{series.z_range[1]}: the volume has slices 0 to {slices - 1}")


def _check_together(series: Collection[ManifestSeries], problems: _Problems) -> None:
    lines_of_name: dict[str, int] = {}
    sets_of_patient: dict[str, tuple[str, int]] = {}
    for one in series:
        if one.name in lines_of_name:
            problems.say(one.line, "name", f"{one.name} is the name of line {lines_of_name[one.name]} too")
        lines_of_name.setdefault(one.name, one.line)
        of_set, line = sets_of_patient.setdefault(one.patient, (one.set, one.line))
        if one.patient and of_set != one.set:
            problems.say(
                one.line,
                "set",
                f"patient {one.patient} is {one.set} here and {of_set} in line {line}: whoever is trained on cannot "
                "validate; give all series of the patient one set",
            )
