"""The viewer's modules, run in Node.js: what stands where on the screen, in which gray, and what is fetched first."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.slices import index_slices, read_slice
from apps.intake.slices import StoredStack
from tests.node import run_module
from tests.phantoms import ORIENTATIONS, cube_and_rod, write_series


def asked(*tasks: dict[str, Any]) -> list[Any]:
    return run_module("viewer.mjs", tasks)


def one(does: str, **given: Any) -> Any:
    (answer,) = asked({"does": does, **given})
    return answer


def stack(paths: Sequence[Path]) -> tuple[dict[str, Any], list[list[list[int]]]]:
    """Return the index of a series as the browser gets it, and its slices."""
    headers, _ = read_headers(paths)
    (series,) = group_into_series(headers)
    index = index_slices(series, {path: str(path) for path in paths})
    slices = [read_slice(Path(each.file), each).tolist() for each in index.slices]
    return json.loads(json.dumps(StoredStack(index, "0" * 16, 0).to_json())), slices


def flat(index: dict[str, Any], positions: NDArray, **changes: Any) -> dict[str, Any]:
    return {**index, "numbers": list(range(len(positions))), "positions_mm": positions.tolist(), **changes}


PLAIN = {
    "version": "0", "rows": 4, "columns": 3, "spacing_mm": [1.0, 1.0], "directions": [1, 0, 0, 0, 1, 0],
    "axes": [0, 1, 2], "flipped": [False] * 3, "volume": True, "units": "HU", "damaged": [], "notes": [],
}  # fmt: skip


def test_letters_name_the_nearest_axis_first_and_leave_out_what_is_small() -> None:
    vectors = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [0, 0.94, -0.34], [0.99, 0.1, 0.1]]
    answers = asked(*({"does": "letters", "vector": vector} for vector in vectors))
    assert answers == ["L", "R", "P", "A", "H", "F", "PF", "L"]


def test_a_window_is_the_one_of_the_standard() -> None:
    window = {"level": 40, "width": 400}
    # PS3.3 C.11.2.1.2.1: at or below c - 0.5 - (w-1)/2 it is 0, above c - 0.5 + (w-1)/2 it is 255.
    values = [-3000, -160, -159, 40, 239, 240, 3000]
    expected = [0, 0, 1, 128, 255, 255, 255]
    assert one("gray", values=values, window=window) == expected
    pixels = one("painted", values=[*values, -32768], window=window)
    assert pixels == [part for value in expected for part in (value, value, value, 255)] + [0, 0, 0, 0]


def test_the_presets_are_those_of_the_keys() -> None:
    presets = one("presets")
    assert [presets[key]["name"] for key in "1234"] == ["Soft tissue", "Lung", "Bone", "Brain"]


def test_a_drag_widens_to_the_right_darkens_downwards_and_stays_in_bounds() -> None:
    assert one("dragged", window={"level": 40, "width": 300}, by=[10, 5]) == {"level": 45, "width": 310}
    assert one("dragged", window={"level": 0, "width": 3000}, by=[1, -1]) == {"level": -10, "width": 3010}
    assert one("changed", window={"level": 0, "width": 10}, by=[-9999, -9999]) == {"level": -1024, "width": 2}


def test_slices_are_fetched_outwards_and_ahead_first() -> None:
    assert one("outwards", at=3, count=7) == [3, 4, 2, 5, 1, 6, 0]
    assert one("outwards", at=3, count=9, direction=1) == [3, 4, 5, 2, 6, 7, 1, 8, 0]
    assert one("outwards", at=3, count=6, direction=-1) == [3, 2, 1, 4, 0, 5]
    assert one("outwards", at=0, count=1) == [0]
    for at in range(5):
        assert sorted(one("outwards", at=at, count=5, direction=1)) == list(range(5))
    assert one("first", count=300) == [150, 151, 149, 152, 148]
    assert one("first", count=2) == [1, 0]
    assert one("letGo", places=[1, 2, 8, 9], at=7, room=2) == [1, 2]


def test_the_pixel_under_a_point_is_the_one_that_is_drawn_there() -> None:
    for swap, mirror_x, mirror_y in np.ndindex(2, 2, 2):
        view = {
            "width": 10, "height": 4, "stepX": 1, "stepY": 3,
            "swap": bool(swap), "mirrorX": bool(mirror_x), "mirrorY": bool(mirror_y),
        }  # fmt: skip
        size, place = [300, 200], {"zoom": 2, "x": 15, "y": -8}
        for pixel in ([0, 0], [9, 3], [4, 1]):
            a, b, c, d, e, f = one("placed", view=view, place=place, size=size, point=[0, 0])["matrix"]
            x, y = pixel[0] + 0.5, pixel[1] + 0.5
            point = [a * x + c * y + e, b * x + d * y + f]
            assert one("placed", view=view, place=place, size=size, point=point)["pixel"] == pixel


def test_a_picture_is_fitted_in_true_proportion() -> None:
    view = {"width": 100, "height": 20, "stepX": 1, "stepY": 5, "swap": False, "mirrorX": False, "mirrorY": True}
    placed = one("placed", view=view, place={"zoom": 1, "x": 0, "y": 0}, size=[400, 200], point=[399, 100])
    # 100 x 100 mm: both directions have 2 pixels per mm.
    assert placed["scale"] == 2
    assert placed["matrix"] == [2, 0, 0, -10, 100, 200]
    assert placed["pixel"] is None


def test_what_lies_under_the_pointer_stays_there_when_zoomed() -> None:
    size, place, point = [300, 200], {"zoom": 1.5, "x": 10, "y": 20}, [250, 30]
    view = {"width": 64, "height": 64, "stepX": 1, "stepY": 1, "swap": False, "mirrorX": False, "mirrorY": False}
    closer = one("zoomed", place=place, factor=2, point=point, size=size)
    before = one("placed", view=view, place=place, size=size, point=point)
    after = one("placed", view=view, place=closer, size=size, point=point)
    assert closer["zoom"] == 3 and before["pixel"] == after["pixel"] is not None
    assert one("zoomed", place=place, factor=1000, point=point, size=size)["zoom"] == 32


def test_the_scale_bar_is_round_and_fits() -> None:
    assert one("bar", scales=[0.5, 2, 5, 20, 500]) == [200, 50, 20, 5, 0.5]


def test_a_notch_is_one_slice_and_a_touchpad_many_small_steps() -> None:
    assert one("wheel", turns=[120, -100, 20, 20, 20, 20, -20, 20]) == [1, -1, 0, 0, 1, 0, 0, 0]


def test_the_series_in_view_is_the_one_that_fills_most_of_the_screen() -> None:
    boxes = [{"top": -500, "bottom": 100}, {"top": 110, "bottom": 700}, {"top": 710, "bottom": 1500}]
    assert one("inView", boxes=boxes, height=800) == 1
    assert one("inView", boxes=[], height=800) == -1


@pytest.mark.parametrize("orientation", sorted(ORIENTATIONS))
def test_any_acquisition_stands_on_the_screen_as_the_patient_does(tmp_path: Path, orientation: str) -> None:
    voxels = cube_and_rod((6, 10, 14))
    index, slices = stack(write_series(tmp_path, voxels, orientation=orientation))
    expected = {
        "axial": (voxels[::-1], ("A", "P", "R", "L"), [14 * 0.7, 10 * 0.8]),
        "coronal": (voxels[::-1].transpose(1, 0, 2), ("H", "F", "R", "L"), [14 * 0.7, 6 * 2.0]),
        "sagittal": (voxels[::-1].transpose(2, 0, 1), ("H", "F", "A", "P"), [10 * 0.8, 6 * 2.0]),
    }
    for plane, (pictures, letters, extent) in expected.items():
        tasks = [
            {"does": "shown", "index": index, "slices": slices, "plane": plane, "at": at} for at in range(len(pictures))
        ]
        for at, shown in enumerate(asked(*tasks)):
            assert shown["picture"] == pictures[at].tolist(), (plane, at)
            assert shown["count"] == len(pictures)
            assert tuple(shown["letters"][side] for side in ("top", "bottom", "left", "right")) == letters
            assert shown["extent"] == pytest.approx(extent)


def test_positions_are_those_of_the_patient(tmp_path: Path) -> None:
    voxels = cube_and_rod((6, 10, 14))
    index, slices = stack(write_series(tmp_path, voxels, orientation="feet_first"))
    first, last, coronal, sagittal = asked(
        *(
            {"does": "shown", "index": index, "slices": slices, "plane": plane, "at": at}
            for plane, at in (("axial", 0), ("axial", 5), ("coronal", 2), ("sagittal", 3))
        )
    )
    # Head first on the page: 30 mm is the most inferior slice of the phantom, each 2 mm higher than the one before.
    assert (first["position"], last["position"]) == ("z 40.0 mm", "z 30.0 mm")
    assert (coronal["position"], sagittal["position"]) == ("y −118.4 mm", "x −97.9 mm")


def test_a_tilted_gantry_does_not_lean_the_body() -> None:
    # A rod along the normal: in a tilted stack it stands at another row of each slice.
    count, lean = 5, 1
    positions = np.array([[0.0, -lean * k, 2.0 * k] for k in range(count)])
    slices = np.zeros((count, 8, 3), int)
    for k in range(count):
        slices[k, 1 + lean * k, 1] = 700
    index = flat(PLAIN, positions, rows=8)
    shown = one("shown", index=index, slices=slices.tolist(), plane="sagittal", at=1)
    picture = shown["picture"]
    assert len(picture) == count and len(picture[0]) == 8 + 4
    assert [row.index(700) for row in picture] == [5] * count
    # Nothing was measured in the corners.
    assert picture[0][:4] == [0] * 4 and picture[0][-4:] == [None] * 4
    assert picture[-1][:4] == [None] * 4 and picture[-1][-4:] == [0] * 4


def test_the_letters_of_a_tilted_series_say_so() -> None:
    tilt = np.radians(20)
    directions = [1, 0, 0, 0, float(np.cos(tilt)), float(-np.sin(tilt))]
    positions = np.array([[0.0, 0.0, 5.0 * k] for k in range(4)])
    index = flat(PLAIN, positions, directions=directions)
    shown = one("shown", index=index, slices=np.zeros((4, 4, 3), int).tolist(), plane="axial", at=0)
    assert shown["letters"] == {"top": "AH", "bottom": "PF", "left": "R", "right": "L"}


def test_missing_slices_leave_a_gap_and_uneven_ones_do_not() -> None:
    slices = [np.full((4, 3), 10 * k).tolist() for k in range(8)]
    z = [0, 1, 2, 3, 7, 8, 9, 10]
    index = flat(PLAIN, np.array([[0.0, 0.0, height] for height in z]))
    shown = one("shown", index=index, slices=slices, plane="coronal", at=0)
    column = [row[0] for row in shown["picture"]][::-1]
    assert column == [0, 10, 20, 30, None, None, None, 40, 50, 60, 70]
    uneven = [0, 1, 2, 3, 5, 7, 9, 11]
    index = flat(PLAIN, np.array([[0.0, 0.0, height] for height in uneven]))
    shown = one("shown", index=index, slices=slices, plane="coronal", at=0)
    column = [row[0] for row in shown["picture"]][::-1]
    assert None not in column and (column[0], column[-1], len(column)) == (0, 70, 12)


def test_what_has_not_come_is_empty_and_thinned_slices_keep_their_places() -> None:
    slices: list[Any] = [(np.arange(12).reshape(4, 3) + 100 * k).tolist() for k in range(4)]
    index = flat(PLAIN, np.array([[0.0, 0.0, float(k)] for k in range(4)]))
    waiting = one("shown", index=index, slices=[slices[0], None, slices[2], None], plane="coronal", at=3)
    assert waiting["picture"] == [[None] * 3, [209, 210, 211], [None] * 3, [9, 10, 11]]
    thinned = one("shown", index=index, slices=slices, plane="coronal", at=3, factor=2)
    assert thinned["picture"][-1] == [6, 6, 8]


def test_a_series_that_is_no_volume_is_shown_as_it_lies() -> None:
    slices = [np.full((4, 3), k).tolist() for k in range(3)]
    index = {**PLAIN, "numbers": [7, 8, 9], "positions_mm": [None] * 3, "volume": False, "spacing_mm": None}
    shown = one("shown", index={**index, "directions": None}, slices=slices, plane="axial", at=1)
    assert shown["picture"] == slices[1]
    assert (shown["letters"], shown["position"], shown["extent"]) == (None, "", [3, 4])


def test_a_few_requests_at_a_time_from_the_middle_outwards() -> None:
    shape = {"count": 12, "rows": 2, "columns": 2}
    found = one("fetched", shape=shape, begin=6)
    assert found["asked"][:5] == [6, 7, 5, 8, 4]
    assert sorted(found["asked"]) == list(range(12)) and found["most"] == 4
    assert found["kept"] == list(range(12)) and found["factor"] == 1


def test_a_damaged_slice_is_asked_for_once_and_a_broken_line_again() -> None:
    shape = {"count": 5, "rows": 2, "columns": 2}
    found = one("fetched", shape=shape, begin=2, fails=[3], breaks=[1])
    assert found["failure"] == ["damaged"]
    assert found["asked"].count(3) == 1 and found["asked"].count(1) == 2
    assert found["kept"] == [0, 1, 2, 4]


def test_a_long_series_keeps_what_is_near_and_a_thinned_copy_for_reformats() -> None:
    shape = {"count": 60, "rows": 4, "columns": 4}
    room = {"room": 20 * 32, "roomThinned": 60 * 8}
    near = one("fetched", shape=shape, begin=30, **room)
    assert near["factor"] == 2 and len(near["kept"]) <= 20 and 30 in near["kept"]
    assert len(near["asked"]) <= 20
    whole = one("fetched", shape=shape, begin=30, whole=True, goes=[31, 50], **room)
    assert whole["sources"] == 60 and len(whole["kept"]) <= 20 and {49, 50, 51} <= set(whole["kept"])
