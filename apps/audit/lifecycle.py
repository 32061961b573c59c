"""The only way a status changes."""

from typing import Any, ClassVar, Protocol

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models, transaction

from apps.audit.services import record


class Refused(Exception):
    """A service says no; `str()` is the sentence for the person. Pages show it, the API answers 409 with it."""


class WrongState(Refused):
    """The step does not exist from where the object stands."""


class StaleState(Refused):
    """Somebody else changed the object first."""


class HasStatus(Protocol):
    """A model with a status, and beside its words the steps that exist."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]]
    status: Any
    pk: Any


def words(status: str) -> str:
    """Return a stored status as people say it: `in_review` -> `in review`."""
    return status.replace("_", " ")


def advance(obj: HasStatus, to: str, *, by: AbstractBaseUser | None, because: str = "", **fields: Any) -> None:
    """Move `obj` to status `to`, set `fields` with it, and write the audit event, all or nothing.

    Raises WrongState when the step is not in `TRANSITIONS`, StaleState when somebody else was quicker
    (compare-and-swap on the status this process saw).
    """
    assert isinstance(obj, models.Model)
    old = str(obj.status)
    name = obj._meta.verbose_name
    if to not in obj.TRANSITIONS.get(old, ()):
        raise WrongState(
            f"This {name} is {words(old)}, so it cannot become {words(to)}. Reload the page to see where it stands."
        )
    with transaction.atomic():
        changed = type(obj)._default_manager.filter(pk=obj.pk, status=old).update(status=to, **fields)
        if changed != 1:
            raise StaleState(f"Somebody else changed this {name} a moment ago. Reload the page to see where it stands.")
        obj.status = to
        for field, value in fields.items():
            setattr(obj, field, value)
        record(f"{obj._meta.model_name}.{to}", obj, by=by, old={"status": old}, new={"status": to}, because=because)
