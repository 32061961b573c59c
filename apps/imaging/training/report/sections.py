"""The sections of one module: tables, comparison, groups, calibration, abstention, sources, failures."""

from collections.abc import Mapping
from typing import Any

from apps.imaging.training.evaluate.measure import Evaluation, ModuleVotes, set_key
from apps.imaging.training.evaluate.rows import SET_TITLES, Metrics, table_2, table_3, words
from apps.imaging.training.report.charts import coverage_chart, legend, reliability_chart
from apps.imaging.training.report.gallery import gallery
from apps.imaging.training.report.markup import (
    accuracy,
    by_patients,
    heads,
    interval,
    of_counts,
    paragraph,
    percent,
    row,
    section,
    table,
    text,
)
from apps.imaging.training.report.summary import title_of
from apps.imaging.training.report.tables import (
    SET_ORDER,
    abstention_table,
    calibration_table,
    comparison_table,
    confusion_table,
    counts_table,
    folds_table,
    limits_table,
    rates_table,
    selection_table,
    sources_table,
    vote_table,
)
from apps.imaging.training.report.training import training_section


def module_sections(evaluation: Evaluation, name: str, votes: ModuleVotes) -> list[str]:
    """Return the sections of one module; without an ensemble only its tables."""
    metrics: Mapping[str, Any] = evaluation.metrics
    module = metrics["modules"][name]
    title = title_of(name)
    parts = [
        "<h3>Every conversion and plane, and the ensemble</h3>",
        rates_table(
            table_2(module),
            module,
            "Precision, recall and F1 are means over classes; all in %. "
            "<sup>a</sup> enters the ensemble, <sup>b</sup> best single classifier, both by cross-validation.",
            ("Pictures", "Plane"),
        ),
    ]
    if votes.chosen:
        parts += [vote_table(module), "<h3>Which picture enters the ensemble</h3>", selection_table(module)]
    if rows := list(table_3(module)):
        parts += [
            "<h3>By body part</h3>",
            rates_table(
                rows,
                module,
                "As the paper's Table 3; means over the contrast classes that the body part has.",
                ("Pictures", "Body part"),
            ),
        ]
    parts += ["<h3>Cross-validation, fold by fold</h3>", folds_table(module)]
    found = [section(text(name), title, *parts)]
    if votes.chosen:
        found += [
            _comparison(name, module),
            _groups(name, module),
            _calibration(name, module),
            _abstention(name, module),
            _sources(name, module),
        ]
    found += [_wrong(evaluation, name, votes), training_section(evaluation, name, module)]
    return found


def _comparison(name: str, module: Metrics) -> str:
    matrices = "".join(
        '<div class="pair">'
        + confusion_table(module["confusion"][key]["best_single"], f"{SET_TITLES[key]}: best single")
        + confusion_table(module["confusion"][key]["ensemble"], f"{SET_TITLES[key]}: ensemble")
        + "</div>"
        for key in SET_ORDER
        if module["confusion"][key]["ensemble"]
    )
    return section(
        f"{text(name)}-single", f"{title_of(name)}: best single against ensemble", comparison_table(module), matrices
    )


def _groups(name: str, module: Metrics) -> str:
    parts = []
    for key in SET_ORDER:
        if not module["by_class"].get(key):
            continue
        tables = "".join(
            counts_table(first, counts, are_classes=fact in ("by_class", "by_body_part_and_class"))
            for fact, first in (
                ("by_class", "Class"),
                ("by_body_part_and_class", "Body part and class"),
                ("by_source", "Source"),
                ("by_scanner", "Scanner"),
                ("by_quality", "Quality"),
            )
            if (counts := module.get(fact, {}).get(key))
        )
        parts.append(f'<h3>{SET_TITLES[key]}</h3><div class="groups">{tables}</div>')
    return section(
        f"{text(name)}-groups", f"{title_of(name)}: the ensemble by class, source, scanner and quality", *parts
    )


def _calibration(name: str, module: Metrics) -> str:
    found = module["calibration"].get("held_out")
    temperature = module["temperature"]
    words_of_it = (
        f"Each plane's logits are divided by T = {temperature:.2f} before the vote; T minimises the voted negative "
        "log-likelihood of held-out series."
        if temperature != 1
        else "T = 1: with so few mistakes the likelihood has no minimum, and the scores stay as the networks give them."
    )
    chart = (
        '<div class="plots"><figure>'
        + reliability_chart(found, f"Reliability of the {words(name)} scores on held-out series")
        + "<figcaption>"
        + legend(("before", "T = 1"), ("after", f"T = {temperature:.2f}"), ("ideal", "score = share right"))
        + "</figcaption></figure></div>"
        if found
        else ""
    )
    return section(
        f"{text(name)}-calibration",
        f"{title_of(name)}: do scores mean what they say?",
        paragraph(
            words_of_it + " Measured on the series that T was fitted on, so slightly kind; validation sets are not."
        ),
        calibration_table(module),
        chart,
    )


def _abstention(name: str, module: Metrics) -> str:
    entry, limits = module["abstention"], module["limits"]
    chart = coverage_chart(
        module["coverage_curve"],
        entry["held_out"],
        entry["nested"],
        limits,
        f"Accuracy of {words(name)} against coverage on held-out series",
    )
    marks = legend(
        ("line", "score limit rising from right to left"),
        ("band", "Wilson 95 %"),
        ("chosen", f"chosen limits (score at least {limits['min_score']:.2f}), measured where they were chosen"),
        ("nested", "chosen without the fold: what a new patient meets"),
        ("aim", f"aim: {100 * limits['aim']:g} % right, {100 * limits['min_coverage']:g} % answered"),
    )
    silent = (entry["nested"] or entry["held_out"])["silent_by_class"]
    outside = (
        paragraph(
            "Out of scope and silent, as it should be: "
            + "; ".join(f"{text(words(word))} {of_counts(counts)}" for word, counts in silent.items())
            + "."
        )
        if silent
        else paragraph(
            "The cross-validation holds no series that is out of scope: whether those stay silent is not known."
        )
    )
    return section(
        f"{text(name)}-abstention",
        f"{title_of(name)}: when it stays silent",
        paragraph(text(limits["sentence"])),
        paragraph(
            "Limits measured where they were chosen are kind. The first row is the honest one: for each fold, "
            "pictures, temperature and limits were chosen on the other folds."
            if entry["nested"]
            else "Fewer than two folds are finished: the limits were measured where they were chosen, which is kind."
        ),
        abstention_table(module),
        f'<div class="plots"><figure>{chart}<figcaption>{marks}</figcaption></figure></div>',
        outside,
        limits_table(module),
    )


def _sources(name: str, module: Metrics) -> str:
    parts = [
        paragraph(
            "A network may recognise the source (hospital, scanner, collection) instead of the anatomy. Where a "
            "source holds several classes, that doesn't help it: accuracy within such sources is the test."
        )
    ]
    lines = []
    for key in SET_ORDER:
        found = module["sources"][key]
        if not found:
            continue
        n, right = (sum(part[which] for part in found["within"]) for which in ("n", "right"))
        lines.append(
            row(
                SET_TITLES[key],
                accuracy(module["ensemble"][key]),
                f"{percent(right / n)}<small>{right} of {n} in {len(found['within'])} sources</small>"
                if n
                else "no such source",
                percent(found["balanced_accuracy"]),
                accuracy(found["source_alone"]),
            )
        )
        parts.append(f"<h3>{SET_TITLES[key]}</h3>{sources_table(found, module)}")
    overview = table(
        heads(
            "Set",
            "Ensemble, %",
            "Within sources of several classes, %",
            "Balanced over source × class, %",
            "Guess by source alone, %",
        ),
        lines,
    )
    return section(f"{text(name)}-sources", f"{title_of(name)}: anatomy or source?", parts[0], overview, *parts[1:])


def both_section(metrics: Mapping[str, Any]) -> str:
    """Return how often all labels of a series are right: best singles, ensemble, and what is answered."""
    titles = (
        ("best_singles", "Best single classifiers"),
        ("ensemble", "Ensemble"),
        ("right_of_answered", "Ensemble, where all are answered"),
    )
    lines = []
    for key in SET_ORDER:
        found = metrics["both_right"][key]
        if not found:
            continue
        entries = [(title, found[name], found["answered"]) for name, title in titles]
        nested = found.get("nested")
        if nested:
            entries.append(
                ("The same, limits chosen on the other folds", nested["right_of_answered"], nested["answered"])
            )
        lines += [
            row(
                SET_TITLES[key],
                title,
                f"{counts['right']} of {counts['n']}",
                f"<b>{percent(counts['accuracy'])}</b>",
                interval(counts["wilson_95"]),
                by_patients(counts),
                percent(answered["accuracy"]) if "answered" in title or "limits" in title else "100.0",
            )
            for title, counts, answered in entries
            if counts and counts["n"]
        ]
    if not lines:
        return ""
    names = " and ".join(words(name) for name in metrics["modules"])
    return section(
        "both",
        "All labels of a series right",
        paragraph(
            f"Series that have a {text(names)} to be answered; right only if each label is. The paper: best single "
            "classifiers 444 of 448, ensemble 447 of 448 (external set, Wilson 98.75 to 99.96)."
        ),
        table(
            heads("Set", "Who", "Right", "Accuracy, %", "Wilson 95 %", "By patients, 95 %", "Answered, %"),
            lines,
            kind="both",
        ),
    )


def _wrong(evaluation: Evaluation, name: str, votes: ModuleVotes) -> str:
    keys = {set_key(which): which for which in votes.ensembles}
    parts = [f"<h3>{SET_TITLES[key]}</h3>{gallery(evaluation, votes, keys[key])}" for key in SET_ORDER if key in keys]
    if not parts:
        none = paragraph("There is no ensemble yet, so nothing was misclassified or right.")
        return section(f"{text(name)}-wrong", f"{title_of(name)}: misclassified series", none)
    return section(
        f"{text(name)}-wrong",
        f"{title_of(name)}: misclassified series",
        paragraph(
            "The three pictures that the ensemble saw, stretched to squares as the networks get them. What would have "
            "been answered wrongly comes first; abstained means that a person would have been asked. Colour over the "
            "lower pictures shows where the evidence for what the vote said lies (light yellow: most), each plane on a "
            "scale of its own."
        ),
        *parts,
    )
