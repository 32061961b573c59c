"""The number beside the bell, the list of notices, and the switch for e-mail."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Membership, User
from apps.intake.models import Submission
from apps.notices.models import MailPreference, Notice
from apps.notices.services import mark_read, notify
from tests.cast import Cast
from tests.factories import checked_submission


@pytest.fixture
def carla(client: Client, cast: Cast) -> Client:
    client.force_login(cast.carla)
    return client


def page(client: Client, name: str = "notices:list", *args: object) -> str:
    return client.get(reverse(name, args=args)).content.decode()


def unread(client: Client) -> int:
    return client.get(reverse("notices:count")).json()["unread"]


def tell(submission: Submission, *kinds: str) -> None:
    with transaction.atomic():
        for kind in kinds:
            notify(submission, kind, f"The sentence of {kind}.")


def test_the_bell_of_every_page_counts_what_is_unread(carla: Client, returned: Submission) -> None:
    for name in ("intake:visits", "notices:list", "ui:help", "notices:settings"):
        assert 'data-notices-count="1"' in page(carla, name)


def test_who_gets_no_notices_has_no_bell(client: Client, cast: Cast, returned: Submission) -> None:
    client.force_login(cast.anna)
    assert "data-notices" not in page(client, "reviews:worklist")
    client.logout()
    assert "data-notices" not in page(client, "ui:help")


def test_a_notice_says_what_happened_and_leads_to_the_visit(carla: Client, returned: Submission) -> None:
    html = page(carla)
    assert reverse("intake:visit", args=[returned.visit_id]) in html
    for words in ("101-001, Week 8", "ONC-301, site 101", "Returned", "A required series is missing.", "New"):
        assert words in html


def test_opening_the_visit_marks_its_notices_as_read(carla: Client, returned: Submission) -> None:
    html = page(carla, "intake:visit", returned.visit_id)
    assert 'data-notices-count="0"' in html
    read_at = Notice.objects.get().read_at
    assert read_at is not None
    page(carla, "intake:visit", returned.visit_id)
    assert Notice.objects.get().read_at == read_at, "the first look counts"
    assert "notice-unread" not in page(carla)


def test_who_looks_at_the_visit_reads_for_nobody_else(client: Client, cast: Cast, returned: Submission) -> None:
    for person in (cast.anna, cast.mira, cast.root):
        client.force_login(person)
        page(client, "intake:visit", returned.visit_id)
    assert Notice.objects.get().read_at is None


def test_all_are_marked_as_read_at_once_and_only_ones_own(carla: Client, cast: Cast, returned: Submission) -> None:
    tell(checked_submission(cast.chens_visit, by=cast.chen), "receipt")
    for _ in range(2):
        assert carla.post(reverse("notices:read-all")).status_code == 302
    assert unread(carla) == 0
    assert list(Notice.objects.unread().values_list("user", flat=True)) == [cast.chen.pk]


def test_the_newest_stands_first(carla: Client, cast: Cast) -> None:
    tell(checked_submission(cast.visit, by=cast.carla), "receipt", "returned")
    html = page(carla)
    assert html.index("The sentence of returned.") < html.index("The sentence of receipt.")


def test_a_coordinator_of_another_site_sees_nothing_of_it(client: Client, cast: Cast, returned: Submission) -> None:
    client.force_login(cast.chen)
    assert unread(client) == 0
    assert "No notices yet" in page(client)


def test_who_left_the_site_sees_its_notices_no_longer(carla: Client, cast: Cast, returned: Submission) -> None:
    Membership.objects.filter(user=cast.carla).delete()
    assert unread(carla) == 0
    assert "101-001" not in page(carla)


def test_the_list_costs_the_same_however_long(
    carla: Client, cast: Cast, django_assert_num_queries: Callable[..., Any]
) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    tell(submission, "receipt")
    page(carla)
    with django_assert_num_queries(6):  # session, person, number of all, the page, roles, number of unread
        page(carla)
    tell(submission, "stopped", "returned", "rejected", "accepted")
    with django_assert_num_queries(6):
        page(carla)


def test_long_lists_come_in_pages(carla: Client, cast: Cast) -> None:
    submission = checked_submission(cast.visit, by=cast.carla)
    with transaction.atomic():
        for number in range(51):
            notify(submission, "stopped", f"Stop {number}.", occasion=str(number))
    assert "1 to 50 of 51" in page(carla)
    assert "Stop 0." in carla.get(reverse("notices:list"), {"page": 2}).content.decode()


def test_the_number_is_asked_for_by_get_alone(carla: Client) -> None:
    assert carla.post(reverse("notices:count")).status_code == 405
    assert carla.get(reverse("notices:read-all")).status_code == 405


def test_notices_by_mail_are_switched_off_and_on(carla: Client, cast: Cast, addresses: None) -> None:
    address = reverse("notices:settings")
    assert "checked" in carla.get(address).content.decode()
    html = carla.post(address, {}, follow=True).content.decode()
    assert "Notices by e-mail are off." in html
    assert not MailPreference.objects.get(user=cast.carla).by_mail
    carla.post(address, {"by_mail": "on"})
    assert MailPreference.objects.get(user=cast.carla).by_mail


def test_the_switch_says_where_the_mail_goes_or_why_none_does(carla: Client, cast: Cast, settings) -> None:
    assert "Your account has no e-mail address" in page(carla, "notices:settings")
    User.objects.filter(pk=cast.carla.pk).update(email="carla@example.org")
    assert "to carla@example.org" in page(carla, "notices:settings")
    settings.NOTICES_BY_MAIL = False
    assert "This server sends no e-mail" in page(carla, "notices:settings")


def test_marking_what_is_read_already_changes_nothing(cast: Cast, returned: Submission) -> None:
    assert mark_read(Notice.objects.all(), by=cast.carla) == 1
    first = Notice.objects.get().read_at
    assert mark_read(Notice.objects.all(), by=cast.carla) == 0
    assert Notice.objects.get().read_at == first is not None and first <= timezone.now()
