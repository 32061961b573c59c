"""The labels that an analyst can give."""

from collections.abc import Mapping
from typing import Any

from apps.imaging.vocabulary import OUT_OF_SCOPE
from apps.protocols.labels import known_labels


def labels_to_choose(module: str, answer: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the labels of a module: all that protocols know, and what the bundle of this answer could have said.

    For the body part there is always "another body part", whether the bundle has a class for it or not.
    """
    labels = [*known_labels(module), *(answer["scores"] if answer else ())]
    if module == "body_part":
        labels = [label for label in labels if label != OUT_OF_SCOPE] + [OUT_OF_SCOPE]
    return tuple(dict.fromkeys(labels))
