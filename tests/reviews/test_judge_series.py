import re

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from apps.audit.lifecycle import Refused, WrongState
from apps.audit.services import events_about
from apps.intake.models import Series
from apps.reviews.models import Decision, ReviewCase, SeriesDecision
from apps.reviews.services import judge_series, release, standing_words
from tests.cast import Cast
from tests.factories import claimed_case
from tests.signing import decide
from tests.threads import at_once


@pytest.fixture
def desk(cast: Cast) -> ReviewCase:
    return claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)


def series_of(case: ReviewCase) -> Series:
    return case.submission.series.order_by("pk")[0]


def test_the_newest_word_counts_and_the_earlier_ones_stay(cast: Cast, desk: ReviewCase) -> None:
    series = series_of(desk)
    judge_series(desk, series, "out_of_scope", by=cast.anna)
    judge_series(desk, series, "return_to_site", by=cast.anna, reasons=["artefacts"], note=" Metal. ")
    word = standing_words(desk)[series.pk]
    assert (word.verdict, word.reasons, word.note) == ("return_to_site", ["artefacts"], "Metal.")
    assert SeriesDecision.objects.count() == 2
    told = events_about(series).filter(action="series.judged").order_by("pk").last()
    assert told is not None and told.old["verdict"] == "out_of_scope" and told.new["verdict"] == "return_to_site"


@pytest.mark.parametrize(
    ("verdict", "reasons", "note", "sentence"),
    [
        ("return_to_site", [], "A note alone", "Choose a reason"),
        ("accept_with_deviation", [], "", "Choose a reason"),
        ("accept", ["artefacts"], "", "no reasons against it"),
        ("out_of_scope", ["artefacts"], "", "no reasons against it"),
        ("return_to_site", ["other"], " ", "Write the other reason"),
        ("return_to_site", ["bad_hair"], "", "Unknown reason: bad_hair"),
        ("maybe", [], "", "is one of"),
    ],
)
def test_an_incomplete_word_is_refused(
    cast: Cast, desk: ReviewCase, verdict: str, reasons: list[str], note: str, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        judge_series(desk, series_of(desk), verdict, by=cast.anna, reasons=reasons, note=note)
    assert not SeriesDecision.objects.exists()


@pytest.mark.parametrize("who", ["abel", "mira", "root", "carla", "otto"])
def test_only_the_holder_judges(cast: Cast, desk: ReviewCase, who: str) -> None:
    with pytest.raises(PermissionDenied):
        judge_series(desk, series_of(desk), "accept", by=getattr(cast, who))


def test_a_series_of_another_case_is_refused(cast: Cast, desk: ReviewCase) -> None:
    other = claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.abel)
    with pytest.raises(Refused, match="another case"):
        judge_series(desk, series_of(other), "accept", by=cast.anna)


def test_nothing_is_judged_once_the_case_is_decided_or_put_back(cast: Cast, desk: ReviewCase) -> None:
    in_another_tab = ReviewCase.objects.get(pk=desk.pk)
    decide(desk, "accept", by=cast.anna)
    with pytest.raises(WrongState, match="was decided"):
        judge_series(ReviewCase.objects.get(pk=desk.pk), series_of(desk), "accept", by=cast.anna)
    with pytest.raises(PermissionDenied):
        judge_series(in_another_tab, series_of(desk), "accept", by=cast.anna)
    other = claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.anna)
    release(other, by=cast.anna)
    with pytest.raises(PermissionDenied):
        judge_series(other, series_of(other), "accept", by=cast.anna)


def test_a_submission_with_a_series_to_return_is_not_accepted(cast: Cast, desk: ReviewCase) -> None:
    series = series_of(desk)
    judge_series(desk, series, "return_to_site", by=cast.anna, reasons=["artefacts"])
    with pytest.raises(Refused, match=r"You return series 1, chest PV to the site"):
        decide(desk, "accept_with_deviation", by=cast.anna, reasons=["artefacts"])
    assert not Decision.objects.exists()
    judge_series(desk, series, "out_of_scope", by=cast.anna)
    decide(desk, "accept", by=cast.anna)


def test_nothing_is_decided_while_a_series_is_still_checked(cast: Cast, desk: ReviewCase) -> None:
    desk.submission.series.filter(pk=series_of(desk).pk).update(status=Series.Status.CHECKING)
    with pytest.raises(WrongState, match="1 series of this submission are still being checked"):
        decide(desk, "return_to_site", by=cast.anna, reasons=["artefacts"])
    assert not Decision.objects.exists()


@pytest.mark.parametrize("counter", ["queries_open", "queries_answered"])
def test_nothing_is_accepted_with_queries_that_are_not_settled(cast: Cast, desk: ReviewCase, counter: str) -> None:
    ReviewCase.objects.filter(pk=desk.pk).update(**{counter: 1})
    with pytest.raises(Refused, match="queries that are not settled"):
        decide(desk, "accept", by=cast.anna)
    decide(desk, "return_to_site", by=cast.anna, reasons=["artefacts"])


def test_the_page_shows_the_word_and_ticks_its_reasons_below(client: Client, cast: Cast, desk: ReviewCase) -> None:
    series = series_of(desk)
    client.force_login(cast.anna)
    given = {"series": series.pk, "verdict": "return_to_site", "reasons": ["artefacts"], "note": "Metal."}
    page = client.post(reverse("reviews:judge", args=[desk.pk]), given, follow=True).text
    assert "To return" in page
    below = page[page.index('class="decision-details"') :]
    assert re.findall(r'id="reason-(\w+)"[^>]*\schecked', below) == ["artefacts"]
    given = {"series": series.pk, "verdict": "maybe"}
    assert "maybe is not one of" in client.post(reverse("reviews:judge", args=[desk.pk]), given, follow=True).text


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_keeps_every_word(cast: Cast, desk: ReviewCase, change: str) -> None:
    judge_series(desk, series_of(desk), "accept", by=cast.anna)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        if change == "update":
            SeriesDecision.objects.update(verdict="out_of_scope")
        else:
            SeriesDecision.objects.all()._raw_delete(using="default")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_word_and_a_decision_at_once_never_contradict_each_other(cast: Cast, desk: ReviewCase) -> None:
    series, turns = series_of(desk), iter(("judge", "decide"))

    def act() -> str:
        case = ReviewCase.objects.get(pk=desk.pk)
        turn = next(turns)
        try:
            if turn == "judge":
                judge_series(case, series, "return_to_site", by=cast.anna, reasons=["artefacts"])
            else:
                decide(case, "accept", by=cast.anna)
        except (Refused, PermissionDenied):
            return "refused"
        return turn

    done = at_once(act, times=2)
    assert sorted(done) in (["decide", "refused"], ["judge", "refused"])
