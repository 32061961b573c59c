"""Folds of patients for cross-validation: all that is of one patient stands in one fold.

The paper stratifies by class only; a patient in two folds would be tested on pictures of a body that was trained on.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

from apps.imaging.errors import BadManifest, BadRun
from apps.imaging.training.store import StoredSeries


def assign_folds(rows: Iterable[StoredSeries], folds: int) -> dict[str, int]:
    """Return the fold, 0 to `folds` - 1, of each patient of the development set.

    Strata are the combinations of labels, silent classes too. Rare ones are dealt first, each patient to the fold
    with the fewest patients of that stratum, so that every class with enough patients is judged in every fold.

    Raises
    ------
    BadManifest
        When there are fewer patients than folds.
    """
    strata: dict[tuple[tuple[str, str], ...], set[str]] = {}
    for row in rows:
        if row.set == "development":
            strata.setdefault(tuple(sorted(row.labels.items())), set()).add(row.patient)
    patients = set().union(*strata.values())
    if len(patients) < folds:
        raise BadManifest(f"{folds} folds need at least {folds} patients in the development set, not {len(patients)}.")
    assigned: dict[str, int] = {}
    for _, members in sorted(strata.items(), key=lambda stratum: (len(stratum[1]), stratum[0])):
        for patient in sorted(members - set(assigned)):
            of_stratum = [sum(assigned.get(other) == fold for other in members) for fold in range(folds)]
            of_all = [sum(fold == given for given in assigned.values()) for fold in range(folds)]
            assigned[patient] = min(range(folds), key=lambda fold: (of_stratum[fold], of_all[fold]))
    return assigned


def write_folds(file: Path, folds: dict[str, int]) -> None:
    """Write patient and fold, one line each."""
    with file.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow(["patient", "fold"])
        table.writerows(sorted(folds.items()))


def read_folds(file: Path) -> dict[str, int]:
    """Return the fold of each patient.

    Raises
    ------
    BadRun
        When the file is not there or says something else.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            return {line["patient"]: int(line["fold"]) for line in csv.DictReader(lines)}
    except (OSError, KeyError, ValueError) as error:
        raise BadRun(f"{file} does not say which patient stands in which fold ({error}).") from error
