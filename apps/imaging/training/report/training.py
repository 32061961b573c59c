"""How the classifiers of a module were trained: steps, time, loss, and the learning curves of every part."""

import csv
from collections.abc import Sequence

from apps.imaging.training.evaluate.measure import Evaluation
from apps.imaging.training.evaluate.rows import CONVERSION_ORDER, Metrics, picture_title
from apps.imaging.training.report.markup import NONE, heads, paragraph, percent, row, section, table, text
from apps.imaging.training.report.summary import title_of
from apps.imaging.training.run import TrainedClassifier
from apps.imaging.vocabulary import PLANES

WIDTH, HEIGHT, MARGIN = 220, 110, 24
"""Of one drawing of learning curves, in its units; the margin holds the words."""

Curve = list[tuple[float, float]]
"""Points of step and loss."""


def training_section(evaluation: Evaluation, name: str, module: Metrics) -> str:
    """Return the table of what was trained, and a small drawing of the curves per picture."""
    order = [f"{conversion}_{plane}" for conversion in CONVERSION_ORDER for plane in PLANES]
    trained = [picture for picture in order if module["pictures"][picture]["steps"]]
    lines = [_line(picture, module, evaluation.run.recipe.folds) for picture in order]
    curves = {
        picture: [
            _read(one)
            for one in evaluation.run.classifiers()
            if (one.module, one.picture) == (name, picture) and (one.folder / "curve.csv").is_file()
        ]
        for picture in trained
    }
    highest = max((loss for of in curves.values() for pair in of for curve in pair for _, loss in curve), default=1.0)
    drawings = "".join(_drawing(picture, of, highest) for picture, of in curves.items() if of)
    return section(
        f"{text(name)}-training",
        f"{title_of(name)}: training",
        table(
            heads(
                "Pictures",
                "Folds finished",
                "On all patients",
                "Steps",
                "Minutes in all",
                "Final loss, mean",
                "Tuning accuracy, %",
                "Tuning NLL",
            ),
            lines,
        ),
        f'<div class="curves">{drawings}</div>' if drawings else "",
        paragraph(
            "Loss against steps, one line per part: training solid, held-out patients dashed. All drawings of the "
            "module have the same scale.",
            "note",
        )
        if drawings
        else "",
    )


def _line(picture: str, module: Metrics, folds: int) -> str:
    facts = module["pictures"][picture]
    if not facts["steps"]:
        why = "not finished" if facts["asked_for"] else "not trained: not in the recipe"
        return f'<tr><th scope="row">{picture_title(picture)}</th><td colspan="7" class="missing">{why}</td></tr>'
    return row(
        picture_title(picture),
        f"{len(facts['folds'])} of {folds}",
        "yes" if facts["all"] else "no",
        ", ".join(str(steps) for steps in facts["steps"]),
        f"{facts['seconds'] / 60:.1f}",
        f"{facts['loss']:.3f}",
        percent(facts["tuning_accuracy"]),
        f"{facts['tuning_nll']:.3f}" if facts["tuning_nll"] is not None else NONE,
    )


def _read(classifier: TrainedClassifier) -> tuple[Curve, Curve]:
    """Return the losses of training and of held-out patients against steps."""
    with (classifier.folder / "curve.csv").open(newline="", encoding="utf-8") as lines:
        points = list(csv.DictReader(lines))
    training, tuning = (
        [(float(point["step"]), float(point[column])) for point in points if point.get(column)]
        for column in ("loss", "tuning_loss")
    )
    return training, tuning


def _drawing(picture: str, curves: Sequence[tuple[Curve, Curve]], highest: float) -> str:
    last = max((step for pair in curves for curve in pair for step, _ in curve), default=1.0)

    def places(curve: Curve) -> str:
        return " ".join(
            f"{2 + (WIDTH - 4) * step / last:.1f},{MARGIN + (HEIGHT - MARGIN - 14) * (1 - loss / highest):.1f}"
            for step, loss in curve
        )

    lines = "".join(
        f'<polyline class="{kind}" points="{places(curve)}"/>'
        for pair in curves
        for kind, curve in zip(("training", "tuning"), pair, strict=True)
        if len(curve) > 1
    )
    base = HEIGHT - 14
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Learning curves, {picture_title(picture)}">'
        f'<text x="2" y="12" class="name">{picture_title(picture)}</text>'
        f'<text x="{WIDTH - 2}" y="12" text-anchor="end">{highest:.2f}</text>'
        f'<line x1="2" x2="{WIDTH - 2}" y1="{base}" y2="{base}"/>'
        f'<line x1="2" x2="{WIDTH - 2}" y1="{MARGIN}" y2="{MARGIN}"/>'
        f'<text x="2" y="{HEIGHT - 2}">0</text>'
        f'<text x="{WIDTH - 2}" y="{HEIGHT - 2}" text-anchor="end">{last:.0f} steps</text>'
        f"{lines}</svg>"
    )
