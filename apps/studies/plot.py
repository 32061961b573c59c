"""Per-scan plot: manual against AI-aided seconds, drawn as SVG by the template from these numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SIZE = 320
"""Width and height of a panel, in its own units."""
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 36
"""Room for the numbers and names of the axes."""
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
"""Seconds at which a line may stand."""
SHORTEST = 0.5
"""Seconds; what took less is drawn here, because the axes are logarithmic."""


@dataclass(frozen=True)
class Tick:
    """A line of the grid: its seconds, and where it crosses the axes."""

    seconds: int
    x: float
    y: float


@dataclass(frozen=True)
class Point:
    """One scan."""

    scan: int
    manual_seconds: float
    aided_seconds: float
    x: float
    y: float

    @property
    def is_quicker(self) -> bool:
        """Whether the AI-aided reading took less time; the point then lies below the diagonal."""
        return self.aided_seconds < self.manual_seconds


@dataclass(frozen=True)
class Panel:
    """One analyst's scans on two logarithmic axes of the same range."""

    name: str
    points: tuple[Point, ...]
    ticks: tuple[Tick, ...]

    size = SIZE
    width, height = SIZE - RIGHT - LEFT, SIZE - BOTTOM - TOP
    left, right, top, bottom = LEFT, SIZE - RIGHT, TOP, SIZE - BOTTOM
    middle_x, middle_y = (LEFT + SIZE - RIGHT) / 2, (TOP + SIZE - BOTTOM) / 2
    below_axis, name_of_x = SIZE - BOTTOM + 14, SIZE - 6
    beside_axis = LEFT - 5

    @property
    def n_quicker(self) -> int:
        return sum(point.is_quicker for point in self.points)


def panel(name: str, pairs: Sequence[tuple[int, float, float]], seconds: tuple[float, float]) -> Panel:
    """Lay out an analyst's pairs (scan number, manual, AI-aided seconds) on axes over this range of seconds."""
    low, high = math.log(max(seconds[0], SHORTEST)), math.log(max(seconds[1], SHORTEST))
    room = (high - low) or 1.0

    def x(value: float) -> float:
        share = (math.log(max(value, SHORTEST)) - low) / room
        return round(LEFT + share * (SIZE - RIGHT - LEFT), 1)

    def y(value: float) -> float:
        share = (math.log(max(value, SHORTEST)) - low) / room
        return round(SIZE - BOTTOM - share * (SIZE - BOTTOM - TOP), 1)

    return Panel(
        name=name,
        points=tuple(Point(scan, manual, aided, x(manual), y(aided)) for scan, manual, aided in pairs),
        ticks=tuple(Tick(tick, x(tick), y(tick)) for tick in TICKS if seconds[0] <= tick <= seconds[1]),
    )


def common_range(pairs: Sequence[tuple[int, float, float]]) -> tuple[float, float]:
    """Return the seconds from the quickest to the slowest reading, widened to the next ticks."""
    values = [max(value, SHORTEST) for _, manual, aided in pairs for value in (manual, aided)]
    low, high = min(values), max(values)
    below = [tick for tick in TICKS if tick <= low]
    above = [tick for tick in TICKS if tick >= high]
    return (below[-1] if below else SHORTEST, above[0] if above else high)


def panels(of_analysts: Sequence[tuple[str, Sequence[tuple[int, float, float]]]]) -> list[Panel]:
    """Return a panel per analyst with pairs, all on the same axes."""
    drawn = [(name, pairs) for name, pairs in of_analysts if pairs]
    if not drawn:
        return []
    seconds = common_range([pair for _, pairs in drawn for pair in pairs])
    return [panel(name, pairs, seconds) for name, pairs in drawn]
