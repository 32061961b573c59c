"""Start and close a study."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, WrongState, advance
from apps.studies.models import Arm, Assignment, Reader, ReadingStudy
from apps.studies.permissions import may_lead, possible_readers
from apps.studies.randomising import first_arms, order_of_scans
from apps.studies.services.planning import NOT_THE_LEAD

FEWEST_SCANS = 2
"""With fewer nothing is compared."""


def start(study: ReadingStudy, *, by: User) -> None:
    """Draw who begins with which arm and every order of scans; from now on nothing can be changed."""
    require(may_lead(by, study), NOT_THE_LEAD)
    with transaction.atomic():
        held = ReadingStudy.objects.select_for_update().get(pk=study.pk)
        if held.status != ReadingStudy.Status.DRAFT:
            raise WrongState(f"This study is {held.status} already. Reload the page to see where it stands.")
        _refuse_incomplete(held)
        advance(study, ReadingStudy.Status.RUNNING, by=by, because=_plan(held), started_at=timezone.now())
        scans = list(held.scans.values_list("pk", flat=True))
        readers = list(held.readers.all())
        arms = first_arms(held.seed, [reader.analyst_id for reader in readers])
        for reader in readers:
            reader.first_arm = arms[reader.analyst_id]
        Reader.objects.bulk_update(readers, ["first_arm"])
        Assignment.objects.bulk_create(
            (
                Assignment(reader=reader, arm=arm, scan_id=scan, place=place)
                for reader in readers
                for arm in Arm.values
                for place, scan in enumerate(order_of_scans(held.seed, reader.analyst_id, arm, scans), start=1)
            ),
            batch_size=1000,
        )


def _plan(study: ReadingStudy) -> str:
    """Return what was started, as the audit trail keeps it: with the seed, so that each draw can be made again."""
    return (
        f"{study.scans.count()} scans, {study.readers.count()} analysts, washout {study.washout_days} days, "
        f"seed {study.seed}"
    )


def _refuse_incomplete(study: ReadingStudy) -> None:
    sentences = what_is_missing(study)
    if sentences:
        raise Refused(" ".join(sentences))


def what_is_missing(study: ReadingStudy) -> list[str]:
    """Return what has to be done before a draft can start, a sentence each."""
    sentences = []
    scans = list(
        study.scans.select_related("series").only(
            "study", "body_part", "contrast", "digest_sha256", "series__digest_sha256"
        )
    )
    if len(scans) < FEWEST_SCANS:
        sentences.append(f"Choose at least {FEWEST_SCANS} scans.")
    without = sum(not scan.has_reference for scan in scans)
    if without:
        sentences.append(f"Enter the reference labels of {without} scan{'' if without == 1 else 's'}, or remove them.")
    changed = sum(scan.digest_sha256 != scan.series.digest_sha256 for scan in scans)
    if changed:
        sentences.append(
            f"The pictures of {changed} scan{'' if changed == 1 else 's'} changed since; remove and add them again."
        )
    readers = list(study.readers.select_related("analyst"))
    if not readers:
        sentences.append("Choose who reads.")
    allowed = set(possible_readers(study)) if readers else set()
    sentences += [
        f"{reader.analyst} is no analyst of the trial any more, or manages it."
        for reader in readers
        if reader.analyst not in allowed
    ]
    return sentences


def close(study: ReadingStudy, *, because: str = "", by: User) -> None:
    """End a study: nobody reads any more, and its analysts may see the result. With readings left it needs a reason."""
    require(may_lead(by, study), NOT_THE_LEAD)
    because = because.strip()
    left = Assignment.objects.filter(reader__study=study).unread().count()
    if study.status == ReadingStudy.Status.RUNNING and left and not because:
        raise Refused(f"{left} readings are left. Say why the study ends before they are done.")
    advance(
        study,
        ReadingStudy.Status.CLOSED,
        by=by,
        because=because,
        closed_at=timezone.now(),
        closed_because=because,
    )
