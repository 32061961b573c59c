from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, advance
from apps.audit.services import record
from apps.imageqc.models import Classification, Finding, SlotMatch
from apps.imageqc.services.series import finding_row
from apps.imaging.digest import SeriesDigest
from apps.imaging.findings import Severity
from apps.imaging.rules import KnownInstances, check_identity
from apps.imaging.slots import Candidate, SlotBoard, match
from apps.intake.models import Instance, Series, Submission
from apps.intake.permissions import may_edit
from apps.intake.services.sorting import is_sorting
from apps.intake.services.submissions import NOT_YOURS
from apps.jobs.services import Lease
from apps.protocols.models import RequiredSeries
from apps.protocols.services import imaging_spec


@dataclass(frozen=True)
class Match:
    """The slot board of a submission and what speaks against the submission as a whole."""

    board: SlotBoard
    series: dict[str, Series]
    digests: tuple[SeriesDigest, ...]
    known: KnownInstances


def match_slots(submission: Submission, lease: Lease) -> None:
    """Fill the slot board once every series has been checked, and call the submission checked.

    Does nothing while files are being sorted or a series is still in work: whoever ends last asks again.
    """
    if submission.status != Submission.Status.CHECKING or _unfinished(submission):
        return
    found = _match(submission)
    with transaction.atomic():
        lease.confirm()
        submission = Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
        if submission.status != Submission.Status.CHECKING or _unfinished(submission):
            return
        blockers = _keep(submission, found)
        advance(submission, Submission.Status.CHECKED, by=None, blockers=blockers)


def matching_failed(submission: Submission, sentence: str) -> None:
    """Let the coordinator go on with a reason when the slots could not be matched."""
    if submission.status == Submission.Status.CHECKING:
        advance(submission, Submission.Status.CHECKED, by=None, blockers=[f"{sentence} Press Check again."])


def choose_slot(series: Series, required: RequiredSeries | None, *, by: User) -> None:
    """Let the coordinator say which required series this is (None: leave it to the check), and match again."""
    submission = series.submission
    require(may_edit(by, submission), NOT_YOURS)
    if submission.status != Submission.Status.CHECKED:
        raise Refused("A series can be assigned once the check has ended and before the transfer. Reload the page.")
    if required is not None and (
        required.protocol_id != submission.protocol_id or required.visit_type_id != submission.visit.visit_type_id
    ):
        raise Refused("This required series belongs to another visit or another protocol version. Reload the page.")
    with transaction.atomic():
        if (
            not Submission.objects.select_for_update(no_key=True)
            .filter(pk=submission.pk, status=submission.status)
            .exists()
        ):
            raise StaleState("The submission was transferred or withdrawn in this moment. Reload the page.")
        if required is not None:
            submission.series.filter(chosen_slot=required).update(chosen_slot=None)
        old = series.chosen_slot.slot if series.chosen_slot else None
        series.chosen_slot = required
        series.save(update_fields=["chosen_slot"])
        record(
            "series.slot_chosen", series, by=by, old={"slot": old}, new={"slot": required.slot if required else None}
        )
        Submission.objects.filter(pk=submission.pk).update(blockers=_keep(submission, _match(submission)))


def _unfinished(submission: Submission) -> bool:
    return submission.series.unfinished().exists() or is_sorting(submission)


def _match(submission: Submission) -> Match:
    series = {str(row.pk): row for row in submission.series.filter(digest__isnull=False).select_related("chosen_slot")}
    of_digest = Classification.objects.filter(series__submission=submission, digest_sha256=F("series__digest_sha256"))
    latest = {row.series_id: row for row in of_digest.order_by("pk")}
    digests = {key: SeriesDigest.from_json(row.digest) for key, row in series.items() if row.digest}
    candidates = [
        Candidate(key=key, digest=digests[key], classification=latest[row.pk].answer if row.pk in latest else None)
        for key, row in series.items()
    ]
    chosen = {key: row.chosen_slot.slot for key, row in series.items() if row.chosen_slot}
    board = match(imaging_spec(submission.protocol, submission.visit.visit_type), candidates, chosen)
    return Match(board, series, tuple(digests.values()), _known(submission))


def _known(submission: Submission) -> KnownInstances:
    """Look up what was sent before, in words that this site's coordinators may read."""
    subject = submission.visit.subject
    own = Instance.objects.filter(series__submission=submission)
    before = (
        Instance.objects.filter(
            Q(sop_instance_uid__in=own.values("sop_instance_uid"))
            | Q(pixel_sha256__in=own.exclude(pixel_sha256="").values("pixel_sha256"))
        )
        .exclude(series__submission__status=Submission.Status.WITHDRAWN)
        .exclude(series__submission__visit=submission.visit)
        .select_related("series__submission__visit__subject", "series__submission__visit__visit_type")
    )
    other_subjects: dict[str, str] = {}
    other_visits: dict[str, str] = {}
    for instance in before:
        visit = instance.series.submission.visit
        if visit.subject_id == subject.pk:
            sent, where = other_visits, str(visit.visit_type)
        else:
            same_site = visit.subject.site_id == subject.site_id
            sent, where = other_subjects, f"subject {visit.subject}" if same_site else "a subject of another site"
        sent[instance.sop_instance_uid] = where
        if instance.pixel_sha256:
            sent[instance.pixel_sha256] = where
    good = (*Submission.AT_THE_CORE_LAB, Submission.Status.ACCEPTED)
    earlier = Series.objects.filter(submission__visit__subject=subject, submission__status__in=good)
    return KnownInstances(
        patient_keys=frozenset(earlier.exclude(patient_key="").values_list("patient_key", flat=True)),
        other_subjects=other_subjects,
        other_visits=other_visits,
    )


def _keep(submission: Submission, found: Match) -> list[str]:
    """Write board and identity findings; return the sentences that ask for a reason before a transfer."""
    identity = check_identity(found.digests, found.known)
    submission.findings.filter(series=None).delete()
    Finding.objects.bulk_create(finding_row(finding, submission.pk) for finding in identity)
    required = {
        row.slot: row for row in submission.protocol.required_series.filter(visit_type=submission.visit.visit_type)
    }
    submission.slots.all().delete()
    SlotMatch.objects.bulk_create(
        SlotMatch(
            submission=submission,
            required=required[slot.slot],
            series=found.series.get(slot.series or ""),
            state=slot.status,
            sentence=slot.sentence,
            suggested_series=found.series.get(slot.suggestion or ""),
            findings=[finding.to_json() for finding in slot.findings],
        )
        for slot in found.board.slots
    )
    reasons = {unused.series: unused.reason for unused in found.board.unused}
    for key, series in found.series.items():
        series.unused_because = reasons.get(key, "")
    Series.objects.bulk_update(found.series.values(), ["unused_because"])
    blockers = [finding.sentence for finding in identity if finding.severity == Severity.BLOCK]
    blockers += [slot.sentence for slot in found.board.slots if slot.blocks]
    failed = submission.series.filter(status=Series.Status.FAILED)
    return blockers + [f"{series.title}: {series.failure}" for series in failed]
