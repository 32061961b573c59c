"""Learning curves and the time that is left."""

import csv
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import pytest

from apps.imaging.training.curves import curve_svg, write_curve
from apps.imaging.training.progress import Progress, in_words


@dataclass
class Point:
    step: int
    loss: float
    learning_rate: float = 1e-3
    tuning_loss: float | None = None
    tuning_accuracy: float | None = None


POINTS = [Point(1, 1.6), Point(50, 0.8, tuning_loss=0.9, tuning_accuracy=0.75), Point(100, 0.4, tuning_accuracy=1.0)]
SVG = "{http://www.w3.org/2000/svg}"


def test_a_curve_is_drawn_from_its_axes():
    drawing = ElementTree.fromstring(curve_svg("body_part mip_axial fold-0", POINTS))
    loss, *_ = (line.get("points").split() for line in drawing.iter(f"{SVG}polyline"))
    # The left axis ends at 2, the next number of one digit above 1.6; the last step stands at the right edge.
    assert loss[-1] == "584.0,227.6" and len(loss) == 3
    words = [text.text for text in drawing.iter(f"{SVG}text")]
    assert {"100", "50", "100 %", "2", "training loss", "tuning accuracy (right)"} <= set(words)


def test_a_curve_of_nothing_and_a_title_with_signs_are_still_drawings():
    assert ElementTree.fromstring(curve_svg('a < b & "c"', [])).get("aria-label") == 'Learning curve of a < b & "c"'
    assert ElementTree.fromstring(curve_svg("perfect", [Point(1, 0.0)])) is not None


def test_what_was_not_measured_is_an_empty_cell(tmp_path):
    write_curve(tmp_path / "curve.csv", POINTS)
    with (tmp_path / "curve.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert rows[0]["tuning_loss"] == "" and rows[1]["tuning_accuracy"] == "0.75" and rows[2]["step"] == "100"


def test_the_time_left_follows_the_pace_until_now():
    now = [100.0]
    progress = Progress(10, clock=lambda: now[0])
    assert progress.left(0) == "unknown time" and not progress.is_due(1)
    now[0] = 160.0
    assert progress.is_due(2) and not progress.is_due(2)
    assert progress.left(2) == "about 4 min"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "about 1 s"), (61, "about 61 s"), (600, "about 10 min"), (9000, "about 2.5 h")]
)
def test_a_duration_is_said_as_people_say_it(seconds, words):
    assert in_words(seconds) == words
