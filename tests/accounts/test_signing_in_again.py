"""A session has run out: where the person is after signing in again."""

from django.test import Client
from django.urls import reverse

from tests.cast import Cast
from tests.factories import claimed_case


def asked_to_sign_in(client: Client, address: str, method: str, **headers: str) -> str:
    return getattr(client, method)(address, headers=headers).headers["Location"]


def test_a_page_is_returned_to(cast: Cast, client: Client) -> None:
    page = reverse("intake:visit", args=(cast.visit.pk,))
    assert asked_to_sign_in(client, page, "get") == f"/accounts/login/?next={page}"


def test_a_form_leads_back_to_its_page(cast: Cast, client: Client) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    page = reverse("reviews:case", args=(case.pk,))
    form = reverse("reviews:decide", args=(case.pk,))
    assert asked_to_sign_in(client, form, "post", referer=f"http://testserver{page}") == f"/accounts/login/?next={page}"


def test_another_site_is_never_returned_to(cast: Cast, client: Client) -> None:
    form = reverse("reviews:claim-next")
    assert asked_to_sign_in(client, form, "post", referer="http://elsewhere.example/x") == "/accounts/login/?next=/"
