"""What operators do on their pages leaves an event, deletions and passwords included."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Membership, User
from apps.audit.models import AuditEvent
from apps.audit.services import events_about
from tests.cast import PASSWORD, Cast

NEW_PASSWORD = "staple battery horse 9"


@pytest.fixture
def root(cast: Cast, client: Client) -> Client:
    client.force_login(cast.root)
    return client


def _person_page(user: User, **more: Any) -> dict[str, Any]:
    """Return what the page of a person sends: the person, and the one role in its row."""
    membership = user.memberships.get()
    row = {"id": membership.pk, "user": user.pk, "role": membership.role, "trial": membership.trial_id}
    return {
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "is_active": "on",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 1,
        **{f"memberships-0-{name}": value for name, value in row.items()},
        "memberships-0-site": membership.site_id or "",
        **more,
    }


def test_a_role_taken_away_on_the_page_of_a_person_leaves_an_event(cast: Cast, root: Client) -> None:
    page = reverse("admin:accounts_user_change", args=[cast.carla.pk])
    answer = root.post(page, _person_page(cast.carla, **{"memberships-0-DELETE": "on"}))
    assert answer.status_code == 302
    assert not Membership.objects.filter(user=cast.carla).exists()
    event = AuditEvent.objects.get(action="membership.deleted")
    assert (event.actor, event.old["role"], event.old["site"]) == (cast.root, "crc", cast.site.pk)


def test_a_changed_role_leaves_an_event_with_old_and_new(cast: Cast, root: Client) -> None:
    page = reverse("admin:accounts_user_change", args=[cast.anna.pk])
    assert root.post(page, _person_page(cast.anna, **{"memberships-0-role": "trial_manager"})).status_code == 302
    event = AuditEvent.objects.get(action="membership.changed")
    assert (event.old, event.new) == ({"role": "analyst"}, {"role": "trial_manager"})


def test_a_password_that_an_operator_sets_leaves_an_event_without_it(cast: Cast, root: Client) -> None:
    page = reverse("admin:auth_user_password_change", args=[cast.carla.pk])
    sent = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert root.post(page, sent).status_code == 302
    event = events_about(cast.carla).get(action="user.password_set")
    assert (event.actor, event.old, event.new) == (cast.root, {}, {})


def test_a_changed_own_password_leaves_an_event_without_it(cast: Cast, client: Client) -> None:
    client.force_login(cast.carla)
    sent = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.post(reverse("accounts:password"), sent).status_code == 302
    event = events_about(cast.carla).get(action="user.password_changed")
    assert (event.actor, event.old, event.new) == (cast.carla, {}, {})
