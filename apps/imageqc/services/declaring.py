"""What the coordinator says a series is, beside what its header and the ensemble say."""

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, words
from apps.audit.services import record
from apps.imaging.vocabulary import OUT_OF_SCOPE
from apps.intake.models import Declaration, Series, Submission
from apps.intake.permissions import may_edit
from apps.intake.services.submissions import NOT_YOURS
from apps.protocols.labels import known_labels

LONGEST_NOTE = 2000


def labels_to_declare(module: str) -> tuple[str, ...]:
    """Return what a coordinator may say of a series: the labels that protocols know; of the body part also another."""
    other = (OUT_OF_SCOPE,) if module == "body_part" else ()
    return tuple(label for label in known_labels(module) if label != OUT_OF_SCOPE) + other


def declare(series: Series, *, body_part: str = "", contrast: str = "", note: str = "", by: User) -> Declaration:
    """Keep what the coordinator says of a series; it moves nothing on the slot board, and the core lab reads it.

    Each declaration is kept. Both labels empty takes the last one back; saying the same again returns it.
    """
    require(may_edit(by, series.submission), NOT_YOURS)
    note = note.strip()[:LONGEST_NOTE]
    for module, label in (("body_part", body_part), ("contrast", contrast)):
        if label and label not in labels_to_declare(module):
            raise Refused(
                f"{label!r} is not among the labels to choose from. Reload the page and choose one of the list."
            )
    with transaction.atomic():
        refuse_unless_open(series.submission)
        said = {"body_part": body_part, "contrast": contrast}
        last = series.declarations.order_by("pk").last()
        if last is None and not any((body_part, contrast, note)):
            raise Refused("Say what the series shows, or whether contrast was given.")
        if last is not None and (last.body_part, last.contrast, last.note) == (body_part, contrast, note):
            return last
        declaration = Declaration.objects.create(series=series, note=note, declared_by=by, **said)
        old = {"body_part": last.body_part, "contrast": last.contrast} if last else {}
        record("series.declared", series, by=by, old=old, new=said, because=note)
    return declaration


def refuse_unless_open(submission: Submission) -> None:
    """Hold the submission for this transaction while its coordinator may still say something; refuse otherwise."""
    if submission.status not in Submission.TAKES_FILES:
        raise Refused(
            f"This submission is {words(submission.status)}; what a series is can be said before the transfer only. "
            "Reload the page to see where it stands."
        )
    held = Submission.objects.select_for_update(no_key=True).filter(pk=submission.pk, status__in=submission.TAKES_FILES)
    if not held.exists():
        raise StaleState("The submission was transferred or withdrawn in this moment. Reload the page.")
