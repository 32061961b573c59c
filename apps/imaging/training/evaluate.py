"""What the classifiers and their vote score on subjects that they did not see."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.imaging.ensemble import soft_vote
from apps.imaging.training.pictures import PictureSet
from apps.imaging.training.tasks import Task, labels_of
from apps.imaging.vocabulary import OUT_OF_SCOPE, PLANES

NINETY_FIVE_PERCENT = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""

THRESHOLDS = tuple(round(0.30 + 0.05 * step, 2) for step in range(14))
"""Scores at which the curve of accuracy against coverage is given."""


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the Wilson 95 % interval of a proportion; (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    z2 = NINETY_FIVE_PERCENT**2
    share = right / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NINETY_FIVE_PERCENT / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def accuracy(right: NDArray[np.bool_]) -> dict[str, object]:
    """Return n, right, accuracy and its Wilson interval."""
    n, hits = len(right), int(right.sum())
    low, high = wilson(hits, n)
    return {
        "n": n,
        "right": hits,
        "accuracy": round(hits / n, 4) if n else None,
        "wilson_95": [round(low, 4), round(high, 4)],
    }


@dataclass(frozen=True)
class HeldOut:
    """Each plane's probabilities for series of held-out subjects.

    `series` are indices into the plain picture set, `labels` class indices, `planes` (series, classes) per plane.
    """

    task: Task
    series: NDArray[np.intp]
    labels: NDArray[np.int64]
    planes: dict[str, NDArray[np.float32]]

    @property
    def voted(self) -> NDArray[np.float64]:
        """The soft vote of each series, (series, classes)."""
        return np.array(
            [soft_vote({plane: self.planes[plane][i] for plane in PLANES}) for i in range(len(self.series))]
        )

    def agreeing(self, chosen: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return how many planes alone say the chosen class of each series."""
        return np.sum([self.planes[plane].argmax(axis=1) == chosen for plane in PLANES], axis=0)


def read_held_out(task: Task, plain: PictureSet, run: Path, folds: int) -> HeldOut:
    """Gather the predictions that each fold's classifiers made for the subjects that they had not seen."""
    planes = {}
    series: NDArray[np.intp] = np.empty(0, dtype=np.intp)
    for plane in PLANES:
        parts = [np.load(run / f"{task.module}-{plane}-{fold}.npz") for fold in range(folds)]
        series = np.concatenate([part["series"] for part in parts])
        planes[plane] = np.concatenate([part["probabilities"] for part in parts])
    return HeldOut(task, series, labels_of(task, plain)[series], planes)


def module_metrics(
    held_out: HeldOut, plain: PictureSet, min_score: float, min_planes_agreeing: int
) -> dict[str, object]:
    """Return the tables of one module: per plane, voted, per class, by kind of scan, against coverage."""
    task, labels, voted = held_out.task, held_out.labels, held_out.voted
    chosen = voted.argmax(axis=1)
    scores = voted.max(axis=1)
    in_scope = np.array([task.classes[label] != OUT_OF_SCOPE for label in labels])
    answered = answers(held_out, min_score, min_planes_agreeing)
    full = np.array([plain.quality[index] != "C" for index in held_out.series])
    regions = np.array([plain.body_part[index] or plain.source[index] for index in held_out.series])
    right = chosen == labels
    return {
        "subjects": len({plain.subject[index] for index in held_out.series[in_scope]}),
        "planes": {
            plane: _rates(held_out.planes[plane].argmax(axis=1)[in_scope], labels[in_scope], task) for plane in PLANES
        },
        "vote": _rates(chosen[in_scope], labels[in_scope], task),
        "vote_full_resolution": accuracy(right[in_scope & full]),
        "vote_coarse": accuracy(right[in_scope & ~full]),
        "by_class": {
            name: accuracy(right[labels == index]) for index, name in enumerate(task.classes) if name != OUT_OF_SCOPE
        },
        "by_region": {
            f"{region}, {task.classes[label]}": accuracy(right[(regions == region) & (labels == label)])
            for region in sorted(set(regions[in_scope]))
            for label in sorted(set(labels[regions == region]))
        },
        "confusion": {
            "classes": list(task.classes),
            "rows_truth_columns_vote": [
                [int(((labels == truth) & (chosen == said)).sum()) for said in range(len(task.classes))]
                for truth in range(len(task.classes))
            ],
        },
        "thresholds": {"min_score": min_score, "min_planes_agreeing": min_planes_agreeing},
        "answered": {
            "coverage": accuracy(answered[in_scope]),
            "right_of_answered": accuracy(right[in_scope & answered]),
            "right_of_answered_full_resolution": accuracy(right[in_scope & answered & full]),
            "out_of_scope_abstained": accuracy(~answered[~in_scope]),
        },
        "coverage_curve": [
            {
                "min_score": threshold,
                "coverage": round(float((scores[in_scope] >= threshold).mean()), 4),
                **accuracy(right[in_scope & (scores >= threshold)]),
            }
            for threshold in THRESHOLDS
        ],
        "wrong": [
            {
                "series": plain.name[index],
                "truth": task.classes[label],
                "said": task.classes[said],
                "score": round(float(score), 3),
                "answered": bool(silent_or_not),
            }
            for index, label, said, score, silent_or_not in zip(
                held_out.series, labels, chosen, scores, answered, strict=True
            )
            if label != said
        ],
    }


def answers(held_out: HeldOut, min_score: float, min_planes_agreeing: int) -> NDArray[np.bool_]:
    """Return which series get a label at these thresholds; the out-of-scope class is none."""
    voted = held_out.voted
    chosen = voted.argmax(axis=1)
    named = np.array([held_out.task.classes[said] != OUT_OF_SCOPE for said in chosen])
    return named & (voted.max(axis=1) >= min_score) & (held_out.agreeing(chosen) >= min_planes_agreeing)


def choose_threshold(
    held_out: HeldOut, plain: PictureSet, aim: float, min_coverage: float, min_planes_agreeing: int
) -> float:
    """Return the lowest score limit at which `aim` of the answers on full-resolution scans are right.

    Where no limit reaches the aim with at least `min_coverage` answered, the one with the best accuracy that still
    answers that share.
    """
    in_scope = np.array(
        [
            held_out.task.classes[label] != OUT_OF_SCOPE and plain.quality[index] != "C"
            for index, label in zip(held_out.series, held_out.labels, strict=True)
        ]
    )
    right = held_out.voted.argmax(axis=1) == held_out.labels
    candidates = []
    for threshold in THRESHOLDS:
        answered = answers(held_out, threshold, min_planes_agreeing) & in_scope
        if answered.sum() >= min_coverage * in_scope.sum():
            candidates.append((float(right[answered].mean()), threshold))
    good = [threshold for share, threshold in candidates if share >= aim]
    return min(good) if good else max(candidates, key=lambda pair: (pair[0], -pair[1]))[1]


def both_right(body_part: HeldOut, contrast: HeldOut) -> dict[str, object]:
    """Return how often both labels of a series are right, over the series that have both."""
    right = {
        held.task.module: dict(
            zip(held.series.tolist(), (held.voted.argmax(axis=1) == held.labels).tolist(), strict=True)
        )
        for held in (body_part, contrast)
    }
    common = sorted(set(right["body_part"]) & set(right["contrast"]))
    return accuracy(np.array([right["body_part"][i] and right["contrast"][i] for i in common], dtype=bool))


def _rates(said: NDArray[np.intp], truth: NDArray[np.int64], task: Task) -> dict[str, object]:
    """Return accuracy, and precision, recall and F1 as means over the classes (paper, Table 2)."""
    present = [index for index, name in enumerate(task.classes) if name != OUT_OF_SCOPE]
    return {**accuracy(said == truth), **_macro(said, truth, present)}


def _macro(said: NDArray[np.intp], truth: NDArray[np.int64], classes: Sequence[int]) -> dict[str, float]:
    precision, recall, f1 = [], [], []
    for index in classes:
        hits = int(((said == index) & (truth == index)).sum())
        of_said, of_truth = int((said == index).sum()), int((truth == index).sum())
        precision.append(hits / of_said if of_said else 0.0)
        recall.append(hits / of_truth if of_truth else 0.0)
        f1.append(2 * hits / (of_said + of_truth) if of_said + of_truth else 0.0)
    return {
        "precision": round(float(np.mean(precision)), 4),
        "recall": round(float(np.mean(recall)), 4),
        "f1": round(float(np.mean(f1)), 4),
    }
