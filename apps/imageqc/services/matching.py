from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, StaleState, advance
from apps.audit.services import record
from apps.imageqc.models import Classification, Finding, SlotMatch
from apps.imageqc.services.dating import dated_scans, days_of
from apps.imageqc.services.series import finding_row
from apps.imaging import findings
from apps.imaging.digest import SeriesDigest
from apps.imaging.findings import Severity
from apps.imaging.rules import KnownInstances, check_identity, is_scan
from apps.imaging.rules.dates import check_dates
from apps.imaging.slots import Candidate, SlotBoard, match
from apps.intake.models import Instance, Series, Submission
from apps.intake.permissions import may_edit
from apps.intake.scan_days import site_dates
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
    findings: tuple[findings.Finding, ...]


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


def match_again(submission: Submission) -> list[str]:
    """Fill the slot board anew, whatever the submission's status; call in the transaction that changed its series."""
    return _keep(submission, _match(submission))


def matching_failed(submission: Submission, sentence: str) -> None:
    """Let the coordinator go on with a reason when the slots could not be matched."""
    if submission.status == Submission.Status.CHECKING:
        advance(submission, Submission.Status.CHECKED, by=None, blockers=[f"{sentence} Press Check again."])


def choose_slot(series: Series, required: RequiredSeries, *, by: User, note: str = "") -> None:
    """Let the coordinator say that a series is a required one, and match again.

    It takes the place of another one chosen for it. A series that was chosen for other slots stays there: a scan of
    the whole trunk can stand for several. The note says why; the core lab reads it beside the series.
    """
    submission = series.submission
    if required.protocol_id != submission.protocol_id or required.visit_type_id != submission.visit.visit_type_id:
        require(may_edit(by, submission), NOT_YOURS)
        raise Refused("This required series belongs to another visit or another protocol version. Reload the page.")
    _choose(submission, required, series, by=by, note=note)


def leave_to_check(submission: Submission, required: RequiredSeries, *, by: User) -> None:
    """Take back what the coordinator chose for a required series, and match again."""
    _choose(submission, required, None, by=by)


def _choose(
    submission: Submission, required: RequiredSeries, chosen: Series | None, *, by: User, note: str = ""
) -> None:
    require(may_edit(by, submission), NOT_YOURS)
    if submission.status != Submission.Status.CHECKED:
        raise Refused("A series can be assigned once the check has ended and before the transfer. Reload the page.")
    with transaction.atomic():
        if (
            not Submission.objects.select_for_update(no_key=True)
            .filter(pk=submission.pk, status=submission.status)
            .exists()
        ):
            raise StaleState("The submission was transferred or withdrawn in this moment. Reload the page.")
        concerned = Q(chosen_slots=required) | Q(pk=chosen.pk if chosen else None)
        for series in submission.series.filter(concerned).distinct():
            old = _chosen_words(series)
            if series == chosen:
                series.chosen_slots.add(required)
            else:
                series.chosen_slots.remove(required)
            because = note.strip() if series == chosen else ""
            new = {"slot": _chosen_words(series)}
            record("series.slot_chosen", series, by=by, old={"slot": old}, new=new, because=because)
        Submission.objects.filter(pk=submission.pk).update(blockers=match_again(submission))


def _chosen_words(series: Series) -> str | None:
    """Return the slots that a series was chosen for, None when it is left to the check."""
    return ", ".join(series.chosen_slots.values_list("slot", flat=True)) or None


def _unfinished(submission: Submission) -> bool:
    return submission.series.unfinished().exists() or is_sorting(submission)


def _match(submission: Submission) -> Match:
    checked = submission.series.filter(digest__isnull=False).prefetch_related("chosen_slots")
    series = {str(row.pk): row for row in checked}
    of_digest = Classification.objects.filter(series__submission=submission, digest_sha256=F("series__digest_sha256"))
    latest = {row.series_id: row for row in of_digest.order_by("pk")}
    digests = {key: SeriesDigest.from_json(row.digest) for key, row in series.items() if row.digest}
    candidates = [
        Candidate(key=key, digest=digests[key], classification=latest[row.pk].answer if row.pk in latest else None)
        for key, row in series.items()
    ]
    by_person = {key: tuple(slot.slot for slot in row.chosen_slots.all()) for key, row in series.items()}
    chosen = {key: slots for key, slots in by_person.items() if slots}
    board = match(imaging_spec(submission.protocol, submission.visit.visit_type), candidates, chosen)
    scans = {key: (series[key], digest) for key, digest in digests.items()}
    return Match(board, series, (*_identity(submission, scans.values()), *_dates(submission, board, scans)))


Scan = tuple[Series, SeriesDigest]


def _identity(submission: Submission, scans: Collection[Scan]) -> Iterator[findings.Finding]:
    """Yield what speaks against the series belonging to this visit of this subject.

    Series that were read at the site carry other keys of patients and other dates than those that were read here, so
    the two are looked at apart; what was sent before is found among all.
    """
    known = _known(submission)
    for origin in Series.Origin.values:
        digests = [digest for series, digest in scans if series.origin == origin]
        if digests:
            at_the_site = origin == Series.Origin.SITE
            shifted = at_the_site and site_dates(submission.visit)[0] != 0
            yield from check_identity(digests, known[origin], shifted_dates=shifted)


def _dates(submission: Submission, board: SlotBoard, scans: Mapping[str, Scan]) -> tuple[findings.Finding, ...]:
    """Hold the days of the scans in slots against the visit; where no slot is filled, those of all scans."""
    used = {slot.series for slot in board.slots}
    asked = [scan for key, scan in scans.items() if key in used]
    scans_at_hand = asked or [scan for scan in scans.values() if is_scan(scan[1])]
    return check_dates(dated_scans(submission.visit, scans_at_hand), days_of(submission.visit))


def _known(submission: Submission) -> dict[str, KnownInstances]:
    """Look up what was sent before, per origin of the series, in words that this site's coordinators may read."""
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
    keys = set(earlier.exclude(patient_key="").values_list("origin", "patient_key"))
    return {
        origin: KnownInstances(
            patient_keys=frozenset(key for its_origin, key in keys if its_origin == origin),
            other_subjects=other_subjects,
            other_visits=other_visits,
        )
        for origin in Series.Origin.values
    }


def _keep(submission: Submission, found: Match) -> list[str]:
    """Write the board and what holds for all; return the sentences that ask for a reason before a transfer."""
    submission.findings.filter(series=None).delete()
    Finding.objects.bulk_create(finding_row(finding, submission.pk) for finding in found.findings)
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
    blockers = [finding.sentence for finding in found.findings if finding.severity == Severity.BLOCK]
    blockers += [slot.sentence for slot in found.board.slots if slot.blocks]
    failed = submission.series.filter(status=Series.Status.FAILED)
    return blockers + [f"{series.title}: {series.failure}" for series in failed]
