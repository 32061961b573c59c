"""What a reader has to know before trusting a figure, found by rule: few patients, shortcuts, missed aims, gaps."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.imaging.training.evaluate.rows import Metrics, words
from apps.imaging.training.evaluate.votes import plane_of
from apps.imaging.training.report.markup import of_counts, percent, text
from apps.imaging.vocabulary import PLANES

FEW_PATIENTS = 30
"""Below this many patients an interval is so wide that a second hospital may well see other figures."""

FEW_SERIES = 10
"""A class with fewer held-out series than this is hardly judged: its interval is wider than 30 points."""

SHORTCUT_POINTS = 0.10
"""By how much accuracy within mixed sources may lie below the overall one before it is said."""


def remarks(metrics: Mapping[str, Any]) -> list[str]:
    """Return sentences (HTML), the weightiest first."""
    found: list[str] = []
    for name, module in metrics["modules"].items():
        found += [f"<b>{text(words(name).capitalize())}.</b> {sentence}" for sentence in _of_module(module)]
    return found


def _of_module(module: Metrics) -> Iterator[str]:
    if not module["chosen"] or module["limits"] is None:
        judged = {plane_of(name) for name, of in module["pictures"].items() if of["tuning_accuracy"] is not None}
        missing = " and ".join(plane for plane in PLANES if plane not in judged)
        why = f"no fold of the {missing} plane is finished" if missing else "no held-out series has all three pictures"
        yield f"There is no ensemble yet: {why}."
        return
    if module["not_of"]:
        unasked = " and ".join(text(words(body_part)) for body_part in module["not_of"])
        yield f"Not asked of {unasked}: such series get no answer and stand in no figure here."
    yield from _of_choice(module)
    yield from _of_size(module)
    yield from _of_sources(module)


def _of_choice(module: Metrics) -> Iterator[str]:
    limits, nested = module["limits"], module["abstention"]["nested"]
    if not limits["reached"]:
        yield limits["sentence"]
    elif nested and _below(nested["right_of_answered"]["accuracy"], limits["aim"]):
        yield (
            f"The aim of {100 * limits['aim']:g} % right holds only where the limits were chosen; on other patients "
            f"it is {of_counts(nested['right_of_answered'])}."
        )
    if nested is None:
        yield "Fewer than two folds are finished, so limits and figures come from the same series and are kind."
    if module["temperature"] == 1:
        yield "Scores are as the networks give them: there were too few mistakes to calibrate on (T = 1)."
    unfinished = [words(picture) for picture in module["chosen"].values() if not module["pictures"][picture]["all"]]
    if unfinished:
        yield (
            f"Not yet trained on all development patients: {text(', '.join(unfinished))}. Internal and external "
            "figures come from the classifiers of fold 0, and nothing can be exported."
        )


def _below(share: float | None, aim: float) -> bool:
    """Return whether a share is below the aim also when both are written with one decimal."""
    return share is not None and round(100 * share, 1) < round(100 * aim, 1)


def _of_size(module: Metrics) -> Iterator[str]:
    held_out = module["ensemble"]["held_out"]
    if held_out and held_out["patients"] < FEW_PATIENTS:
        yield f"Only {held_out['patients']} patients were held out: expect other figures from another hospital."
    few = [
        f"{text(words(name))} ({counts['n']})"
        for name, counts in module["by_class"].get("held_out", {}).items()
        if counts["n"] < FEW_SERIES
    ]
    judged = module["by_class"].get("held_out", {})
    none = [text(words(name)) for name in module["classes"] if name not in module["silent"] and name not in judged]
    if few:
        yield f"Hardly judged, with fewer than {FEW_SERIES} held-out series: {', '.join(few)}."
    if none:
        yield f"Not judged at all, no held-out series: {', '.join(none)}."


def _of_sources(module: Metrics) -> Iterator[str]:
    found, overall = module["sources"]["held_out"], module["ensemble"]["held_out"]
    if not found or not overall:
        return
    n, right = (sum(part[key] for part in found["within"]) for key in ("n", "right"))
    if not n:
        yield (
            "No source holds more than one class, so nothing here shows whether the ensemble knows the anatomy or "
            "recognises the source."
        )
    elif overall["accuracy"] - right / n > SHORTCUT_POINTS:
        yield (
            f"Within sources that hold several classes {percent(right / n)} % are right, overall "
            f"{percent(overall['accuracy'])} %: part of the overall figure may be the source, not the anatomy."
        )
    if found["source_alone"]["accuracy"] >= overall["accuracy"]:
        yield (
            f"Guessing by source alone gets {percent(found['source_alone']['accuracy'])} %, no less than the ensemble: "
            "on these data it has shown nothing."
        )
