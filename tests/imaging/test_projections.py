"""The nine pictures, to the gray level."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.imaging.projections import (
    HIGHEST_HU,
    LOWEST_HU,
    Orientation,
    Projector,
    project,
    resize,
    to_gray,
    write_pictures,
)
from apps.imaging.vocabulary import PICTURES
from tests.phantoms import bright_voxel, cube_and_rod


def planes(voxels: np.ndarray) -> dict[str, np.ndarray]:
    projector = Projector(voxels.shape)
    for index, hounsfield in enumerate(voxels):
        projector.add(index, hounsfield)
    return projector.planes()


def test_one_bright_voxel_appears_where_a_person_would_look_for_it():
    seen = planes(bright_voxel((4, 5, 6), at=(1, 2, 3)))
    # Coronal and sagittal pictures show the head at the top: slice 1 of 4 from below is row 2 from above.
    for name, where in {"mip_axial": (2, 3), "mip_coronal": (2, 3), "mip_sagittal": (2, 2)}.items():
        assert np.argwhere(seen[name] > LOWEST_HU).tolist() == [list(where)], name
        assert seen[name][where] == 500


def test_average_is_the_sum_within_the_window_over_the_count():
    seen = planes(bright_voxel((4, 5, 6), at=(1, 2, 3)))
    assert seen["aip_axial"][2, 3] == (3 * -450 + 500) / 4
    assert seen["aip_coronal"][2, 3] == (4 * -450 + 500) / 5
    assert seen["aip_sagittal"][2, 2] == (5 * -450 + 500) / 6


def test_middle_plane_is_number_n_halves():
    voxels = np.zeros((4, 5, 6), np.int16)
    voxels += np.arange(4, dtype=np.int16)[:, None, None] * 100
    voxels += np.arange(5, dtype=np.int16)[None, :, None] * 10
    voxels += np.arange(6, dtype=np.int16)[None, None, :]
    seen = planes(voxels)
    assert seen["mid_axial"][0, 0] == 200
    assert seen["mid_coronal"][0, 0] == 320
    assert seen["mid_sagittal"][0, 0] == 303


def test_values_outside_the_window_count_as_its_ends():
    voxels = np.array([[[-2000, 3000]], [[-450, 550]]], np.int16)
    seen = planes(voxels)
    assert seen["mip_axial"].tolist() == [[LOWEST_HU, HIGHEST_HU]]
    assert seen["aip_axial"].tolist() == [[LOWEST_HU, HIGHEST_HU]]


@pytest.mark.parametrize(
    ("hounsfield", "gray"),
    [(-450, 0), (-449, 0), (-448.5, 0), (-448, 1), (50, 128), (0, 115), (549, 255), (550, 255), (48.0, 127), (-1, 114)],
)
def test_gray_is_rounded_half_up(hounsfield: float, gray: int):
    # (0 + 450) * 255 / 1000 = 114.75 -> 115; (50 + 450) * 255 / 1000 = 127.5 -> 128
    assert to_gray(np.array([[hounsfield]]))[0, 0] == gray


def test_resize_takes_half_pixel_centres_and_repeats_edges():
    wide = resize(np.array([[0.0, 100.0], [200.0, 300.0]]), 4)
    assert wide[0].tolist() == [0, 25, 75, 100]
    assert wide[:, 0].tolist() == [0, 50, 150, 200]
    assert resize(np.array([[0.0, 8.0, 16.0, 24.0]] * 4), 2)[0].tolist() == [4, 20]


def test_the_worked_example_of_the_documentation():
    # docs/pictures.md works this volume out by hand.
    voxels = np.array([[[-1000, 0], [50, 100]], [[-1000, 300], [1000, -300]]], np.int16)
    seen = planes(voxels)
    assert seen["mip_axial"].tolist() == [[-450, 300], [550, 100]]
    assert seen["mip_coronal"].tolist() == [[550, 300], [50, 100]]
    assert seen["mip_sagittal"].tolist() == [[300, 550], [0, 100]]
    assert seen["aip_axial"].tolist() == [[-450, 150], [300, -100]]
    assert seen["mid_axial"].tolist() == [[-450, 300], [550, -300]]
    assert seen["mid_coronal"].tolist() == [[550, -300], [50, 100]]
    assert seen["mid_sagittal"].tolist() == [[300, -300], [0, 100]]
    pictures = project(voxels)
    corners = pictures["mip_axial"][[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == [0, 191, 255, 140]
    assert pictures["mip_axial"][0, 255:257].tolist() == [95, 96]
    assert pictures["mip_axial"][255, 255] == 146


@pytest.mark.parametrize(
    "flipped", [(False, False, False), (True, False, True), (False, True, False), (True, True, True)]
)
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_every_acquisition_gives_the_same_pictures(axes, flipped):
    voxels = cube_and_rod()
    orientation = Orientation(axes, flipped)
    back = tuple(slice(None, None, -1) if one else slice(None) for one in flipped)
    acquired = voxels[back].transpose(np.argsort(axes))
    projector = Projector(acquired.shape, orientation)
    for index in reversed(range(len(acquired))):
        projector.add(index, acquired[index])
    assert np.array_equal(orientation.canonical(acquired), voxels)
    expected = project(voxels)
    for name, picture in projector.pictures().items():
        assert np.array_equal(picture, expected[name]), name


def test_two_projectors_merged_see_what_one_sees():
    voxels = cube_and_rod()
    one, other = Projector(voxels.shape), Projector(voxels.shape)
    for index, hounsfield in enumerate(voxels):
        (one if index % 2 else other).add(index, hounsfield)
    one.merge(other)
    for name, picture in one.pictures().items():
        assert np.array_equal(picture, project(voxels)[name]), name


def test_a_slice_of_another_size_is_refused():
    with pytest.raises(ValueError, match="the others are"):
        Projector((2, 4, 4)).add(0, np.zeros((4, 5), np.int16))


def test_pictures_are_written_as_gray_png(tmp_path: Path):
    pictures = project(cube_and_rod())
    paths = write_pictures(pictures, tmp_path / "out")
    assert [path.name for path in paths] == [f"{name}.png" for name in PICTURES]
    with Image.open(paths[0]) as read:
        assert (read.mode, read.size) == ("L", (512, 512))
        assert np.array_equal(np.asarray(read), pictures["mip_axial"])
