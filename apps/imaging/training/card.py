"""The card of a bundle: what it is for, what it scores, where it fails, what it was made from. From the figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.imaging.training.assemble import Identity
from apps.imaging.training.run import ALL
from apps.imaging.vocabulary import PLANES, REGIONS

INTENDED_USE = (
    "It sorts the scans of clinical trials: is this CT the examination that the protocol asks for? Two labels per "
    "series, body part and contrast, each with a score, the pictures it was read from and where in them the evidence "
    "lies, or a sentence that says why there is no label. A person confirms every label. It is **not a medical "
    "device**, says nothing about a patient, and must not be used to diagnose or to plan treatment."
)

SETS = {
    "held_out": "held-out patients (cross-validation)",
    "internal": "internal validation",
    "external": "external validation",
}

MODULES = {"body_part": "body part", "contrast": "contrast"}


def write_card(
    identity: Identity,
    figures: Mapping[str, Any],
    parity: Mapping[str, Any],
    coverage: Mapping[str, Any] | None,
    remarks: str,
) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    identity
        Name, version, date and recipe of the bundle.
    figures
        As `bundle_metrics` returns them.
    parity
        Per module what the export measured.
    coverage
        Figures of the coverage networks as their training writes them, None for a bundle without.
    remarks
        Markdown: what a person has to say on the limits of this bundle.
    """
    modules: Mapping[str, Mapping[str, Any]] = {name: figures["modules"][name] for name in MODULES}
    lines = [
        f"# {identity.name} {identity.version}",
        "",
        f"Plane classifiers for CT, {identity.created}: {identity.recipe}.",
        "",
        "## Intended use",
        "",
        INTENDED_USE,
        "",
        "## What it scores",
        "",
        "Held-out: folds of patients, each figure for patients whose scans took no part in training the classifiers "
        "that were asked; the real series only, as they are. Intervals are Wilson's 95 %; where a patient has several "
        "series, they are somewhat too narrow. " + _whose_weights(modules),
    ]
    for key, title in SETS.items():
        of_set = {name: module["sets"][key] for name, module in modules.items() if key in module["sets"]}
        if of_set:
            lines += ["", f"### {title[0].upper()}{title[1:]}", "", *_scores(of_set)]
            lines += _both_right(figures["both_right"][key])
    lines += ["", "## When it stays silent", ""]
    for name, module in modules.items():
        lines += [_limits(name, module), ""]
    lines += _details(modules)
    lines += _coverage(coverage) if coverage else []
    lines += ["## Limits", "", remarks.strip() or "None were written down.", ""]
    lines += ["## The exported models", "", *_parity(parity), ""]
    lines += ["## Data", "", *_data(figures, modules), ""]
    return "\n".join(lines)


def _whose_weights(modules: Mapping[str, Mapping[str, Any]]) -> str:
    parts = {part for module in modules.values() for part in module["parts"].values()}
    if parts == {ALL}:
        return (
            "The classifiers in this bundle were then trained in the same way on all development patients: that they "
            "score alike is an expectation, not a measurement."
        )
    return (
        "Of the classifiers in this bundle, those marked with a fold below were trained without that fold's patients, "
        "the others in the same way on all development patients: that these score alike is an expectation."
    )


def _scores(of_set: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["| | " + " | ".join(PLANES) + " | soft vote |", "|---|" + "---|" * (len(PLANES) + 1)]
    for name, table in of_set.items():
        cells = [counted(table["planes"][plane]) for plane in PLANES] + [f"**{counted(table['ensemble'])}**"]
        lines.append(f"| {MODULES[name]}, {table['patients']} patients | " + " | ".join(cells) + " |")
    rows = (
        ("answered, of those in scope", lambda table: table["abstention"]["answered"]),
        ("right, of those answered", lambda table: table["abstention"]["right_of_answered"]),
        ("silent, of those out of scope", lambda table: table["abstention"]["out_of_scope_silent"]),
    )
    lines += ["", "| | " + " | ".join(MODULES[name] for name in of_set) + " |", "|---|" + "---|" * len(of_set)]
    for title, pick in rows:
        cells = [counted(pick(table)) if table["abstention"] else "–" for table in of_set.values()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def _limits(name: str, module: Mapping[str, Any]) -> str:
    limits, nested = module["limits"], module["nested"]
    silent = f", the class is {' or '.join(module['silent'])}" if module["silent"] else ""
    not_of = module.get("not_of", [])
    if not_of:
        silent += f", the body part looks like {' or '.join(not_of)} (such series are not counted here)"
    fair = (
        f"With everything chosen on the other folds, {counted(nested['answered'])} are answered and "
        f"{counted(nested['right_of_answered'])} of these right."
        if nested
        else "There are too few folds to choose them without the patients that are counted."
    )
    return (
        f"**{_title(name)}** has no label when the score is below {limits['min_score']}, fewer than "
        f"{limits['min_planes_agreeing']} planes agree, the pictures lie further than {limits['max_distance']} from "
        f"the training pictures{silent}, or they show air. Scores are softmax(logits / {module['temperature']}), "
        f"averaged over planes. {limits['sentence']} The limits were chosen on the held-out series, so what is said "
        f"above of their answers is somewhat kind. {fair}"
    )


def _title(module: str) -> str:
    words = MODULES[module]
    return words[0].upper() + words[1:]


def _details(modules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for name, module in modules.items():
        for key, table in module["sets"].items():
            cells = table["by_body_part"] or table["by_class"]
            lines += [f"### {_title(name)}, {SETS[key]}, soft vote", ""]
            lines += ["| series | right |", "|---|---|"]
            lines += [f"| {cell.replace('_', ' ')} | {counted(counts)} |" for cell, counts in cells.items()]
            missed = [row for row in table["wrong"] if row["answered"]]
            lines += ["", "Wrong and still answered: " + (_list_of_wrong(missed) or "none."), ""]
    return lines


def _parity(parity: Mapping[str, Any]) -> list[str]:
    lines = [
        "Each model against the trained network on the real series: the same class, and the largest difference of a "
        "score. Figures of the other precisions stand in metrics.json.",
        "",
        "| | stored as | same class | largest difference |",
        "|---|---|---|---|",
    ]
    for name in MODULES:
        for plane, precision in parity[name]["precision"].items():
            found = parity[name]["planes"][plane][precision]
            same = f"{100 * found['same_class']:.1f} % of {found['pictures']}"
            lines.append(f"| {MODULES[name]}, {plane} | {precision} | {same} | {found['largest_difference']:.4f} |")
        vote = parity[name]["vote"]
        lines.append(
            f"| {MODULES[name]}, soft vote | | {100 * vote['same_class']:.1f} %, also silent alike "
            f"{100 * vote['same_label']:.1f} % | {vote['largest_difference']:.4f} |"
        )
    return lines


def _both_right(counts: Mapping[str, Any] | None) -> list[str]:
    if not counts or not counts["ensemble"]["n"]:
        return []
    return [
        "",
        f"Both labels right, before any abstention: {counted(counts['ensemble'])}. Both answered: "
        f"{counted(counts['answered'])}; of these both right: {counted(counts['right_of_answered'])}.",
    ]


def _coverage(figures: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Which regions a series covers",
        "",
        "Held-out patients; a region counts as found when the answer names it. Ends: how far the answered end of a "
        "region lies from the known one, median and 90th percentile.",
        "",
        "| | " + " | ".join(REGIONS) + " | ends |",
        "|---|" + "---|" * (len(REGIONS) + 1),
    ]
    for key, title in (
        ("real", "real series"),
        ("real_full_resolution", "full resolution"),
        ("composites", "composites"),
    ):
        table = figures.get(key)
        if not table:
            continue
        cells = [
            f"{of['found']} of {of['shown']} found, {of['falsely_found']} of {of['absent']} falsely"
            for of in (table["presence"][region] for region in REGIONS)
        ]
        ends = table["ends"].get("all")
        told = f"{ends['median_mm']} mm, {ends['p90_mm']} mm (n = {ends['n']})" if ends else "–"
        lines.append(f"| {title}, {table['answered']} of {table['series']} answered | {' | '.join(cells)} | {told} |")
    return [*lines, ""]


def _data(figures: Mapping[str, Any], modules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    data = figures["data"]
    sources: Sequence[Mapping[str, Any]] = data["sources"]
    lines = [f"{data['series']} real series of {data['patients']} patients."]
    for name, module in modules.items():
        run = module["run"]
        parts = ", ".join(f"{picture} ({module['parts'][plane]})" for plane, picture in module["pictures"].items())
        kept = f" Kept unchanged from {module['kept_of']}." if "kept_of" in module else ""
        lines += [
            "",
            f"{_title(name)}: {parts}.{kept} Recipe `{run['recipe']}`, backbone {run['backbone']}, "
            f"{run['folds']} folds, seed {run['seed']}, manifest SHA-256 {run['manifest_sha256']}. "
            f"Weights to begin with: {_weights(run['weights'])}. Made with `{run['command']}`.",
        ]
    return [
        *lines,
        "",
        "| source | licence | patients | series |",
        "|---|---|---|---|",
        *(f"| {row['source']} | {row['licence']} | {row['patients']} | {row['series']} |" for row in sources),
        "",
        "No voxel of them is in this bundle: the models hold weights, the references means of features over many "
        "pictures.",
    ]


def _weights(weights: object) -> str:
    if isinstance(weights, Mapping):
        return ", ".join(f"{key} {value}" for key, value in weights.items() if value)
    return str(weights)


def counted(counts: Mapping[str, Any] | None) -> str:
    """Return counts as "97.9 % (140/143; 94 to 99)", a dash where nothing was counted."""
    if not counts or not counts["n"]:
        return "–"
    low, high = counts["wilson_95"]
    share = 100 * counts["right"] / counts["n"]
    return f"{share:.1f} % ({counts['right']}/{counts['n']}; {100 * low:.0f} to {100 * high:.0f})"


def _list_of_wrong(missed: Sequence[Mapping[str, Any]]) -> str:
    listed = [f"{row['series']} is {row['truth']}, said {row['said']} ({row['score']:.2f})" for row in missed]
    return "; ".join(listed) + "." * bool(listed)
