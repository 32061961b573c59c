"""What the coordinator says of a series is kept beside what the header and the ensemble say."""

import json

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from apps.audit.lifecycle import Refused
from apps.audit.services import events_about
from apps.imageqc.services import choose_slot, declare
from apps.intake.models import Declaration, Series, Submission
from apps.intake.services import transfer
from apps.reviews.services import open_case
from tests.cast import Cast
from tests.factories import checked_submission, waiting_case


@pytest.fixture
def series(cast: Cast) -> Series:
    first = checked_submission(cast.visit, by=cast.carla).series.first()
    assert first is not None
    return first


def address(series: Series) -> str:
    return reverse("imageqc:declare", args=[series.submission_id, series.uuid])


def test_a_declaration_is_kept_with_who_and_why(cast: Cast, series: Series) -> None:
    said = declare(series, body_part="neck", contrast="enhanced", note=" Neck and chest. ", by=cast.carla)
    assert (said.body_part, said.contrast, said.note) == ("neck", "enhanced", "Neck and chest.")
    event = events_about(series).first()
    assert event is not None
    assert (event.action, event.new["body_part"], event.actor) == ("series.declared", "neck", cast.carla)


def test_saying_it_twice_keeps_it_once_and_another_word_is_added(cast: Cast, series: Series) -> None:
    first = declare(series, body_part="neck", by=cast.carla)
    assert declare(series, body_part="neck", by=cast.carla) == first
    declare(series, body_part="chest", by=cast.carla)
    assert list(series.declarations.values_list("body_part", flat=True)) == ["neck", "chest"]


def test_a_declaration_is_taken_back_by_saying_nothing_any_more(cast: Cast, series: Series) -> None:
    declare(series, body_part="neck", by=cast.carla)
    assert declare(series, by=cast.carla).body_part == ""


def test_nothing_at_all_is_no_declaration(cast: Cast, series: Series) -> None:
    with pytest.raises(Refused, match="Say what the series shows"):
        declare(series, note="  ", by=cast.carla)


@pytest.mark.parametrize("said", [{"body_part": "elbow"}, {"contrast": "chest"}, {"body_part": "<b>"}])
def test_other_words_than_those_of_the_list_are_refused(cast: Cast, series: Series, said: dict[str, str]) -> None:
    with pytest.raises(Refused, match="choose one of the list"):
        declare(series, **said, by=cast.carla)
    assert not Declaration.objects.exists()


def test_another_body_part_can_be_declared(cast: Cast, series: Series) -> None:
    assert declare(series, body_part="other", by=cast.carla).body_part == "other"


@pytest.mark.parametrize("name", ["chen", "anna", "mira", "otto", "root"])
def test_strangers_declare_nothing(cast: Cast, series: Series, name: str) -> None:
    with pytest.raises(PermissionDenied):
        declare(series, body_part="neck", by=getattr(cast, name))


@pytest.mark.parametrize("status", ["sending", "transferred", "in_review", "accepted", "withdrawn"])
def test_nothing_is_declared_after_the_transfer(cast: Cast, series: Series, status: str) -> None:
    Submission.objects.update(status=status)
    series.submission.refresh_from_db()
    with pytest.raises(Refused, match="before the transfer"):
        declare(series, body_part="neck", by=cast.carla)


def test_the_database_keeps_a_declaration_as_it_was(cast: Cast, series: Series) -> None:
    said = declare(series, body_part="neck", by=cast.carla)
    with pytest.raises(IntegrityError), transaction.atomic():
        Declaration.objects.filter(pk=said.pk).update(body_part="chest")


def test_the_form_of_a_card_declares_and_comes_back_to_it(cast: Cast, series: Series, client: Client) -> None:
    client.force_login(cast.carla)
    answer = client.post(address(series), {"body_part": "neck", "contrast": "", "note": ""})
    assert answer.headers["Location"].endswith(f"#series-{series.pk}")
    assert series.declarations.get().body_part == "neck"


def test_a_script_declares_with_json(cast: Cast, series: Series, client: Client) -> None:
    client.force_login(cast.carla)
    answer = client.post(address(series), json.dumps({"contrast": "non_contrast"}), "application/json")
    assert answer.json() == {
        "series": str(series.uuid),
        "body_part": "",
        "contrast": "non_contrast",
        "note": "",
    }


@pytest.mark.parametrize(
    "body", [" ", "[]", "{", '{"body_part": ["neck"]}', '{"body_part": {"a": 1}}', '{"note": "%s"}' % ("x" * 3000)]
)
def test_a_script_that_says_nonsense_reads_why(cast: Cast, series: Series, client: Client, body: str) -> None:
    client.force_login(cast.carla)
    answer = client.post(address(series), body, "application/json")
    assert answer.status_code in (400, 409)
    assert answer.json()["detail"].endswith(".")
    assert not Declaration.objects.exists()


def test_a_series_of_another_submission_is_not_found(cast: Cast, series: Series, client: Client) -> None:
    other = checked_submission(cast.chens_visit, by=cast.chen).series.first()
    assert other is not None
    client.force_login(cast.carla)
    assert client.post(reverse("imageqc:declare", args=[series.submission_id, other.uuid])).status_code == 404


def test_the_analyst_sees_site_header_and_ensemble_beside_each_other(
    cast: Cast, series: Series, client: Client
) -> None:
    declare(series, body_part="neck", note="Neck to chest in one.", by=cast.carla)
    transfer(series.submission, by=cast.carla)
    case = open_case(series.submission)
    client.force_login(cast.anna)
    page = client.get(reverse("reviews:case", args=[case.pk])).content.decode()
    assert "Site declared" in page
    assert "Neck to chest in one." in page
    assert "Carla" in page


def test_a_case_without_declarations_has_no_column_for_them(cast: Cast, client: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.anna)
    assert "Site declared" not in client.get(reverse("reviews:case", args=[case.pk])).content.decode()


def test_the_interface_gives_the_declarations(cast: Cast, series: Series, client: Client) -> None:
    declare(series, body_part="neck", by=cast.carla)
    client.force_login(cast.carla)
    answer = client.get(reverse("api-submission-detail", args=[series.submission_id])).json()
    assert [each["body_part"] for each in answer["series"][0]["declarations"]] == ["neck"]
    assert answer["series"][0]["origin"] == "server"


def test_the_note_of_a_choice_stands_in_the_trail(cast: Cast, series: Series) -> None:
    required = series.submission.protocol.required_series.last()
    assert required is not None
    choose_slot(series, required, by=cast.carla, note="The radiologist says so.")
    event = events_about(series).first()
    assert event is not None
    assert (event.action, event.reason) == ("series.slot_chosen", "The radiologist says so.")


def test_a_date_that_was_shifted_says_so_to_the_analyst(cast: Cast, client: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    for series in case.submission.series.all():
        assert series.digest is not None
        series.digest["header"]["StudyDate"] = "20251120"
        series.save(update_fields=["digest"])
    client.force_login(cast.anna)
    address = reverse("reviews:case", args=[case.pk])
    assert "Study date, de-identified" not in client.get(address).content.decode()
    case.submission.series.update(origin=Series.Origin.SITE)
    assert "Study date, de-identified" in client.get(address).content.decode()
