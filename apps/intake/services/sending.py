"""A submission on its way: what of it is missing, whether all is here, and how sending is stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, OuterRef

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import WrongState, advance, words
from apps.audit.services import events_about
from apps.intake.models import Instance, Part, ReceivedFile, Submission
from apps.intake.permissions import may_edit
from apps.intake.services.parts import contents, offset_of
from apps.intake.services.submissions import NOT_YOURS
from apps.jobs.services import enqueue
from apps.notices.services import notify


@dataclass(frozen=True)
class StillMissing:
    """What the browser sends next: `instances` as plain values, `parts` half here with the objects they hold."""

    announced: int
    here: int
    instances: list[dict[str, Any]]
    parts: list[tuple[Part, tuple[str, ...]]]


def wanted_instances(submission: Submission) -> models.QuerySet[Instance]:
    """Return the instances that the transfer consists of, here or not."""
    return Instance.objects.filter(series__submission=submission, series__to_send=True)


def absent(submission: Submission) -> models.QuerySet[Instance]:
    """Return the wanted instances whose object has not arrived."""
    arrived = ReceivedFile.objects.filter(
        submission=submission, status=ReceivedFile.Status.SORTED, sha256=OuterRef("sha256")
    )
    return wanted_instances(submission).filter(file=None).exclude(Exists(arrived))


def still_missing(submission: Submission) -> StillMissing:
    """Return what is wanted and not here; what lies in a part that waits to be unpacked counts as here."""
    parts = submission.parts.filter(status__in=(Part.Status.RECEIVING, Part.Status.COMPLETE))
    waiting: set[str] = set()
    half = []
    for part in parts:
        objects = contents(part)
        if part.status == Part.Status.COMPLETE:
            waiting.update(objects)
        elif objects:
            offset_of(part)
            half.append((part, objects))
    rows = absent(submission).order_by("series__number", "series_id", "pk").select_related("series")
    missing = {row.sha256: row for row in rows if row.sha256 not in waiting}
    announced = wanted_instances(submission).order_by().values("sha256").distinct().count()
    return StillMissing(
        announced=announced,
        here=announced - len(missing),
        instances=[
            {
                "sha256": row.sha256,
                "size": row.size,
                "sop_instance_uid": row.sop_instance_uid,
                "series": str(row.series.uuid),
            }
            for row in missing.values()
        ],
        # A part of which something has come another way meanwhile is packed anew.
        parts=[(part, objects) for part, objects in half if missing.keys() >= set(objects)],
    )


def stop_sending(submission: Submission, *, by: User) -> None:
    """Stop a transfer; what has arrived stays, and a later transfer goes on from there."""
    require(may_edit(by, submission), NOT_YOURS)
    if submission.status != Submission.Status.SENDING:
        raise WrongState(
            f"This submission is {words(submission.status)}; there is no transfer to stop. "
            "Reload the page to see where it stands."
        )
    advance(submission, Submission.Status.CHECKED, by=by)


def back_to_the_site(submission: Submission, sentences: Sequence[str]) -> None:
    """Give a submission that cannot be received as it is back to its coordinator, with what is to be done."""
    with transaction.atomic():
        submission = Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
        if submission.status not in (Submission.Status.SENDING, Submission.Status.CHECKED):
            return
        blockers = list(dict.fromkeys([*submission.blockers, *sentences]))
        if submission.status == Submission.Status.SENDING:
            advance(submission, Submission.Status.CHECKED, by=None, blockers=blockers)
            begun = events_about(submission).filter(action="submission.sending").first()
            notify(submission, "stopped", " ".join(sentences), occasion=f"sending {begun.pk if begun else ''}")
        else:
            # Another part brought it back a moment ago.
            Submission.objects.filter(pk=submission.pk).update(blockers=blockers)


def confirm_if_complete(submission: Submission) -> bool:
    """Have the receipt verified once everything is here; whether it is."""
    if submission.status != Submission.Status.SENDING or absent(submission).exists():
        return False
    enqueue("imageqc.verify_receipt", submission.pk)
    return True


def confirm_complete() -> int:
    """Ask again for submissions of which everything is here and nothing else would ask. Run by beat."""
    return sum(map(confirm_if_complete, Submission.objects.filter(status=Submission.Status.SENDING)))


def link_arrived(submission: Submission) -> None:
    """Tie wanted instances to objects that came before they were announced anew; call under the submission's lock."""
    waiting = list(wanted_instances(submission).filter(file=None))
    arrived = submission.files.filter(status=ReceivedFile.Status.SORTED, instance=None)
    files = {file.sha256: file for file in arrived.filter(sha256__in={instance.sha256 for instance in waiting})}
    linked = []
    for instance in waiting:
        instance.file = files.pop(instance.sha256, None)
        if instance.file:
            linked.append(instance)
    Instance.objects.bulk_update(linked, ["file"], batch_size=500)
