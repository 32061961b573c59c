"""The proof that a submission arrived whole; its hash is over its content alone, so that anybody can check it."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction

from apps.audit.services import events_about, record
from apps.intake.models import Instance, Receipt, Series, Submission
from apps.notices.services import notify

RECEIPT_SCHEMA = 1
"""Version of the content; raised whenever a field changes its meaning."""


def issue_receipt(submission: Submission, *, bundle: dict[str, str], at: datetime) -> Receipt:
    """Write down what arrived: call in the transaction that calls the submission transferred."""
    content = receipt_content(submission, bundle=bundle, at=at)
    receipt = Receipt(submission=submission, content=content, sha256=content_sha256(content), issued_at=at)
    try:
        with transaction.atomic():
            receipt.save(force_insert=True)
    except IntegrityError:
        return Receipt.objects.get(submission=submission)
    record("submission.receipt_issued", submission, by=None, new={"sha256": receipt.sha256})
    series = len(content["series"])
    notify(submission, "receipt", f"Everything is at the core lab (series: {series}, images: {content['instances']}).")
    return receipt


def receipt_content(submission: Submission, *, bundle: dict[str, str], at: datetime) -> dict[str, Any]:
    """Return all that a receipt says, as plain values."""
    visit = submission.visit
    site = visit.subject.site
    series = [_series(row) for row in submission.series.filter(to_send=True).order_by("number", "pk")]
    sent = events_about(submission).filter(action="submission.sending").select_related("actor").first()
    return {
        "schema": RECEIPT_SCHEMA,
        "submission": str(submission.uuid),
        "trial": site.trial.protocol_number,
        "sponsor": site.trial.sponsor,
        "site": site.number,
        "site_name": site.name,
        "subject": visit.subject.screening_number,
        "visit": visit.visit_type.name,
        "imaging_protocol": submission.protocol.version,
        "sent_by": str(sent.actor or sent.actor_name) if sent else "",
        "sent_at": _utc(sent.at) if sent else "",
        "received_at": _utc(at),
        "reason": submission.transfer_reason,
        "bundle": bundle,
        "series": series,
        "instances": sum(each["instances"] for each in series),
        "bytes": sum(each["bytes"] for each in series),
        "sha256": _over([each["sha256"] for each in series]),
    }


def canonical(content: dict[str, Any]) -> str:
    """Return the one way to write a content: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_sha256(content: dict[str, Any]) -> str:
    """Return the hash that a receipt names."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _series(series: Series) -> dict[str, Any]:
    rows = Instance.objects.filter(series=series).select_related("file").order_by("sop_instance_uid", "pk")
    objects: list[dict[str, Any]] = [
        {"sop_instance_uid": row.sop_instance_uid, "bytes": row.file.size, "sha256": row.file.sha256}
        for row in rows
        if row.file
    ]
    return {
        "series_uid": series.series_uid,
        "number": series.number,
        "description": series.description,
        "instances": len(objects),
        "bytes": sum(each["bytes"] for each in objects),
        "sha256": _over([each["sha256"] for each in objects]),
        "digest_sha256": series.digest_sha256,
        "compared": series.received or {},
        "objects": objects,
    }


def _over(hashes: list[str]) -> str:
    """Return one hash over several: of their lines, in order, as `sha256sum` would read them from a file."""
    return hashlib.sha256("".join(f"{each}\n" for each in hashes).encode()).hexdigest()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
