"""Train the plane classifiers of a run: each module, picture and part that was asked for and is not finished."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from apps.imaging.networks import PlaneNetwork, Weights, make_network
from apps.imaging.novelty import choose_references, distance
from apps.imaging.training.curves import curve_svg, write_curve
from apps.imaging.training.fit import Device, Examples, Fit, Fitted, save_weights
from apps.imaging.training.inputs import Inputs, Windows, feature_maps, is_learned_on_the_fly, shrunk
from apps.imaging.training.locking import lock_or_skip
from apps.imaging.training.picture_augmentation import PictureVariation, with_copies
from apps.imaging.training.progress import in_words
from apps.imaging.training.run import ALL, DONE, Predictions, Run, classifier_folder, label_indices
from apps.imaging.training.sampling import balanced_weights
from apps.imaging.training.store import PictureStore, StoredSeries

log = logging.getLogger(__name__)

REFERENCES = 64
"""Centres of the training embeddings that are kept per classifier."""


@dataclass(frozen=True)
class Selection:
    """Which classifiers: empty = all of the recipe. `parts` are "fold-0" ... and "all"."""

    modules: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """One classifier to train."""

    module: str
    picture: str
    part: str

    @property
    def name(self) -> str:
        """The classifier in words."""
        return f"{self.module} {self.picture} {self.part}"


@dataclass(frozen=True)
class Outcome:
    """How many classifiers were trained now, were finished before, and are in another process's hands."""

    trained: int
    kept: int
    skipped: int


def all_parts(folds: int) -> tuple[str, ...]:
    """Return the parts of a classifier: one per fold, and all."""
    return (*(f"fold-{fold}" for fold in range(folds)), ALL)


def wanted_classifiers(run: Run, selection: Selection) -> list[Wanted]:
    """Return what a selection asks for, in the order in which it is trained."""
    return [
        Wanted(module, picture, part)
        for module, of_module in run.recipe.modules.items()
        if not selection.modules or module in selection.modules
        for picture in of_module.pictures
        if not selection.pictures or picture in selection.pictures
        for part in all_parts(run.recipe.folds)
        if not selection.parts or part in selection.parts
    ]


def train_classifiers(
    run: Run, drawn: Sequence[PictureStore], selection: Selection, weights: Weights, device: Device
) -> Outcome:
    """Train what is asked for and not finished; another process may train others of the same run meanwhile."""
    wanted = wanted_classifiers(run, selection)
    parts_asked = {one.part for one in wanted}
    trained = skipped = 0
    started = time.monotonic()
    plane: PlaneTraining | None = None
    open_now = [one for one in wanted if not _is_done(run, one)]
    log.info("classifiers: %d to train, %d are finished", len(open_now), len(wanted) - len(open_now))
    for place, one in enumerate(open_now):
        folder = classifier_folder(run.folder, one.module, one.picture, one.part)
        folder.mkdir(parents=True, exist_ok=True)
        with lock_or_skip(folder / "lock") as held:
            if not held:
                log.info("%s: another training of this run is at it; skipped", one.name)
                skipped += 1
                continue
            if _is_done(run, one):
                continue
            if plane is None or (plane.module, plane.picture) != (one.module, one.picture):
                plane = PlaneTraining(run, drawn, one.module, one.picture, weights, device)
            plane.train(one, folder, validates=one.part == ALL or (one.part == "fold-0" and ALL not in parts_asked))
            trained += 1
        left = len(open_now) - place - 1
        if left:
            pace = (time.monotonic() - started) / trained
            log.info("classifiers: %d of %d trained, %s left", trained, len(open_now), in_words(pace * left))
    return Outcome(trained, len(wanted) - trained - skipped, skipped)


def _is_done(run: Run, one: Wanted) -> bool:
    return (classifier_folder(run.folder, one.module, one.picture, one.part) / DONE).is_file()


class PlaneTraining:
    """What the trainings of one module and picture share: pictures, labels, and what frozen blocks make of them."""

    def __init__(
        self, run: Run, drawn: Sequence[PictureStore], module: str, picture: str, weights: Weights, device: Device
    ) -> None:
        self.run, self.module, self.picture, self.weights, self.device = run, module, picture, weights, device
        recipe, of_module = run.recipe, run.recipe.modules[module]
        self.classes = run.classes(module)
        self.real_pixels, self.real_series = self._shown(run.real)
        self.real_labels = label_indices(run.real.rows, module, self.classes)[self.real_series]
        development = np.array([run.real.rows[index].set == "development" for index in self.real_series], dtype=bool)
        pixels = [self.real_pixels[torch.from_numpy(development)]]
        self.rows = [run.real.rows[index] for index in self.real_series[development]]
        for store in drawn:
            more, chosen = self._shown(store)
            pixels.append(more)
            self.rows += [store.rows[index] for index in chosen]
        self.copies = max(1, recipe.picture_augmentation.copies)
        learned = with_copies(torch.cat(pixels), recipe.picture_augmentation, recipe.training.seed)
        windows = Windows.of(of_module.input, device.name)
        frozen = recipe.backbone.frozen_blocks
        if frozen:
            lower = self.network().to(device.name, memory_format=torch.channels_last).lower(frozen)
            log.info("%s %s: %d frozen blocks on %d pictures", module, picture, frozen, len(learned))
            stored, real = (feature_maps(lower, part, windows) for part in (learned, self.real_pixels))
        else:
            stored, real = learned.to(device.name), self.real_pixels.to(device.name)
        on_the_fly = is_learned_on_the_fly(recipe.picture_augmentation, frozen)
        self.inputs = Inputs(
            stored,
            windows,
            device.name,
            PictureVariation(recipe.picture_augmentation) if on_the_fly else None,
            0.0 if recipe.picture_augmentation.copies else recipe.picture_augmentation.horizontal_flip,
        )
        self.real_inputs = Inputs(real, windows, device.name)

    def network(self) -> PlaneNetwork:
        """Return the network as every part begins: the same weights, the same head."""
        torch.manual_seed(self.run.recipe.training.seed)
        return make_network(self.run.recipe.backbone.name, len(self.classes), self.weights)

    def _shown(self, store: PictureStore) -> tuple[torch.Tensor, NDArray[np.intp]]:
        """Return the series that this module learns from or judges, as pictures at network size, and their indices.

        Of some scans only the mid-planes are at hand: a picture without anything on it is left out.
        """
        labels = label_indices(store.rows, self.module, self.classes)
        chosen = np.flatnonzero(labels >= 0)
        pixels = store.picture(self.picture)
        chosen = np.array([index for index in chosen if pixels[index].any()], dtype=np.intp)
        return shrunk(pixels[chosen], self.run.recipe.modules[self.module].input.size), chosen

    def train(self, one: Wanted, folder: Path, validates: bool) -> None:
        """Train one part, write everything that belongs to it, and last of all that it is done."""
        recipe = self.run.recipe
        fold = None if one.part == ALL else int(one.part.removeprefix("fold-"))
        seen = np.array([fold is None or self.run.folds.get(row.patient) != fold for row in self.rows], dtype=bool)
        examples = self._examples(seen)
        held_out = self._held_out(fold)
        tuning = Examples(self.real_inputs, held_out, self.real_labels[held_out])
        fit = Fit(
            one.name,
            self.network(),
            recipe.backbone.frozen_blocks,
            recipe.training,
            self.device,
            folder / "checkpoint.pt",
        )
        log.info("%s: %d pictures, %d to tune", one.name, len(examples), len(held_out) if fold is not None else 0)
        fitted = fit.run(examples, tuning if fold is not None else None)
        embeddings = fit.predict(self.inputs, examples.chosen).embeddings
        references = choose_references(embeddings, REFERENCES, recipe.training.seed)
        np.save(folder / "references.npy", references)
        said = self._predict(fit, held_out, references)
        accuracy = float((said.logits.argmax(axis=1) == self.real_labels[held_out]).mean()) if len(held_out) else None
        if fold is not None:
            said.save(folder / "held-out.npz")
        if validates:
            self._validate(fit, references, folder)
        if one.part == ALL:
            # The sets of validation belong to the classifier that has seen all of the development set.
            for name in ("internal", "external"):
                first = classifier_folder(self.run.folder, one.module, one.picture, "fold-0")
                (first / f"{name}.npz").unlink(missing_ok=True)
        self._finish(one, folder, fit, fitted, len(examples), accuracy)

    def _examples(self, seen: NDArray[np.bool_]) -> Examples:
        """Return the training pictures of the series that a part may see, with all their copies."""
        series = np.flatnonzero(seen)
        chosen = (series[:, np.newaxis] * self.copies + np.arange(self.copies)).ravel()
        rows = [self.rows[index] for index in series]
        labels = np.repeat(label_indices(rows, self.module, self.classes), self.copies)
        weights = None
        if self.run.recipe.training.sampling == "balanced":
            weights = np.repeat(balanced_weights(rows, self.module), self.copies) / self.copies
        return Examples(self.inputs, chosen, labels, weights)

    def _held_out(self, fold: int | None) -> NDArray[np.intp]:
        """Return the places of the real development series of a fold's patients; of all for None."""
        rows: list[StoredSeries] = [self.run.real.rows[index] for index in self.real_series]
        return np.flatnonzero(
            [row.set == "development" and (fold is None or self.run.folds[row.patient] == fold) for row in rows]
        )

    def _validate(self, fit: Fit, references: NDArray[np.float32], folder: Path) -> None:
        for name in ("internal", "external"):
            places = np.flatnonzero([self.run.real.rows[index].set == name for index in self.real_series])
            if len(places):
                self._predict(fit, places, references).save(folder / f"{name}.npz")

    def _predict(self, fit: Fit, places: NDArray[np.intp], references: NDArray[np.float32]) -> Predictions:
        said = fit.predict(self.real_inputs, places)
        apart = distance(said.embeddings, references) if len(places) else np.empty(0, np.float32)
        series = self.real_series[places].astype(np.int64)
        return Predictions(series, said.logits, apart.astype(np.float32), said.activation)

    def _finish(
        self, one: Wanted, folder: Path, fit: Fit, fitted: Fitted, pictures: int, accuracy: float | None
    ) -> None:
        save_weights(fit.network, folder / "weights.pt")
        write_curve(folder / "curve.csv", fitted.curve)
        (folder / "curve.svg").write_text(curve_svg(one.name, fitted.curve), encoding="utf-8")
        done = {
            "seconds": round(fitted.seconds, 1),
            "steps": fitted.steps,
            "loss": round(fitted.loss, 4),
            "accuracy": None if accuracy is None else round(accuracy, 4),
            "accuracy_on": "the whole development set, seen in training" if one.part == ALL else "held-out patients",
            "pictures": pictures,
            "device": str(self.device.name),
            "precision": self.device.precision,
        }
        partial = folder / "done.partial"
        partial.write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")
        partial.replace(folder / DONE)
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        log.info("%s: %s of %s right", one.name, "none" if accuracy is None else f"{accuracy:.3f}", done["accuracy_on"])
