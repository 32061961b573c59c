from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, WrongState, advance, words
from apps.audit.services import record
from apps.intake.models import Instance, ReceivedFile, Series, Submission
from apps.intake.permissions import may_edit, may_send_for
from apps.jobs.services import enqueue
from apps.protocols.services import imaging_spec, protocol_on
from apps.trials.models import Visit

NOT_YOURS = "Only the coordinators of this site send its images."


def begin_submission(visit: Visit, *, by: User) -> Submission:
    """Open a draft for a visit, or return the one that is open; the protocol version is fixed here.

    Refuses while the visit lies with the core lab or has been accepted.
    """
    require(may_send_for(by, visit), NOT_YOURS)
    latest = visit.submissions.exclude(status=Submission.Status.WITHDRAWN).first()
    if latest and latest.status in Submission.BEFORE_TRANSFER:
        return latest
    if latest and latest.status in Submission.AT_THE_CORE_LAB:
        raise Refused("The images of this visit are at the core lab. Wait for the decision before you send again.")
    if latest and latest.status == Submission.Status.ACCEPTED:
        raise Refused("The images of this visit have been accepted; nothing more is needed.")
    protocol = protocol_on(visit.trial, timezone.localdate())
    imaging_spec(protocol, visit.visit_type)
    try:
        with transaction.atomic():
            submission = Submission.objects.create(visit=visit, protocol=protocol, created_by=by, replaces=latest)
            record("submission.begun", submission, by=by, new={"visit": str(visit), "protocol": protocol.version})
    except IntegrityError:
        raise StaleState("Somebody else began this visit's submission a moment ago. Reload the page.") from None
    return submission


def transfer(submission: Submission, *, by: User, because: str = "") -> None:
    """Hand a checked submission to the core lab; what the check blocks needs a reason.

    What was checked at the site has still to travel: the submission is sending then, and only the series that stand
    for a required one go along. It is transferred once all of them are here.
    """
    require(may_edit(by, submission), NOT_YOURS)
    if submission.status != Submission.Status.CHECKED:
        raise WrongState(
            f"This submission is {words(submission.status)}; it is transferred once, when its check has ended. "
            "Reload the page to see where it stands."
        )
    if not submission.series.exists():
        raise Refused("There is no CT series to transfer. Add the visit's images first.")
    if submission.blockers and not because.strip():
        raise Refused(f"{submission.blockers[0]} To transfer all the same, give the reason.")
    with transaction.atomic():
        travels = _choose_what_travels(submission)
        if travels:
            advance(
                submission,
                Submission.Status.SENDING,
                by=by,
                because=because.strip(),
                transfer_reason=because.strip(),
            )
        else:
            advance(
                submission,
                Submission.Status.TRANSFERRED,
                by=by,
                because=because.strip(),
                transferred_at=timezone.now(),
                transfer_reason=because.strip(),
            )
        # Asked under the lock that the step above holds: no file and no digest can come in between.
        if (
            submission.files.filter(status=ReceivedFile.Status.STORED).exists()
            or submission.series.unfinished().exists()
        ):
            raise Refused(
                "Some files have arrived but have not been checked. Press Check what has arrived, then transfer."
            )
        if not travels:
            enqueue("reviews.open_case", submission.pk)
        elif not Instance.objects.filter(series__submission=submission, series__to_send=True, file=None).exists():
            # Sent before, stopped and taken up again: no part will come any more to say that all is here.
            enqueue("imageqc.verify_receipt", submission.pk)


def _choose_what_travels(submission: Submission) -> bool:
    """Mark the series that were checked at the site and stand for a required one; whether there are any.

    Refuses where the site has read series and none of them, nor anything that is here, is asked for.
    """
    at_the_site = submission.series.filter(origin=Series.Origin.SITE)
    if not at_the_site.exists():
        return False
    asked_for = Q(slots__isnull=False) | Q(chosen_slots__isnull=False)
    wanted = list(at_the_site.filter(asked_for).values_list("pk", flat=True).distinct())
    at_the_site.update(to_send=False)
    at_the_site.filter(pk__in=wanted).update(to_send=True)
    here = submission.series.filter(origin=Series.Origin.SERVER)
    if not wanted and not here.filter(asked_for).exists():
        raise Refused(
            "None of these series stands for one that this visit asks for, so there is nothing to send. "
            "Choose a series for its slot, or add the right scan."
        )
    return bool(wanted)


def withdraw(submission: Submission, *, by: User, because: str = "") -> None:
    """Take back a submission that the core lab does not have yet; its files stay, the visit is open again."""
    require(may_edit(by, submission), NOT_YOURS)
    advance(submission, Submission.Status.WITHDRAWN, by=by, because=because.strip())
