"""The folder of a training run: what it was made from, its pictures, folds and trained classifiers.

    config.json, environment.json, log.txt
    pictures/real.{npy,csv,json}, pictures/drawn-<seed>.{npy,csv,json}
    folds.csv
    classifiers/<module>/<picture>/<part>/     part: fold-0 ... fold-<k-1>, or all

Needs no torch: evaluation and export read a run through this module.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.imaging.errors import BadManifest, BadRun
from apps.imaging.training.folds import read_folds
from apps.imaging.training.recipe import Recipe, parse_recipe
from apps.imaging.training.store import PictureStore, StoredSeries, open_store
from apps.imaging.vocabulary import PICTURES

CONFIG, FOLDS, DONE = "config.json", "folds.csv", "done.json"

PREDICTIONS = ("held-out", "internal", "external")
"""What a classifier may have predicted: the patients of its fold, and the two validation sets."""

ALL = "all"
"""The part of a classifier that was trained on the whole development set."""


@dataclass(frozen=True)
class Predictions:
    """What one classifier says of real series.

    `series` int64, indices into the rows of the real pictures; `logits` float32 (series, classes); `distance` float32
    (series,), how unlike the classifier's training pictures each is (`apps.imaging.novelty`); `activation` float16
    (series, classes, rows, columns), what each place of the picture adds to each logit, None in runs that kept none.
    """

    series: NDArray[np.int64]
    logits: NDArray[np.float32]
    distance: NDArray[np.float32]
    activation: NDArray[np.float16] | None = None

    def save(self, file: Path) -> None:
        """Write them as npz; a reader never meets half a file."""
        partial = file.with_name(file.name + ".partial")
        with partial.open("wb") as stream:
            if self.activation is None:
                np.savez(stream, series=self.series, logits=self.logits, distance=self.distance)
            else:
                np.savez(
                    stream,
                    series=self.series,
                    logits=self.logits,
                    distance=self.distance,
                    activation=self.activation,
                )
        partial.replace(file)


@dataclass(frozen=True)
class TrainedClassifier:
    """A finished plane classifier: its module, the picture it looks at, the part of the data it was trained on."""

    module: str
    picture: str
    part: str
    folder: Path

    @property
    def fold(self) -> int | None:
        """The fold that it has not seen, None when it was trained on all."""
        return None if self.part == ALL else int(self.part.removeprefix("fold-"))

    def done(self) -> dict[str, Any]:
        """Return seconds, steps, final loss and accuracy of its training."""
        return dict(json.loads((self.folder / DONE).read_text(encoding="utf-8")))

    def has_predictions(self, which: str) -> bool:
        """Return whether it predicted this set."""
        return (self.folder / f"{which}.npz").is_file()

    def predictions(self, which: str) -> Predictions:
        """Return what it said of `which`: one of PREDICTIONS.

        Raises
        ------
        BadRun
            When it did not predict this set, or the file cannot be read.
        """
        if which not in PREDICTIONS:
            raise ValueError(f"predictions are {', '.join(PREDICTIONS)}, not {which}")
        try:
            with np.load(self.folder / f"{which}.npz") as stored:
                places = stored["activation"] if "activation" in stored else None
                return Predictions(stored["series"], stored["logits"], stored["distance"], places)
        except (OSError, KeyError, ValueError) as error:
            raise BadRun(f"{self.folder} has no predictions of the {which} series ({error}).") from error


@dataclass(frozen=True)
class Run:
    """A run that can be evaluated: every classifier that `classifiers` names is finished."""

    folder: Path
    recipe: Recipe
    real: PictureStore
    folds: dict[str, int]
    config: Mapping[str, Any]

    def classes(self, module: str) -> tuple[str, ...]:
        """Return the classes of a module in the order of its logits."""
        return tuple(self.config["classes"][module])

    def silent(self, module: str) -> tuple[str, ...]:
        """Return the classes that are never an answer."""
        return tuple(word for word in self.classes(module) if word in self.recipe.modules[module].silent)

    def classifiers(self) -> list[TrainedClassifier]:
        """Return the finished classifiers, by module, picture and part."""
        found = []
        for done in (self.folder / "classifiers").glob(f"*/*/*/{DONE}"):
            module, picture, part = done.parent.relative_to(self.folder / "classifiers").parts
            if module in self.recipe.modules and picture in PICTURES and re.fullmatch(rf"fold-\d+|{ALL}", part):
                found.append(TrainedClassifier(module, picture, part, done.parent))
        modules = list(self.recipe.modules)
        return sorted(found, key=lambda one: (modules.index(one.module), PICTURES.index(one.picture), _order(one)))


def _order(classifier: TrainedClassifier) -> tuple[bool, int]:
    return classifier.fold is None, classifier.fold or 0


def classifier_folder(run: Path, module: str, picture: str, part: str) -> Path:
    """Return where a classifier's files lie."""
    return run / "classifiers" / module / picture / part


def open_run(folder: Path) -> Run:
    """Read a run folder.

    Raises
    ------
    BadRun
        When it is none, or lacks its pictures or folds.
    """
    config = read_config(folder)
    return Run(
        folder=folder,
        recipe=parse_recipe(config["recipe"], str(folder / CONFIG)),
        real=open_store(folder / "pictures" / "real"),
        folds=read_folds(folder / FOLDS),
        config=config,
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Return what a run was made from.

    Raises
    ------
    BadRun
        When the folder is no run.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return {key: config[key] for key in ("recipe", "classes", "manifest", "weights", "seed", "command")}
    except FileNotFoundError as error:
        raise BadRun(
            f"{folder} is no training run: it has no {CONFIG}. Name the folder RUN that `train MANIFEST RUN` made."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRun(f"{folder / CONFIG} cannot be read ({type(error).__name__}: {error}).") from error


def start_run(folder: Path, config: Mapping[str, Any]) -> None:
    """Write a run's config.json; a folder that holds a run goes on when it was made from the same.

    Raises
    ------
    BadRun
        When the folder holds a run of another manifest, recipe or weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / CONFIG).exists():
        before = read_config(folder)
        wanted = json.loads(json.dumps(config))
        other = [key for key in ("manifest", "recipe", "classes", "weights") if before[key] != wanted[key]]
        if other:
            words = " and ".join(other)
            raise BadRun(
                f"{folder} holds a run with other {words}. Classifiers of two recipes cannot be compared: "
                "take a new folder, or go on with what the run was started with."
            )
        return
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def classes_of(recipe: Recipe, rows: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, tuple[str, ...]]:
    """Return the classes of each module: those of the recipe, else those of the development rows, sorted.

    Parameters
    ----------
    recipe
        Names the modules.
    rows
        Set and labels of each series.

    Raises
    ------
    BadManifest
        When the development rows show fewer than two classes of a module.
    """
    seen: dict[str, set[str]] = {module: set() for module in recipe.modules}
    for of_set, labels in rows:
        for module, word in labels.items():
            if of_set == "development" and module in seen:
                seen[module].add(word)
    classes = {}
    for module, words in seen.items():
        if len(words) < 2:
            found = ", ".join(words) or "none"
            raise BadManifest(f"The column {module} needs two classes or more in the development set; it has {found}.")
        classes[module] = recipe.modules[module].classes or tuple(sorted(words))
    return classes


def label_indices(rows: Iterable[StoredSeries], module: str, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the class index of each series, -1 where it is not for this module."""
    places = {word: index for index, word in enumerate(classes)}
    return np.array([places.get(row.labels.get(module, ""), -1) for row in rows], dtype=np.int64)
