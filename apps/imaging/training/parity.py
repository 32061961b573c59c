"""Whether an exported model says what the trained network says: measured on real pictures, kept in metrics.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from apps.imaging.bundle.serving import CLASSIFIER_OUTPUTS, INPUT
from apps.imaging.ensemble import Abstention, softmax
from apps.imaging.novelty import distance
from apps.imaging.vocabulary import PLANES

PRECISIONS = ("fp32", "fp16", "int8")
"""How a model's numbers are stored: as trained, weights halved, or weights and activations in 8 bits."""

AUTO = "auto"
"""The smallest of them that answers as the trained network does."""


@dataclass(frozen=True)
class Answers:
    """What a network says of pictures: `logits` (series, classes) and `embeddings` (series, features)."""

    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]


def onnx_answers(file: Path, inputs: NDArray[np.float32]) -> Answers:
    """Return what an exported model says of inputs (series, channels, size, size)."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    logits, embeddings = [], []
    for index in range(len(inputs)):
        of_one, features, _ = session.run(CLASSIFIER_OUTPUTS, {INPUT: inputs[index : index + 1]})
        logits.append(of_one)
        embeddings.append(features.mean(axis=(2, 3)))
    return Answers(np.concatenate(logits), np.concatenate(embeddings))


def compare(
    exported: Answers, trained: Answers, temperature: float, references: NDArray[np.floating]
) -> dict[str, float]:
    """Return how far an exported classifier lies from the trained network.

    The largest differences of a score (0 to 1) and of the distance from the references, and the share of pictures
    that both give the same class.
    """
    scores, wanted = softmax(exported.logits, temperature), softmax(trained.logits, temperature)
    apart = distance(exported.embeddings, references) - distance(trained.embeddings, references)
    return {
        "pictures": len(scores),
        "largest_difference": round(float(np.abs(scores - wanted).max()), 5),
        "mean_difference": round(float(np.abs(scores - wanted).mean()), 6),
        "largest_distance_difference": round(float(np.abs(apart).max()), 5),
        "same_class": round(float((scores.argmax(axis=1) == wanted.argmax(axis=1)).mean()), 4),
    }


def compare_votes(
    exported: Mapping[str, Answers],
    trained: Mapping[str, Answers],
    temperature: float,
    abstention: Abstention,
    references: Mapping[str, NDArray[np.floating]],
) -> dict[str, float]:
    """Return how alike two ensembles vote: share of series with the same class, and with the same class and silence."""
    ours, theirs = (_vote(of, temperature, abstention, references) for of in (exported, trained))
    return {
        "largest_difference": round(float(np.abs(ours.scores - theirs.scores).max()), 5),
        "same_class": round(float((ours.said == theirs.said).mean()), 4),
        "same_label": round(float(((ours.said == theirs.said) & (ours.answered == theirs.answered)).mean()), 4),
    }


@dataclass(frozen=True)
class _Vote:
    scores: NDArray[np.float64]
    said: NDArray[np.intp]
    answered: NDArray[np.bool_]


def _vote(
    planes: Mapping[str, Answers],
    temperature: float,
    abstention: Abstention,
    references: Mapping[str, NDArray[np.floating]],
) -> _Vote:
    """Vote over the same series in three planes, and ask the limits as `ensemble.decide` does, but for the tissue."""
    each = np.stack([softmax(planes[plane].logits, temperature) for plane in PLANES])  # (planes, series, classes)
    scores = each.mean(axis=0)
    said = scores.argmax(axis=1)
    apart = np.mean([distance(planes[plane].embeddings, references[plane]) for plane in PLANES], axis=0)
    answered = (
        (scores.max(axis=1) >= abstention.min_score)
        & ((each.argmax(axis=2) == said).sum(axis=0) >= abstention.min_planes_agreeing)
        & (apart <= abstention.max_distance)
    )
    return _Vote(scores, said, answered)
