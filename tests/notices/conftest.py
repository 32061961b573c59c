"""A decided submission of Carla's site, and what its coordinators are told."""

from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.intake.models import Submission
from tests.cast import Cast
from tests.factories import claimed_case
from tests.signing import decide

Decider = Callable[..., Submission]

SEEN_BY_AN_ANALYST = "Mrs Miller, born 4 May 1961, moved."
"""A note as an analyst should not write it, which may then leave the house nowhere."""


@pytest.fixture
def addresses(cast: Cast) -> None:
    """Everybody has an e-mail address."""
    for person in User.objects.all():
        person.email = f"{person.username}@example.org"
        person.save(update_fields=["email"])


@pytest.fixture
def returned(cast: Cast, addresses: None) -> Submission:
    """Carla's submission, returned with a reason and a note."""
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(case, "return_to_site", by=cast.anna, reasons=["series_missing"], note=SEEN_BY_AN_ANALYST)
    return case.submission
