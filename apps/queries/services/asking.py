from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, WrongState, words
from apps.audit.services import record
from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.intake.models import Series, Submission
from apps.protocols.models import RequiredSeries
from apps.queries.drafts import MOST_PICTURES, SUBJECT_LENGTH, draft_of_return, drafts_of
from apps.queries.models import Message, Query
from apps.queries.permissions import may_ask
from apps.queries.services.answering import answer_by_submission
from apps.queries.services.counting import hold_cases, recount
from apps.queries.services.thread import given, tell_site, write
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.services.opening import codes_found

NOT_AN_ANALYST = "Only the image analysts of this trial ask its sites."


def ask(
    submission: Submission,
    subject: str,
    text: str,
    *,
    by: User,
    series: Series | None = None,
    required: RequiredSeries | None = None,
    finding_code: str = "",
    pictures: Iterable[tuple[int, str]] = (),
) -> Query:
    """Ask the site about a submission at the core lab, or about one series or required series of it.

    `pictures` are pairs of a series' key and the name of a picture. The same question is not asked twice while the
    first one is not settled.
    """
    require(may_ask(by, submission), NOT_AN_ANALYST)
    subject = given(subject, "Write the question in one line, so that the site sees at once what it is about.")
    if len(subject) > SUBJECT_LENGTH:
        raise Refused(f"The line of the question has {len(subject)} letters; {SUBJECT_LENGTH} fit. Shorten it.")
    text = given(text, "Write what the site should look at or send.")
    _refuse_what_is_not_of(submission, series, required, finding_code)
    attached = _attached(submission, pictures)
    now = timezone.now()
    with transaction.atomic():
        hold_cases(submission.pk)
        _refuse_elsewhere(submission)
        about = Query.objects.unsettled().filter(submission=submission, series=series, required=required)
        if about.filter(subject=subject).exists():
            raise WrongState("This is asked already and not settled. Look into its thread, or ask something else.")
        query = Query.objects.create(
            submission=submission,
            series=series,
            required=required,
            subject=subject,
            finding_code=finding_code,
            pictures=attached,
            opened_by=by,
            opened_at=now,
        )
        message = write(query, Message.Kind.QUESTION, text, by=by, at=now)
        _record_opening(query, by=by)
        recount(submission)
        tell_site(query, "query", message)
    return query


def _refuse_elsewhere(submission: Submission) -> None:
    """Refuse unless the submission is at the core lab at this moment: one that was decided is asked about no more."""
    status = Submission.objects.values_list("status", flat=True).get(pk=submission.pk)
    if status not in Submission.AT_THE_CORE_LAB:
        raise WrongState(
            f"This submission is {words(status)}. Questions go with submissions that wait for a decision; "
            "reload the page to see where it stands."
        )


def _refuse_what_is_not_of(
    submission: Submission, series: Series | None, required: RequiredSeries | None, finding_code: str
) -> None:
    if series and series.submission_id != submission.pk:
        raise Refused("This series belongs to another submission.")
    slots = list(submission.slots.select_related("required", "series"))
    if required and required.pk not in {slot.required_id for slot in slots}:
        raise Refused("This required series is not one of the visit's.")
    if finding_code and finding_code not in (*codes_found(submission, slots), *_codes_shown(submission)):
        raise Refused("No rule with this code failed in the submission. Leave the code out, or take one that did.")


def _codes_shown(submission: Submission) -> list[str]:
    """Return the codes of what the desk shows now: beside what the rules found, what a label wrong on purpose makes."""
    case = submission.cases.exclude(status=ReviewCase.Status.DECIDED).order_by("-round").first()
    return [draft.finding_code for draft in drafts_of(case)] if case else []


def _attached(submission: Submission, pictures: Iterable[tuple[int, str]]) -> list[dict[str, object]]:
    """Return the pictures as they are kept; refuse those of other submissions and those that nobody is shown."""
    chosen = list(dict.fromkeys((int(pk), name) for pk, name in pictures))
    own = set(submission.series.exclude(digest_sha256="").values_list("pk", flat=True))
    if any(pk not in own or name not in SHOWN_PICTURES for pk, name in chosen):
        raise Refused("A picture that you chose is not one of this submission. Choose from those that are shown.")
    if len(chosen) > MOST_PICTURES:
        raise Refused(f"{len(chosen)} pictures are chosen; {MOST_PICTURES} can be attached.")
    return [{"series": pk, "name": name} for pk, name in chosen]


def _record_opening(query: Query, *, by: User) -> None:
    told = {"submission": query.submission_id, "finding": query.finding_code, "pictures": len(query.pictures)}
    record("query.asked", query, by=by, new=told)


def open_for_return(decision: Decision) -> Query | None:
    """Open the query of a submission that went back to its site; a second call returns the same query.

    None where the decision returned nothing, or where the submission was reopened since: its return stands no more.
    The notice of the return has told the site already.
    """
    submission = decision.case.submission
    returns = decision.verdict == Decision.Verdict.RETURN_TO_SITE and decision.case.settles
    if not returns or submission.status != Submission.Status.RETURNED:
        return None
    draft = draft_of_return(decision)
    with transaction.atomic():
        query, opened = Query.objects.get_or_create(
            decision=decision,
            defaults={
                "submission": submission,
                "series": draft.series,
                "required": draft.required,
                "subject": draft.subject,
                "reasons": decision.reasons,
                "finding_code": draft.finding_code,
                "pictures": [{"series": pk, "name": name} for pk, name in draft.pictures],
                "opened_by": decision.decided_by,
                "opened_at": decision.decided_at,
            },
        )
        if opened:
            write(query, Message.Kind.QUESTION, draft.text, by=decision.decided_by, at=decision.decided_at)
            _record_opening(query, by=decision.decided_by)
            recount(submission)
    if opened:
        _answer_if_late(submission)
    return query


def _answer_if_late(submission: Submission) -> None:
    """Let new images that were quicker than this query answer it."""
    for newer in submission.replaced_by.exclude(transferred_at=None):
        answer_by_submission(newer)
