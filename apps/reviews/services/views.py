"""Saved views: a person's own names for sets of filters of the worklist."""

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused
from apps.reviews.models import SavedView
from apps.reviews.permissions import may_see_the_desk

MOST_VIEWS = 20


class NameTaken(Refused):
    """The person has a view of this name; it is replaced only when they say so."""


def save_view(name: str, query: str, *, by: User, replace: bool = False) -> SavedView:
    """Keep the filters under a name; `replace` overwrites the person's own view of that name."""
    require(may_see_the_desk(by), "Saved views belong to the worklist of the core lab.")
    own = SavedView.objects.filter(user=by)
    existing = own.filter(name=name).first()
    if existing and not replace:
        raise NameTaken(f"You have a view named {name} already. Replace it, or choose another name.")
    if existing:
        own.filter(pk=existing.pk).update(query=query)
        existing.query = query
        return existing
    if own.count() >= MOST_VIEWS:
        raise Refused(f"You have {MOST_VIEWS} views, which is the most. Delete one first.")
    try:
        with transaction.atomic():
            return SavedView.objects.create(user=by, name=name, query=query)
    except IntegrityError:
        raise NameTaken(f"You saved a view named {name} a moment ago, in another window.") from None


def rename_view(view: SavedView, name: str, *, by: User) -> None:
    require(view.user_id == by.pk, "A saved view belongs to one person.")
    try:
        with transaction.atomic():
            SavedView.objects.filter(pk=view.pk).update(name=name)
    except IntegrityError:
        raise NameTaken(f"You have a view named {name} already. Choose another name.") from None


def delete_view(view: SavedView, *, by: User) -> None:
    require(view.user_id == by.pk, "A saved view belongs to one person.")
    SavedView.objects.filter(pk=view.pk).delete()
