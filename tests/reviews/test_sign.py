import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.identity import SITTING, Confirmation, NotConfirmed
from apps.audit.models import AuditEvent
from apps.audit.services import events_about
from apps.reviews import services
from apps.reviews.models import Decision, ReviewCase, ReviewPolicy, Signature, Voiding
from apps.reviews.services import judge_series
from apps.reviews.signing import what_changed
from tests.cast import PASSWORD, Cast
from tests.factories import claimed_case
from tests.signing import decide, password_given


@pytest.fixture
def desk(client: Client, cast: Cast) -> ReviewCase:
    """A case that Anna holds, and Anna signed in."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    client.force_login(cast.anna)
    return case


def send(client: Client, case: ReviewCase, **given: str) -> int:
    given = {"verdict": "accept", **given}
    return client.post(reverse("reviews:decide", args=[case.pk]), given).status_code


def next_desk(cast: Cast) -> ReviewCase:
    return claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.anna)


def test_a_decision_is_signed_with_name_time_meaning_and_what_was_judged(cast: Cast, desk: ReviewCase) -> None:
    first = desk.submission.series.order_by("pk")[0]
    judge_series(desk, first, "accept_with_deviation", by=cast.anna, reasons=["thick_slices"])
    decision = decide(desk, "accept_with_deviation", by=cast.anna, reasons=["thick_slices"], note="Readable.")
    signature = Signature.objects.get(decision=decision)
    assert (signature.signer, signature.printed_name) == (cast.anna, "Anna")
    assert signature.meaning == "I have reviewed these images and accept them with the deviations named."
    assert signature.signed_at == decision.decided_at
    signed = json.loads(signature.record)
    assert (signed["subject"], signed["verdict"], signed["note"]) == (
        "101-001",
        "accept_with_deviation",
        "Readable.",
    )
    assert [series["digest_sha256"] for series in signed["series"]] == [
        series.digest_sha256 for series in desk.submission.series.order_by("pk")
    ]
    assert signed["series"][0]["verdict"] == "accept_with_deviation" and signed["series"][0]["labels"]["contrast"]
    assert what_changed(Signature.objects.get()) == []
    assert events_about(desk).get(action="reviewcase.signed").new["sha256"] == signature.record_sha256


def test_what_changes_after_the_signature_is_named_and_shown(client: Client, cast: Cast, desk: ReviewCase) -> None:
    decide(desk, "accept", by=cast.anna)
    desk.submission.series.update(digest_sha256="0" * 64)
    assert what_changed(Signature.objects.get()) == ["series"]
    page = client.get(reverse("reviews:case", args=[desk.pk])).text
    assert "Changed since" in page and "Not as it was signed any more: series." in page


def test_a_void_signature_is_shown_as_void(client: Client, cast: Cast, desk: ReviewCase) -> None:
    decide(desk, "accept", by=cast.anna)
    Voiding.objects.create(signature=Signature.objects.get(), because="Wrong subject.", voided_by=cast.abel)
    page = client.get(reverse("reviews:case", args=[desk.pk])).text
    assert "Void since" in page and "Wrong subject." in page


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_keeps_signatures(cast: Cast, desk: ReviewCase, change: str) -> None:
    decide(desk, "accept", by=cast.anna)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        if change == "update":
            Signature.objects.update(printed_name="Somebody else")
        else:
            Signature.objects.all()._raw_delete(using="default")


@pytest.mark.parametrize("who", ["nobody", "abel"])
def test_nobody_signs_for_somebody_else(cast: Cast, desk: ReviewCase, who: str) -> None:
    confirmed = None if who == "nobody" else password_given(cast.abel)
    with pytest.raises(NotConfirmed):
        services.decide(desk, "accept", by=cast.anna, confirmed=confirmed)
    assert not Decision.objects.exists()


def test_the_first_signature_of_a_sitting_asks_for_the_password(client: Client, cast: Cast, desk: ReviewCase) -> None:
    page = client.get(reverse("reviews:case", args=[desk.pk])).text
    assert 'name="password"' in page
    assert send(client, desk) == 409
    assert send(client, desk, password=PASSWORD) == 302
    other = next_desk(cast)
    assert 'name="password"' not in client.get(reverse("reviews:case", args=[other.pk])).text
    assert send(client, other) == 302
    assert Signature.objects.count() == 2


def test_a_wrong_password_signs_nothing_keeps_the_form_and_is_on_record(
    client: Client, cast: Cast, desk: ReviewCase
) -> None:
    answer = client.post(
        reverse("reviews:decide", args=[desk.pk]),
        {"verdict": "reject", "reasons": ["artefacts"], "note": "Movement.", "password": "guessed it"},
    )
    assert answer.status_code == 409 and "This is not your password" in answer.text
    assert "Movement." in answer.text and "guessed it" not in answer.text
    assert not Decision.objects.exists()
    assert AuditEvent.objects.filter(action="user.sign_in_failed", object_id=str(cast.anna.pk)).count() == 1


def test_guessing_closes_the_account_for_a_while(client: Client, cast: Cast, desk: ReviewCase) -> None:
    for _ in range(5):
        send(client, desk, password="guessed it")
    assert send(client, desk, password=PASSWORD) == 429
    assert not Decision.objects.exists()
    assert AuditEvent.objects.filter(action="user.locked_out").exists()


def test_a_sitting_ends_half_an_hour_after_its_last_signature(client: Client, cast: Cast, desk: ReviewCase) -> None:
    assert send(client, desk, password=PASSWORD) == 302
    session = client.session
    kept = session["identity_confirmed"]
    session["identity_confirmed"] = {**kept, "last": (timezone.now() - SITTING - timedelta(seconds=1)).isoformat()}
    session.save()
    assert send(client, next_desk(cast)) == 409


def test_a_sitting_belongs_to_one_person(client: Client, cast: Cast, desk: ReviewCase) -> None:
    assert send(client, desk, password=PASSWORD) == 302
    kept = client.session["identity_confirmed"]
    case = claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.abel)
    client.force_login(cast.abel)
    session = client.session
    session["identity_confirmed"] = kept
    session.save()
    assert send(client, case) == 409


def test_a_trial_may_ask_each_time(client: Client, cast: Cast, desk: ReviewCase) -> None:
    ReviewPolicy.objects.create(trial=cast.trial, sign_each_decision=True)
    assert send(client, desk, password=PASSWORD) == 302
    other = next_desk(cast)
    assert 'name="password"' in client.get(reverse("reviews:case", args=[other.pk])).text
    assert send(client, other) == 409
    earlier = Confirmation(cast.anna.pk, timezone.now(), just_now=False)
    with pytest.raises(NotConfirmed):
        services.decide(other, "accept", by=cast.anna, confirmed=earlier)
    assert send(client, other, password=PASSWORD) == 302
