"""The bundle that runs now, as an ML engineer, a manager or an inspector reads it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.imageqc.registry import current_bundle
from apps.imaging.bundle import ModelBundle, Module
from apps.imaging.bundle.manifest import MAX_DISTANCE
from apps.imaging.errors import BadBundle
from apps.ui.formats import NARROW, percent
from apps.ui.markdown import markdown
from apps.ui.words import label_words, picture_words

SETS = {"held_out": "patients held out in turn", "internal": "internal test set", "external": "external test set"}
"""The sets of series that metrics.json speaks of, in words."""


@dataclass(frozen=True)
class Measured:
    """One line of the results: how often, of how many, within which interval (95 %, Wilson)."""

    what: str
    where: str
    share: float
    n: int
    right: int
    low: float
    high: float

    @property
    def interval(self) -> str:
        return f"{percent(self.low)} to {percent(self.high)}"


@dataclass(frozen=True)
class ModuleLines:
    """One module: its classes, how a picture reaches its networks, and when it stays silent."""

    title: str
    classes: tuple[str, ...]
    silent: tuple[str, ...]
    not_of: tuple[str, ...]
    """Body parts of which this module is not asked."""
    facts: tuple[tuple[str, str], ...]
    networks: tuple[tuple[str, str, str], ...]
    """Per plane its name, its picture, and the SHA-256 of the network."""


@dataclass(frozen=True)
class BundlePage:
    """The bundle, or the sentence of why there is none."""

    bundle: ModelBundle | None
    refusal: str = ""
    modules: tuple[ModuleLines, ...] = ()
    measured: tuple[Measured, ...] = ()
    card: str = ""


def bundle_page() -> BundlePage:
    """Return what the page shows; a bundle that is refused is said, for then no series gets labels."""
    try:
        bundle = current_bundle()
    except BadBundle as refusal:
        # The folder's place on the server is nobody's business but the operators'.
        return BundlePage(None, str(refusal).replace(f"{Path(settings.IMAGEQC_BUNDLE)}/", ""))
    return BundlePage(
        bundle=bundle,
        modules=tuple(_module_lines(module) for module in bundle.modules.values()),
        measured=tuple(_measured(json.loads((bundle.folder / "metrics.json").read_bytes()))),
        card=markdown((bundle.folder / "CARD.md").read_text(encoding="utf-8")),
    )


def _module_lines(module: Module) -> ModuleLines:
    limits, windows = module.abstention, dict.fromkeys(module.recipe.windows_hu)
    size = module.recipe.size
    calibration = "scores as the networks give them" if module.temperature == 1 else "scores calibrated"
    return ModuleLines(
        title=label_words(module.name),
        classes=module.labels,
        silent=module.silent,
        not_of=module.not_of,
        facts=(
            ("Input", f"{size} × {size} pixels"),
            ("Windows", ", ".join(f"{low:g} to {high:g}{NARROW}HU" for low, high in windows)),
            ("Temperature", f"{module.temperature:g}, {calibration}"),
            ("Least score", f"{limits.min_score:g}"),
            ("Planes that must agree", f"{limits.min_planes_agreeing} of {len(module.members)}"),
            (
                "Distance from the training pictures",
                f"at most {limits.max_distance:g}" if limits.max_distance < MAX_DISTANCE else "no limit",
            ),
        ),
        networks=tuple(
            (label_words(member.plane), picture_words(member.picture), member.sha256) for member in module.members
        ),
    )


def _measured(metrics: Mapping[str, Any]) -> Iterator[Measured]:
    """Yield the headline of metrics.json: per module all series and those answered, then both labels together."""
    for name, module in metrics.get("modules", {}).items():
        title = label_words(name)
        for key, words in SETS.items():
            abstention = module.get("abstention", {}).get(key) or {}
            yield from _line(f"{title}, right of all", words, module.get("ensemble", {}).get(key))
            yield from _line(f"{title}, answered", words, abstention.get("answered"))
            yield from _line(f"{title}, right of those answered", words, abstention.get("right_of_answered"))
    for key, words in SETS.items():
        both = metrics.get("both_right", {}).get(key) or {}
        yield from _line("Both labels, right of all", words, both.get("ensemble"))
        yield from _line("Both labels, right of those answered", words, both.get("right_of_answered"))


def _line(what: str, where: str, counts: Mapping[str, Any] | None) -> Iterator[Measured]:
    """Yield a line where something was counted."""
    if counts and counts.get("n"):
        low, high = counts["wilson_95"]
        yield Measured(what, where, counts["right"] / counts["n"], counts["n"], counts["right"], low, high)
