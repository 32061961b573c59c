"""An analyst asks the site about a submission at the core lab."""

import pytest
from django.core.exceptions import PermissionDenied

from apps.audit.lifecycle import Refused, WrongState
from apps.audit.services import events_about
from apps.imageqc.models import Finding
from apps.imaging import findings
from apps.intake.models import Series
from apps.notices.models import Notice
from apps.queries.drafts import draft_from_finding, drafts_of
from apps.queries.models import Message, Query
from apps.queries.services import answer, ask
from apps.queries.wording import WORDINGS
from apps.reviews.models import ReviewCase
from apps.reviews.services import claim
from tests.cast import Cast
from tests.factories import checked_submission, waiting_case
from tests.queries.scenes import THICK, asked, counts, thick_case, thread, whole_submission_finding
from tests.signing import decide
from tests.threads import at_once


def test_a_question_opens_a_query_with_its_thread_and_tells_the_site(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = ask(case.submission, " Was contrast given? ", "Please ask.\n", by=cast.anna)
    assert (query.status, query.subject, query.opened_by) == (Query.Status.OPEN, "Was contrast given?", cast.anna)
    assert thread(query) == [("question", "Please ask.")]
    assert counts(case) == (1, 0)
    notice = Notice.objects.get()
    assert (notice.user, notice.kind, notice.sentence) == (cast.carla, "query", "Was contrast given?")
    event = events_about(query).get()
    assert (event.action, event.actor) == ("query.asked", cast.anna)
    assert event.new == {"submission": case.submission_id, "finding": "", "pictures": 0}


def test_the_case_stands_with_the_site_until_the_answer_is_there(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = asked(cast, case)
    assert list(ReviewCase.objects.with_the_site()) == [case] and not ReviewCase.objects.in_the_queue()
    answer(query, "Yes.", by=cast.carla)
    assert not ReviewCase.objects.with_the_site() and list(ReviewCase.objects.in_the_queue()) == [case]


def test_a_case_that_lies_on_a_desk_can_be_asked_about_and_counts_too(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    ask(case.submission, "Was contrast given?", "Please ask.", by=cast.abel)
    assert counts(case) == (1, 0)


def test_a_query_can_be_about_a_series_and_a_slot_with_pictures(cast: Cast) -> None:
    case = thick_case(cast)
    (draft,) = drafts_of(case)
    query = ask(
        case.submission,
        draft.subject,
        draft.text,
        by=cast.anna,
        series=draft.series,
        required=draft.required,
        finding_code=draft.finding_code,
        pictures=draft.pictures,
    )
    series = case.submission.series.get(number=1)
    assert (query.series, query.required.slot, query.finding_code) == (series, "chest", "slice_thickness")
    assert query.pictures == [{"series": series.pk, "name": name} for name in ("mip_coronal", "mid_axial")]


def test_a_draft_says_in_a_coordinators_words_what_was_expected_and_found(cast: Cast) -> None:
    (draft,) = drafts_of(thick_case(cast))
    assert draft.subject == "The slices are thicker than the protocol allows"
    assert draft.text.splitlines()[:4] == [
        "This is about series 1, which stands for Chest CT with contrast.",
        "Expected: at most 5 mm",
        "Found: 7.5 mm",
        "Is there a reconstruction of this scan with thinner slices?",
    ]


def test_a_slot_without_a_series_has_a_draft_too(cast: Cast) -> None:
    (draft,) = drafts_of(waiting_case(cast.visit, by=cast.carla, missing="chest"))
    assert draft.subject == "Chest CT with contrast is missing"
    assert (draft.finding_code, draft.series, draft.required.slot) == ("", None, "chest")


@pytest.mark.parametrize(
    "code", ["two_patients", "other_patient", "other_subject", "other_visit", "two_dates", "date_before_consent"]
)
def test_a_draft_about_who_or_when_quotes_nothing_that_was_found(cast: Cast, code: str) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    told = {"found": "101-007 on 3 Sep 2026", "expected": "101-001 on 2 Sep", "where": "102-009 Week 8"}
    whole_submission_finding(case, code, **told)
    (draft,) = drafts_of(case)
    assert not [word for word in ("101-0", "2026", "102-009", "Sep") if word in draft.text + draft.subject]
    assert "This is about the submission as a whole." in draft.text


def test_a_code_that_nobody_thought_of_has_a_draft() -> None:
    found = findings.Finding("odd_thing", findings.Severity.WARN, "Odd.", expected="even", found="odd")
    draft = draft_from_finding(found)
    assert draft.subject == "Odd thing"
    assert "Expected: even\nFound: odd\nWhy is it so?" in draft.text


def test_the_lines_of_all_drafts_fit() -> None:
    assert WORDINGS
    assert all(len(words.subject) <= 160 for words in WORDINGS.values())


def test_a_case_with_hidden_labels_drafts_nothing_from_them(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=1)
    for code in ("body_part", "few_slices"):
        Finding.objects.create(submission=case.submission, series=series, code=code, severity="block", sentence="Look.")
    ReviewCase.objects.filter(pk=case.pk).update(arm=ReviewCase.Arm.HIDDEN)
    case.refresh_from_db()
    assert [draft.finding_code for draft in drafts_of(case)] == ["few_slices"]


def test_a_question_drafted_from_a_label_that_is_wrong_on_purpose_is_not_told_apart(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=1)
    seed = {"series": series.pk, "module": "body_part", "label": "neck"}
    ReviewCase.objects.filter(pk=case.pk).update(seeded=seed)
    draft, *_ = drafts_of(ReviewCase.objects.get(pk=case.pk))
    assert draft.finding_code == "body_part"
    query = ask(case.submission, draft.subject, draft.text, by=cast.anna, finding_code=draft.finding_code)
    assert query.finding_code == "body_part"


@pytest.mark.parametrize("who", ["carla", "chen", "mira", "otto", "root"])
def test_only_analysts_of_the_trial_ask(cast: Cast, who: str) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    with pytest.raises(PermissionDenied, match="Only the image analysts of this trial"):
        ask(case.submission, "Was contrast given?", "Please ask.", by=getattr(cast, who))
    assert not Query.objects.exists() and counts(case) == (0, 0)


def test_a_submission_that_is_still_at_the_site_is_not_asked_about(cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    with pytest.raises(WrongState, match="This submission is checked"):
        ask(submission, "Was contrast given?", "Please ask.", by=cast.anna)


def test_a_submission_that_was_decided_in_the_meantime_is_not_asked_about(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    seen_before = case.submission
    claim(ReviewCase.objects.get(pk=case.pk), by=cast.abel)
    decide(ReviewCase.objects.get(pk=case.pk), "accept", by=cast.abel)
    with pytest.raises(WrongState, match="This submission is accepted"):
        ask(seen_before, "Was contrast given?", "Please ask.", by=cast.anna)
    assert not Query.objects.exists() and not Message.objects.exists()


def test_the_same_question_twice_is_asked_once(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    asked(cast, case)
    with pytest.raises(WrongState, match="asked already"):
        asked(cast, case)
    asked(cast, case, subject="Which phase?")
    assert counts(case) == (2, 0)


@pytest.mark.parametrize(
    ("subject", "text", "told"),
    [
        (" ", "Please ask.", "in one line"),
        ("Contrast?", "\n ", "what the site should look at"),
        ("C" * 161, "Please ask.", "161 letters; 160 fit"),
        ("Contrast?", "t" * 4001, "4001 letters; 4000 fit"),
    ],
)
def test_a_question_without_words_or_with_too_many_is_refused(cast: Cast, subject: str, text: str, told: str) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    with pytest.raises(Refused, match=told):
        ask(case.submission, subject, text, by=cast.anna)


def test_what_belongs_to_another_submission_is_refused(cast: Cast) -> None:
    case, other = waiting_case(cast.visit, by=cast.carla), waiting_case(cast.chens_visit, by=cast.chen)
    strange = other.submission.series.get(number=1)
    own = case.submission.series.get(number=1)
    for wrong, told in (
        ({"series": strange}, "another submission"),
        ({"pictures": [(strange.pk, "mip_axial")]}, "not one of this submission"),
        ({"pictures": [(own.pk, "aip_axial")]}, "not one of this submission"),
        ({"finding_code": "kernel"}, "No rule with this code"),
    ):
        with pytest.raises(Refused, match=told):
            ask(case.submission, "Contrast?", "Please ask.", by=cast.anna, **wrong)
    cast.protocol.required_series.get(slot="chest")
    case.submission.slots.filter(required__slot="chest").delete()
    with pytest.raises(Refused, match="not one of the visit's"):
        ask(
            case.submission,
            "Contrast?",
            "Please ask.",
            by=cast.anna,
            required=cast.protocol.required_series.get(slot="chest"),
        )
    assert not Query.objects.exists()


def test_a_series_without_pictures_has_none_to_attach(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=1)
    Series.objects.filter(pk=series.pk).update(digest_sha256="")
    with pytest.raises(Refused, match="not one of this submission"):
        ask(case.submission, "Contrast?", "Please.", by=cast.anna, pictures=[(series.pk, "mip_axial")])


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_who_ask_the_same_at_once_ask_once(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)

    def try_to_ask() -> str:
        try:
            asked(cast, case)
        except WrongState:
            return "refused"
        return "asked"

    assert sorted(at_once(try_to_ask, times=3)) == ["asked", "refused", "refused"]
    assert counts(case) == (1, 0)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_many_questions_at_once_are_all_counted(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    subjects = iter([f"Question {number}?" for number in range(4)])
    at_once(lambda: asked(cast, case, subject=next(subjects)), times=4)
    assert counts(case) == (4, 0)


def test_what_a_finding_looks_like_is_what_the_rules_store() -> None:
    assert set(THICK) == set(findings.Finding.from_json(THICK).to_json())
