"""Random orders that anybody can draw again: items stand in the order of their SHA-256 with the study's seed."""

import hashlib
from collections.abc import Iterable, Sequence

from apps.studies.models import Arm


def drawn(seed: str, purpose: str, items: Iterable[int]) -> list[int]:
    """Return the items (primary keys) in random order: that of the SHA-256 of `seed:purpose:item`, as UTF-8."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{purpose}:{item}".encode()).digest())


def order_of_scans(seed: str, analyst: int, arm: str, scans: Iterable[int]) -> list[int]:
    """Return the order in which an analyst reads the scans in one arm."""
    return drawn(seed, f"scans:{analyst}:{arm}", scans)


def first_arms(seed: str, analysts: Sequence[int]) -> dict[int, Arm]:
    """Return the arm that each analyst reads first: as many begin with one as with the other, give or take one."""
    arms = (Arm.MANUAL, Arm.AI_AIDED)
    begins = hashlib.sha256(f"{seed}:first arm".encode()).digest()[0] % 2
    return {analyst: arms[(begins + place) % 2] for place, analyst in enumerate(drawn(seed, "analysts", analysts))}
