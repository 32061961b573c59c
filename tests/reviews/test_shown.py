"""What a case shows of the AI's output: all, nothing, or one label that is wrong on purpose."""

import json
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.imageqc.models import SlotMatch
from apps.imaging.rules import RULES
from apps.intake.models import Series
from apps.reviews.models import LabelCorrection, ReviewCase
from apps.reviews.selectors import case_evidence
from apps.reviews.selectors.shown import LABEL_CODES, as_shown
from apps.reviews.services import correct_label
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case
from tests.signing import decide


@pytest.fixture
def desk(client: Client, cast: Cast) -> ReviewCase:
    """A case that Anna holds, and Anna signed in."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    client.force_login(cast.anna)
    return case


def page_of(client: Client, case: ReviewCase) -> str:
    return unescape(client.get(reverse("reviews:case", args=[case.pk])).text)


def json_of(client: Client, case: ReviewCase) -> dict[str, Any]:
    return client.get(reverse("api-review-case-detail", args=[case.pk])).json()


def hide(case: ReviewCase) -> None:
    ReviewCase.objects.filter(pk=case.pk).update(arm=ReviewCase.Arm.HIDDEN)
    case.refresh_from_db()


def seed(case: ReviewCase, label: str) -> Series:
    """Let the case show this contrast for its first series in a slot."""
    series = Series.objects.filter(slots__submission=case.submission).order_by("slots__required__position")[0]
    seeded = {"series": series.pk, "module": "contrast", "label": label}
    ReviewCase.objects.filter(pk=case.pk).update(seeded=seeded)
    case.refresh_from_db()
    return series


def test_codes_of_labels_are_all_those_of_the_rules() -> None:
    codes = {rule.code for rules in RULES.values() for rule in rules}
    assert {code for code in codes if code.startswith(("body_part", "contrast", "no_labels"))} <= LABEL_CODES <= codes


def test_a_hidden_case_tells_nothing_of_the_ai(client: Client, desk: ReviewCase) -> None:
    SlotMatch.objects.filter(submission=desk.submission).update(sentence="The pictures look like the head.")
    desk.submission.blockers = ["The pictures look like the head."]
    desk.submission.transfer_reason = "It is what we have."
    desk.submission.save()
    assert "0.97" in page_of(client, desk)
    hide(desk)
    page = page_of(client, desk)
    assert "AI labels are hidden for this case" in page
    for told in ("0.97", "label-chip", "votes", "look like", "/maps/", "How this label was made", "data-maps"):
        assert told not in page, told
    assert 'data-picture="series' in page


def test_the_api_of_a_hidden_case_tells_nothing_of_the_ai(client: Client, desk: ReviewCase) -> None:
    hide(desk)
    told = json_of(client, desk)
    assert told["ai_disagrees"] is None and told["abstained"] is None
    text = json.dumps(told["submission"]["series"])
    for word in ("0.97", "scores", "activations", "bundle_name", "maps"):
        assert word not in text, word
    assert told["submission"]["slots"] == []


def test_the_submission_of_a_hidden_case_tells_the_desk_nothing(client: Client, desk: ReviewCase) -> None:
    desk.submission.series.update(received={"labels": {"body_part": "chest"}})
    address = reverse("api-submission-detail", args=[desk.submission_id])
    assert "0.97" in client.get(address).text
    hide(desk)
    assert "0.97" not in client.get(address).text
    assert all(series["received"] == {} for series in client.get(address).json()["series"])
    assert all(series["received"] == {} for series in json_of(client, desk)["submission"]["series"])


@pytest.mark.parametrize("page", ["visit", "submission"])
def test_the_pages_of_the_site_tell_the_desk_nothing_of_a_hidden_case(
    client: Client, cast: Cast, desk: ReviewCase, page: str
) -> None:
    desk.submission.findings.create(code="contrast", severity="warn", sentence="It looks like no contrast.")
    desk.submission.series.update(unused_because="It looks like the head.")
    address = reverse(f"intake:{page}", args=[desk.submission.visit_id if page == "visit" else desk.submission_id])
    told = ("0.97", "label-chip", "looks like", "Fits")
    shown = client.get(address).text
    assert all(word in shown for word in told), [word for word in told if word not in shown]
    hide(desk)
    hidden = client.get(address).text
    assert not any(word in hidden for word in told), [word for word in told if word in hidden]
    client.force_login(cast.carla)
    assert "0.97" in client.get(address).text


def test_no_page_beside_the_desk_gives_a_wrong_label_away(client: Client, cast: Cast, desk: ReviewCase) -> None:
    other = waiting_case(cast.chens_visit, by=cast.chen)
    series = seed(desk, "non_contrast")
    assert json_of(client, desk)["submission"]["series"][0]["contrast"]["label"] == "non_contrast"

    def says_enhanced(case: ReviewCase) -> list[bool]:
        visit = client.get(reverse("intake:visit", args=[case.submission.visit_id])).text
        rest = client.get(reverse("api-submission-detail", args=[case.submission_id])).text
        return ["0.97" in visit, "0.97" in rest]

    assert says_enhanced(desk) == says_enhanced(other) == [False, False]
    client.force_login(cast.mira)
    assert says_enhanced(desk) == says_enhanced(other) == [True, True]
    client.force_login(cast.anna)
    correct_label(desk, series=series, module="contrast", label="enhanced", by=cast.anna)
    decide(desk, verdict="accept", reasons=[], note="", by=cast.anna)
    assert says_enhanced(desk) == says_enhanced(other) == [True, True]


@pytest.mark.parametrize("asked", ["ai_disagrees=true", "ai_disagrees=false", "abstained=false"])
def test_a_filter_of_the_api_tells_nothing_of_a_hidden_case(client: Client, desk: ReviewCase, asked: str) -> None:
    ReviewCase.objects.filter(pk=desk.pk).update(ai_disagrees="ai_disagrees=true" == asked)
    address = reverse("api-review-case-list")
    assert client.get(f"{address}?{asked}").json()["count"] == 1
    hide(desk)
    assert client.get(f"{address}?{asked}").json()["count"] == 0
    assert client.get(address).json()["count"] == 1


def test_maps_of_a_hidden_case_are_not_there_for_the_desk(client: Client, cast: Cast, desk: ReviewCase) -> None:
    series = desk.submission.series.all()[0]
    web = reverse("imageqc:explanation", args=[series.uuid, "contrast", "axial"])
    rest = reverse("api-explanation", args=[series.uuid, "contrast", "axial"])
    assert client.get(web).status_code == client.get(rest).status_code == 200
    hide(desk)
    assert client.get(web).status_code == client.get(rest).status_code == 404
    client.force_login(cast.carla)
    assert client.get(web).status_code == 200


def test_labels_appear_when_a_hidden_case_is_decided(client: Client, cast: Cast, desk: ReviewCase) -> None:
    hide(desk)
    decide(desk, verdict="accept", reasons=[], note="", by=cast.anna)
    page = page_of(client, desk)
    assert "0.97" in page and "AI labels are hidden" not in page


def test_a_wrong_label_is_shown_with_the_scores_of_the_true_one(client: Client, desk: ReviewCase) -> None:
    series = seed(desk, "non_contrast")
    said = series.classifications.get()
    true = said.contrast["label"]
    shown = as_shown(desk, said)
    assert shown is not None and said.contrast["label"] == true != "non_contrast"
    assert shown.contrast["label"] == "non_contrast" and shown.contrast["score"] == said.contrast["score"]
    assert sorted(shown.contrast["scores"].values()) == sorted(said.contrast["scores"].values())
    assert all(max(of, key=of.get) == "non_contrast" for of in shown.contrast["planes"].values())
    slot = next(slot for slot in case_evidence(desk).slots if slot.match.series_id == series.pk)
    assert slot.state == "problem"
    assert any(finding.code == "contrast" for fact in slot.facts for finding in fact.findings)
    told = json_of(client, desk)["submission"]
    assert next(each for each in told["series"] if each["id"] == series.pk)["contrast"]["label"] == "non_contrast"
    assert next(each for each in told["slots"] if each["series"] == series.pk)["state"] == "problem"
    assert "wrong on purpose" not in page_of(client, desk)


@pytest.mark.parametrize("noticed", [True, False])
def test_who_decided_is_told_of_the_wrong_label(client: Client, cast: Cast, desk: ReviewCase, noticed: bool) -> None:
    series = seed(desk, "non_contrast")
    if noticed:
        correct_label(desk, series=series, module="contrast", label="enhanced", by=cast.anna)
    decide(desk, verdict="accept", reasons=[], note="", by=cast.anna)
    page = page_of(client, desk)
    assert "One label on this case was wrong on purpose" in page
    assert ("You noticed it." in page) == noticed and ("You did not notice it." in page) != noticed
    assert case_evidence(ReviewCase.objects.get(pk=desk.pk)).slots[0].state == "ok"
    client.force_login(cast.abel)
    assert "wrong on purpose" not in page_of(client, desk)


def test_a_first_decision_is_kept_from_who_may_review_it_blindly(client: Client, cast: Cast, desk: ReviewCase) -> None:
    decide(desk, verdict="return_to_site", reasons=["wrong_contrast"], note="Rather odd.", by=cast.anna)
    second = ReviewCase.objects.create(
        submission=desk.submission, round=2, kind="second", trial=desk.trial, site=desk.site, due_at=desk.due_at
    )
    page, decided = reverse("reviews:case", args=[desk.pk]), reverse("reviews:worklist") + "?standing=decided"
    rest = reverse("api-review-case-detail", args=[desk.pk])

    def reads_it() -> list[bool]:
        reads = "Rather odd." in client.get(page).text, client.get(rest).status_code == 200
        return [*reads, f'href="{page}' in client.get(decided).text]

    for who, reads in ((cast.anna, True), (cast.abel, False), (cast.mira, True)):
        client.force_login(who)
        assert reads_it() == [reads] * 3, who
    client.force_login(cast.abel)
    assert "when the second review is decided" in client.get(page).text
    ReviewCase.objects.filter(pk=second.pk).update(status="decided")
    assert reads_it() == [True] * 3


def test_a_second_review_is_blind_until_it_is_decided(client: Client, cast: Cast, desk: ReviewCase) -> None:
    series = desk.submission.series.all()[0]
    correct_label(desk, series=series, module="contrast", label="non_contrast", by=cast.anna)
    decide(desk, verdict="return_to_site", reasons=["wrong_contrast"], note="Rather odd.", by=cast.anna)
    second = ReviewCase.objects.create(
        submission=desk.submission,
        round=2,
        kind=ReviewCase.Kind.SECOND,
        trial=desk.trial,
        site=desk.site,
        due_at=desk.due_at,
    )
    client.force_login(cast.abel)
    page = page_of(client, second)
    for told in ("Anna", "Rather odd.", "Label of", "Other reviews"):
        assert told not in page, told
    assert "Rather odd." not in json.dumps(json_of(client, second))
    ReviewCase.objects.filter(pk=second.pk).update(kind=ReviewCase.Kind.ADJUDICATION)
    page = page_of(client, second)
    assert "Other reviews" in page and "Rather odd." in page and "set to" in page
    assert LabelCorrection.objects.filter(case=second).count() == 0
