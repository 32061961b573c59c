"""The review desk: the worklist, a case with its evidence, and what the analyst does with it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import Role
from apps.accounts.permissions import require, roles_of
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.reviews import services
from apps.reviews.clock import BACK_TO_QUEUE_AFTER
from apps.reviews.forms import CorrectionForm, DecisionForm, WorklistForm
from apps.reviews.models import ReviewCase
from apps.reviews.permissions import may_decide, may_review, may_see_the_desk
from apps.reviews.selectors import Verdict, case_evidence, case_history, worklist

NOT_THE_CORE_LAB = "The review desk belongs to the core lab. Your visits are under My visits."


@require_GET
def worklist_page(request: PersonsRequest) -> HttpResponse:
    """The cases that need somebody, in due order."""
    require(may_see_the_desk(request.user), NOT_THE_CORE_LAB)
    form = WorklistForm(request.GET, person=request.user)
    shown = worklist(request.user, form.filters, request.GET.get("page"))
    context = {
        "form": form,
        "filters": form.filters,
        "queue_query": form.query,
        "pager_query": "&".join(filter(None, [f"standing={form.filters.standing}", form.query])) + "&",
        "shown": shown,
        "held": services.held_case(request.user),
        "may_claim": Role.ANALYST in roles_of(request.user),
    }
    return render(request, "reviews/worklist.html", context)


@require_POST
def claim_next(request: PersonsRequest) -> HttpResponse:
    """Take the first waiting case that the filters show, or go on with the one at hand."""
    form = WorklistForm(request.GET, person=request.user)
    case = services.claim_next(by=request.user, among=form.filters.narrow(ReviewCase.objects.all()))
    if case is None:
        messages.info(request, "No case waits here. New ones appear as soon as a site transfers them.")
        return redirect(_with(reverse("reviews:worklist"), form.query))
    return redirect(_case_address(case, form.query))


@require_GET
def case_page(request: PersonsRequest, pk: int) -> HttpResponse:
    """One case with all its evidence; who does not hold it reads only."""
    return _case_page(request, pk)


@require_POST
def claim(request: PersonsRequest, pk: int) -> HttpResponse:
    case = _visible_case(request, pk)
    try:
        services.claim(case, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(_case_address(case, _queue_query(request)))


@require_POST
def release(request: PersonsRequest, pk: int) -> HttpResponse:
    """Put the case back into the queue."""
    case = _visible_case(request, pk)
    try:
        services.release(case, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{case.submission.visit} is back in the queue. The time spent on it stays recorded.")
    return redirect(_with(reverse("reviews:worklist"), _queue_query(request)))


@require_POST
def beat(request: PersonsRequest, pk: int) -> JsonResponse:
    """Note a sign of work; the answer is the time by the server's clock, or 403 with a sentence."""
    case = _visible_case(request, pk)
    try:
        return JsonResponse({"active_seconds": services.beat(case, by=request.user)})
    except PermissionDenied as refusal:
        return JsonResponse({"detail": str(refusal)}, status=403)


@require_POST
def decide(request: PersonsRequest, pk: int) -> HttpResponse:
    """Give the verdict; what is refused comes back on the page with everything that was typed."""
    case = _visible_case(request, pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _case_page(request, pk, form=form, status=409)
    try:
        services.decide(case, by=request.user, **form.cleaned_data)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _case_page(request, pk, form=form, status=409)
    except PermissionDenied as refusal:
        form.add_error(None, str(refusal))
        return _case_page(request, pk, form=form, status=403)
    return redirect(_case_address(case, _queue_query(request)))


@require_POST
def correct(request: PersonsRequest, pk: int) -> HttpResponse:
    """Set a label of one series; the ensemble's own stays beside it."""
    case = _visible_case(request, pk)
    form = CorrectionForm(request.POST)
    address = _case_address(case, _queue_query(request))
    if form.is_valid():
        address += f"#series-{form.cleaned_data['series']}"
        series = get_object_or_404(case.submission.series, pk=form.cleaned_data["series"])
        try:
            services.correct_label(
                case, series, form.cleaned_data["module"], form.cleaned_data["label"], by=request.user
            )
        except Refused as refusal:
            messages.error(request, str(refusal))
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect(address)


def _case_page(
    request: PersonsRequest, pk: int, *, form: DecisionForm | None = None, status: int = 200
) -> HttpResponse:
    case = _visible_case(request, pk)
    holds = may_decide(request.user, case)
    context = {
        "case": case,
        "submission": case.submission,
        "visit": case.submission.visit,
        "evidence": case_evidence(case),
        "history": case_history(case),
        "verdict": Verdict(case.decision) if case.status == ReviewCase.Status.DECIDED else None,
        "overdue": case.due_at < timezone.now(),
        "form": form or DecisionForm(),
        "holds": holds,
        "may_review": holds or may_review(request.user, case),
        "session": case.sessions.filter(ended_at=None).first(),
        "back_after_seconds": int(BACK_TO_QUEUE_AFTER.total_seconds()),
        "queue_query": _queue_query(request),
    }
    return render(request, "reviews/case.html", context, status=status)


def _visible_case(request: PersonsRequest, pk: int) -> ReviewCase:
    return get_object_or_404(ReviewCase.objects.visible_to(request.user).with_context(), pk=pk)


def _queue_query(request: PersonsRequest) -> str:
    """Return the worklist's filters that this address carries, so that Next case stays among them."""
    return WorklistForm(request.GET, person=request.user).query if request.GET else ""


def _case_address(case: ReviewCase, query: str) -> str:
    return _with(reverse("reviews:case", args=[case.pk]), query)


def _with(address: str, query: str) -> str:
    return f"{address}?{query}" if query else address
