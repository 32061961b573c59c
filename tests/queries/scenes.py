"""Queries in the state that a test starts from, and time that passes on them."""

from datetime import timedelta

from django.db import connection

from apps.imageqc.models import Finding, SlotMatch
from apps.queries.models import Message, Query
from apps.queries.services import answer, ask
from apps.reviews.models import CaseFinding, ReviewCase
from tests.append_only import triggers_at_rest
from tests.cast import Cast
from tests.factories import waiting_case

THICK = {
    "code": "slice_thickness",
    "severity": "block",
    "sentence": "The protocol asks for slices of at most 5 mm; this series has 7.5 mm. Send a thinner reconstruction.",
    "expected": "at most 5 mm",
    "found": "7.5 mm",
    "where": "SliceThickness (0018,0050)",
}
"""What the rules found in a slot, as it is stored."""


def thick_case(cast: Cast, *, chens: bool = False) -> ReviewCase:
    """Return a waiting case whose chest has slices that are too thick."""
    visit, by = (cast.chens_visit, cast.chen) if chens else (cast.visit, cast.carla)
    case = waiting_case(visit, by=by)
    SlotMatch.objects.filter(submission=case.submission, required__slot="chest").update(
        state=SlotMatch.State.PROBLEM, findings=[THICK]
    )
    CaseFinding.objects.create(case=case, code=THICK["code"])
    return case


def whole_submission_finding(case: ReviewCase, code: str, **told: str) -> None:
    """Add a finding on the submission as a whole."""
    Finding.objects.create(submission=case.submission, code=code, severity="block", sentence="Look.", **told)


def asked(cast: Cast, case: ReviewCase | None = None, subject: str = "Was contrast given?") -> Query:
    """Return an open query of Anna's on Carla's submission, or on the case that is given."""
    case = case or waiting_case(cast.visit, by=cast.carla)
    return ask(case.submission, subject, "Please ask the radiographer.", by=cast.anna)


def answered(cast: Cast, case: ReviewCase | None = None) -> Query:
    """Return a query that Carla has answered."""
    query = asked(cast, case)
    answer(query, "Yes, 80 ml.", by=cast.carla)
    return query


def counts(case: ReviewCase) -> tuple[int, int]:
    """Return what the worklist knows: how many queries are open, how many answered."""
    return ReviewCase.objects.values_list("queries_open", "queries_answered").get(pk=case.pk)


def days_pass(query: Query, days: float) -> None:
    """Let all that was written in a thread, and the query itself, be so much older."""
    ago = timedelta(days=days)
    if connection.vendor == "postgresql":
        # A table with foreign keys that are still to be checked cannot be changed.
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
    with triggers_at_rest():
        for message in Message.objects.filter(query=query):
            Message.objects.filter(pk=message.pk).update(written_at=message.written_at - ago)
    Query.objects.filter(pk=query.pk).update(opened_at=query.opened_at - ago)
    query.refresh_from_db()


def thread(query: Query) -> list[tuple[str, str]]:
    """Return the thread as kind and text."""
    return list(query.messages.values_list("kind", "text"))
