"""What classifiers said of series that they did not learn from, and what a vote of some of them says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from apps.imaging.ensemble import softmax
from apps.imaging.training.calibration import UNFITTED
from apps.imaging.training.run import ALL, Predictions, Run
from apps.imaging.vocabulary import PLANES

HELD_OUT, INTERNAL, EXTERNAL = "held-out", "internal", "external"
SETS = (HELD_OUT, INTERNAL, EXTERNAL)
"""What series are judged: held-out patients of the folds, and the two validation sets."""

FIRST_FOLD = "fold-0"
"""The part that predicts the validation sets where none was trained on all development patients."""

NO_CLASS = -1
"""Truth index of a class that the networks have no output for; such a series is out of scope."""

NO_FOLD = -1


def plane_of(picture: str) -> str:
    """Return the plane of a picture's name: `mip_axial` shows the axial one."""
    return picture.rpartition("_")[2]


@dataclass(frozen=True)
class Judged:
    """One module on one set: the truth of all real series of a run, and what each picture's classifiers said.

    `truth` (rows,) holds class indices, `words` (rows,) the classes as the manifest writes them, `in_scope` (rows,)
    whether the series is one that the module has to answer; `outputs` per picture, where it was trained.
    """

    module: str
    which: str
    classes: tuple[str, ...]
    silent: tuple[str, ...]
    truth: NDArray[np.int64]
    words: NDArray[np.str_]
    in_scope: NDArray[np.bool_]
    patients: NDArray[np.str_]
    folds: NDArray[np.int64]
    outputs: dict[str, Predictions]

    def activation(self, picture: str, series: int) -> NDArray[np.float16] | None:
        """Return what each place of a series' picture adds to each logit, (classes, rows, columns); None: not kept."""
        output = self.outputs[picture]
        if output.activation is None:
            return None
        found: NDArray[np.float16] = output.activation[int(np.searchsorted(output.series, series))]
        return found

    @property
    def scope(self) -> list[int]:
        """Class indices that are labels, without the silent ones."""
        return [index for index, word in enumerate(self.classes) if word not in self.silent]


@dataclass(frozen=True)
class Vote:
    """The vote of one or three planes over some series.

    Attributes
    ----------
    judged
        Where it comes from.
    series
        Rows of the picture store, (series,).
    logits
        (planes, series, classes), planes in the order of `pictures`.
    distance
        Mean over planes of the distance to the training pictures, (series,).
    pictures
        The picture that each plane looked at.
    temperature
        What logits are divided by, one number per series (series,): folds may differ.
    """

    judged: Judged
    series: NDArray[np.int64]
    logits: NDArray[np.float64]
    distance: NDArray[np.float64]
    pictures: tuple[str, ...]
    temperature: NDArray[np.float64]

    @cached_property
    def plane_scores(self) -> NDArray[np.float64]:
        """Each plane's own scores, (planes, series, classes)."""
        return softmax(self.logits / self.temperature[None, :, None], 1.0)

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """The soft vote, (series, classes) (paper, Eq. 1)."""
        result: NDArray[np.float64] = self.plane_scores.mean(axis=0)
        return result

    @cached_property
    def said(self) -> NDArray[np.intp]:
        """The class with the highest voted score, (series,)."""
        return self.scores.argmax(axis=1)

    @property
    def score(self) -> NDArray[np.float64]:
        """Voted score of the class that was said, (series,)."""
        result: NDArray[np.float64] = self.scores.max(axis=1)
        return result

    @property
    def plane_said(self) -> NDArray[np.intp]:
        """What each plane would have said alone, (planes, series)."""
        return self.logits.argmax(axis=2)

    @property
    def agreeing(self) -> NDArray[np.int64]:
        """How many planes alone say the voted class, (series,)."""
        result: NDArray[np.int64] = (self.plane_said == self.said).sum(axis=0)
        return result

    @property
    def truth(self) -> NDArray[np.int64]:
        """Class index of the truth, (series,)."""
        return self.judged.truth[self.series]

    @property
    def words(self) -> NDArray[np.str_]:
        """The truth as the manifest writes it, (series,)."""
        return self.judged.words[self.series]

    @property
    def in_scope(self) -> NDArray[np.bool_]:
        """Whether the module has to answer the series, (series,)."""
        return self.judged.in_scope[self.series]

    @property
    def patients(self) -> NDArray[np.str_]:
        """Whose series it is, (series,)."""
        return self.judged.patients[self.series]

    @property
    def folds(self) -> NDArray[np.int64]:
        """Fold of the patient, (series,)."""
        return self.judged.folds[self.series]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the class that was said is the truth, (series,)."""
        return self.said == self.truth

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Whether the class that was said is a label at all: silent classes are none, (series,)."""
        return np.isin(self.said, self.judged.scope)

    def of(self, chosen: NDArray[np.bool_]) -> "Vote":
        """Return the vote over the chosen series (series,) only."""
        return Vote(
            self.judged,
            self.series[chosen],
            self.logits[:, chosen],
            self.distance[chosen],
            self.pictures,
            self.temperature[chosen],
        )

    def at(self, temperature: float) -> "Vote":
        """Return the same vote with another temperature."""
        return replace(self, temperature=np.full(len(self.series), temperature))


def judge(run: Run, module: str, which: str) -> Judged:
    """Gather truth and predictions of one module on one set.

    Held-out predictions are those of every finished fold; the validation sets' are those of the part `all`, or of the
    first fold for a picture that has no `all`.
    """
    rows = run.real.rows
    classes = tuple(run.classes(module))
    silent = tuple(run.recipe.modules[module].silent)
    words = [row.labels.get(module, "") for row in rows]
    trained: dict[str, dict[str, Predictions]] = {}
    for classifier in run.classifiers():
        if classifier.module != module:
            continue
        if classifier.has_predictions(which):
            trained.setdefault(classifier.picture, {})[classifier.part] = classifier.predictions(which)
    outputs = {}
    for picture, parts in trained.items():
        if which == HELD_OUT:
            chosen = [predictions for part, predictions in sorted(parts.items()) if part != ALL]
        else:
            chosen = [parts[part] for part in (ALL, FIRST_FOLD) if part in parts][:1]
        if chosen:
            outputs[picture] = _joined(chosen)
    return Judged(
        module,
        which,
        classes,
        silent,
        truth=np.array([classes.index(word) if word in classes else NO_CLASS for word in words], dtype=np.int64),
        words=np.array(words, dtype=np.str_),
        in_scope=np.array([word in classes and word not in silent for word in words], dtype=bool),
        patients=np.array([row.patient for row in rows], dtype=np.str_),
        folds=np.array([run.folds.get(row.patient, NO_FOLD) for row in rows], dtype=np.int64),
        outputs=outputs,
    )


def vote(judged: Judged, pictures: Sequence[str], temperature: float = UNFITTED) -> Vote | None:
    """Return the vote of these pictures over the series that have all of them; None when one was not trained."""
    if not pictures or any(picture not in judged.outputs for picture in pictures):
        return None
    series = judged.outputs[pictures[0]].series
    for picture in pictures[1:]:
        series = np.intersect1d(series, judged.outputs[picture].series)
    logits, distances = [], []
    for picture in pictures:
        output = judged.outputs[picture]
        position = np.searchsorted(output.series, series)
        logits.append(output.logits[position].astype(np.float64))
        distances.append(output.distance[position].astype(np.float64))
    return Vote(
        judged,
        series,
        np.stack(logits),
        np.mean(distances, axis=0),
        tuple(pictures),
        np.full(len(series), temperature),
    )


def vote_of_planes(judged: Judged, pictures: Mapping[str, str], temperature: float = UNFITTED) -> Vote | None:
    """Return the vote of one picture per plane; None when a plane is missing or not trained."""
    if set(pictures) != set(PLANES):
        return None
    return vote(judged, [pictures[plane] for plane in PLANES], temperature)


def joined_votes(votes: Sequence[Vote]) -> Vote:
    """Return several votes over different series of one set as one, by series; they may look at different pictures."""
    order = np.argsort(np.concatenate([part.series for part in votes]), kind="stable")
    return Vote(
        votes[0].judged,
        np.concatenate([part.series for part in votes])[order],
        np.concatenate([part.logits for part in votes], axis=1)[:, order],
        np.concatenate([part.distance for part in votes])[order],
        votes[0].pictures,
        np.concatenate([part.temperature for part in votes])[order],
    )


def _joined(parts: Sequence[Predictions]) -> Predictions:
    series = np.concatenate([part.series for part in parts])
    order = np.argsort(series, kind="stable")
    activations = [part.activation for part in parts if part.activation is not None]
    return Predictions(
        series=series[order],
        logits=np.concatenate([part.logits for part in parts])[order],
        distance=np.concatenate([part.distance for part in parts])[order],
        activation=np.concatenate(activations)[order] if len(activations) == len(parts) else None,
    )
