import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.reviews.models import ReturnReason, ReviewPolicy
from apps.reviews.policies import policy_of
from apps.reviews.reasons import reasons_of
from tests.cast import Cast

POLICY = {
    "review_within_hours": 24,
    "query_reminder_days": 3,
    "sign_each_decision": "on",
    "idle_after_seconds": 90,
    "back_to_queue_minutes": 30,
    "hidden_share": 0.1,
    "seeded_share": 0,
    "second_review_share": 0.2,
    "second_review_findings": ["few_slices"],
}


@pytest.fixture
def root(client: Client, cast: Cast) -> Client:
    client.force_login(cast.root)
    return client


def test_an_administrator_sets_how_a_trial_is_reviewed_and_the_change_is_on_record(root: Client, cast: Cast) -> None:
    answer = root.post(reverse("admin:reviews_reviewpolicy_add"), {"trial": cast.trial.pk, **POLICY})
    assert answer.status_code == 302
    policy = policy_of(cast.trial)
    assert (policy.idle_after_seconds, policy.second_review_findings) == (90, ["few_slices"])
    answer = root.post(
        reverse("admin:reviews_reviewpolicy_change", args=[policy.pk]), {**POLICY, "back_to_queue_minutes": 20}
    )
    assert answer.status_code == 302
    event = AuditEvent.objects.get(action="reviewpolicy.changed")
    assert (event.old, event.new) == ({"back_to_queue_minutes": 30}, {"back_to_queue_minutes": 20})


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_share": 1.5},
        {"second_review_share": -0.1},
        {"idle_after_seconds": 5},
        {"back_to_queue_minutes": 1},
        {"second_review_findings": ["bad_hair"]},
    ],
)
def test_settings_out_of_range_are_refused(root: Client, cast: Cast, wrong: dict[str, object]) -> None:
    answer = root.post(reverse("admin:reviews_reviewpolicy_add"), {"trial": cast.trial.pk, **POLICY, **wrong})
    assert answer.status_code == 200 and not ReviewPolicy.objects.exists()


def test_a_trials_own_reasons_take_the_place_of_the_general_ones(root: Client, cast: Cast) -> None:
    given = {"trial": cast.trial.pk, "code": "no_arterial", "sentence": "The arterial phase is missing.", "position": 1}
    assert root.post(reverse("admin:reviews_returnreason_add"), given).status_code == 302
    assert list(reasons_of(cast.trial)) == ["no_arterial", "other"]
    ReturnReason.objects.update(retired=True)
    assert "no_arterial" not in reasons_of(cast.trial) and "artefacts" in reasons_of(cast.trial)


def test_nobody_but_an_administrator_sets_them(client: Client, cast: Cast) -> None:
    for who in (cast.anna, cast.mira, cast.carla):
        client.force_login(who)
        assert (
            client.post(reverse("admin:reviews_reviewpolicy_add"), {"trial": cast.trial.pk, **POLICY}).status_code
            == 302
        )
    assert not ReviewPolicy.objects.exists()
