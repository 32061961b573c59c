"""The labels that a protocol may ask for: the published classes, and those that the bundle in use adds."""

from functools import cache
from pathlib import Path

from django.conf import settings

from apps.imaging.bundle.manifest import read_manifest
from apps.imaging.errors import BadBundle
from apps.imaging.spec import EITHER
from apps.imaging.vocabulary import PUBLISHED_CLASSES, body_part_name, contrast_words


def known_labels(module: str) -> tuple[str, ...]:
    """Return the labels of a module (body_part, contrast), the published ones first."""
    return _labels_beside(Path(settings.IMAGEQC_BUNDLE), module)


def body_part_choices() -> list[tuple[str, str]]:
    """Return each body part with its words, for the protocol's form."""
    return [(label, body_part_name(label)) for label in known_labels("body_part")]


def contrast_choices() -> list[tuple[str, str]]:
    """Return each contrast with its words, for the protocol's form."""
    return [
        *((label, contrast_words(label)) for label in known_labels("contrast")),
        (EITHER, "with or without contrast"),
    ]


@cache
def _labels_beside(bundle: Path, module: str) -> tuple[str, ...]:
    """Return the labels with this bundle; a refused one adds nothing here, and each check of a series says why."""
    try:
        return read_manifest(bundle).modules[module].known_labels
    except BadBundle:
        return PUBLISHED_CLASSES[module]
