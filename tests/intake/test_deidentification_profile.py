"""How the images of a trial are de-identified: one key, options that operators choose, a profile per visit."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.imaging.deidentification import Profile
from apps.intake.deidentification import deidentification_profile
from apps.intake.services import begin_submission, withdraw
from apps.trials.models import DeidentificationProfile, Trial
from apps.trials.services import deidentification_of
from tests.cast import Cast
from tests.threads import at_once


def test_a_trial_gets_a_key_of_its_own_once(cast: Cast) -> None:
    first = deidentification_of(cast.trial)
    assert deidentification_of(cast.trial) == first
    other = Trial.objects.create(protocol_number="OTHER-1", title="Another", sponsor="Another sponsor")
    assert deidentification_of(other).key != first.key
    assert len(first.key) == 64
    event = AuditEvent.objects.get(action="deidentification.begun", object_id=str(first.pk))
    assert event.new["dates"] == "shift"
    assert first.key not in str(vars(event))


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_two_who_ask_at_once_get_the_same_key(cast: Cast) -> None:
    keys = at_once(lambda: deidentification_of(cast.trial).key, times=4)
    assert len(set(keys)) == 1
    assert DeidentificationProfile.objects.count() == 1
    assert AuditEvent.objects.filter(action="deidentification.begun").count() == 1


def test_a_visit_s_profile_says_what_the_trial_chose(cast: Cast) -> None:
    chosen = deidentification_of(cast.trial)
    chosen.dates, chosen.retain_device = "keep", True
    chosen.save()
    profile = deidentification_profile(cast.visit)
    assert profile.key == chosen.key
    assert [code for code, _ in profile.codes] == ["113100", "113105", "113106", "113109"]
    assert profile.identifiers["00120010"] == cast.trial.sponsor
    assert profile.identifiers["00120020"] == cast.trial.protocol_number
    assert profile.identifiers["00120030"] == cast.site.number
    assert profile.identifiers["00100010"] == profile.identifiers["00100020"] == cast.subject.screening_number
    assert profile.identifiers["00120050"] == "Week 8"
    assert Profile.from_json(profile.to_json()) == profile


def test_dates_of_a_subject_move_by_the_same_days_even_when_its_number_is_corrected(cast: Cast) -> None:
    days = deidentification_profile(cast.visit).date_shift_days
    cast.subject.screening_number = "101-999"
    cast.subject.save()
    cast.visit.refresh_from_db()
    again = deidentification_profile(cast.visit)
    assert again.date_shift_days == days
    assert again.identifiers["00100020"] == "101-999"


def test_operators_change_the_options_on_record_and_never_see_the_key(cast: Cast, client: Client) -> None:
    chosen = deidentification_of(cast.trial)
    client.force_login(cast.root)
    page = reverse("admin:trials_deidentificationprofile_change", args=[chosen.pk])
    shown = client.get(page)
    assert shown.status_code == 200
    assert chosen.key not in shown.content.decode()
    client.post(page, {"dates": "remove", "clean_descriptors": "on", "key": "ab" * 32})
    key = chosen.key
    chosen.refresh_from_db()
    assert (chosen.dates, chosen.key) == ("remove", key)
    event = AuditEvent.objects.filter(object_type="trials.deidentificationprofile").order_by("-pk")[0]
    assert (event.action, event.actor_name) == ("deidentificationprofile.changed", "root")
    assert (event.old, event.new) == ({"dates": "shift"}, {"dates": "remove"})
    assert key not in str(list(AuditEvent.objects.values()))


def test_options_stay_while_images_that_were_read_with_them_are_on_their_way(cast: Cast, client: Client) -> None:
    chosen = deidentification_of(cast.trial)
    begun = begin_submission(cast.visit, by=cast.carla)
    client.force_login(cast.root)
    page = reverse("admin:trials_deidentificationprofile_change", args=[chosen.pk])
    refused = client.post(page, {"dates": "remove", "clean_descriptors": "on"})
    assert "with the present options: 1." in refused.content.decode()
    chosen.refresh_from_db()
    assert chosen.dates == "shift"
    withdraw(begun, by=cast.carla)
    client.post(page, {"dates": "remove", "clean_descriptors": "on"})
    chosen.refresh_from_db()
    assert chosen.dates == "remove"


def test_nobody_deletes_the_key_of_a_trial(cast: Cast, client: Client) -> None:
    chosen = deidentification_of(cast.trial)
    client.force_login(cast.root)
    assert client.post(reverse("admin:trials_deidentificationprofile_delete", args=[chosen.pk])).status_code == 403


def test_others_do_not_see_the_operators_page(cast: Cast, client: Client) -> None:
    chosen = deidentification_of(cast.trial)
    for person in (cast.carla, cast.anna, cast.mira):
        client.force_login(person)
        page = reverse("admin:trials_deidentificationprofile_change", args=[chosen.pk])
        assert client.get(page).status_code in (302, 403)
