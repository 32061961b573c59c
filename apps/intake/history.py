"""What happened to a submission, in words, from the audit trail."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from apps.audit.models import AuditEvent
from apps.audit.services import SYSTEM, events_about
from apps.intake.models import Series, Submission
from apps.ui.words import label_words

RECEIVED = "submission.files_received"

WHAT = {
    "submission.begun": ("Begun", "draft", ""),
    RECEIVED: ("Files received", "upload", ""),
    "submission.checking": ("Check started", "clock", ""),
    "submission.checked": ("Check finished", "check", ""),
    "submission.sending": ("Sending to the core lab begun", "send", ""),
    "submission.quarantined": ("Images set aside: they may still say who the patient is", "cross-circle", "block"),
    "submission.transferred": ("Transferred to the core lab", "send", ""),
    "submission.in_review": ("Review begun", "eye", ""),
    "submission.accepted": ("Accepted", "check-circle", "ok"),
    "submission.returned": ("Returned to the site", "return", "warn"),
    "submission.rejected": ("Rejected", "cross-circle", "block"),
    "submission.withdrawn": ("Withdrawn", "withdraw", ""),
    "submission.precheck_forgotten": ("What was checked at the site is forgotten", "cross", ""),
}
"""Action -> words, icon, tone."""

DECIDED = (Submission.Status.ACCEPTED, Submission.Status.RETURNED, Submission.Status.REJECTED)


@dataclass(frozen=True)
class Happened:
    """One line of the timeline; `files` adds up when several requests of one upload follow each other."""

    what: str
    who: str
    at: datetime
    why: str = ""
    icon: str = "check"
    tone: str = ""
    files: int = 0


def history(submission: Submission, series: Iterable[Series]) -> list[Happened]:
    """Return what happened to a submission and what its coordinator chose, newest first."""
    lines: list[Happened] = []
    for event in events_about(submission, *series).select_related("actor"):
        line = _line(event)
        if line is None:
            continue
        last = lines[-1] if lines else None
        if last and last.files and line.files and last.who == line.who:
            lines[-1] = _received(replace(last, files=last.files + line.files))
        else:
            lines.append(line)
    return lines


def _line(event: AuditEvent) -> Happened | None:
    """Return an event in words; the steps of a single series stand on its card, not here."""
    who = "CoreQC" if event.actor_name == SYSTEM else str(event.actor or event.actor_name)
    if event.action == "series.slot_chosen":
        slot = event.new.get("slot")
        what = (
            f"{event.object_name.capitalize()} chosen for {slot}" if slot else f"Choice of {event.object_name} undone"
        )
        return Happened(what, who, event.at, event.reason, icon="edit")
    if event.action == "series.declared":
        said = ", ".join(label_words(label) for label in event.new.values() if label) or "nothing any more"
        what = f"{event.object_name.capitalize()} declared: {said}"
        return Happened(what, who, event.at, event.reason, icon="edit")
    if event.action not in WHAT:
        return None
    what, icon, tone = WHAT[event.action]
    if event.action == "submission.checked" and event.old.get("status") == Submission.Status.SENDING:
        what, icon = "Sending stopped", "undo"
    if event.action == "submission.transferred" and event.old.get("status") == Submission.Status.IN_REVIEW:
        what, icon = "Back in the queue of the core lab", "undo"
    if event.action == "submission.transferred" and event.old.get("status") in DECIDED:
        what, icon = "Reopened by the core lab: it looks at the images again", "undo"
    line = Happened(what, who, event.at, event.reason, icon, tone)
    if event.action == RECEIVED:
        kept = event.new.get("kept", 0)
        return _received(replace(line, files=kept)) if kept else None
    return line


def _received(line: Happened) -> Happened:
    return replace(line, what="1 file received" if line.files == 1 else f"{line.files} files received")
