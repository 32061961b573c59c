"""What can be drawn on a picture: arrows and ellipses, in parts of the picture's sides, and how they are painted."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from apps.audit.lifecycle import Refused

MOST_SHAPES = 20
LONGEST_NOTE = 200

FIELDS = {"arrow": ("x1", "y1", "x2", "y2"), "ellipse": ("x", "y", "rx", "ry")}
"""Per kind its numbers: an arrow from its tail to its tip, an ellipse by its centre and its radii."""

COLOUR = (255, 214, 10)
_EDGE = (0, 0, 0)
_WIDTH = 3
_HEAD = 14
"""Length of an arrow's head in pixels of a 512 x 512 picture."""


def checked_shapes(shapes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the shapes with nothing but their own fields; refuse what cannot be drawn."""
    if len(shapes) > MOST_SHAPES:
        raise Refused(f"A picture takes at most {MOST_SHAPES} arrows and circles; there are {len(shapes)}.")
    return [_checked(shape) for shape in shapes]


def _checked(shape: Any) -> dict[str, Any]:
    kind = shape.get("kind") if isinstance(shape, Mapping) else None
    if kind not in FIELDS:
        raise Refused(f"What is drawn on a picture is one of {', '.join(FIELDS)}.")
    return {"kind": kind, **{name: _part(shape.get(name)) for name in FIELDS[kind]}}


def _part(number: object) -> float:
    if not isinstance(number, int | float) or not 0 <= number <= 1:
        raise Refused("Places on a picture are parts of its sides, from 0 to 1.")
    return round(float(number), 4)


def painted(png: bytes, shapes: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the picture, a PNG, with the shapes on it; yellow with a black edge, to be seen on any gray."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for colour, width in ((_EDGE, _WIDTH + 2), (COLOUR, _WIDTH)):
        for shape in shapes:
            _paint(draw, picture.size, shape, colour, width)
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return out.getvalue()


def _paint(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], shape: Mapping[str, Any], colour: tuple[int, int, int], width: int
) -> None:
    across, down = size[0] - 1, size[1] - 1
    if shape["kind"] == "ellipse":
        x, y, rx, ry = shape["x"] * across, shape["y"] * down, shape["rx"] * across, shape["ry"] * down
        draw.ellipse((x - rx, y - ry, x + rx, y + ry), outline=colour, width=width)
        return
    tail, tip = (shape["x1"] * across, shape["y1"] * down), (shape["x2"] * across, shape["y2"] * down)
    draw.line((tail, tip), fill=colour, width=width)
    backwards = math.atan2(tail[1] - tip[1], tail[0] - tip[0])
    for angle in (backwards - 0.5, backwards + 0.5):
        end = (tip[0] + _HEAD * math.cos(angle), tip[1] + _HEAD * math.sin(angle))
        draw.line((tip, end), fill=colour, width=width)
