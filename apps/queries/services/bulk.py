"""The same step for several: each on its own, all of it or nothing, and who was left out is told why."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.core.exceptions import PermissionDenied

from apps.accounts.models import User
from apps.audit.lifecycle import Refused
from apps.queries.drafts import Draft, drafts_of
from apps.queries.models import Query
from apps.queries.services.asking import ask
from apps.queries.services.settling import close
from apps.reviews.models import ReviewCase

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Bulk(Generic[Thing]):
    """For which the step was done, and for which not, with the sentence of the refusal."""

    done: list[Thing] = field(default_factory=list)
    refused: list[tuple[Thing, str]] = field(default_factory=list)

    @property
    def by_sentence(self) -> dict[str, list[Thing]]:
        """What was refused, by the reason."""
        told: dict[str, list[Thing]] = {}
        for thing, sentence in self.refused:
            told.setdefault(sentence, []).append(thing)
        return told


def ask_each(
    cases: Iterable[ReviewCase], subject: str, text: str, *, by: User, finding_code: str = ""
) -> Bulk[ReviewCase]:
    """Ask the same question about the submission of each case.

    With the code of a finding each query is tied to the series in which the rule failed, with its pictures, and the
    text goes on with what was expected and found there.
    """

    text = text.strip()

    def ask_one(case: ReviewCase) -> None:
        draft = _draft_of(case, finding_code)
        ask(
            case.submission,
            subject,
            "\n".join([text, *draft.facts]) if text else "",
            by=by,
            series=draft.series,
            required=draft.required,
            finding_code=draft.finding_code,
            pictures=draft.pictures,
        )

    asked: Bulk[ReviewCase] = Bulk()
    for case in cases:
        _step(asked, case, ask_one)
    return asked


def _draft_of(case: ReviewCase, finding_code: str) -> Draft:
    """Return the draft of this finding as the case shows it, an empty one for a question of no finding."""
    drafts = drafts_of(case) if finding_code else []
    return next((draft for draft in drafts if draft.finding_code == finding_code), Draft(subject="", text=""))


def close_each(queries: Iterable[Query], *, by: User, text: str = "") -> Bulk[Query]:
    """Close several queries; those that the site has not answered need the text."""
    closed: Bulk[Query] = Bulk()
    for query in queries:
        _step(closed, query, lambda query: close(query, by=by, text=text))
    return closed


def _step(bulk: Bulk[Thing], thing: Thing, act: Callable[[Thing], None]) -> None:
    try:
        act(thing)
    except (Refused, PermissionDenied) as refusal:
        bulk.refused.append((thing, str(refusal)))
    else:
        bulk.done.append(thing)
