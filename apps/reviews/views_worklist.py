"""The worklist, and how cases come to a desk and leave it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import require, roles_of
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.reviews import services
from apps.reviews.addresses import case_address, queue_query, visible_case, with_query
from apps.reviews.forms import SavedViewForm, WorklistForm
from apps.reviews.models import ReviewCase, SavedView
from apps.reviews.permissions import may_see_the_desk
from apps.reviews.selectors import worklist

NOT_THE_CORE_LAB = "The review desk belongs to the core lab. Your visits are under My visits."


@require_GET
def worklist_page(request: PersonsRequest) -> HttpResponse:
    """The cases that need somebody, in due order."""
    return render(request, "reviews/worklist.html", worklist_context(request))


def worklist_context(request: PersonsRequest, per_page: int | None = None) -> dict[str, Any]:
    """Return what the list and the wall show alike: filters, counts, and the cases of one page."""
    require(may_see_the_desk(request.user), NOT_THE_CORE_LAB)
    form = WorklistForm(request.GET, person=request.user)
    here = f"standing={form.filters.standing}&{form.query}".rstrip("&")
    return {
        "form": form,
        "filters": form.filters,
        "queue_query": form.query,
        "here": here,
        "pager_query": f"{here}&",
        "shown": worklist(request.user, form.filters, request.GET.get("page"), per_page),
        "held": services.held_case(request.user),
        "views": list(SavedView.objects.filter(user=request.user)),
        "manages": frozenset(
            Membership.objects.filter(user=request.user, role=Role.TRIAL_MANAGER).values_list("trial", flat=True)
        ),
        "may_claim": Role.ANALYST in roles_of(request.user),
    }


@require_POST
def claim_next(request: PersonsRequest) -> HttpResponse:
    """Take the first waiting case that the filters show, or go on with the one at hand."""
    form = WorklistForm(request.GET, person=request.user)
    case = services.claim_next(by=request.user, among=form.filters.narrow(ReviewCase.objects.all()))
    if case is None:
        messages.info(request, "No case waits here. New ones appear as soon as a site transfers them.")
        return redirect(with_query(reverse("reviews:worklist"), form.query))
    return redirect(case_address(case, form.query))


@require_POST
def claim(request: PersonsRequest, pk: int) -> HttpResponse:
    case = visible_case(request, pk)
    try:
        services.claim(case, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(case_address(case, queue_query(request)))


@require_POST
def take_over(request: PersonsRequest, pk: int) -> HttpResponse:
    """Take a case from another analyst's desk, with the reason that they will read."""
    case = visible_case(request, pk)
    try:
        services.take_over(case, by=request.user, because=request.POST.get("because", ""))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(case_address(case, queue_query(request)))


@require_POST
def put_back(request: PersonsRequest, pk: int) -> HttpResponse:
    """Free a case for its analyst; a manager's step."""
    case = visible_case(request, pk)
    try:
        services.put_back(case, by=request.user, because=request.POST.get("because", ""))
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{case.submission.visit} is back in the queue. The time spent on it stays recorded.")
    return redirect(with_query(reverse("reviews:worklist"), queue_query(request)))


@require_POST
def save_view(request: PersonsRequest) -> HttpResponse:
    """Keep the filters at hand under a name; a name that is taken asks first."""
    require(may_see_the_desk(request.user), NOT_THE_CORE_LAB)
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Give the view a name of at most 40 letters.")
        return redirect("reviews:worklist")
    given = form.cleaned_data
    understood = WorklistForm(QueryDict(given["query"]), person=request.user)
    query = f"standing={understood.filters.standing}&{understood.query}".rstrip("&")
    try:
        services.save_view(given["name"], query, by=request.user, replace=given["replace"])
    except services.NameTaken as taken:
        return render(request, "reviews/_worklist_replace.html", {"given": given, "taken": taken}, status=409)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"The filters are saved as {given['name']}.")
    return redirect(with_query(reverse("reviews:worklist"), query))


@require_POST
def rename_view(request: PersonsRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=pk, user=request.user)
    form = SavedViewForm(request.POST)
    try:
        if not form.is_valid():
            raise Refused("Give the view a name of at most 40 letters.")
        services.rename_view(view, form.cleaned_data["name"], by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(with_query(reverse("reviews:worklist"), view.query))


@require_POST
def delete_view(request: PersonsRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=pk, user=request.user)
    services.delete_view(view, by=request.user)
    messages.success(request, f"The view {view.name} is deleted.")
    return redirect("reviews:worklist")


@require_POST
def release(request: PersonsRequest, pk: int) -> HttpResponse:
    """Put the case back into the queue."""
    case = visible_case(request, pk)
    try:
        services.release(case, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{case.submission.visit} is back in the queue. The time spent on it stays recorded.")
    return redirect(with_query(reverse("reviews:worklist"), queue_query(request)))
