"""Predictions of one module with known answers, without a run folder."""

from collections.abc import Mapping, Sequence

import numpy as np

from apps.imaging.training.evaluate.votes import HELD_OUT, Judged
from apps.imaging.training.run import Predictions

CLASSES = ("brain", "chest", "limb")
SILENT = ("limb",)


def judged(
    truth: Sequence[str],
    logits: Mapping[str, Sequence[Sequence[float]]],
    *,
    folds: Sequence[int] | None = None,
    patients: Sequence[str] | None = None,
    distance: Sequence[float] | None = None,
    module: str = "body_part",
) -> Judged:
    """Return held-out predictions: `truth` per series, `logits` per picture (series, classes)."""
    n = len(truth)
    series = np.arange(n, dtype=np.int64)
    far = np.zeros(n) if distance is None else np.array(distance)
    return Judged(
        module,
        HELD_OUT,
        CLASSES,
        SILENT,
        truth=np.array([CLASSES.index(word) if word in CLASSES else -1 for word in truth], dtype=np.int64),
        words=np.array(truth, dtype=np.str_),
        in_scope=np.array([word in CLASSES and word not in SILENT for word in truth], dtype=bool),
        patients=np.array(patients or [f"p{index}" for index in range(n)], dtype=np.str_),
        folds=np.array(folds or [index % 2 for index in range(n)], dtype=np.int64),
        outputs={
            picture: Predictions(series, np.array(values, dtype=np.float32), far.astype(np.float32))
            for picture, values in logits.items()
        },
    )


def saying(words: Sequence[str], strength: float | Sequence[float] = 4.0) -> list[list[float]]:
    """Return logits that say these classes, one row per series."""
    strengths = [strength] * len(words) if isinstance(strength, int | float) else strength
    return [[of if name == word else 0.0 for name in CLASSES] for word, of in zip(words, strengths, strict=True)]
