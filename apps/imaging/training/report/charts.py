"""Charts as inline SVG: reliability of scores, accuracy against coverage. No script, readable in print."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.imaging.training.report.markup import percent, text

WIDTH, HEIGHT = 380, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 42
"""Margins of the plot inside the drawing, in its units."""

POINT_COUNTS = (1, 30)
"""Series in a bin from which its dot is small and at which it is full size."""


class _Plot:
    """A square of values in a drawing: x from 0 to 1, y from `floor` to 1."""

    def __init__(self, title: str, x_title: str, y_title: str, floor: float = 0.0) -> None:
        self.floor = floor
        self.parts = [
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}">',
            f'<text class="title" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}">{text(x_title)}</text>',
            f'<text class="title" transform="translate(11 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">'
            f"{text(y_title)}</text>",
        ]
        for step in range(6):
            x_value, y_value = step / 5, floor + step * (1 - floor) / 5
            x, y = self.x(x_value), self.y(y_value)
            self.parts += [
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
                f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
                f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{100 * x_value:.0f}'
                "</text>",
                f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * y_value:.0f}</text>',
            ]

    def x(self, value: float) -> float:
        return LEFT + value * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.floor) / (1 - self.floor) * (HEIGHT - TOP - BOTTOM)

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        places = " ".join(f"{self.x(x):.1f},{self.y(max(y, self.floor)):.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{kind}" points="{places}"/>')

    def area(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        places = " ".join(f"{self.x(x):.1f},{self.y(max(y, self.floor)):.1f}" for x, y in points)
        self.parts.append(f'<polygon class="{kind}" points="{places}"/>')

    def dot(self, x: float, y: float, radius: float, kind: str, told: str) -> None:
        self.parts.append(
            f'<circle class="{kind}" cx="{self.x(x):.1f}" cy="{self.y(max(y, self.floor)):.1f}" r="{radius:.1f}">'
            f"<title>{text(told)}</title></circle>"
        )

    def diamond(self, x: float, y: float, told: str) -> None:
        centre_x, centre_y = self.x(x), self.y(max(y, self.floor))
        places = " ".join(
            f"{centre_x + dx:.1f},{centre_y + dy:.1f}" for dx, dy in ((0, -6.5), (6.5, 0), (0, 6.5), (-6.5, 0))
        )
        self.parts.append(f'<polygon class="nested" points="{places}"><title>{text(told)}</title></polygon>')

    def done(self) -> str:
        return "".join([*self.parts, "</svg>"])


def reliability_chart(calibration: Mapping[str, Any], title: str) -> str:
    """Return the share right against the score, before and after calibration; dots grow with their series."""
    plot = _Plot(title, "score (mean of the bin), %", "right, %")
    plot.line([(0, 0), (1, 1)], "ideal")
    for key, kind in (("reliability_before", "before"), ("reliability", "after")):
        bins = calibration[key]
        plot.line([(part["score"], part["right"]) for part in bins], f"line-{kind}")
        for part in bins:
            told = f"{part['n']} series, score {percent(part['score'])} %, right {percent(part['right'])} %"
            plot.dot(part["score"], part["right"], _radius(part["n"]), f"dot-{kind}", told)
    return plot.done()


def coverage_chart(
    curve: Sequence[Mapping[str, Any]],
    chosen: Mapping[str, Any] | None,
    nested: Mapping[str, Any] | None,
    limits: Mapping[str, Any],
    title: str,
) -> str:
    """Return the share right of what is answered against the share answered, as the score limit rises.

    `chosen` and `nested` are entries of `abstention` in metrics.json: where the chosen limits lie (hollow) and
    where limits chosen without the fold lie (diamond).
    """
    points = [point for point in curve if point["n"]]
    marks = [
        (entry["answered"]["accuracy"], entry["right_of_answered"]["accuracy"])
        for entry in (chosen, nested)
        if entry and entry["right_of_answered"]["n"]
    ]
    lowest = min([point["accuracy"] for point in points] + [y for _, y in marks] + [limits["aim"], 0.9])
    # Down to the tens below the lowest point, so that the interesting part fills the drawing.
    floor = max(0.0, int(lowest * 10 - 1e-9) / 10)
    plot = _Plot(title, "answered, % of in-scope series", "right of what is answered, %", floor)
    plot.area(
        [(point["coverage"], point["wilson_95"][1]) for point in points]
        + [(point["coverage"], point["wilson_95"][0]) for point in reversed(points)],
        "band",
    )
    plot.line([(0, limits["aim"]), (1, limits["aim"])], "aim")
    plot.line([(limits["min_coverage"], floor), (limits["min_coverage"], 1)], "aim")
    plot.line([(point["coverage"], point["accuracy"]) for point in points], "line-after")
    if chosen and chosen["right_of_answered"]["n"]:
        x, y = chosen["answered"]["accuracy"], chosen["right_of_answered"]["accuracy"]
        told = f"chosen: score at least {limits['min_score']}; {percent(x)} % answered, {percent(y)} % right"
        plot.dot(x, y, 6, "chosen", told)
    if nested and nested["right_of_answered"]["n"]:
        x, y = nested["answered"]["accuracy"], nested["right_of_answered"]["accuracy"]
        plot.diamond(x, y, f"chosen without the fold: {percent(x)} % answered, {percent(y)} % right")
    return plot.done()


def legend(*entries: tuple[str, str]) -> str:
    """Return what the marks of a chart mean: (class of the mark, words)."""
    items = "".join(
        f'<li><svg class="key" viewBox="0 0 26 12" aria-hidden="true">{_KEYS[kind]}</svg>{text(meaning)}</li>'
        for kind, meaning in entries
    )
    return f'<ul class="legend">{items}</ul>'


_KEYS = {
    "before": '<polyline class="line-before" points="1,6 25,6"/><circle class="dot-before" cx="13" cy="6" r="3.5"/>',
    "after": '<polyline class="line-after" points="1,6 25,6"/><circle class="dot-after" cx="13" cy="6" r="3.5"/>',
    "line": '<polyline class="line-after" points="1,6 25,6"/>',
    "ideal": '<polyline class="ideal" points="1,6 25,6"/>',
    "band": '<rect class="band" x="1" y="1" width="24" height="10"/>',
    "aim": '<polyline class="aim" points="1,6 25,6"/>',
    "chosen": '<circle class="chosen" cx="13" cy="6" r="4.5"/>',
    "nested": '<polygon class="nested" points="13,0.5 18.5,6 13,11.5 7.5,6"/>',
}


def _radius(series: int) -> float:
    least, most = POINT_COUNTS
    return 2.5 + 4 * min(1.0, (series - least) / (most - least)) ** 0.5
