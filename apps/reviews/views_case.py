"""A case with all its evidence."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.accounts.identity import confirmation_of
from apps.accounts.permissions import require
from apps.accounts.requests import PersonsRequest
from apps.intake.permissions import may_send_for
from apps.reviews import services
from apps.reviews.addresses import queue_query, visible_case
from apps.reviews.forms import DecisionForm
from apps.reviews.models import ReviewCase, SeriesDecision
from apps.reviews.permissions import may_decide, may_put_back, may_review
from apps.reviews.policies import policy_of
from apps.reviews.selectors import Verdict, case_evidence, case_history, last_returns
from apps.reviews.selectors.times import case_times
from apps.reviews.signing import what_changed
from apps.trials.models import Visit


@require_GET
def case_page(request: PersonsRequest, pk: int) -> HttpResponse:
    """One case with all its evidence; who does not hold it reads only."""
    return show_case(request, pk)


@require_GET
def returns(request: PersonsRequest, pk: int) -> HttpResponse:
    """Why the core lab sent back this site's last scans of the same visit type; loaded into the page of the visit."""
    visit = get_object_or_404(Visit.objects.visible_to(request.user).with_context(), pk=pk)
    require(may_send_for(request.user, visit), "This is for the coordinators of the site alone.")
    return render(request, "reviews/_last_returns.html", {"visit": visit, "returns": last_returns(visit)})


def show_case(request: PersonsRequest, pk: int, *, form: DecisionForm | None = None, status: int = 200) -> HttpResponse:
    """Answer with the page of a case; a form that was refused comes back with what was typed."""
    case = visible_case(request, pk)
    holds = may_decide(request.user, case)
    policy = policy_of(case.trial)
    decided = case.status == ReviewCase.Status.DECIDED
    signature = getattr(case.decision, "signature", None) if decided else None
    context = {
        "case": case,
        "submission": case.submission,
        "visit": case.submission.visit,
        "evidence": case_evidence(case),
        "history": case_history(case, request.user),
        "verdict": Verdict(case.decision) if decided else None,
        "signature": signature,
        "changed_since": what_changed(signature) if signature else [],
        "overdue": case.due_at < timezone.now(),
        "form": form or DecisionForm(trial=case.trial, initial={"reasons": _reasons_given(case)}),
        "policy": policy,
        "times": case_times(case, policy),
        "may_correct_others": may_put_back(request.user, case),
        "asks_password": holds and (policy.sign_each_decision or not confirmation_of(request, request.user)),
        "series_verdicts": SeriesDecision.Verdict.choices,
        "holds": holds,
        "may_review": holds or may_review(request.user, case),
        "session": case.sessions.filter(ended_at=None).first(),
        "back_after_seconds": policy.back_to_queue_minutes * 60,
        "queue_query": queue_query(request),
        "maps_on": request.GET.get("maps") == "on",
    }
    return render(request, "reviews/case.html", context, status=status)


def _reasons_given(case: ReviewCase) -> list[str]:
    """Return the reasons that the analyst gave against single series: ticked for the submission to begin with."""
    words = services.standing_words(case).values()
    return list(dict.fromkeys(reason for word in words for reason in word.reasons))
