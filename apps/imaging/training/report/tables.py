"""The tables of the report as HTML, from metrics.json."""

from collections.abc import Iterable, Mapping
from typing import Any

from apps.imaging.training.evaluate.rows import (
    CONVERSION_ORDER,
    SET_TITLES,
    Metrics,
    Row,
    picture_title,
    words,
)
from apps.imaging.training.report.markup import (
    NONE,
    accuracy,
    by_patients,
    heads,
    interval,
    interval_bar,
    percent,
    points,
    row,
    table,
    text,
)
from apps.imaging.vocabulary import PLANES

SET_ORDER = ("internal", "external", "held_out")
"""Internal and external as in the paper's tables, then what it keeps in a supplement."""

RATE_HEADS = ("n", "Preci&shy;sion", "Recall", "Accuracy<small>Wilson&nbsp;95&nbsp;%</small>", "F1")


def rates_table(rows: Iterable[Row], module: Metrics, caption: str, row_heads: tuple[str, str]) -> str:
    """Return a table in the form of the paper's Tables 2 and 3; a set without series is one column that says so."""
    rows = list(rows)
    empty = {name for name in SET_ORDER if not module["series"][name]["in_scope"]}
    first = "".join(
        f'<th scope="col" rowspan="2" class="set">{SET_TITLES[name]}</th>'
        if name in empty
        else f'<th scope="colgroup" colspan="{len(RATE_HEADS)}" class="set">{SET_TITLES[name]}</th>'
        for name in SET_ORDER
    )
    second = "".join(
        "".join(f'<th scope="col"{_first(place)}>{title}</th>' for place, title in enumerate(RATE_HEADS))
        for name in SET_ORDER
        if name not in empty
    )
    head = (
        f'<tr><th scope="col" rowspan="2">{row_heads[0]}</th>'
        f'<th scope="col" rowspan="2">{row_heads[1]}</th>{first}</tr><tr>{second}</tr>'
    )
    marks = {key: f"<sup>{mark}</sup>" for key, mark in _marks(module).items()}
    # Where a picture has several rows, the mark stands once, at its name.
    marks_group = len({entry.key for entry in rows}) < len(rows)
    lines, before = [], None
    for place, entry in enumerate(rows):
        mark = marks.get(entry.key, "")
        group = _group_cell(rows, place, mark if marks_group else "") if entry.group != before else ""
        before = entry.group
        kind = ' class="ensemble"' if entry.group == "Ensemble" else ""
        cells = "".join(_rate_cells(entry.cells[name], one_column=name in empty) for name in SET_ORDER)
        lines.append(
            f'<tr{kind}>{group}<th scope="row">{text(entry.title)}{"" if marks_group else mark}</th>{cells}</tr>'
        )
    return table(head, lines, caption, "rates")


def _group_cell(rows: list[Row], place: int, mark: str) -> str:
    count = 1
    while place + count < len(rows) and rows[place + count].group == rows[place].group:
        count += 1
    return f'<th scope="rowgroup" rowspan="{count}" class="group">{text(rows[place].group)}{mark}</th>'


def _marks(module: Metrics) -> dict[str, str]:
    """Return the marks of the paper's Table 2: a enters the ensemble, b is the best single."""
    marks = dict.fromkeys(module["chosen"].values(), "a")
    if module["best_single"]:
        marks[module["best_single"]] = marks.get(module["best_single"], "") + "b"
    return marks


def _rate_cells(cell: Metrics | str, *, one_column: bool) -> str:
    if isinstance(cell, str):
        span = "" if one_column else f' colspan="{len(RATE_HEADS)}"'
        return f'<td{span} class="edge missing">{text(cell)}</td>'
    return (
        f'<td class="edge n">{cell["n"]}</td><td>{percent(cell["precision"])}</td><td>{percent(cell["recall"])}</td>'
        f'<td class="main">{accuracy(cell)}</td><td>{percent(cell["f1"])}</td>'
    )


def _first(place: int) -> str:
    return ' class="edge"' if place == 0 else ""


def vote_table(module: Metrics) -> str:
    """Return the ensemble's accuracy per set with both intervals and what patients say."""
    lines = [
        row(
            SET_TITLES[name],
            str(cell["n"]),
            str(cell["patients"]),
            f"<b>{percent(cell['accuracy'])}</b>",
            interval(cell["wilson_95"]),
            by_patients(cell),
            f"{cell['patients_all_right']} of {cell['patients']}",
        )
        for name in SET_ORDER
        if (cell := module["ensemble"][name])
    ]
    return table(
        heads(
            "Ensemble, calibrated",
            "Series",
            "Patients",
            "Accuracy, %",
            "Wilson 95 %",
            "Patient bootstrap 95 %",
            "Patients with all series right",
        ),
        lines,
    )


def selection_table(module: Metrics) -> str:
    """Return the picture that was chosen per plane, with the published one beside it."""

    def cell(picture: str | None) -> str:
        if not picture:
            return NONE
        facts = module["pictures"][picture]
        if facts["tuning_accuracy"] is None:
            return f"{picture_title(picture)}: not trained"
        return (
            f"{picture_title(picture)}: {percent(facts['tuning_accuracy'])} %"
            f"<small>NLL {facts['tuning_nll']:.3f}</small>"
        )

    lines = [
        row(
            plane.capitalize(),
            cell(module["chosen"].get(plane)),
            cell(module["published"].get(plane)),
            "the same" if module["chosen"].get(plane) == module["published"].get(plane) else "another",
        )
        for plane in PLANES
    ]
    return table(heads("Plane", "Chosen, tuning accuracy", "Published choice, tuning accuracy", "Choice"), lines)


def confusion_table(matrix: Mapping[str, Any] | None, caption: str) -> str:
    """Return a confusion matrix: rows truth, columns what was said, shaded by the share of the row."""
    if not matrix:
        return ""
    head = (
        f'<tr><th scope="col" rowspan="2" class="corner">Truth</th><th scope="colgroup" '
        f'colspan="{len(matrix["said"])}">Said</th><th scope="col" rowspan="2">n</th></tr>'
        "<tr>" + "".join(f'<th scope="col" class="said">{text(words(said))}</th>' for said in matrix["said"]) + "</tr>"
    )
    lines = []
    for truth, counts in zip(matrix["truth"], matrix["counts"], strict=True):
        n = sum(counts)
        cells = "".join(
            _confusion_cell(count, n, said == truth) for said, count in zip(matrix["said"], counts, strict=True)
        )
        lines.append(f'<tr><th scope="row">{text(words(truth))}</th>{cells}<td class="n">{n}</td></tr>')
    return table(head, lines, caption, "confusion")


def _confusion_cell(count: int, n: int, right: bool) -> str:
    if not count:
        return '<td class="zero">·</td>'
    kind = "hit" if right else "miss"
    return f'<td class="{kind}" style="--share:{count / n:.3f}">{count}</td>'


def comparison_table(module: Metrics) -> str:
    """Return best single against ensemble, on the series that both judged."""
    lines = []
    for name in SET_ORDER:
        found = module["single_against_ensemble"][name]
        if not found:
            continue
        bounds = found["bootstrap_95"]
        lines.append(
            row(
                SET_TITLES[name],
                str(found["n"]),
                accuracy(found["single"]),
                accuracy(found["ensemble"]),
                f"<b>{points(found['difference'])}</b>"
                + (f"<small>{points(bounds[0])} to {points(bounds[1])}</small>" if bounds else ""),
                str(found["only_ensemble"]),
                str(found["only_single"]),
                str(found["neither"]),
            )
        )
    single = picture_title(module["best_single"]) if module["best_single"] else "none"
    return table(
        heads(
            "Set",
            "n",
            f"Best single<small>{single}</small>",
            "Ensemble",
            "Difference, points<small>patient bootstrap</small>",
            "Right by vote only",
            "Right by single only",
            "Both wrong",
        ),
        lines,
    )


def counts_table(first: str, counts: Mapping[str, Mapping[str, Any]], *, are_classes: bool) -> str:
    """Return accuracy per value with its interval as numbers and as a bar; classes are written as people do."""
    lines = [
        row(
            text(", ".join(map(words, value.split(", "))) if are_classes else value),
            str(of_value["n"]),
            str(of_value["right"]),
            percent(of_value["accuracy"]),
            interval(of_value["wilson_95"]),
            interval_bar(of_value),
        )
        for value, of_value in counts.items()
    ]
    return table(heads(first, "n", "Right", "Accuracy, %", "Wilson 95 %", "0 to 100 %"), lines, kind="counts")


def folds_table(module: Metrics) -> str:
    """Return accuracy per fold, mean and standard deviation of each picture and of the ensemble."""
    found = module["cross_validation"]
    folds = sorted({fold for of_picture in found.values() if of_picture for fold in of_picture["folds"]}, key=int)
    order = [f"{conversion}_{plane}" for conversion in CONVERSION_ORDER for plane in PLANES]
    lines = []
    for key in [*order, "ensemble"]:
        title = "Ensemble" if key == "ensemble" else picture_title(key)
        kind = "ensemble" if key == "ensemble" else ""
        if not found[key]:
            span = f'<td colspan="{len(folds) + 2}" class="missing">not trained</td>'
            lines.append(f'<tr class="{kind}"><th scope="row">{title}</th>{span}</tr>')
            continue
        cells = [
            f"{percent(of['accuracy'])}<small>{of['right']} of {of['n']}</small>" if of else NONE
            for of in (found[key]["folds"].get(fold) for fold in folds)
        ]
        lines.append(row(title, *cells, f"<b>{percent(found[key]['mean'])}</b>", percent(found[key]["sd"]), kind=kind))
    return table(heads("Accuracy, %", *(f"Fold {fold}" for fold in folds), "Mean", "SD"), lines)


def calibration_table(module: Metrics) -> str:
    """Return likelihood and calibration error before and after, per set."""
    lines = [
        row(
            SET_TITLES[name],
            str(found["n"]),
            f"{found['nll_before']:.3f}",
            f"{found['nll_after']:.3f}",
            percent(found["ece_before"]),
            percent(found["ece_after"]),
        )
        for name in SET_ORDER
        if (found := module["calibration"].get(name))
    ]
    return table(
        heads("Set", "n", "NLL, T = 1", f"NLL, T = {module['temperature']:.2f}", "ECE before, %", "ECE after, %"), lines
    )


ABSTENTION_TITLES = {
    "nested": "Cross-validation, chosen on the other folds",
    "held_out": "Cross-validation, chosen on the same series (kind)",
    "internal": "Internal validation",
    "external": "External validation",
}


def abstention_table(module: Metrics) -> str:
    """Return what is answered, what of it is right, and what stays silent as it should; the honest row first."""
    lines = [
        row(
            title,
            f"{accuracy(found['answered'])}",
            f"{found['right_of_answered']['right']} of {found['right_of_answered']['n']}",
            accuracy(found["right_of_answered"]),
            by_patients(found["right_of_answered"]),
            f"{found['out_of_scope_silent']['right']} of {found['out_of_scope_silent']['n']}"
            if found["out_of_scope_silent"]["n"]
            else "no such series",
            kind="ensemble" if name == "nested" else "",
        )
        for name, title in ABSTENTION_TITLES.items()
        if (found := module["abstention"].get(name))
    ]
    return table(
        heads(
            "Set and limits",
            "Answered, %",
            "Right of answered",
            "in %<small>Wilson 95 %</small>",
            "Patient bootstrap 95 %",
            "Out of scope and silent",
        ),
        lines,
    )


def limits_table(module: Metrics) -> str:
    """Return the limits that each fold's patients met, and those that a bundle ships."""
    chosen = module["limits"]
    lines = [
        row(
            f"without fold {of_fold['fold']}",
            ", ".join(picture_title(picture) for picture in of_fold["pictures"].values()),
            f"{of_fold['temperature']:.2f}",
            f"{of_fold['min_score']:.2f}",
            str(of_fold["min_planes_agreeing"]),
            f"{of_fold['max_distance']:.3f}",
        )
        for of_fold in module["nested_limits"]
    ]
    lines.append(
        row(
            "all held-out series: the bundle's",
            ", ".join(picture_title(picture) for picture in module["chosen"].values()),
            f"{module['temperature']:.2f}",
            f"{chosen['min_score']:.2f}",
            str(chosen["min_planes_agreeing"]),
            f"{chosen['max_distance']:.3f}",
            kind="ensemble",
        )
    )
    return table(
        heads("Chosen on", "Pictures", "T", "Score at least", "Planes agreeing, at least", "Distance at most"), lines
    )


def sources_table(found: Mapping[str, Any], module: Metrics) -> str:
    """Return what is right per source and class, and the accuracy within sources that hold several classes."""
    present = {cell["class"] for cell in found["cells"]}
    classes = [word for word in module["classes"] if word in present]
    cells = {(cell["source"], cell["class"]): cell for cell in found["cells"]}
    within = {part["source"]: part for part in found["within"]}
    lines = [
        row(
            text(source),
            *(_source_cell(cells.get((source, word))) for word in classes),
            f"<b>{percent(within[source]['accuracy'])}</b><small>{interval(within[source]['wilson_95'])}</small>"
            if source in within
            else '<span class="none">one class</span>',
        )
        for source in dict.fromkeys(cell["source"] for cell in found["cells"])
    ]
    return table(
        heads("Source", *(text(words(word)) for word in classes), "Within the source, %<small>Wilson 95 %</small>"),
        lines,
        kind="sources",
    )


def _source_cell(cell: Mapping[str, Any] | None) -> str:
    if not cell:
        return NONE
    kind = "" if cell["right"] == cell["n"] else ' class="short"'
    return f"<span{kind}>{cell['right']} of {cell['n']}</span>"
