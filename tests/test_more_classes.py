"""A bundle with further classes, from the protocol to the analyst's correction: nothing else has to change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from apps.imageqc.registry import current_bundle
from apps.imaging.vocabulary import BODY_PARTS, OUT_OF_SCOPE
from apps.intake.services import transfer
from apps.protocols.labels import body_part_choices, contrast_choices, known_labels
from apps.protocols.models import RequiredSeries
from apps.reviews.models import LabelCorrection, ReviewCase
from tests.cast import Cast
from tests.factories import claimed_case
from tests.imaging.tiny_bundle import write_tiny_bundle
from tests.phantoms import cube_and_rod, write_series
from tests.uploads import sent
from tests.work import run_jobs

CLASSES = {
    "body_part": (*BODY_PARTS, "spine", "whole_body", OUT_OF_SCOPE),
    "contrast": ("arterial", "portal_venous", "non_contrast"),
}


@pytest.fixture
def own_bundle(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle that says of every series: the spine, in the arterial phase."""
    folder = tmp_path_factory.mktemp("own-bundle")
    settings.IMAGEQC_BUNDLE = write_tiny_bundle(folder, body_part="spine", contrast="arterial", classes=CLASSES)
    current_bundle.cache_clear()
    yield folder
    current_bundle.cache_clear()


def spine_slot(cast: Cast, **changes: Any) -> RequiredSeries:
    return RequiredSeries(
        protocol=cast.protocol,
        visit_type=cast.week_8,
        **{"slot": "spine", "body_part": "spine", "contrast": "enhanced", "position": 0} | changes,
    )


@pytest.mark.usefixtures("own_bundle")
def test_a_further_class_goes_from_check_to_slot_to_review(cast: Cast, client: Client, tmp_path: Path) -> None:
    cast.protocol.required_series.all().delete()
    required = spine_slot(cast)
    required.full_clean()
    required.save()
    submission = sent(cast.visit, write_series(tmp_path, cube_and_rod()), by=cast.carla)
    series, slot = submission.series.get(), submission.slots.get()
    assert series.classifications.get().body_part["label"] == "spine"
    assert series.classifications.get().contrast["label"] == "arterial"
    assert slot.series == series
    assert not [finding for finding in slot.findings if finding["code"].startswith(("body_part", "contrast"))]

    transfer(submission, by=cast.carla, because="It was asked for.")
    run_jobs()
    case = ReviewCase.objects.get(submission=submission)
    client.force_login(cast.anna)
    client.post(reverse("reviews:claim", args=(case.pk,)))
    address = reverse("reviews:case", args=(case.pk,))
    page = client.get(address).text
    assert "Spine CT with contrast" in page and "Arterial" in page
    assert '<option value="whole_body"' in page and "Whole body" in page and "Portal venous" in page

    for module, label in (("body_part", "whole_body"), ("contrast", "portal_venous")):
        client.post(
            reverse("reviews:correct", args=(case.pk,)), {"series": series.pk, "module": module, "label": label}
        )
    assert [(row.ensemble_label, row.label) for row in LabelCorrection.objects.order_by("pk")] == [
        ("spine", "whole_body"),
        ("arterial", "portal_venous"),
    ]
    assert "Label of series 1 set: Body part Whole body" in client.get(address).text


@pytest.mark.usefixtures("own_bundle")
def test_protocols_may_ask_for_what_is_published_and_what_the_bundle_can_say() -> None:
    assert known_labels("body_part") == (*BODY_PARTS, "spine", "whole_body")
    assert known_labels("contrast") == ("enhanced", "non_contrast", "arterial", "portal_venous")
    assert ("whole_body", "whole body") in body_part_choices()
    assert contrast_choices()[-2:] == [
        ("portal_venous", "with contrast (portal venous)"),
        ("either", "with or without contrast"),
    ]


@pytest.mark.usefixtures("own_bundle")
def test_the_protocol_editor_offers_the_classes_of_the_bundle(cast: Cast, client: Client) -> None:
    client.force_login(cast.root)
    page = client.get(reverse("admin:protocols_imagingprotocol_change", args=(cast.protocol.pk,))).text
    assert '<option value="whole_body">whole body</option>' in page
    assert '<option value="other"' not in page


@pytest.mark.parametrize("changes", [{"body_part": "spine"}, {"body_part": "Chest"}, {"contrast": "arterial"}])
@pytest.mark.usefixtures("tiny_bundle")
def test_a_class_that_nothing_can_say_is_refused_by_the_editor(cast: Cast, changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="not a valid choice"):
        spine_slot(cast, **{"body_part": "chest"} | changes).full_clean()


def test_a_bundle_that_is_refused_leaves_the_published_classes(settings: Settings, tmp_path: Path) -> None:
    settings.IMAGEQC_BUNDLE = tmp_path / "gone"
    assert known_labels("body_part") == BODY_PARTS


@pytest.mark.usefixtures("tiny_bundle")
def test_a_label_of_the_bundle_of_then_can_still_be_given(cast: Cast, client: Client) -> None:
    """The classes that an answer was chosen from stay open for it, after another bundle came."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    series = case.submission.series.get(number=1)
    client.force_login(cast.anna)
    given = {"series": series.pk, "module": "body_part", "label": "spine"}
    client.post(reverse("reviews:correct", args=(case.pk,)), given)
    assert not LabelCorrection.objects.exists()
    said = series.classifications.get()
    scores = {**said.body_part["scores"], "spine": 0.0}
    said.pk, said.body_part = None, {**said.body_part, "scores": scores}
    said.save()
    client.post(reverse("reviews:correct", args=(case.pk,)), given)
    assert LabelCorrection.objects.get().label == "spine"
