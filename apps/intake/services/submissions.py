from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, WrongState, advance, words
from apps.audit.services import record
from apps.intake.models import ReceivedFile, Submission
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
    """Send a checked submission to the core lab; what the check blocks needs a reason."""
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
        advance(
            submission,
            Submission.Status.TRANSFERRED,
            by=by,
            because=because.strip(),
            transferred_at=timezone.now(),
            transfer_reason=because.strip(),
        )
        # Asked under the lock that the step above holds: no file can come in between.
        if submission.files.filter(status=ReceivedFile.Status.STORED).exists():
            raise Refused(
                "Some files have arrived but have not been checked. Press Check what has arrived, then transfer."
            )
        enqueue("reviews.open_case", submission.pk)


def withdraw(submission: Submission, *, by: User, because: str = "") -> None:
    """Take back a submission that the core lab does not have yet; its files stay, the visit is open again."""
    require(may_edit(by, submission), NOT_YOURS)
    advance(submission, Submission.Status.WITHDRAWN, by=by, because=because.strip())
