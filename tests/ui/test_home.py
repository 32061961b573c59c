"""The start page, the help page and the frame."""

from http import HTTPStatus

import pytest
from django.urls import reverse

from tests.cast import person


@pytest.mark.parametrize(
    "who, url_name",
    [
        ("carla", "intake:visits"),
        ("anna", "reviews:worklist"),
        ("mira", "compliance:overview"),
        ("root", "admin:index"),
    ],
)
def test_each_role_starts_at_its_own_question(client, cast, who, url_name):
    client.force_login(getattr(cast, who))
    assert client.get("/").headers["Location"] == reverse(url_name)


def test_a_person_without_a_role_is_told_whom_to_ask(client, db):
    client.force_login(person("nora", "Nora"))
    page = client.get("/")
    assert page.status_code == HTTPStatus.OK
    assert "Your account has no role yet" in page.content.decode()


def test_strangers_sign_in_first_but_may_read_the_help(client, db):
    assert client.get("/").headers["Location"].startswith(reverse("accounts:login"))
    assert "What CoreQC does" in client.get(reverse("ui:help")).content.decode()


def test_the_frame_shows_the_workspaces_of_the_role_and_no_others(client, cast):
    client.force_login(cast.anna)
    page = client.get(reverse("ui:help")).content.decode()
    assert "Worklist</a>" in page and "My visits</a>" not in page and "Admin</a>" not in page


def test_signing_out_takes_a_post(client, cast):
    client.force_login(cast.anna)
    assert client.get(reverse("accounts:logout")).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    client.post(reverse("accounts:logout"))
    assert client.get("/").headers["Location"].startswith(reverse("accounts:login"))


@pytest.mark.parametrize("chosen, drawn", [("dark", "dark"), ("light", "light"), ('"><script>', ""), ("", "")])
def test_the_page_is_drawn_in_the_theme_of_the_reader(client, db, chosen, drawn):
    client.cookies["coreqc_theme"] = chosen
    assert f'data-theme="{drawn}">' in client.get(reverse("ui:help")).content.decode()


@pytest.mark.parametrize("zone", ["Europe/Vienna", "Mars/Olympus", "../../etc/passwd", ""])
def test_an_unknown_zone_is_no_error(client, db, zone):
    client.cookies["coreqc_zone"] = zone
    assert client.get(reverse("ui:help")).status_code == HTTPStatus.OK
