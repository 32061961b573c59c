"""The words, tones and icons under which people see statuses, severities and labels."""

from dataclasses import dataclass

from apps.imaging.vocabulary import body_part_name


@dataclass(frozen=True)
class Word:
    """How a stored value is shown: never by colour alone, so each has a word and an icon."""

    text: str
    tone: str
    icon: str
    meaning: str = ""


TONES = ("ok", "warn", "block", "info", "plain")

STATUSES: dict[str, dict[str, Word]] = {
    "submission": {
        "draft": Word("Draft", "plain", "draft", "Waits for its files. Nothing has been sent to the core lab."),
        "checking": Word("Checking", "info", "working", "Its series are being checked."),
        "checked": Word("Checked", "info", "check", "The check is finished; it can be transferred."),
        "sending": Word("Sending", "info", "send", "Its de-identified images are on their way to the core lab."),
        "transferred": Word("Transferred", "info", "send", "The core lab has it; it waits for an analyst."),
        "in_review": Word("In review", "info", "eye", "An analyst is looking at it."),
        "accepted": Word("Accepted", "ok", "check-circle", "The core lab accepted it. Nothing is left to do."),
        "returned": Word("Returned", "warn", "return", "The core lab asks the site for a new submission."),
        "rejected": Word("Rejected", "block", "cross-circle", "The core lab cannot use it."),
        "withdrawn": Word("Withdrawn", "plain", "withdraw", "The site withdrew it before transfer."),
    },
    "series": {
        "waiting": Word("Waiting", "plain", "clock", "Waits for its turn."),
        "checking": Word("Checking", "info", "working", "Its slices are being read."),
        "checked": Word("Checked", "plain", "check", "Labels and findings are there."),
        "failed": Word("Not checked", "block", "cross-circle", "The check could not be finished."),
    },
    "file": {
        "stored": Word("Received", "plain", "file", "Received, not yet read."),
        "sorted": Word("In a series", "ok", "check", "Belongs to one of the series."),
        "unpacked": Word("Unpacked", "plain", "folder", "An archive; its files are listed on their own."),
        "refused": Word("Not used", "warn", "warn", "Received and kept, but in no series."),
        "quarantined": Word("Quarantined", "block", "cross-circle", "Kept apart: it may still identify the patient."),
    },
    "slot": {
        "ok": Word("Fits", "ok", "check-circle", "The series fits what the protocol asks for."),
        "problem": Word("Look here", "warn", "warn", "A series is there, but something is wrong or not sure."),
        "missing": Word("Missing", "block", "missing", "No series fills this slot."),
    },
    "case": {
        "waiting": Word("Waiting", "plain", "clock", "Waits for an analyst."),
        "claimed": Word("In review", "info", "eye", "An analyst holds it."),
        "decided": Word("Decided", "ok", "check-circle", "A decision is signed."),
    },
    "verdict": {
        "accept": Word("Accepted", "ok", "check-circle"),
        "accept_with_deviation": Word("Accepted with deviation", "ok", "check-circle"),
        "return_to_site": Word("Returned to site", "warn", "return"),
        "reject": Word("Rejected", "block", "cross-circle"),
    },
    "series_verdict": {
        "accept": Word("Accepted", "ok", "check-circle", "The analyst accepts this series."),
        "accept_with_deviation": Word(
            "With deviation", "ok", "check-circle", "The analyst accepts it with a deviation."
        ),
        "return_to_site": Word("To return", "warn", "return", "The analyst returns this series to the site."),
        "out_of_scope": Word("Out of scope", "plain", "missing", "The trial does not ask for this series."),
    },
    "study": {
        "draft": Word("Draft", "plain", "draft", "Is being planned; nobody reads yet."),
        "running": Word("Running", "info", "clock", "Its analysts read; nothing of the plan can be changed."),
        "closed": Word("Closed", "ok", "check-circle", "Nobody reads any more; its analysts may see the result."),
    },
    "notice": {
        "receipt": Word("Arrived", "info", "inbox", "All of it is at the core lab."),
        "stopped": Word("Stopped", "block", "block", "The transfer was stopped."),
        "accepted": Word("Accepted", "ok", "check-circle", "The core lab accepted it."),
        "accepted_with_deviation": Word("Accepted with deviation", "ok", "check-circle", "The core lab accepted it."),
        "returned": Word("Returned", "warn", "return", "The core lab asks for a new submission."),
        "rejected": Word("Rejected", "block", "cross-circle", "The core lab cannot use it."),
        "query": Word("Question", "warn", "question", "The core lab asks something."),
        "query_again": Word("Asked again", "warn", "question", "The answer left something open."),
        "query_reminder": Word("Reminder", "warn", "bell", "A question waits for an answer."),
        "query_settled": Word("Question settled", "plain", "check", "Nothing to do for this question."),
    },
    "query": {
        "open": Word("Waits for the site", "warn", "clock", "The site has not answered yet."),
        "answered": Word("Answered", "info", "return", "The site has answered; the core lab settles it."),
        "closed": Word("Closed", "ok", "check-circle", "Settled."),
        "cancelled": Word("Cancelled", "plain", "withdraw", "It was asked in error."),
    },
    "visit": {
        "open": Word("Nothing sent", "plain", "draft", "Nothing has been begun for this visit."),
    },
    "timing": {
        "upcoming": Word("Upcoming", "plain", "calendar", "The window has not opened yet."),
        "due": Word("Due", "info", "calendar", "The window is open."),
        "late": Word("Late", "block", "clock", "The window has closed."),
    },
}
STATUSES["visit"] |= STATUSES["submission"]

SEVERITIES: dict[str, Word] = {
    "block": Word("Blocks", "block", "block", "A transfer needs a reason."),
    "warn": Word("Check this", "warn", "warn", "Somebody should look."),
    "info": Word("Note", "info", "info", "Good to know; nothing to do."),
}

ROLES: dict[str, str] = {
    "crc": "Coordinator",
    "analyst": "Image analyst",
    "trial_manager": "Trial manager",
    "administrator": "Administrator",
}

LABELS: dict[str, str] = {
    "enhanced": "Contrast-enhanced",
    "non_contrast": "Non-contrast",
    "either": "With or without contrast",
    "other": "Another body part",
    "body_part": "Body part",
    "contrast": "Contrast",
    "mip": "MIP",
    "aip": "AIP",
    "mid": "Mid-plane",
    "axial": "Axial",
    "sagittal": "Sagittal",
    "coronal": "Coronal",
}
"""Contrasts, modules, conversions and planes of the imaging core, as people read them; other labels speak for
themselves, `label_words` makes words of them."""


def status_word(kind: str, value: str) -> Word:
    """Return how a status is shown; an unknown one is a mistake in a template and says so."""
    try:
        return STATUSES[kind][str(value)]
    except KeyError:
        raise ValueError(f"no word for the {kind} status {value!r} in apps/ui/words.py") from None


def label_words(value: str | None) -> str:
    """Return a stored label as people read it: "abdomen_pelvis" -> "Abdomen and pelvis"."""
    if not value:
        return "Not sure"
    return LABELS.get(value) or body_part_name(value).capitalize()


def picture_words(name: str) -> str:
    """Return a picture's name as people read it: "mip_axial" -> "MIP axial"."""
    conversion, _, plane = name.partition("_")
    return f"{label_words(conversion)} {plane}"
