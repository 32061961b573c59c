"""Who may see and do what: every page, API call, export and media file starts here."""

from typing import TypeGuard

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q

from apps.accounts.models import Membership, Role, User

ADMINISTRATOR = "administrator"

Person = User | AnonymousUser


def is_person(user: Person) -> TypeGuard[User]:
    """Return whether this is a signed-in person with a living account."""
    return user.is_authenticated and user.is_active


def roles_of(user: Person) -> frozenset[str]:
    """Return the roles that a person has anywhere; administrators have `administrator` beside them."""
    if not is_person(user):
        return frozenset()
    roles = set(Membership.objects.filter(user=user).values_list("role", flat=True))
    return frozenset(roles | {ADMINISTRATOR} if user.is_superuser else roles)


def scope(user: Person, *, trial: str, site: str) -> Q:
    """Return the condition under which rows are visible to `user`.

    `trial` and `site` are the lookups from the row to them (`"subject__site__trial"`). Analysts and managers see
    their trials, coordinators their sites, administrators everything, others nothing.
    """
    if not is_person(user):
        return Q(pk__in=[])
    if user.is_superuser:
        return Q()
    own = Membership.objects.filter(user=user)
    whole_trial = own.exclude(role=Role.CRC).values("trial")
    own_sites = own.filter(role=Role.CRC).values("site")
    return Q(**{f"{trial}__in": whole_trial}) | Q(**{f"{site}__in": own_sites})


def has_role(user: Person, role: Role, *, trial: int, site: int | None = None) -> bool:
    """Return whether `user` has this role in the trial (analyst, manager) or at the site (coordinator)."""
    if not is_person(user):
        return False
    memberships = Membership.objects.filter(user=user, role=role, trial_id=trial)
    return (memberships.filter(site=site) if role == Role.CRC else memberships).exists()


def require(allowed: bool, sentence: str) -> None:
    """Raise PermissionDenied with a sentence unless `allowed`; nothing that merely returns a refusal."""
    if not allowed:
        raise PermissionDenied(sentence)
