"""A submission that goes back to its site asks by itself."""

from django.test import Client
from django.urls import reverse

from apps.audit.services import events_about
from apps.jobs.models import Job
from apps.jobs.services import enqueue
from apps.notices.models import Notice
from apps.queries.models import Query
from apps.queries.services import open_for_return, take_back_return
from apps.reviews.models import Decision, ReturnReason, ReviewCase
from apps.reviews.services import annotate, claim
from apps.reviews.services.reopening import reopen
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case
from tests.queries.scenes import thick_case, thread
from tests.signing import decide
from tests.work import run_jobs


def returned(cast: Cast, case: ReviewCase, *reasons: str, note: str = "") -> Decision:
    claim(case, by=cast.anna)
    return decide(case, "return_to_site", by=cast.anna, reasons=reasons, note=note)


def test_the_query_tells_reasons_note_and_what_the_failed_rules_found(cast: Cast) -> None:
    decision = returned(cast, thick_case(cast), "thick_slices", note="The archive has 2.5 mm.")
    query = open_for_return(decision)
    assert query is not None
    assert query.subject == "The slices are thicker or further apart than the protocol allows"
    ((kind, text),) = thread(query)
    assert kind == "question"
    assert text == (
        "The core lab returned the images of this visit:\n"
        "- The slices are thicker or further apart than the protocol allows.\n"
        "\nThe archive has 2.5 mm.\n"
        "\nThe slices are thicker than the protocol allows.\n"
        "This is about series 1, which stands for Chest CT with contrast.\n"
        "Expected: at most 5 mm\n"
        "Found: 7.5 mm\n"
        "\nPlease send other images for this visit, or answer here if that is not possible."
    )
    assert (query.decision, query.opened_by, query.reasons) == (decision, cast.anna, ["thick_slices"])
    assert (query.finding_code, query.required.slot) == ("slice_thickness", "chest")
    assert [picture["name"] for picture in query.pictures] == ["mip_coronal", "mid_axial"]
    assert events_about(query).get().action == "query.asked"


def test_rules_that_do_not_speak_for_the_reason_are_left_out(cast: Cast) -> None:
    query = open_for_return(returned(cast, thick_case(cast), "artefacts"))
    assert query is not None
    assert "7.5 mm" not in thread(query)[0][1] and query.series is None and query.pictures == []


def test_a_missing_series_is_named(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla, missing="chest")
    query = open_for_return(returned(cast, case, "series_missing"))
    assert query is not None
    assert "Chest CT with contrast is missing." in thread(query)[0][1]


def test_a_reason_of_the_trials_own_list_is_told_in_its_words(cast: Cast) -> None:
    ReturnReason.objects.create(trial=cast.trial, code="arms_down", sentence="The arms lie beside the body.")
    query = open_for_return(returned(cast, waiting_case(cast.visit, by=cast.carla), "arms_down", "other", note="Both."))
    assert query is not None
    assert query.subject == "The arms lie beside the body"
    assert "\n\nBoth.\n" in thread(query)[0][1]


def test_the_site_is_told_of_the_return_once(cast: Cast) -> None:
    open_for_return(returned(cast, waiting_case(cast.visit, by=cast.carla), "artefacts"))
    assert list(Notice.objects.values_list("kind", flat=True)) == ["returned"]


def test_a_second_call_returns_the_same_query(cast: Cast) -> None:
    decision = returned(cast, waiting_case(cast.visit, by=cast.carla), "artefacts")
    query = open_for_return(decision)
    assert open_for_return(decision) == query
    assert Query.objects.count() == 1 and len(thread(query)) == 1


def test_the_job_opens_it_and_is_safe_to_run_twice(cast: Cast) -> None:
    decision = returned(cast, waiting_case(cast.visit, by=cast.carla), "artefacts")
    for _ in range(2):
        enqueue("queries.open_for_return", decision.pk)
        run_jobs()
    assert Query.objects.get().decision == decision
    assert set(Job.objects.filter(task="queries.open_for_return").values_list("status", flat=True)) == {"done"}


def test_other_verdicts_open_nothing(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    assert open_for_return(decide(case, "accept", by=cast.anna)) is None
    case = claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.anna)
    assert open_for_return(decide(case, "reject", by=cast.anna, reasons=["artefacts"])) is None


def test_a_return_that_stands_no_more_opens_nothing(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    decision = returned(cast, case, "artefacts")
    decision.case.submission.status = "transferred"
    assert open_for_return(decision) is None
    assert not Query.objects.exists()


def test_new_images_that_were_quicker_than_the_query_answer_it(cast: Cast) -> None:
    decision = returned(cast, waiting_case(cast.visit, by=cast.carla), "artefacts")
    new = waiting_case(cast.visit, by=cast.carla).submission
    open_for_return(decision)
    assert Query.objects.get().answered_by_submission == new


def test_pictures_that_were_drawn_on_go_with_it(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=2)
    shapes = [{"kind": "ellipse", "x": 0.5, "y": 0.5, "rx": 0.1, "ry": 0.1}]
    case.annotations.create(series=series, picture="mid_coronal", shapes=shapes, made_by=cast.anna)
    case.annotations.create(series=series, picture="mip_axial", shapes=[], made_by=cast.anna)
    query = open_for_return(returned(cast, case, "artefacts"))
    assert query is not None and query.pictures == [{"series": series.pk, "name": "mid_coronal"}]


def test_what_the_analyst_drew_goes_along_and_the_site_sees_it(client: Client, cast: Cast) -> None:
    case = thick_case(cast)
    claim(case, by=cast.anna)
    series = case.submission.series.order_by("pk")[0]
    circle = {"kind": "ellipse", "x": 0.5, "y": 0.5, "rx": 0.2, "ry": 0.2}
    annotate(case, series, "mid_sagittal", [circle], by=cast.anna)
    annotate(case, series, "mid_sagittal", [], by=cast.anna)
    drawing = annotate(case, series, "mip_sagittal", [circle], by=cast.anna, note="Here the slices are thick.")
    query = open_for_return(decide(case, "return_to_site", by=cast.anna, reasons=["thick_slices"]))
    assert query is not None
    assert [picture["name"] for picture in query.pictures] == ["mip_sagittal", "mip_coronal", "mid_axial"]
    client.force_login(cast.carla)
    page = client.get(reverse("queries:query", args=[query.uuid])).text
    assert reverse("reviews:annotated", args=[drawing.pk]) in page and "Here the slices are thick." in page
    assert client.get(reverse("reviews:annotated", args=[drawing.pk])).status_code == 200


def test_a_return_that_is_reopened_takes_its_question_back(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    decision = returned(cast, case, "artefacts")
    run_jobs()
    query = Query.objects.get(decision=decision)
    assert query.status == Query.Status.OPEN
    new = reopen(ReviewCase.objects.get(pk=case.pk), by=cast.abel, because="The artefact is outside the body.")
    run_jobs()
    query.refresh_from_db()
    assert query.status == Query.Status.CANCELLED and query.settled_by is None
    assert thread(query)[-1] == ("event", "Cancelled. The core lab looks at these images again. Nothing to do now.")
    assert ReviewCase.objects.get(pk=new.pk).queries_open == 0
    take_back_return(Decision.objects.get(pk=decision.pk))
    assert len(thread(query)) == 2
    assert Notice.objects.filter(user=cast.carla, kind="query_settled").count() == 1


def test_a_return_that_stands_keeps_its_question(cast: Cast) -> None:
    decision = returned(cast, waiting_case(cast.visit, by=cast.carla), "artefacts")
    run_jobs()
    take_back_return(decision)
    assert Query.objects.get(decision=decision).status == Query.Status.OPEN
