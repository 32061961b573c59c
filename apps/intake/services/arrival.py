"""The parts of a transfer end here: each object is compared with what was announced, verified, and kept."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from django.core.files.base import ContentFile
from django.db import transaction

from apps.audit.services import record
from apps.imaging.deidentification import Profile
from apps.intake.deidentification import deidentification_profile
from apps.intake.models import Instance, Part, ReceivedFile, Submission
from apps.intake.part_format import BadPart, Packed, read_table
from apps.intake.services.parts import part_path
from apps.intake.services.sending import back_to_the_site, confirm_if_complete, wanted_instances
from apps.intake.services.verifying import identifying, set_aside
from apps.intake.storage import StoredFile, store
from apps.jobs.services import Lease

UNANNOUNCED = "were not announced for this transfer"
DAMAGED = "arrived damaged"


@dataclass(frozen=True)
class Arrived:
    """An announced object that is here: kept, or set aside with the reason."""

    instance: Instance
    stored: StoredFile
    reason: str = ""


def unpack_part(part: Part, lease: Lease) -> None:
    """Bring each object of a complete part to its instance, or give the reason why not.

    Objects that are damaged or were never announced are refused alone; those that may still say who the patient is
    are set aside, and the submission goes back to its coordinator. Safe to run twice, and to be killed anywhere: what
    was stored before is found again, and the part goes only when its result stands.
    """
    if part.status != Part.Status.COMPLETE:
        return
    submission = part.submission
    refusals: Counter[str] = Counter()
    arrived: list[Arrived] = []
    trouble = _may_not_arrive(submission)
    if not trouble:
        try:
            with part_path(part).open("rb") as file:
                objects = read_table(file, part.size)
                arrived = list(_open(submission, file, objects, refusals))
        except FileNotFoundError:
            trouble = "is no longer on the disk of the core lab"
        except BadPart as bad:
            trouble = str(bad)
    with transaction.atomic():
        lease.confirm()
        submission = Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
        _keep(submission, arrived)
        _end(part, trouble, refusals)
        aside = [one for one in arrived if one.reason]
        if aside:
            record("submission.quarantined", submission, by=None, new={"objects": len(aside)})
            back_to_the_site(submission, _sentences(aside))
        else:
            confirm_if_complete(submission)
    part_path(part).unlink(missing_ok=True)


def unpacking_failed(part: Part, sentence: str) -> None:
    """Let the coordinator see that a part could not be unpacked; its objects are missing still."""
    if part.status == Part.Status.COMPLETE:
        _end(part, "could not be unpacked", Counter())
        back_to_the_site(
            part.submission,
            [f"{sentence} Press Transfer again: only what is missing is sent. If it stops again tell the core lab."],
        )


def _may_not_arrive(submission: Submission) -> str:
    if submission.status in Submission.BEFORE_TRANSFER:
        return ""
    return "came when its submission took no images any more"


def _open(
    submission: Submission, file: BinaryIO, objects: tuple[Packed, ...], refusals: Counter[str]
) -> Iterator[Arrived]:
    """Yield the objects of a part that were announced and are not here yet, stored; count the others by reason."""
    hashes = {packed.sha256 for packed in objects}
    wanted = {row.sha256: row for row in wanted_instances(submission).filter(sha256__in=hashes).order_by("-pk")}
    here = submission.files.filter(sha256__in=hashes, status=ReceivedFile.Status.SORTED)
    done = set(here.values_list("sha256", flat=True))
    profile = deidentification_profile(submission.visit)
    for packed in objects:
        if packed.sha256 in done:
            continue
        instance = wanted.get(packed.sha256)
        if instance is None:
            refusals[UNANNOUNCED] += 1
            continue
        if instance.size != packed.size:
            refusals[DAMAGED] += 1
            continue
        file.seek(packed.at)
        content = file.read(packed.size)
        if sha256(content).hexdigest() != packed.sha256:
            refusals[DAMAGED] += 1
            continue
        done.add(packed.sha256)
        yield _stored(submission, instance, content, profile)


def _stored(submission: Submission, instance: Instance, content: bytes, profile: Profile) -> Arrived:
    reason = identifying(content, profile)
    if reason:
        return Arrived(instance, set_aside(submission, content), reason)
    return Arrived(instance, store(submission, ContentFile(content)))


def _keep(submission: Submission, arrived: list[Arrived]) -> None:
    """Write a received file per object and tie it to its instance; what another attempt has written stays."""
    hashes = [one.stored.sha256 for one in arrived]
    known = {file.sha256: file for file in submission.files.filter(sha256__in=hashes)}
    fresh = {
        one.stored.sha256: ReceivedFile(
            submission=submission,
            given_name=f"{one.instance.sop_instance_uid}.dcm",
            stored_as=one.stored.name,
            size=one.stored.size,
            sha256=one.stored.sha256,
            status=ReceivedFile.Status.QUARANTINED if one.reason else ReceivedFile.Status.SORTED,
            reason=one.reason,
        )
        for one in arrived
        if one.stored.sha256 not in known
    }
    ReceivedFile.objects.bulk_create(fresh.values(), batch_size=500)
    linked = []
    for one in arrived:
        file = known.get(one.stored.sha256)
        if file and file.status != ReceivedFile.Status.SORTED:
            # Set aside or left out before, and now judged anew.
            file.status = ReceivedFile.Status.QUARANTINED if one.reason else ReceivedFile.Status.SORTED
            file.reason, file.stored_as = one.reason, one.stored.name
            file.save(update_fields=["status", "reason", "stored_as"])
        file = file or fresh[one.stored.sha256]
        if file.status == ReceivedFile.Status.SORTED:
            one.instance.file = file
            linked.append(one.instance)
    Instance.objects.bulk_update(linked, ["file"], batch_size=500)


def _end(part: Part, trouble: str, refusals: Counter[str]) -> None:
    reasons = [f"This part {trouble}."] if trouble else []
    reasons += [f"{number} of its objects {reason}." for reason, number in refusals.items()]
    status = Part.Status.REFUSED if trouble else Part.Status.UNPACKED
    Part.objects.filter(pk=part.pk, status=Part.Status.COMPLETE).update(status=status, reason=" ".join(reasons))


def _sentences(aside: list[Arrived]) -> list[str]:
    """Return per series what was set aside and what the coordinator does about it."""
    by_series: dict[str, list[Arrived]] = {}
    for one in aside:
        by_series.setdefault(one.instance.series.title, []).append(one)
    return [
        f"{title[:1].upper()}{title[1:]}: images of it {found[0].reason}. They were set aside unseen. Choose another "
        "series for this slot, or export the scan without it and add the folder again; if neither helps, tell the "
        "core lab what stands here."
        for title, found in by_series.items()
    ]
