"""A wrong variable stops the start with a sentence that names it."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from coreqc import env

NAME = "COREQC_TEST_VARIABLE"


def test_a_value_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " coreqc.example.org ")
    assert env.text(NAME, expected="a host", example="x") == "coreqc.example.org"


def test_a_missing_variable_is_named_with_what_is_expected_and_an_example() -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.text(NAME, expected="the name of a host", example="coreqc.example.org")
    sentence = str(refusal.value)
    assert NAME in sentence
    assert "the name of a host" in sentence
    assert f"{NAME}=coreqc.example.org" in sentence
    assert f"{NAME}_FILE" in sentence


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s" * 60 + "\n", encoding="utf-8")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    assert env.secret(NAME, expected="a secret", example="x") == "s" * 60


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        env.text(NAME, expected="anything", example="x", default="")


def test_a_short_secret_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "hunter2")
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.secret(NAME, expected="a secret", example="x")
    assert "7 characters" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(("word", "meaning"), [("1", True), ("yes", True), ("OFF", False), ("0", False), ("", True)])
def test_flags(monkeypatch: pytest.MonkeyPatch, word: str, meaning: bool) -> None:
    monkeypatch.setenv(NAME, word)
    assert env.flag(NAME, default=True) is meaning


def test_a_flag_that_is_neither_yes_nor_no_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "maybe")
    with pytest.raises(ImproperlyConfigured, match="neither yes nor no"):
        env.flag(NAME, default=True)


@pytest.mark.parametrize("value", ["many", "-1", "3.5", "1000"])
def test_a_number_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match="a whole number from 0 to 99"):
        env.number(NAME, default=1, least=0, most=99)


def test_a_choice_that_is_not_offered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "LOUD")
    with pytest.raises(ImproperlyConfigured, match="INFO, ERROR"):
        env.choice(NAME, ("INFO", "ERROR"), default="INFO")


@pytest.mark.parametrize("value", ["redis", "http://redis", "redis://", "redis://host:port/0"])
def test_an_address_of_another_kind_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.address(NAME, schemes=("redis", "rediss"), example="redis://queue:6379/0")
    assert "redis:// or rediss://" in str(refusal.value)


def test_a_database_address_becomes_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "postgresql://qc:p%40ss@db:5433/coreqc")
    settings = env.postgresql(NAME)
    assert (settings["ENGINE"], settings["NAME"]) == ("django.db.backends.postgresql", "coreqc")
    assert (settings["HOST"], settings["PORT"], settings["PASSWORD"]) == ("db", 5433, "p@ss")


def test_a_database_address_without_a_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "postgresql://qc:secret@db:5432")
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.postgresql(NAME)
    assert "names no database" in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "host", "port", "starts_tls", "begins_with_tls"),
    [
        ("smtp://127.0.0.1", "127.0.0.1", 25, False, False),
        ("smtp+tls://mail.example.org", "mail.example.org", 587, True, False),
        ("smtps://mail.example.org:4650", "mail.example.org", 4650, False, True),
    ],
)
def test_a_mail_address_says_how_the_connection_is_guarded(
    monkeypatch: pytest.MonkeyPatch, value: str, host: str, port: int, starts_tls: bool, begins_with_tls: bool
) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.mail_server(NAME) == env.MailServer(host, port, "", "", starts_tls, begins_with_tls)


def test_user_and_password_of_a_mail_address_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "smtp+tls://qc%40example.org:p%40ss%3A1@mail.example.org")
    server = env.mail_server(NAME)
    assert server is not None and (server.user, server.password) == ("qc@example.org", "p@ss:1")


def test_no_mail_address_is_no_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert env.mail_server(NAME) is None


@pytest.mark.parametrize("value", ["mail.example.org", "http://mail.example.org", "smtp://", "smtp://host:none"])
def test_a_mail_address_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=r"smtp:// or smtp\+tls:// or smtps://"):
        env.mail_server(NAME)


def test_a_list_is_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "one.example, two.example,")
    assert env.words(NAME, expected="hosts", example="x") == ["one.example", "two.example"]
