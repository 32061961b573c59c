"""Queries by REST."""

from typing import Any

from apps.queries.models import Query
from tests.api.conftest import (
    Sender,
    as_,  # noqa: F401 - a fixture
)
from tests.cast import Cast
from tests.factories import waiting_case
from tests.queries.scenes import asked, days_pass, thick_case


def test_from_the_question_to_its_end(cast: Cast, as_: Sender) -> None:  # noqa: F811
    case = thick_case(cast)
    series = case.submission.series.get(number=1)
    told = as_("anna").post(
        "/api/v1/queries/",
        {
            "submission": case.submission_id,
            "subject": "Thinner slices?",
            "text": "Is there a thinner reconstruction?",
            "series": str(series.uuid),
            "slot": "chest",
            "finding_code": "slice_thickness",
            "pictures": [{"series": str(series.uuid), "name": "mid_axial"}],
        },
        format="json",
    )
    assert told.status_code == 201
    query = told.json()
    assert (query["state"], query["site"], query["slot"]) == ("open", "101", "chest")
    assert query["pictures"] == [f"/api/v1/series/{series.uuid}/pictures/mid_axial.png"]
    address = f"/api/v1/queries/{query['uuid']}/"
    carla = as_("carla")
    assert carla.get("/api/v1/queries/", {"state": "open"}).json()["count"] == 1
    assert carla.get(query["pictures"][0]).status_code == 200
    assert carla.post(f"{address}answer/", {"text": "There is none."}).json()["state"] == "answered"
    anna = as_("anna")
    assert anna.post(f"{address}ask-again/", {"text": "Not in the archive?"}).json()["state"] == "open"
    days_pass(Query.objects.get(), 2)
    assert anna.post(f"{address}remind/").json()["reminders"] == 1
    carla.post(f"{address}answer/", {"text": "Not there."})
    closed = anna.post(f"{address}close/").json()
    assert closed["state"] == "closed" and closed["settled_by"] == "anna"
    kinds = [message["kind"] for message in closed["messages"]]
    assert kinds == ["question", "answer", "question", "reminder", "answer", "event"]


def test_refusals_are_told_in_the_words_of_the_pages(cast: Cast, as_: Sender) -> None:  # noqa: F811
    query = asked(cast)
    address = f"/api/v1/queries/{query.uuid}/"
    empty = as_("carla").post(f"{address}answer/", {})
    assert (empty.status_code, empty.json()["detail"]) == (409, "Write the answer, or send new images for the visit.")
    assert as_("anna").post(f"{address}cancel/", {}).status_code == 409
    assert as_("anna").post(f"{address}remind/").status_code == 409
    assert as_("carla").post(f"{address}answer/", {"text": "t" * 4001}).status_code == 400


def test_what_the_submission_does_not_have_is_named(cast: Cast, as_: Sender) -> None:  # noqa: F811
    case = waiting_case(cast.visit, by=cast.carla)
    other = waiting_case(cast.chens_visit, by=cast.chen).submission.series.first()
    question = {"submission": case.submission_id, "subject": "Contrast?", "text": "Please ask."}
    anna = as_("anna")
    for wrong, told in (
        ({"series": str(other.uuid)}, "no series"),
        ({"slot": "neck"}, "no required series 'neck'"),
        ({"pictures": [{"series": str(other.uuid), "name": "mip_axial"}]}, "no series"),
        ({"pictures": [{"series": str(other.uuid), "name": "aip_axial"}]}, "not a valid choice"),
        ({"subject": ""}, "may not be blank"),
    ):
        answer = anna.post("/api/v1/queries/", {**question, **wrong}, format="json")
        assert answer.status_code == 400 and told in answer.content.decode()
    assert as_("otto").post("/api/v1/queries/", question).status_code == 400, "to strangers there is no submission"
    assert as_("carla").post("/api/v1/queries/", question).status_code == 403
    assert not Query.objects.exists()


def test_the_list_costs_the_same_however_long(
    cast: Cast,
    as_: Sender,  # noqa: F811
    django_assert_max_num_queries: Any,
) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    client = as_("mira")
    for number in range(5):
        asked(cast, case, subject=f"Question {number}?")
    with django_assert_max_num_queries(4):
        assert client.get("/api/v1/queries/").json()["count"] == 5
