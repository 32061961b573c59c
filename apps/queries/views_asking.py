"""The way to ask: on the desk of a case, and about several submissions at once."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import require
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.intake.models import Submission
from apps.queries import services
from apps.queries.drafts import drafts_of
from apps.queries.forms import AskForm, QuestionForm, SeriesChoices, SeveralForm
from apps.queries.fragments import by_htmx, fragment_or_page, saying
from apps.queries.permissions import may_ask, may_ask_anywhere, may_look_on
from apps.queries.selectors import case_of, queries_on_the_desk
from apps.queries.services.asking import NOT_AN_ANALYST
from apps.queries.wording import wording_of
from apps.reviews.addresses import case_address, queue_query
from apps.reviews.models import ReviewCase
from apps.reviews.permissions import may_decide
from apps.reviews.querysets import ReviewCaseQuerySet
from apps.reviews.selectors import Filters

ASKED_TOGETHER = 100
"""Submissions that are shown at once to be asked together."""


@require_GET
def of_submission(request: PersonsRequest, pk: int) -> HttpResponse:
    """What was asked about a submission, and the form to ask; loaded into the desk, or a page of its own."""
    return show_submission(request, pk)


def show_submission(
    request: PersonsRequest, pk: int, *, form: AskForm | None = None, refusal: str = "", status: int = 200
) -> HttpResponse:
    submission = _visible_submission(request, pk)
    case = case_of(request.user, submission)
    may = may_ask(request.user, submission) and submission.status in Submission.AT_THE_CORE_LAB
    drafts = drafts_of(case) if may and case else []
    to_begin_with = next((each.key for each in drafts if not each.is_of_an_unused_series), "")
    wanted = request.GET.get("draft", to_begin_with)
    draft = next((each for each in drafts if each.key == wanted), None)
    rows = queries_on_the_desk(request.user, submission, case)
    context = {
        "submission": submission,
        "visit": submission.visit,
        "case": case,
        "holds": bool(case and may_decide(request.user, case)),
        "own": [row for row in rows if row.query.submission_id == submission.pk],
        "earlier": [row for row in rows if row.query.submission_id != submission.pk],
        "waits": any(row.is_open and row.query.submission_id == submission.pk for row in rows),
        "may_settle": may_ask(request.user, submission),
        "may_ask": may,
        "drafts": drafts,
        "draft": draft,
        "form": form or (AskForm(choices=SeriesChoices(submission), draft=draft) if may else None),
        "queue_query": queue_query(request),
        "refusal": refusal,
    }
    return fragment_or_page(request, "queries/_desk_questions.html", "queries/of_submission.html", context, status)


def _visible_submission(request: PersonsRequest, pk: int) -> Submission:
    found = get_object_or_404(Submission.objects.visible_to(request.user).with_context(), pk=pk)
    require(may_look_on(request.user, found), "The desk belongs to the core lab. Your queries are under Queries.")
    return found


@require_POST
def ask(request: PersonsRequest, pk: int) -> HttpResponse:
    """Ask the site; a question that is refused comes back with everything that was typed."""
    submission = _visible_submission(request, pk)
    require(may_ask(request.user, submission), NOT_AN_ANALYST)
    form = AskForm(request.POST, choices=SeriesChoices(submission))
    asked = False
    if form.is_valid():
        try:
            services.ask(submission, **form.question, by=request.user)
            asked = True
        except Refused as refusal:
            form.add_error(None, str(refusal))
    done = "Asked. The coordinators of the site are told."
    if not asked:
        if not by_htmx(request):
            return show_submission(request, pk, form=form, status=409)
        shown = show_submission(request, pk, form=form)
        shown["HX-Retarget"] = shown["HX-Reselect"] = "#ask-form"  # the dialog stays open around it
        return shown
    if by_htmx(request):
        return saying(show_submission(request, pk), done)
    messages.success(request, done)
    case = case_of(request.user, submission)
    return redirect(case_address(case, queue_query(request)) if case else reverse("queries:of-submission", args=[pk]))


@require_http_methods(["GET", "POST"])
def ask_several(request: PersonsRequest) -> HttpResponse:
    """Ask the same question about several submissions that wait for a decision, such as those that share a finding."""
    require(may_ask_anywhere(request.user), NOT_AN_ANALYST)
    trials = Membership.objects.filter(user=request.user, role=Role.ANALYST).values("trial")
    chosen = SeveralForm(request.GET, person=request.user, trials=trials)
    finding = chosen.cleaned_data.get("finding", "")
    cases = _undecided(request, Filters(finding=finding, site=chosen.cleaned_data.get("site")))
    words = wording_of(finding) if finding else None
    initial = {"subject": words.subject, "text": words.question} if words else {}
    form = QuestionForm(request.POST or None, initial=initial)
    ticked = [int(key) for key in request.POST.getlist("case") if key.isdecimal()]
    if request.method == "POST" and form.is_valid():
        wanted = cases.filter(pk__in=ticked)
        bulk = services.ask_each(wanted, by=request.user, finding_code=finding, **form.cleaned_data)
        if bulk.done:
            messages.success(request, f"Submissions asked about: {len(bulk.done)}.")
        for sentence, refused in bulk.by_sentence.items():
            visits = ", ".join(str(case.submission.visit) for case in refused)
            messages.error(request, f"Not asked about {visits}. {sentence}")
        if bulk.done:
            return redirect("queries:list")
        if not bulk.refused:
            form.add_error(None, "Tick the submissions that the question is about.")
    total = cases.count()
    context = {
        "chosen": chosen,
        "finding": finding,
        "form": form,
        "cases": cases.in_due_order()[:ASKED_TOGETHER],
        "total": total,
        "shown": min(total, ASKED_TOGETHER),
        "ticked": ticked,
        "here": request.GET.urlencode(),
    }
    return render(request, "queries/ask_several.html", context, status=409 if request.method == "POST" else 200)


def _undecided(request: PersonsRequest, filters: Filters) -> ReviewCaseQuerySet:
    """Return the cases of which the person may ask, as the worklist narrows them."""
    cases = filters.narrow(ReviewCase.objects.decidable_by(request.user))
    return cases.exclude(status=ReviewCase.Status.DECIDED).with_context()
