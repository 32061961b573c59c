"""Whose address counts behind the proxy."""

from django.test import RequestFactory

from coreqc.client_address import named_by_the_proxy


def test_the_address_that_the_proxy_added_counts() -> None:
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="10.0.0.1, 203.0.113.7")
    assert named_by_the_proxy(request) == "203.0.113.7"


def test_without_the_header_the_connection_counts() -> None:
    assert named_by_the_proxy(RequestFactory().get("/")) == "127.0.0.1"
