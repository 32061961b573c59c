"""The beginning and the end of the report: what was judged, the figures in short, warnings, definitions."""

from collections.abc import Mapping
from typing import Any

from apps.imaging.training.evaluate.limits import least_score
from apps.imaging.training.evaluate.rows import SET_TITLES, Metrics, words
from apps.imaging.training.report.markup import by_patients, interval, paragraph, percent, section, text
from apps.imaging.training.report.remarks import remarks

SHORT_ORDER = ("external", "internal", "held_out")
"""The figure that says most comes first: patients of another hospital."""


def title_of(module: str) -> str:
    """Return a module's name as a heading."""
    return text(words(module).capitalize())


def header(metrics: Mapping[str, Any]) -> str:
    """Return what was judged, the warning about faces, and links to the sections."""
    run, facts = metrics["run"], metrics["data"]
    sets = "; ".join(
        f"{name} {size['series']} of {size['patients']} patients" if size["series"] else f"{name} none"
        for name, size in facts["sets"].items()
    )
    both = '<li><a href="#both">All labels right</a></li>' if any(metrics["both_right"].values()) else ""
    links = "".join(
        f'<li><a href="#{text(name)}">{title_of(name)}</a></li>'
        f'<li><a href="#{text(name)}-wrong">{title_of(name)}: misclassified</a></li>'
        for name in metrics["modules"]
    )
    return (
        f'<header><p class="kind">Evaluation of a training run</p><h1>{text(run["name"])}</h1>'
        f'<p class="lead">Recipe <code>{text(run["recipe"])}</code>, network <code>{text(run["backbone"])}</code>, '
        f"{run['folds']} folds by patient. {facts['series']} series of {facts['patients']} patients from "
        f"{len(facts['sources'])} sources: {text(sets)}.</p>"
        '<p class="keep">Heads can show faces: this report stays with the lab. It judges software that sorts scans of '
        "trials; it is not a medical device and says nothing about a patient.</p>"
        f'<nav aria-label="Sections"><ul><li><a href="#short">In short</a></li>{links}{both}'
        '<li><a href="#definitions">How to read it</a></li></ul></nav></header>'
    )


def in_short(metrics: Mapping[str, Any]) -> str:
    """Return the figures that a reader wants first."""
    cards = "".join(_card(name, module) for name, module in metrics["modules"].items())
    return section("short", "In short", f'<div class="cards">{cards}{_card_of_both(metrics)}</div>')


def _card(name: str, module: Metrics) -> str:
    """Return the figures of one module that a reader wants first: accuracy per set, and with abstention."""
    lines = "".join(
        f"<dt>{SET_TITLES[key]}</dt>"
        + (
            f"<dd><b>{percent(cell['accuracy'])} %</b> right, {cell['right']} of {cell['n']} series, "
            f"{cell['patients']} patients<small>Wilson {interval(cell['wilson_95'])}; "
            f"by patients {by_patients(cell)}</small></dd>"
            if (cell := module["ensemble"][key])
            else f'<dd class="missing">{_no_figure(module, key)}</dd>'
        )
        for key in SHORT_ORDER
    )
    nested = module["abstention"]["nested"]
    if nested and nested["right_of_answered"]["n"]:
        answer = (
            f"<dt>If it may stay silent</dt><dd><b>{percent(nested['right_of_answered']['accuracy'])} %</b> right of "
            f"the {percent(nested['answered']['accuracy'])} % answered<small>Wilson "
            f"{interval(nested['right_of_answered']['wilson_95'])}; limits chosen on other patients</small></dd>"
        )
    else:
        answer = '<dt>If it may stay silent</dt><dd class="missing">not known: fewer than two folds</dd>'
    return f'<div class="card"><h3>{title_of(name)}</h3><dl>{lines}{answer}</dl></div>'


def _no_figure(module: Metrics, key: str) -> str:
    if not module["series"][key]["in_scope"]:
        return "no series"
    return "not predicted" if module["chosen"] else "not trained"


def _no_figure_of_both(modules: Mapping[str, Metrics], key: str) -> str:
    missing = [name for name, module in modules.items() if not module["ensemble"][key]]
    reasons = [f"{text(words(name))}: {_no_figure(modules[name], key)}" for name in missing]
    return "; ".join(reasons) or "no series has all labels"


def _card_of_both(metrics: Mapping[str, Any]) -> str:
    if len(metrics["modules"]) < 2:
        return ""
    lines = []
    for key in SHORT_ORDER:
        found = metrics["both_right"][key]
        if not found:
            why = _no_figure_of_both(metrics["modules"], key)
            lines.append(f'<dt>{SET_TITLES[key]}</dt><dd class="missing">{why}</dd>')
            continue
        singles = found["best_singles"]
        beside = f"; best singles {percent(singles['accuracy'])} %" if singles else ""
        lines.append(
            f"<dt>{SET_TITLES[key]}</dt><dd><b>{percent(found['ensemble']['accuracy'])} %</b> right, "
            f"{found['ensemble']['right']} of {found['n']} series{beside}"
            f"<small>Wilson {interval(found['ensemble']['wilson_95'])}; "
            f"by patients {by_patients(found['ensemble'])}</small></dd>"
        )
    nested = (metrics["both_right"]["held_out"] or {}).get("nested")
    if nested and nested["right_of_answered"]["n"]:
        lines.append(
            f"<dt>If it may stay silent</dt><dd><b>{percent(nested['right_of_answered']['accuracy'])} %</b> right of "
            f"the {percent(nested['answered']['accuracy'])} % with both answered<small>Wilson "
            f"{interval(nested['right_of_answered']['wilson_95'])}; limits chosen on other patients</small></dd>"
        )
    title = "Both labels" if len(metrics["modules"]) == 2 else "All labels"
    return f'<div class="card"><h3>{title}</h3><dl>{"".join(lines)}</dl></div>'


def warnings(metrics: Mapping[str, Any]) -> str:
    """Return what has to be known before a figure is trusted; nothing when there is nothing."""
    found = remarks(metrics)
    if not found:
        return ""
    return section("remarks", "Before you trust it", "<ul>", *(f"<li>{sentence}</li>" for sentence in found), "</ul>")


def definitions(metrics: Mapping[str, Any]) -> str:
    """Return what the words and figures mean, and where the run comes from."""
    settings, run = metrics["settings"], metrics["run"]
    aims = ", ".join(f"{text(words(name))} {100 * aim:g} %" for name, aim in settings["aims"].items())
    least = ", ".join(f"{least_score(name):g} ({text(words(name))})" for name in settings["aims"])
    entries = [
        ("Series", "The unit. Only real series count, never augmented or generated ones."),
        (
            "In scope",
            "Series of a class that is to be answered. Only these count in rates; the others (limbs, phantoms) have "
            "figures of their own: how many stay silent.",
        ),
        (
            "Held out",
            "Each fold's patients, judged by classifiers that were trained without them. All series of a patient "
            "stand in one fold.",
        ),
        ("Accuracy", "Right of n. Precision, recall and F1 are means over the classes that the set holds."),
        (
            "Intervals",
            "Wilson's 95 % interval takes series as independent. The patient bootstrap "
            f"({settings['bootstrap_rounds']} draws of patients, seed {settings['bootstrap_seed']}) doesn't. Where all "
            "series are right it has no width; then * marks Wilson's interval of patients with all series right.",
        ),
        (
            "Ensemble",
            "Soft vote: mean over three planes of softmax(logits / T), the largest wins. The picture of each plane is "
            "the one with the best mean accuracy over folds.",
        ),
        (
            "Limits",
            f"Aims: {aims} of the answers right, at least {100 * settings['min_coverage']:g} % answered, score never "
            f"below {least}. The distance limit is the {100 * settings['distance_quantile']:g} % quantile of "
            "held-out in-scope series.",
        ),
        ("NLL, ECE", "Mean of −ln of the true class's score; mean distance of score and share right over ten bins."),
    ]
    listed = "".join(f"<dt>{term}</dt><dd>{meaning}</dd>" for term, meaning in entries)
    return section(
        "definitions",
        "How to read it",
        f'<dl class="terms">{listed}</dl>',
        paragraph(
            f"Manifest SHA-256 <code>{text(run['manifest_sha256'])}</code>, seed {text(run['seed'])}, made by "
            f"<code>{text(run['command'])}</code>.",
            "note",
        ),
    )
