"""What is drawn for a case before anybody can open it, and that nobody learns of it too early."""

import json
from html import unescape
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.services import events_about
from apps.imageqc.models import SlotMatch
from apps.intake.models import Submission
from apps.intake.services import transfer
from apps.notices.models import Notice
from apps.reviews.models import Decision, ReviewCase, ReviewPolicy
from apps.reviews.selectors import case_evidence, case_history
from apps.reviews.services import claim, open_case
from apps.reviews.services.drawing import BY_LOT, WrongLabel, draw, wrong_labels_for
from tests.cast import Cast
from tests.factories import add_series, checked_submission, claimed_case, waiting_case
from tests.reviews.rounds import Lots, next_case, policy, reviewed
from tests.signing import decide
from tests.threads import at_once

WRONG = [WrongLabel(7, "contrast", "non_contrast"), WrongLabel(8, "body_part", "neck")]


def rules(**fields: Any) -> ReviewPolicy:
    return ReviewPolicy(**fields)


def opened(cast: Cast, chance: Random | None = None, *, missing: str = "") -> ReviewCase:
    submission = checked_submission(cast.visit, by=cast.carla, missing=missing)
    transfer(submission, by=cast.carla, because="The patient cannot come again." if missing else "")
    return open_case(submission, chance=chance)


# --- The lots


def test_without_shares_nothing_is_drawn() -> None:
    assert draw(rules(), WRONG, ["few_slices"], Lots(0.0, 0.0, 0.0)) == draw(rules(), [], [], Random(1))
    assert draw(rules(), WRONG, [], Lots(0.0, 0.0, 0.0)).arm == "shown"


def test_a_share_of_one_takes_every_case_and_a_lot_at_the_share_does_not() -> None:
    half = rules(hidden_share=0.5, second_review_share=0.5)
    assert draw(half, [], [], Lots(0.49, 0.0, 0.5)).arm == "hidden"
    assert draw(half, [], [], Lots(0.5, 0.0, 0.49)) == draw(half, [], [], Lots(0.7, 0.9, 0.1))
    assert draw(half, [], [], Lots(0.5, 0.0, 0.49)).second_review == (BY_LOT,)
    assert draw(rules(hidden_share=1), [], [], Lots(0.999999)).arm == "hidden"


def test_a_hidden_case_shows_no_wrong_label() -> None:
    both = rules(hidden_share=0.5, seeded_share=1)
    assert draw(both, WRONG, [], Lots(hidden=0.2, seeded=0)).seeded is None
    assert draw(both, WRONG, [], Lots(hidden=0.8, seeded=0)).seeded == WRONG[0].to_json()


def test_a_case_without_a_label_to_exchange_shows_no_wrong_one() -> None:
    assert draw(rules(seeded_share=1), [], [], Lots(seeded=0)).seeded is None


def test_listed_findings_always_get_a_second_review_and_say_which() -> None:
    listed = rules(second_review_findings=["few_slices", "thick_slices", "gaps"])
    assert draw(listed, [], ["other", "thick_slices", "gaps"], Lots()).second_review == ("gaps", "thick_slices")
    assert draw(listed, [], ["other"], Lots()).second_review == ()


def test_the_shares_come_out_over_many_cases() -> None:
    chance, shares = Random(20), rules(hidden_share=0.3, seeded_share=0.2, second_review_share=0.1)
    draws = [draw(shares, WRONG, [], chance) for _ in range(20_000)]
    hidden = sum(one.arm == "hidden" for one in draws) / len(draws)
    seeded = sum(one.seeded is not None for one in draws) / sum(one.arm == "shown" for one in draws)
    second = sum(bool(one.second_review) for one in draws) / len(draws)
    # Five standard errors of a share around 0.3 over 20,000 draws are 0.016.
    assert abs(hidden - 0.3) < 0.016 and abs(seeded - 0.2) < 0.016 and abs(second - 0.1) < 0.016
    assert {tuple(one.seeded.items()) for one in draws if one.seeded} == {tuple(w.to_json().items()) for w in WRONG}


# --- Which labels can be exchanged


def test_a_label_is_exchanged_for_what_lies_beside_it_and_only_in_slots(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    add_series(submission, number=9, description="brain", body_part="brain")
    chest, abdomen = submission.series.get(number=1), submission.series.get(number=2)
    slots = list(submission.slots.select_related("series", "required"))
    assert {(wrong.series, wrong.module, wrong.label) for wrong in wrong_labels_for(slots)} == {
        (chest.pk, "body_part", "neck"),
        (chest.pk, "body_part", "abdomen"),
        (chest.pk, "contrast", "non_contrast"),
        (abdomen.pk, "body_part", "abdomen"),
        (abdomen.pk, "contrast", "non_contrast"),
    }


def test_an_abstention_is_not_exchanged(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla, missing="abdomen_pelvis")
    unsure = add_series(submission, number=7, description="chest", body_part=None, contrast="non_contrast")
    submission.slots.filter(required__slot="chest").update(series=unsure, state=SlotMatch.State.PROBLEM)
    (wrong,) = wrong_labels_for(submission.slots.select_related("series", "required"))
    assert wrong == WrongLabel(unsure.pk, "contrast", "enhanced")


# --- What opening keeps


def test_the_lots_are_kept_with_the_case_and_in_its_event(cast: Cast) -> None:
    policy(cast.trial, hidden_share=0.5, second_review_share=0.5)
    case = opened(cast, Lots(hidden=0.1, second=0.1))
    assert (case.arm, case.settles, case.seeded) == ("hidden", False, None)
    event = events_about(case).get(action="reviewcase.opened")
    assert (event.new["arm"], event.new["seeded"], event.new["second_review"]) == ("hidden", None, [BY_LOT])
    assert event.reason == ""


def test_opening_twice_does_not_draw_twice(cast: Cast) -> None:
    policy(cast.trial, hidden_share=0.5, second_review_share=0.5)
    case = opened(cast, Lots(hidden=0.1, second=0.1))
    again = open_case(case.submission, chance=Lots(hidden=0.9, second=0.9))
    again.refresh_from_db()
    assert (again.pk, again.arm, again.settles) == (case.pk, "hidden", False)
    assert events_about(case).filter(action="reviewcase.opened").count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_who_open_at_once_make_one_case_with_the_lots_of_one(cast: Cast) -> None:
    policy(cast.trial, hidden_share=0.5, second_review_share=0.5)
    submission = checked_submission(cast.visit, by=cast.carla)
    transfer(submission, by=cast.carla)
    cases = at_once(lambda: open_case(Submission.objects.get(pk=submission.pk)), times=4)
    case = ReviewCase.objects.get()
    assert {one.pk for one in cases} == {case.pk}
    event = events_about(case).get(action="reviewcase.opened")
    assert (event.new["arm"], not event.new["second_review"]) == (case.arm, case.settles)


def test_answers_to_a_return_are_drawn_alike(cast: Cast) -> None:
    first = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(first, Decision.Verdict.RETURN_TO_SITE, by=cast.anna, reasons=["artefacts"])
    policy(cast.trial, hidden_share=1)
    again = waiting_case(cast.visit, by=cast.carla)
    assert again.resubmitted and again.arm == "hidden"


def test_the_findings_of_the_case_ask_for_the_second_review(cast: Cast) -> None:
    policy(cast.trial, second_review_findings=["few_slices"])
    submission = checked_submission(cast.visit, by=cast.carla)
    submission.findings.create(code="few_slices", severity="warn", sentence="Few slices.")
    transfer(submission, by=cast.carla)
    assert not open_case(submission).settles
    other = checked_submission(cast.chens_visit, by=cast.chen)
    transfer(other, by=cast.chen)
    assert open_case(other).settles


def test_the_worklist_tells_of_a_wrong_label_what_the_case_shows(cast: Cast) -> None:
    policy(cast.trial, seeded_share=1)
    case = opened(cast, Lots(seeded=0))
    assert case.seeded and case.ai_disagrees
    claim(case, by=cast.anna)
    assert any(slot.state == "problem" for slot in case_evidence(case).slots)
    series = case.submission.series.get(pk=case.seeded["series"])
    true = getattr(series.classifications.get(), case.seeded["module"])["label"]
    case.corrections.create(
        series=series, module=case.seeded["module"], ensemble_label=true, label=true, corrected_by=cast.anna
    )
    decide(case, "accept", by=cast.anna)
    case.refresh_from_db()
    assert case.settles and not case.ai_disagrees


# --- What nobody is told before the decision


def test_page_api_and_timeline_tell_nothing_of_the_lots(client: Client, cast: Cast) -> None:
    policy(cast.trial, second_review_share=0.5, seeded_share=0.5)
    case = opened(cast, Lots(second=0))
    assert not case.settles
    claim(case, by=cast.anna)
    client.force_login(cast.anna)
    text = unescape(client.get(reverse("reviews:case", args=[case.pk])).text)
    told = client.get(reverse("api-review-case-detail", args=[case.pk])).json()
    assert "Put into the queue" in text and told["id"] == case.pk
    for word in ("econd review", "on purpose", "seeded", "settles", "adjudicat"):
        assert word not in text and word not in json.dumps(told), word
    ReviewCase.objects.filter(pk=case.pk).update(settles=True)
    assert client.get(reverse("api-review-case-detail", args=[case.pk])).json() == told
    assert [(event.what, event.why) for event in case_history(case, cast.anna).events][-3:] == [
        ("Put into the queue", ""),
        ("Transferred to the core lab", ""),
        ("Submission begun", ""),
    ]


def test_the_first_analyst_learns_of_the_second_review_only_by_deciding(client: Client, cast: Cast) -> None:
    policy(cast.trial, second_review_share=1)
    case = opened(cast)
    reviewed(case, "accept", by=cast.anna)
    second = next_case(case)
    client.force_login(cast.anna)
    assert client.get(reverse("reviews:case", args=[case.pk])).status_code == 200
    assert second.kind == "second" and not Notice.objects.filter(kind="accepted").exists()
