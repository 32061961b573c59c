"""The agreement page: each figure worked out by hand, and the rows behind it."""

import csv
import io
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.compliance.agreement import Review, ReviewedSubmission, agreement, label_rows, reviewed_submissions
from apps.compliance.agreement.figures import Share, figures
from apps.compliance.agreement.labels import Judged, LabelRow
from apps.compliance.agreement.submissions import Seeded
from apps.reviews.models import ReviewCase
from apps.reviews.services.reopening import reopen
from tests.cast import Cast
from tests.factories import waiting_case
from tests.reviews.rounds import next_case, policy, reviewed, third_analyst

DECIDED_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CHEST_CONTRAST = (1, "contrast")


def review(verdict: str = "accept", seconds: float = 30.0) -> Review:
    return Review(1, verdict, "anna", seconds, DECIDED_AT)


def submission(first: str = "accept", seconds: float = 30.0, arm: str = "shown", **more: Any) -> ReviewedSubmission:
    rounds = {name: review(more.pop(name)) for name in ("second", "adjudication") if name in more}
    reopened = tuple(review(verdict) for verdict in more.pop("reopened", ()))
    return ReviewedSubmission(
        1, "101", "101-001", "Week 8", arm, review(first, seconds), reopened=reopened, **rounds, **more
    )


# --- Arms


def test_time_per_arm_and_its_difference() -> None:
    # Shown: 20 to 29 s, mean 24.5; hidden: 40 to 58 s in steps of 2, mean 49. Variances 82.5 / 9 and 330 / 9, so the
    # standard error is the root of (9.1667 + 36.6667) / 10 = 2.1409; df = 4.58333² / (0.91667² / 9 + 3.66667² / 9)
    # = 13.2353, for which t is 2.1563.
    rows = [submission(seconds=20 + i) for i in range(10)] + [
        submission(seconds=40 + 2 * i, arm="hidden") for i in range(10)
    ]
    found = figures(rows, [])
    assert (found.shown.n, found.shown.mean_seconds, found.shown.median_seconds) == (10, 24.5, 24.5)
    assert (found.hidden.n, found.hidden.mean_seconds, found.hidden.median_seconds) == (10, 49.0, 49.0)
    assert found.slower.value == 24.5
    assert found.slower.interval == pytest.approx((24.5 - 2.1563 * 2.1409, 24.5 + 2.1563 * 2.1409), abs=0.005)
    assert found.slower.words.replace("\xa0", " ") == "+24.5 s"


def test_nine_in_an_arm_are_too_few_to_tell() -> None:
    rows = [submission(seconds=20 + i) for i in range(50)] + [
        submission(seconds=40 + i, arm="hidden") for i in range(9)
    ]
    found = figures(rows, [])
    assert found.slower.value is not None and found.slower.interval is None
    assert found.slower.interval_words == "too few to tell"
    alike = figures([submission(), submission(arm="hidden")], [])
    assert alike.slower.words.replace("\xa0", " ") == "0.0 s"
    nobody = figures([], [])
    assert (nobody.slower.value, nobody.slower.words, nobody.slower.interval_words) == (None, "–", "")
    assert nobody.shown.mean_seconds is None and nobody.shown.overturned.share is None


def test_a_verdict_is_overturned_by_the_reviews_after_it_and_counted_among_those_that_had_any() -> None:
    rows = [
        submission(),
        submission(second="accept"),
        submission(first="return_to_site", second="accept", adjudication="accept"),
        submission(first="return_to_site", second="accept", adjudication="return_to_site"),
        submission(first="return_to_site", second="accept", adjudication="reject"),
        # The same verdict and other labels: no error of the verdict.
        submission(second="accept", adjudication="accept"),
    ]
    assert figures(rows, []).shown.overturned == Share(2, 5)
    assert figures(rows, []).shown.changed == Share(0, 6)


def test_a_reopened_verdict_is_changed_where_it_ends_otherwise() -> None:
    rows = [submission(), submission(reopened=["accept"]), submission(reopened=["reject", "accept"])]
    rows += [submission(reopened=["return_to_site"], arm="hidden"), submission(arm="hidden")]
    found = figures(rows, [])
    assert (found.shown.changed, found.hidden.changed) == (Share(0, 3), Share(1, 2))
    assert found.more_changed.value == pytest.approx(50)
    assert found.more_changed.interval is None


def test_the_difference_of_shares_is_newcombes_in_points() -> None:
    def arm(name: str, overturned: int, n: int) -> list[ReviewedSubmission]:
        wrong = [submission(second="reject", adjudication="reject", arm=name)] * overturned
        return wrong + [submission(second="accept", arm=name)] * (n - overturned)

    # Newcombe 1998: 9 of 10 against 3 of 10, 0.1705 to 0.8090.
    found = figures(arm("hidden", 9, 10) + arm("shown", 3, 10), [])
    assert found.more_overturned.value == pytest.approx(60)
    assert found.more_overturned.interval == pytest.approx((17.05, 80.90), abs=0.005)
    assert found.more_overturned.words.replace("\xa0", " ") == "+60.0 points"


def test_cases_with_a_wrong_label_are_in_no_arm_and_no_pair() -> None:
    seeded = Seeded("contrast", "non_contrast", noticed=False, was_right=False)
    found = figures([submission(seeded=seeded, second="reject", adjudication="reject")], [])
    assert (found.shown.n, found.hidden.n, found.pairs.n) == (0, 0, 0)


# --- Wrong labels


def test_noticed_labels_per_module_without_those_that_were_right() -> None:
    def seeded(module: str, noticed: bool, was_right: bool = False) -> ReviewedSubmission:
        return submission(seeded=Seeded(module, "x", noticed, was_right))

    rows = [seeded("contrast", True)] * 3 + [seeded("contrast", False)] + [seeded("body_part", False)]
    found = figures([*rows, seeded("body_part", False, was_right=True)], [])
    assert found.seeded == (("body_part", Share(0, 1)), ("contrast", Share(3, 4)), ("", Share(3, 5)))
    assert found.seeded_but_right == 1
    # Wilson 1927 for 3 of 4.
    assert found.seeded[1][1].interval == pytest.approx((0.3006, 0.9544), abs=5e-5)


# --- Pairs


def test_pairs_table_and_whom_adjudications_confirmed() -> None:
    rows = [
        submission(second="accept"),
        submission(second="accept", adjudication="accept"),
        submission(first="return_to_site", second="accept", adjudication="accept"),
        submission(first="return_to_site", second="accept", adjudication="return_to_site"),
        submission(first="reject", second="accept", adjudication="return_to_site"),
        submission(),
    ]
    pairs = figures(rows, []).pairs
    assert (pairs.n, pairs.agreeing, pairs.adjudicated, pairs.labels_differed) == (5, Share(2, 5), 4, 1)
    assert pairs.confirmed == {"first": 1, "second": 1, "neither": 1}
    assert pairs.table == [
        ("accept", [2, 0, 0, 0]),
        ("accept_with_deviation", [0, 0, 0, 0]),
        ("return_to_site", [2, 0, 0, 0]),
        ("reject", [1, 0, 0, 0]),
    ]
    assert not pairs.enough


def test_kappa_over_verdicts() -> None:
    # 12 accept twice, 4 return twice, 2 and 2 differ: po = 0.8; both accept 14 of 20, so pe = 0.7² + 0.3² = 0.58 and
    # kappa = 0.22 / 0.42.
    differ = {"adjudication": "accept"}
    rows = [submission(second="accept")] * 12 + [submission(first="return_to_site", second="return_to_site")] * 4
    rows += [submission(second="return_to_site", **differ)] * 2
    rows += [submission(first="return_to_site", second="accept", **differ)] * 2
    pairs = figures(rows, []).pairs
    assert pairs.enough and pairs.kappa is not None
    assert pairs.kappa.value == pytest.approx(0.22 / 0.42)


# --- AI and analysts


def test_labels_let_stand_and_not_given() -> None:
    row = LabelRow("101", "Phantom A")
    row.judged = [
        Judged(1, "body_part", "chest", "chest"),
        Judged(1, "contrast", "enhanced", "non_contrast"),
        Judged(2, "body_part", "", "neck"),
        Judged(2, "contrast", "enhanced", "enhanced"),
    ]
    other = LabelRow("101", "Phantom B", [Judged(3, "body_part", "neck", "neck")])
    found = figures([], [row, other])
    first, _ = found.labels
    assert (first.n_series, first.agreed, first.abstained) == (2, Share(2, 3), Share(1, 4))
    (site,) = found.sites
    assert (site.scanners, site.n_series, site.agreed, site.abstained) == (2, 3, Share(3, 4), Share(1, 5))
    assert (first.agreed.n, len(row.judged)) == (3, 4), "the rows of a scanner stay its own"


# --- From the rows that are kept


@pytest.fixture
def played(cast: Cast) -> Cast:
    """Carla's visit: returned by Anna, accepted by Abel and by Ada, with a correction. Chen's: hidden, accepted."""
    ada = third_analyst(cast)
    policy(cast.trial, second_review_share=1)
    first = waiting_case(cast.visit, by=cast.carla)
    reviewed(first, "return_to_site", by=cast.anna, labels={(2, "body_part"): "abdomen"})
    reviewed(next_case(first), "accept", by=cast.abel)
    reviewed(next_case(first), "accept", by=ada, labels={CHEST_CONTRAST: "non_contrast"})
    policy(cast.trial, second_review_share=0, hidden_share=1)
    hidden = waiting_case(cast.chens_visit, by=cast.chen)
    reviewed(hidden, "accept", by=cast.anna)
    return cast


def test_rows_are_submissions_with_all_their_rounds(played: Cast) -> None:
    adjudicated, hidden = reviewed_submissions(played.trial)
    assert (adjudicated.site, adjudicated.subject, adjudicated.arm) == ("101", "101-001", "shown")
    assert (adjudicated.first.verdict, adjudicated.first.analyst) == ("return_to_site", "anna")
    assert adjudicated.second is not None and adjudicated.adjudication is not None
    assert (adjudicated.second.verdict, adjudicated.adjudication.analyst) == ("accept", "ada")
    assert adjudicated.overturned and (hidden.arm, hidden.verified) == ("hidden", False)


def test_a_submission_under_review_is_left_out_as_a_whole(played: Cast) -> None:
    hidden = ReviewCase.objects.get(arm="hidden")
    new = reopen(hidden, by=played.abel, because="Look again.")
    assert [each.arm for each in reviewed_submissions(played.trial)] == ["shown"]
    reviewed(new, "reject", by=played.abel)
    _, row = reviewed_submissions(played.trial)
    assert row.changed_when_reopened and not row.overturned


def test_time_is_counted_as_it_was_set_right(played: Cast) -> None:
    hidden = ReviewCase.objects.get(arm="hidden")
    hidden.time_corrections.create(analyst=played.anna, delta_seconds=40, reason="Phone", corrected_by=played.anna)
    _, row = reviewed_submissions(played.trial)
    assert 40 <= row.first.seconds < 45


def test_what_became_of_a_wrong_label_is_read_from_the_corrections(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=1)
    seed = {"series": series.pk, "module": "contrast", "label": "non_contrast"}
    ReviewCase.objects.filter(pk=case.pk).update(seeded=seed)
    reviewed(case, "accept", by=cast.anna)
    assert reviewed_submissions(cast.trial) == []
    reviewed(next_case(case), "accept", by=cast.abel, labels={CHEST_CONTRAST: "non_contrast"})
    (row,) = reviewed_submissions(cast.trial)
    assert row.seeded == Seeded("contrast", "non_contrast", noticed=False, was_right=True)


def test_corrections_that_adjudication_went_over_do_not_count(played: Cast) -> None:
    (row,) = label_rows(played.trial)
    assert (row.site, row.scanner) == ("101", "CoreQC Phantom")
    told = {(each.module, each.ai, each.analyst) for each in row.judged if each.corrected}
    assert told == {("contrast", "enhanced", "non_contrast")}
    assert (row.n_series, row.answered, row.corrected, row.abstained) == (2, 4, 1, 0)


def test_the_figures_cost_the_same_number_of_queries_however_many_there_are(
    played: Cast, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(6):  # cases, corrected times, series, their digests, labels, corrections
        agreement(played.trial)


# --- Page and files


@pytest.mark.parametrize(
    ("person", "answer"), [("mira", 200), ("root", 200), ("carla", 404), ("anna", 404), ("otto", 404)]
)
def test_only_managers_and_administrators_read_it(played: Cast, client: Client, person: str, answer: int) -> None:
    client.force_login(getattr(played, person))
    assert client.get(reverse("compliance:agreement", args=[played.trial.pk])).status_code == answer
    for table in ("first-reviews", "wrong-labels", "second-reviews", "ai-labels"):
        address = reverse("compliance:agreement-csv", args=[played.trial.pk, table])
        assert client.get(address).status_code == answer


def test_the_page_shows_figures_or_why_there_are_none(played: Cast, client: Client) -> None:
    client.force_login(played.mira)
    page = unescape(client.get(reverse("compliance:agreement", args=[played.trial.pk])).text)
    for words in ("1 of 1", "too few to tell", "CoreQC Phantom", "3 of 4", "Confirmed the second"):
        assert words in page, words
    assert (
        reverse("compliance:agreement", args=[played.trial.pk])
        in client.get(reverse("compliance:trial", args=[played.trial.pk])).text
    )


def test_a_trial_without_decisions_has_a_page(cast: Cast, client: Client) -> None:
    client.force_login(cast.mira)
    assert (
        "No submission has been settled yet" in client.get(reverse("compliance:agreement", args=[cast.trial.pk])).text
    )


def rows_of(client: Client, cast: Cast, table: str) -> list[dict[str, str]]:
    text = client.get(reverse("compliance:agreement-csv", args=[cast.trial.pk, table])).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_files_hold_the_rows_behind_the_figures(played: Cast, client: Client) -> None:
    client.force_login(played.mira)
    shown, hidden = rows_of(client, played, "first-reviews")
    assert (shown["Arm"], shown["Verdict"], shown["Overturned"]) == ("shown", "return_to_site", "yes")
    assert (hidden["Arm"], hidden["Overturned"], hidden["Changed when reopened"]) == ("hidden", "", "no")
    (pair,) = rows_of(client, played, "second-reviews")
    assert (pair["First verdict"], pair["Second analyst"], pair["Adjudicator"]) == ("return_to_site", "abel", "ada")
    assert rows_of(client, played, "wrong-labels") == []
    labels = rows_of(client, played, "ai-labels")
    assert [row["Corrected"] for row in labels].count("yes") == 1 and len(labels) == 4


def test_an_unknown_file_is_not_found(cast: Cast, client: Client) -> None:
    client.force_login(cast.mira)
    assert client.get(reverse("compliance:agreement-csv", args=[cast.trial.pk, "nonsense"])).status_code == 404
