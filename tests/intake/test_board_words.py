"""The first words that a coordinator reads: what is missing, and what the files show instead."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.imageqc.models import SlotMatch
from apps.intake.submission_page import submission_page
from tests.cast import Cast
from tests.factories import add_series, checked_submission

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        ("{}: series 4, 'Thorax', looks right.", "Series 4, 'Thorax', looks right."),
        ("{} is missing: none of the series here shows the chest.", "None of the series here shows the chest."),
        ("{} is missing; series 4 looks right. Choose it.", "Series 4 looks right. Choose it."),
        ("{} is missing. Add the series to this visit.", "Add the series to this visit."),
        ("{} is not here. It is optional.", "It is optional."),
    ],
)
def test_the_name_of_a_slot_stands_above_its_sentence_and_not_in_it(cast: Cast, sentence: str, rest: str) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    chest = submission.slots.get(required__slot="chest")
    SlotMatch.objects.filter(pk=chest.pk).update(sentence=sentence.format(chest.required.spec.title))
    told = {slot.match.pk: slot.sentence for slot in submission_page(submission, cast.carla).slots}
    assert told[chest.pk] == rest


def test_where_nothing_fits_the_page_says_at_once_what_is_there(cast: Cast, client: Client) -> None:
    submission = checked_submission(cast.visit, by=cast.carla, missing="chest")
    head = add_series(submission, number=9, description="Head 3.0", body_part="brain", contrast="non_contrast")
    head.unused_because = "It looks like a brain CT, which this visit does not ask for."
    head.save(update_fields=["unused_because"])
    said = f"<b>Series 9, Head 3.0:</b> {head.unused_because}"
    client.force_login(cast.carla)
    address = reverse("intake:visit", args=(cast.visit.pk,))
    assert said not in client.get(address).content.decode()
    submission.slots.update(series=None)
    assert said in client.get(address).content.decode()
