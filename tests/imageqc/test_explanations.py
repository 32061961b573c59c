"""Where the evidence for a label lies: kept with the label, laid over its picture, for those who may see the series."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from PIL import Image

from apps.imageqc.explanations import explanations
from apps.imageqc.models import Classification
from apps.imaging.explanation import RAMP
from apps.imaging.vocabulary import PLANES
from apps.intake.models import Series
from tests.api.conftest import as_
from tests.cast import Cast
from tests.factories import checked_submission, without_maps
from tests.phantoms import cube_and_rod, write_series
from tests.uploads import sent

__all__ = ["as_"]


def address(series: Series, module: str = "body_part", plane: str = "axial", name: str = "imageqc:explanation") -> str:
    return reverse(name, args=(series.uuid, module, plane))


@pytest.fixture
def series(cast: Cast) -> Series:
    return checked_submission(cast.visit, by=cast.carla).series.get(number=1)


@pytest.fixture
def carla(cast: Cast, client: Client) -> Client:
    client.force_login(cast.carla)
    return client


@pytest.mark.usefixtures("tiny_bundle")
def test_a_check_keeps_the_maps_and_all_that_decided_the_label(cast: Cast, tmp_path: Path) -> None:
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    said = submission.series.get().classifications.get()
    assert {plane: np.shape(grid) for plane, grid in said.body_part["activations"].items()} == {
        plane: (4, 4) for plane in PLANES
    }
    assert said.recipe == "constant answers for tests"
    assert said.settings["contrast"]["max_distance"] == 0.5
    assert said.settings["contrast"]["planes"]["sagittal"]["picture"] == "mid_sagittal"
    assert said.answer.body_part.distance == pytest.approx(0, abs=1e-3)
    assert [(each.picture, each.label) for each in explanations(said)][:2] == [
        ("mip_axial", "chest"),
        ("mip_sagittal", "chest"),
    ]


def test_the_database_keeps_labels_as_they_were_made(series: Series) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Classification.objects.update(recipe="another")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Classification.objects.all().delete()


def test_the_map_lies_over_the_picture_that_the_network_looked_at(carla: Client, series: Series) -> None:
    answer = carla.get(address(series))
    with Image.open(io.BytesIO(answer.content)) as drawn:
        assert (drawn.size, drawn.mode, drawn.format) == ((512, 512), "RGB", "PNG")
        pixels = np.asarray(drawn).astype(int)
    assert tuple(pixels[0, 0]) == (90, 90, 90)  # no evidence in this corner: the picture as it is
    strongest = np.round(0.4 * 90 + 0.6 * RAMP[-1])
    assert np.abs(pixels[-1, -1] - strongest).max() <= 1


def test_a_map_is_for_this_browser_alone_and_sent_once(carla: Client, series: Series) -> None:
    said = series.classifications.get()
    first = carla.get(address(series))
    assert first["Cache-Control"] == "private, no-cache"
    again = carla.get(address(series), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    fixed = carla.get(explanations(said)[0].address)
    assert "immutable" in fixed["Cache-Control"] and "private" in fixed["Cache-Control"]
    assert fixed["ETag"] == first["ETag"]


@pytest.mark.parametrize(
    ("module", "plane"), [("body_part", "oblique"), ("kernel", "axial"), ("body_part-axial", "axial"), ("..", "axial")]
)
def test_a_map_that_does_not_exist_is_not_found(carla: Client, series: Series, module: str, plane: str) -> None:
    assert carla.get(f"/series/{series.uuid}/maps/{module}-{plane}.png").status_code == 404


def test_a_picture_that_was_lost_is_not_found(carla: Client, series: Series) -> None:
    default_storage.delete(series.picture_path("mip_axial"))
    assert carla.get(address(series)).status_code == 404


def test_labels_of_a_bundle_without_maps_have_none(carla: Client, series: Series) -> None:
    without_maps(series)
    assert carla.get(address(series)).status_code == 404
    assert explanations(series.classifications.order_by("pk").last()) == ()


def test_labels_of_another_digest_explain_nothing_of_this_one(carla: Client, series: Series) -> None:
    Series.objects.filter(pk=series.pk).update(digest_sha256="f" * 64)
    assert carla.get(address(series)).status_code == 404


def test_a_map_costs_the_same_few_queries(
    carla: Client, series: Series, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    with django_assert_max_num_queries(8):
        carla.get(address(series))


def test_the_api_gives_grids_addresses_and_provenance(cast: Cast, as_: Callable[[str], Any]) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    client = as_("carla")
    told = client.get(f"/api/v1/submissions/{submission.pk}/").json()["series"][0]
    body_part = told["body_part"]
    assert body_part["activations"]["axial"] == [[0, 64], [128, 255]]
    assert body_part["distance"] == 0.12
    assert set(body_part["maps"]) == set(PLANES)
    drawn = client.get(body_part["maps"]["coronal"])
    assert (drawn.status_code, drawn["Content-Type"]) == (200, "image/png")
    made = told["provenance"]
    assert made["bundle"] == told["bundle"] == {"name": "tests", "version": "1.0.0", "sha256": "b" * 64}
    assert (made["recipe"], made["device"], made["seconds"]) == ("constant answers for tests", "CPU", 0.1)
    assert made["settings"]["body_part"]["temperature"] == 1.5


def test_the_api_says_of_old_labels_that_there_is_no_map(cast: Cast, as_: Callable[[str], Any]) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    for series in submission.series.all():
        without_maps(series)
    told = as_("carla").get(f"/api/v1/submissions/{submission.pk}/").json()["series"][0]["contrast"]
    assert (told["distance"], told["activations"], told["maps"]) == (None, {}, {})
