"""Learning curves: a table, and a drawing in SVG that any browser shows."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 56, 34, 44
"""Margins around the axes, in pixels; the right axis is that of the accuracy."""

LOSS, TUNING, ACCURACY = "#1f4e79", "#c05621", "#2f7d4f"
"""Colours of training loss, tuning loss and tuning accuracy; each line also has its own dashes."""


class Point(Protocol):
    """One line of a learning curve; `apps.imaging.training.fit.CurvePoint` is one."""

    step: int
    loss: float
    learning_rate: float
    tuning_loss: float | None
    tuning_accuracy: float | None


COLUMNS = ("step", "loss", "learning_rate", "tuning_loss", "tuning_accuracy")


def write_curve(file: Path, points: Sequence[Point]) -> None:
    """Write the curve as CSV; cells of what was not measured are empty."""
    with file.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow(COLUMNS)
        for point in points:
            values = [getattr(point, column) for column in COLUMNS]
            table.writerow(["" if value is None else f"{value:.6g}" for value in values])


def curve_svg(title: str, points: Sequence[Point]) -> str:
    """Return the drawing: losses against steps on the left axis, tuning accuracy on the right one."""
    last = max((point.step for point in points), default=1)
    losses = [value for point in points for value in (point.loss, point.tuning_loss) if value is not None]
    highest = _round_up(max(losses, default=1.0))

    def across(step: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / last

    def down(value: float, top: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    lines = [
        _line([(across(p.step), down(p.loss, highest)) for p in points], LOSS, ""),
        _line(
            [(across(p.step), down(p.tuning_loss, highest)) for p in points if p.tuning_loss is not None], TUNING, "6 3"
        ),
        _line(
            [(across(p.step), down(p.tuning_accuracy, 1.0)) for p in points if p.tuning_accuracy is not None],
            ACCURACY,
            "2 3",
        ),
    ]
    ticks = [
        _tick(LEFT - 8, down(share * highest, highest) + 4, f"{share * highest:.3g}", "end") for share in (0, 0.5, 1)
    ]
    ticks += [_tick(WIDTH - RIGHT + 8, down(share, 1.0) + 4, f"{100 * share:.0f} %", "start") for share in (0, 0.5, 1)]
    ticks += [
        _tick(across(round(share * last)), HEIGHT - BOTTOM + 18, f"{share * last:.0f}", "middle")
        for share in (0, 0.5, 1)
    ]
    legend = [
        _legend(0, "training loss", LOSS, ""),
        _legend(1, "tuning loss", TUNING, "6 3"),
        _legend(2, "tuning accuracy (right)", ACCURACY, "2 3"),
    ]
    axes = f"M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}V{TOP}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'role="img" aria-label="Learning curve of {_escaped(title)}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            f'<text x="{LEFT}" y="20" font-weight="bold">{_escaped(title)}</text>',
            f'<path d="{axes}" fill="none" stroke="#8a94a0" stroke-width="1"/>',
            *ticks,
            f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle" fill="#4a5560">steps</text>',
            *lines,
            *legend,
            "</svg>",
            "",
        ]
    )


def _line(places: Sequence[tuple[float, float]], colour: str, dashes: str) -> str:
    if not places:
        return ""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in places) if dashes else ""
    style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
    return f'<polyline points="{points}" {style}/>{dots}'


def _tick(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="#4a5560">{text}</text>'


def _legend(place: int, text: str, colour: str, dashes: str) -> str:
    x, y = WIDTH - RIGHT - 170, TOP + 12 + 18 * place
    return (
        f'<path d="M{x} {y}h24" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
        f'<text x="{x + 30}" y="{y + 4}">{text}</text>'
    )


def _round_up(value: float) -> float:
    """Return the next number of one digit, for the end of an axis."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return float(math.ceil(value / power) * power)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
