from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.compliance.exports import site_table_csv, visit_list_csv
from apps.compliance.permissions import trials_managed_by
from apps.compliance.selectors import measures, site_rows, totals, visits_behind
from apps.reviews.models import ReviewCase
from apps.reviews.selectors.rounds import nobody_may_take


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """The first of the manager's trials; a page that teaches when there is none."""
    trials = trials_managed_by(request.user)
    first = trials.first()
    if first is None:
        return render(request, "compliance/none.html")
    return redirect("compliance:trial", first.pk)


@require_safe
def trial(request: HttpRequest, pk: int) -> HttpResponse:
    """Which site needs a call today."""
    trials = trials_managed_by(request.user)
    chosen = get_object_or_404(trials, pk=pk)
    today = timezone.localdate()
    rows = site_rows(chosen, today)
    every = measures(today)
    context = {
        "trial": chosen,
        "trials": trials,
        "today": today,
        "measures": every,
        "rows": rows,
        "stuck": nobody_may_take(ReviewCase.objects.filter(trial=chosen)).with_context(),
        "totals": [(every[name], total) for name, total in totals(rows).items()],
    }
    return render(request, "compliance/trial.html", context)


@require_safe
def trial_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The table as a file."""
    chosen = get_object_or_404(trials_managed_by(request.user), pk=pk)
    return site_table_csv(chosen, timezone.localdate())


@require_safe
def visits(request: HttpRequest, pk: int, measure: str) -> HttpResponseBase:
    """The rows behind a number, of one site (`?site=`) or all; `?format=csv` gives them as a file."""
    chosen = get_object_or_404(trials_managed_by(request.user), pk=pk)
    today = timezone.localdate()
    counted = measures(today).get(measure)
    if counted is None:
        raise Http404(f"There is no number called {measure}.")
    site = get_object_or_404(chosen.sites, number=request.GET["site"]) if request.GET.get("site") else None
    found = visits_behind(chosen, counted, site)
    if request.GET.get("format") == "csv":
        return visit_list_csv(chosen, counted, found, today)
    context = {"trial": chosen, "measure": counted, "site": site, "visits": found, "today": today}
    return render(request, "compliance/visits.html", context)
