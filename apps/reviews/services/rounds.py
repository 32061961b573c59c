"""What the rounds of one submission have in common: how the next one opens, and whether two of them agree."""

from datetime import datetime
from typing import Any

from apps.accounts.models import User
from apps.audit.services import record
from apps.jobs.services import enqueue
from apps.reviews.models import CaseFinding, Decision, LabelCorrection, ReviewCase
from apps.reviews.selectors.rounds import corrections_of, overlooked


def open_round(
    after: ReviewCase,
    kind: ReviewCase.Kind,
    *,
    settles: bool,
    due_at: datetime,
    told: dict[str, Any] | None = None,
    by: User | None = None,
    because: str = "",
) -> ReviewCase:
    """Put the submission of a decided case into the queue once more; call in the transaction that sends it there.

    What is `told` stands in the audit event alone, `because` on the case's page, too: which must not say what an
    earlier round found where this one is blind.
    """
    newest = ReviewCase.objects.filter(submission=after.submission_id).order_by("-round").first() or after
    case = ReviewCase.objects.create(
        submission=after.submission,
        round=newest.round + 1,
        kind=kind,
        settles=settles,
        trial=after.trial,
        site=after.site,
        due_at=due_at,
        priority=newest.priority,
        resubmitted=newest.resubmitted,
        ai_disagrees=newest.ai_disagrees,
        abstained=newest.abstained,
        queries_open=newest.queries_open,
        queries_answered=newest.queries_answered,
    )
    codes = newest.finding_codes.values_list("code", flat=True)
    CaseFinding.objects.bulk_create(CaseFinding(case=case, code=code) for code in codes)
    new = {"due_at": due_at.isoformat(), "kind": kind, "round": case.round, "settles": settles, **(told or {})}
    record("reviewcase.opened", case, by=by, new=new, because=because)
    enqueue("queries.recount", after.submission_id)  # a decided case does not count them any more
    return case


def let_settle(
    case: ReviewCase, settles: bool, *, by: User, because: str = "", action: str = "reviewcase.settles"
) -> bool:
    """Let the decision of a case be the outcome of its submission, or no longer; False when it was so already."""
    changed = ReviewCase.objects.filter(pk=case.pk, settles=not settles).update(settles=settles)
    if changed:
        case.settles = settles
        record(action, case, by=by, old={"settles": not settles}, new={"settles": settles}, because=because)
    return bool(changed)


def differences(first: Decision, second: Decision) -> list[str]:
    """Return in what two reviews of one submission differ: "verdict", and each label that they left differently.

    A label that nobody corrected was left as the ensemble gave it. No word at all was given where the labels were
    hidden, or where one of them overlooked a label that was wrong on purpose: that differs from nothing.
    """
    differing = ["verdict"] if first.verdict != second.verdict else []
    by_first, by_second = corrections_of(first.case), corrections_of(second.case)
    for key in sorted(by_first.keys() | by_second.keys()):
        # Of two cases, at least one has corrected this label: it knows what the ensemble said.
        said = (by_first.get(key) or by_second[key]).ensemble_label
        left = {
            _label_left(case, key, by.get(key), said) for case, by in ((first.case, by_first), (second.case, by_second))
        }
        if len(left - {""}) > 1:
            differing.append(f"{key[1]} of series {key[0]}")
    return differing


def _label_left(case: ReviewCase, key: tuple[int, str], correction: LabelCorrection | None, said: str) -> str:
    """Return the label that a case left; empty where its analyst gave no word on it."""
    if case.seeded and key == (case.seeded["series"], case.seeded["module"]) and overlooked(case):
        return ""
    if correction:
        return correction.label
    return "" if case.arm == ReviewCase.Arm.HIDDEN else said
