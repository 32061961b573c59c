"""How far people and AI agree: the figures of a trial, and the rows behind them."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from apps.compliance.agreement import agreement
from apps.compliance.exports_agreement import TABLES
from apps.compliance.permissions import trials_managed_by
from apps.reviews.models import Decision
from apps.reviews.policies import policy_of


@require_safe
def agreement_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What the AI's labels change, and how often two people say the same."""
    trials = trials_managed_by(request.user)
    trial = get_object_or_404(trials, pk=pk)
    context = {
        "trial": trial,
        "trials": trials,
        "policy": policy_of(trial),
        "figures": agreement(trial),
        "verdicts": Decision.Verdict.choices,
    }
    return render(request, "compliance/agreement.html", context)


@require_safe
def agreement_csv(request: HttpRequest, pk: int, table: str) -> HttpResponseBase:
    """The rows behind a section of the page, as a file."""
    trial = get_object_or_404(trials_managed_by(request.user), pk=pk)
    if table not in TABLES:
        raise Http404(f"There is no table called {table}.")
    return TABLES[table](trial)
