"""The browser's arrows and circles, run in Node.js: what a drag draws, and what the arrow keys do to it."""

from typing import Any

import pytest

from apps.reviews.shapes import checked_shapes
from tests.node import run_module


def asked(name: str, *given: Any) -> Any:
    (answer,) = run_module("shapes.mjs", [[name, *given]])
    return answer


def test_a_drag_draws_an_arrow_to_where_it_ends_and_a_circle_between() -> None:
    arrow = asked("shapeOfDrag", "arrow", [0.1, 0.2], [0.5, 0.6])
    assert arrow == {"kind": "arrow", "x1": 0.1, "y1": 0.2, "x2": 0.5, "y2": 0.6}
    circle = asked("shapeOfDrag", "ellipse", [0.5, 0.6], [0.1, 0.2])
    assert circle == {"kind": "ellipse", "x": 0.3, "y": 0.4, "rx": 0.2, "ry": 0.2}
    assert checked_shapes([arrow, circle]) == [arrow, circle]


def test_a_click_draws_nothing() -> None:
    assert asked("shapeOfDrag", "arrow", [0.5, 0.5], [0.505, 0.505]) is None


@pytest.mark.parametrize("kind", ["arrow", "ellipse"])
def test_keys_move_a_shape_and_never_out_of_the_picture(kind: str) -> None:
    shape = asked("shapeToBeginWith", kind)
    assert checked_shapes([shape]) == [shape]
    for key in ([0.6, 0], [0.6, 0], [0, -0.6], [0, -0.6]):
        shape = asked("moved", shape, key, False)
    assert checked_shapes([shape]) == [shape]


def test_with_shift_a_shape_changes_its_size() -> None:
    circle = {"kind": "ellipse", "x": 0.5, "y": 0.5, "rx": 0.1, "ry": 0.1}
    assert asked("moved", circle, [0.01, 0], True) == {**circle, "rx": 0.11}
    assert asked("moved", circle, [0, -0.01], True) == {**circle, "ry": 0.11}
    assert asked("moved", circle, [-0.5, 0], True)["rx"] == 0.02
    arrow = {"kind": "arrow", "x1": 0.1, "y1": 0.1, "x2": 0.5, "y2": 0.5}
    assert asked("moved", arrow, [0.01, 0], True) == {**arrow, "x1": 0.11}


def test_the_head_of_an_arrow_points_back_from_its_tip() -> None:
    first, second = asked("head", {"x1": 0.1, "y1": 0.5, "x2": 0.5, "y2": 0.5})
    assert first[:2] == second[:2] == [0.5, 0.5]
    assert first[2] == pytest.approx(second[2]) and first[2] < 0.5
    assert first[3] - 0.5 == pytest.approx(0.5 - second[3])
