"""Rounds of review in tests: a trial's policy, a review from claim to decision, and lots that are known beforehand."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from apps.accounts.models import Membership, Role, User
from apps.reviews.models import Decision, ReviewCase, ReviewPolicy
from apps.reviews.services import claim, correct_label
from apps.trials.models import Trial
from tests.cast import Cast, person
from tests.signing import decide


class Lots(Random):
    """Draws what it was told: the lots of hiding, of a wrong label, of a second review; of a list the first."""

    def __init__(self, hidden: float = 0.99, seeded: float = 0.99, second: float = 0.99) -> None:
        super().__init__()
        self._lots = [hidden, seeded, second]

    def random(self) -> float:
        return self._lots.pop(0)

    def choice(self, seq: Any) -> Any:
        return seq[0]


def policy(trial: Trial, **fields: Any) -> ReviewPolicy:
    return ReviewPolicy.objects.update_or_create(trial=trial, defaults=fields)[0]


def third_analyst(cast: Cast) -> User:
    """Return Ada, another analyst of the trial."""
    ada = person("ada", "Ada")
    Membership.objects.create(user=ada, role=Role.ANALYST, trial=cast.trial)
    return ada


def reviewed(
    case: ReviewCase,
    verdict: str,
    *,
    by: User,
    reasons: Sequence[str] = (),
    note: str = "",
    labels: Mapping[tuple[int, str], str] | None = None,
) -> Decision:
    """Take a waiting case, set labels (by number of the series and module), and decide."""
    case = ReviewCase.objects.get(pk=case.pk)
    claim(case, by=by)
    for (number, module), label in (labels or {}).items():
        correct_label(case, case.submission.series.get(number=number), module, label, by=by)
    reasons = reasons or ([] if verdict == Decision.Verdict.ACCEPT else ["artefacts"])
    return decide(case, verdict, by=by, reasons=reasons, note=note)


def next_case(case: ReviewCase) -> ReviewCase:
    """Return the one case of the submission that is not decided."""
    return ReviewCase.objects.exclude(status=ReviewCase.Status.DECIDED).get(submission=case.submission_id)
