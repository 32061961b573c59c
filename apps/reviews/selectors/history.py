"""How a case came here: earlier submissions of the visit with their decisions, the trail, and the time spent."""

from dataclasses import dataclass

from django.db.models import Q

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.audit.services import events_about
from apps.intake.history import Happened
from apps.intake.models import Series, Submission
from apps.reviews.models import Decision, LabelCorrection, ReviewCase, ReviewSession, Voiding
from apps.reviews.selectors.rounds import (
    OTHER_EYES,
    REOPENED,
    SETTLED,
    is_reopenable,
    may_reopen,
    nobody_may_take,
    overlooked,
)
from apps.reviews.selectors.shown import is_blind
from apps.ui.words import label_words, status_word

LONGEST_TRAIL = 60
"""Events shown on the page; the trail itself keeps them all."""


@dataclass(frozen=True)
class Verdict:
    """A decision in words."""

    decision: Decision

    @property
    def words(self) -> str:
        """What became of the submission: "returned to site"."""
        return status_word("verdict", self.decision.verdict).text.lower()


@dataclass(frozen=True)
class Round(Verdict):
    """The decision of another round on the same submission, and what belongs to it."""

    corrections: tuple[LabelCorrection, ...] = ()
    void: Voiding | None = None
    """Why its signature no longer stands."""


@dataclass(frozen=True)
class Seed:
    """The label that a case showed wrongly on purpose, and whether its analyst noticed."""

    title: str
    module: str
    label: str
    noticed: bool


@dataclass(frozen=True)
class CaseHistory:
    """What happened before and around a case, latest first."""

    earlier: tuple[Verdict, ...]
    events: tuple[Happened, ...]
    sessions: tuple[ReviewSession, ...]
    rounds: tuple[Round, ...] = ()
    seed: Seed | None = None
    may_reopen: bool = False
    """Whether the reader may let this decision no longer stand."""
    reopened_as: ReviewCase | None = None
    """The case in which the submission was looked at again, where this decision does not stand any more."""
    nobody_may_take: bool = False
    """Whether every analyst of the trial has decided on this submission already."""

    @property
    def active_seconds(self) -> float:
        """Work on the case by all who held it, in seconds."""
        return sum(session.active_seconds for session in self.sessions)


def case_history(case: ReviewCase, reader: User | None = None) -> CaseHistory:
    """Return the history of the visit's submissions that the core lab settled, and the trail of this one.

    A second review shows nothing of the other rounds until it is decided. The `reader` who decided a case with a
    wrong label is told of it.
    """
    earlier = (
        Decision.objects.filter(case__submission__visit=case.submission.visit_id, case__settles=True)
        .exclude(case__submission=case.submission_id)
        .select_related("case__submission", "decided_by")
        .order_by("-decided_at", "-pk")
    )
    return CaseHistory(
        earlier=tuple(Verdict(decision) for decision in earlier),
        events=_events(case),
        sessions=tuple(case.sessions.select_related("analyst")),
        rounds=() if is_blind(case) else _rounds(case),
        seed=_seed(case, reader),
        may_reopen=reader is not None and is_reopenable(case) and may_reopen(reader, case),
        reopened_as=_reopened_as(case),
        nobody_may_take=case.kind in OTHER_EYES and nobody_may_take(ReviewCase.objects.filter(pk=case.pk)).exists(),
    )


def _rounds(case: ReviewCase) -> tuple[Round, ...]:
    decisions = (
        Decision.objects.filter(case__submission=case.submission_id)
        .exclude(case=case)
        .select_related("case__submission", "decided_by", "signature__voiding")
        .prefetch_related("case__corrections__series", "case__corrections__corrected_by")
        .order_by("case__round")
    )
    return tuple(Round(row, tuple(row.case.corrections.all()), _void(row)) for row in decisions)


def _reopened_as(case: ReviewCase) -> ReviewCase | None:
    if case.status != ReviewCase.Status.DECIDED or case.settles:
        return None
    later = ReviewCase.objects.filter(submission=case.submission_id, round__gt=case.round)
    return later.filter(kind=ReviewCase.Kind.REOPENED).order_by("round").first()


def _void(decision: Decision) -> Voiding | None:
    return getattr(getattr(decision, "signature", None), "voiding", None)


def _seed(case: ReviewCase, reader: User | None) -> Seed | None:
    """Return the wrong label of a decided case for who decided it, and whether they set another one in its place."""
    seed = case.seeded
    if not seed or case.status != ReviewCase.Status.DECIDED or reader != case.decision.decided_by:
        return None
    return Seed(
        title=Series.objects.defer("digest").get(pk=seed["series"]).title,
        module=seed["module"],
        label=seed["label"],
        noticed=not overlooked(case),
    )


_WORDS: dict[str, tuple[str, str]] = {
    "submission.begun": ("Submission begun", "draft"),
    "submission.files_received": ("Files received", "upload"),
    "submission.checking": ("Check started", "working"),
    "submission.checked": ("Check finished", "check"),
    "submission.sending": ("Sending to the core lab begun", "send"),
    "submission.transferred": ("Transferred to the core lab", "send"),
    "reviewcase.opened": ("Put into the queue", "inbox"),
    "reviewcase.claimed": ("Taken for review", "eye"),
    "reviewcase.taken_over": ("Taken over from another analyst", "eye"),
    "reviewcase.waiting": ("Put back into the queue", "undo"),
    REOPENED: ("Reopened: the decision does not stand any more", "undo"),
    "series.label_corrected": ("Label corrected", "edit"),
    "series.slot_chosen": ("Series chosen by the site", "series"),
    "series.declared": ("Series declared by the site", "series"),
}
"""Actions that tell the analyst something: sentence and icon. What repeats another entry is left out."""


def _events(case: ReviewCase) -> tuple[Happened, ...]:
    series = [str(pk) for pk in case.submission.series.values_list("pk", flat=True)]
    about = events_about(case, case.submission) | AuditEvent.objects.filter(
        object_type=Series._meta.label_lower, object_id__in=series
    )
    told = about.filter(Q(action__in=_WORDS) | Q(action="reviewcase.verdict"))
    # A case that goes back or is reopened makes its submission transferred again; the case's own entry says so.
    told = told.exclude(action="submission.transferred", old__status__in=(Submission.Status.IN_REVIEW, *SETTLED))
    if is_blind(case):
        own = [session.analyst_id for session in case.sessions.all()]
        told = told.exclude(~Q(actor__in=own), action="series.label_corrected")
    return tuple(_event(row) for row in told.select_related("actor").order_by("-at", "-pk")[:LONGEST_TRAIL])


def _event(row: AuditEvent) -> Happened:
    if row.action == "reviewcase.verdict":
        word = status_word("verdict", row.new["verdict"])
        what, icon, tone = word.text, word.icon, word.tone
    else:
        (what, icon), tone = _WORDS[row.action], ""
    if row.action == "submission.files_received":
        what = f"{row.new.get('kept', 0)} files received"
    elif row.action == "series.slot_chosen":
        what = f"The site chose {row.object_name} for {row.new.get('slot') or 'no slot'}"
    elif row.action == "series.declared":
        said = ", ".join(label_words(label) for label in row.new.values() if label) or "nothing any more"
        what = f"The site declared {row.object_name}: {said}"
    elif row.action == "submission.checked" and row.old.get("status") == Submission.Status.SENDING:
        what, icon = "Sending stopped", "undo"
    elif row.action == "series.label_corrected":
        labels = ", ".join(f"{label_words(module)} {label_words(label)}" for module, label in row.new.items())
        what = f"Label of {row.object_name} set: {labels}"
    who = str(row.actor) if row.actor else "CoreQC"
    return Happened(what=what, who=who, at=row.at, why=row.reason, icon=icon, tone=tone)
