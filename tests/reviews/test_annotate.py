import io
import json

import numpy as np
import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from PIL import Image

from apps.audit.lifecycle import Refused
from apps.intake.models import Series
from apps.intake.pictures import read_picture
from apps.reviews.models import Annotation, ReviewCase
from apps.reviews.services import annotate
from apps.reviews.shapes import COLOUR, painted
from tests.cast import Cast
from tests.factories import claimed_case
from tests.signing import decide

CIRCLE = {"kind": "ellipse", "x": 0.5, "y": 0.5, "rx": 0.25, "ry": 0.25}
ARROW = {"kind": "arrow", "x1": 0.1, "y1": 0.1, "x2": 0.5, "y2": 0.1}


@pytest.fixture
def desk(cast: Cast) -> ReviewCase:
    return claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)


def series_of(case: ReviewCase) -> Series:
    return case.submission.series.order_by("pk")[0]


def gray(size: int = 101) -> bytes:
    png = io.BytesIO()
    Image.new("L", (size, size), 90).save(png, format="PNG")
    return png.getvalue()


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_shapes_lie_where_they_were_drawn() -> None:
    picture = pixels(painted(gray(), [CIRCLE, ARROW]))
    assert tuple(picture[50, 25]) == COLOUR and tuple(picture[25, 50]) == COLOUR  # left and upper edge of the circle
    assert tuple(picture[10, 30]) == COLOUR  # on the arrow
    assert tuple(picture[50, 50]) == (90, 90, 90) and tuple(picture[90, 90]) == (90, 90, 90)


def test_what_is_drawn_is_kept_beside_the_picture(cast: Cast, desk: ReviewCase) -> None:
    series = series_of(desk)
    before = read_picture(series, "mip_coronal")
    annotation = annotate(desk, series, "mip_coronal", [{**CIRCLE, "colour": "red"}], by=cast.anna, note=" Cut here ")
    assert annotation.shapes == [CIRCLE] and annotation.note == "Cut here"
    assert read_picture(series, "mip_coronal") == before


@pytest.mark.parametrize(
    ("picture", "shapes", "note", "sentence"),
    [
        ("mip_oblique", [CIRCLE], "", "There is no picture"),
        ("mip_axial", [{"kind": "cross"}], "", "one of arrow, ellipse"),
        ("mip_axial", ["circle"], "", "one of arrow, ellipse"),
        ("mip_axial", [{**CIRCLE, "x": 1.2}], "", "from 0 to 1"),
        ("mip_axial", [{**CIRCLE, "x": float("nan")}], "", "from 0 to 1"),
        ("mip_axial", [{**CIRCLE, "ry": "wide"}], "", "from 0 to 1"),
        ("mip_axial", [CIRCLE] * 21, "", "at most 20"),
        ("mip_axial", [CIRCLE], "x" * 201, "at most 200 letters"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    cast: Cast, desk: ReviewCase, picture: str, shapes: list[object], note: str, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        annotate(desk, series_of(desk), picture, shapes, by=cast.anna, note=note)  # type: ignore[arg-type]
    assert not Annotation.objects.exists()


@pytest.mark.parametrize("who", ["abel", "mira", "root", "carla", "otto"])
def test_only_the_holder_draws(cast: Cast, desk: ReviewCase, who: str) -> None:
    with pytest.raises(PermissionDenied):
        annotate(desk, series_of(desk), "mip_axial", [CIRCLE], by=getattr(cast, who))


def test_the_site_sees_a_drawing_once_the_case_is_decided(client: Client, cast: Cast, desk: ReviewCase) -> None:
    annotation = annotate(desk, series_of(desk), "mip_axial", [CIRCLE], by=cast.anna)
    address = reverse("reviews:annotated", args=[annotation.pk])
    client.force_login(cast.carla)
    assert client.get(address).status_code == 404
    decide(desk, "return_to_site", by=cast.anna, reasons=["artefacts"])
    answer = client.get(address)
    assert answer.status_code == 200 and answer["Content-Type"] == "image/png"
    assert tuple(pixels(answer.content)[255, 128]) == COLOUR
    client.force_login(cast.chen)
    assert client.get(address).status_code == 404


def test_the_desk_shows_the_newest_drawing_and_none_takes_it_away(client: Client, cast: Cast, desk: ReviewCase) -> None:
    series = series_of(desk)
    client.force_login(cast.anna)
    given = {"series": series.pk, "picture": "mip_coronal", "shapes": json.dumps([CIRCLE]), "note": "The dome is cut."}
    page = client.post(reverse("reviews:annotate", args=[desk.pk]), given, follow=True).text
    assert reverse("reviews:annotated", args=[Annotation.objects.get().pk]) in page and "The dome is cut." in page
    page = client.post(reverse("reviews:annotate", args=[desk.pk]), {**given, "shapes": "[]"}, follow=True).text
    assert "/annotations/" not in page and Annotation.objects.count() == 2
    for bad in ("no json", "{}"):
        page = client.post(reverse("reviews:annotate", args=[desk.pk]), {**given, "shapes": bad}, follow=True).text
        assert "The drawing cannot be read." in page
