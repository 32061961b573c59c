"""Two digests of one series: the one made at the site, and the one made of what arrived."""

import math
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from apps.imaging.digest.records import InstanceFact, SeriesDigest
from apps.imaging.geometry import GeometryFacts

GRAY_LEVELS = 1
"""By how much a pixel of a picture may differ: two decoders round the last step their own way."""

ALIKE_PART = 0.999
"""The part of a picture's pixels that must lie within `GRAY_LEVELS`."""

RELATIVE = 1e-6
"""Of lengths and angles: what another order of additions changes."""


def differences(announced: SeriesDigest, received: SeriesDigest) -> list[str]:
    """Return in sentences where what arrived is not what was announced; empty when both are the same.

    Header facts are not compared: de-identification removes some of them, and those of the site stand.
    """
    return [
        *_objects(announced.instances, received.instances),
        *_geometry(announced.geometry, received.geometry),
        *_pictures(announced, received),
    ]


def was_undecoded(announced: SeriesDigest, received: SeriesDigest) -> bool:
    """Return whether the site could read nothing of the pixels, and we can."""
    return not any(fact.pixel_sha256 for fact in announced.instances) and any(
        fact.pixel_sha256 for fact in received.instances
    )


def _objects(announced: Iterable[InstanceFact], received: Iterable[InstanceFact]) -> list[str]:
    expected = {fact.sha256: fact for fact in announced}
    found = {fact.sha256: fact for fact in received}
    told = []
    if missing := expected.keys() - found.keys():
        told.append(f"{_images(len(missing))} of {len(expected)} that were announced did not arrive.")
    if more := found.keys() - expected.keys():
        told.append(f"{_images(len(more))} arrived that were not announced.")
    both = expected.keys() & found.keys()
    read = [key for key in both if expected[key].pixel_sha256]
    other = [key for key in read if found[key].pixel_sha256 != expected[key].pixel_sha256]
    if other:
        told.append(f"The pixels of {_images(len(other))} read differently here than at the site.")
    return told


def _geometry(announced: GeometryFacts, received: GeometryFacts) -> list[str]:
    other = [
        field.name.removesuffix("_mm").removesuffix("_degrees").replace("_", " ")
        for field in fields(GeometryFacts)
        if not _alike(getattr(announced, field.name), getattr(received, field.name))
    ]
    return [f"The geometry of the slices is not the same: {', '.join(other)}."] if other else []


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=RELATIVE)
    return bool(one == other)


def _pictures(announced: SeriesDigest, received: SeriesDigest) -> list[str]:
    told = []
    for name in sorted(announced.pictures.keys() & received.pictures.keys()):
        one, other = announced.pictures[name].astype(np.int16), received.pictures[name].astype(np.int16)
        alike = float((np.abs(one - other) <= GRAY_LEVELS).mean()) if one.shape == other.shape else 0.0
        if alike < ALIKE_PART:
            told.append(f"The picture {name.replace('_', ' ')} agrees in {100 * alike:.1f} % of its pixels only.")
    if announced.pictures and not received.pictures:
        told.append("No pictures can be made of what arrived.")
    return told


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number} images"
