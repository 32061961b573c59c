"""The rows of the paper's tables, from metrics.json alone: rates, or the reason why there are none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.imaging.vocabulary import PLANES, body_part_name

SET_KEYS = ("held_out", "internal", "external")
SET_TITLES = {
    "held_out": "Cross-validation, held out",
    "internal": "Internal validation",
    "external": "External validation",
}

CONVERSION_TITLES = {"mip": "MIP", "aip": "AIP", "mid": "Mid-plane"}
CONVERSION_ORDER = ("aip", "mip", "mid")
"""As in the paper's tables."""

NOT_TRAINED, NO_SERIES, NOT_PREDICTED = "not trained", "no series", "not predicted"

Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of a table: what is judged, and per set its rates or the reason why there are none."""

    key: str
    group: str
    title: str
    cells: dict[str, Metrics | str]


def picture_title(picture: str) -> str:
    """Return a picture's name in words: "MIP sagittal"."""
    conversion, _, plane = picture.partition("_")
    return f"{CONVERSION_TITLES[conversion]} {plane}"


def words(label: str) -> str:
    """Return a class or module as people write it."""
    return "non-contrast" if label == "non_contrast" else body_part_name(label)


def table_2(module: Metrics) -> Iterator[Row]:
    """Yield nine single classifiers and the ensembles of one module, in the paper's order."""
    for conversion in CONVERSION_ORDER:
        for plane in PLANES:
            picture = f"{conversion}_{plane}"
            yield Row(
                picture,
                CONVERSION_TITLES[conversion],
                plane.capitalize(),
                {key: module["singles"][picture][key] or why_missing(module, [picture], key) for key in SET_KEYS},
            )
    chosen = list(module["chosen"].values())
    for key, title in (
        ("ensemble", "Chosen pictures, calibrated"),
        ("ensemble_as_published", "Chosen pictures, T = 1"),
        ("published_choice", "Published pictures, T = 1"),
    ):
        pictures = list(module["published"].values()) if key == "published_choice" else chosen
        if key == "published_choice" and (not pictures or pictures == chosen):
            continue
        yield Row(
            key,
            "Ensemble",
            title,
            {name: module[key][name] or why_missing(module, pictures, name) for name in SET_KEYS},
        )
    if module["nested"]:
        other = "only in cross-validation"
        cells: dict[str, Metrics | str] = {"held_out": module["nested"], "internal": other, "external": other}
        yield Row("nested", "Ensemble", "Chosen without the fold", cells)


def table_3(module: Metrics) -> Iterator[Row]:
    """Yield per picture and body part, and for the ensemble, the rates of a module (paper, Table 3).

    The body part module has no such table, nor has a run whose manifest tells no body parts.
    """
    if "by_body_part" not in module:
        return
    by_body_part = module["by_body_part"]
    titles = [
        (f"{conversion}_{plane}", f"{CONVERSION_TITLES[conversion]} {plane}")
        for conversion in CONVERSION_ORDER
        for plane in PLANES
    ]
    for key, title in [*titles, ("ensemble", "Ensemble")]:
        pictures = [key] if key != "ensemble" else list(module["chosen"].values())
        if not any(key in by_body_part[name] for name in SET_KEYS):
            reasons: dict[str, Metrics | str] = {name: why_missing(module, pictures, name) for name in SET_KEYS}
            yield Row(key, title, "all body parts", reasons)
            continue
        for body_part in module["body_parts"]:
            cells: dict[str, Metrics | str] = {}
            for name in SET_KEYS:
                of_set = by_body_part[name].get(key)
                cells[name] = (
                    why_missing(module, pictures, name) if of_set is None else of_set.get(body_part) or NO_SERIES
                )
            yield Row(key, title, words(body_part), cells)


def why_missing(module: Metrics, pictures: list[str], set_key: str) -> str:
    """Return why a cell has no rates: nothing to judge, or nothing that was trained to judge it."""
    if not module["series"][set_key]["in_scope"]:
        return NO_SERIES
    if len(pictures) not in (1, len(PLANES)):
        return NOT_TRAINED
    for picture in pictures:
        trained = module["pictures"][picture]
        if not trained["folds"] and not (trained["all"] and set_key != "held_out"):
            return NOT_TRAINED
    return NOT_PREDICTED
