"""Write the audit trail: one event for each thing that a person or a worker did."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models, transaction

from apps.audit.models import AuditEvent

SYSTEM = "system"


def record(
    action: str,
    obj: models.Model,
    *,
    by: AbstractBaseUser | None,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    because: str = "",
) -> AuditEvent:
    """Add one event about `obj`; call it in the transaction that makes the change, so that both stand or neither."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("record() belongs in the transaction of the change it tells about: use transaction.atomic()")
    return AuditEvent.objects.create(
        actor=by,  # type: ignore[misc]  # a User; accounts lies above this app
        actor_name=by.get_username() if by else SYSTEM,
        action=action,
        object_type=obj._meta.label_lower,
        object_id=str(obj.pk),
        object_name=str(obj)[:200],
        old=old or {},
        new=new or {},
        reason=because,
    )


def events_about(*objects: models.Model) -> models.QuerySet[AuditEvent]:
    """Return the events about these objects, newest first."""
    about = models.Q(pk__in=[])
    for obj in objects:
        about |= models.Q(object_type=obj._meta.label_lower, object_id=str(obj.pk))
    return AuditEvent.objects.filter(about)
