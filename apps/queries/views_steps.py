"""What is done with a query: from its own page, from the desk of its case, or from its visit."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.accounts.permissions import require
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.queries import services
from apps.queries.forms import TextForm
from apps.queries.fragments import by_htmx, saying
from apps.queries.models import Query
from apps.queries.permissions import may_ask_anywhere
from apps.queries.services.settling import NOT_AN_ANALYST
from apps.queries.views import show_query, show_visit, visible_query
from apps.queries.views_asking import show_submission

Step = Callable[[Query, str], None]


@require_POST
def answer(request: PersonsRequest, uuid: str) -> HttpResponse:
    """A coordinator's answer in words."""

    def step(query: Query, text: str) -> None:
        services.answer(query, text, by=request.user)

    return _take(request, uuid, step, "Answered. The core lab reads it next.")


@require_POST
def ask_again(request: PersonsRequest, uuid: str) -> HttpResponse:
    def step(query: Query, text: str) -> None:
        services.ask_again(query, text, by=request.user)

    return _take(request, uuid, step, "Asked again. The site is told.")


@require_POST
def remind(request: PersonsRequest, uuid: str) -> HttpResponse:
    def step(query: Query, _: str) -> None:
        services.remind(query, by=request.user)

    return _take(request, uuid, step, "The site is reminded.")


@require_POST
def close(request: PersonsRequest, uuid: str) -> HttpResponse:
    def step(query: Query, text: str) -> None:
        services.close(query, text=text, by=request.user)

    return _take(request, uuid, step, "Closed.")


@require_POST
def cancel(request: PersonsRequest, uuid: str) -> HttpResponse:
    def step(query: Query, text: str) -> None:
        services.cancel(query, text, by=request.user)

    return _take(request, uuid, step, "Cancelled. Its thread says why.")


def _take(request: PersonsRequest, uuid: str, step: Step, done: str) -> HttpResponse:
    """Take a step with what was typed, and go back to where it was taken; a refusal leaves what was typed."""
    query = visible_query(request, uuid)
    form = TextForm(request.POST)
    typed = request.POST.get("text", "")
    try:
        if not form.is_valid():
            raise Refused(" ".join(str(error) for error in form.errors["text"]))
        step(query, form.cleaned_data["text"])
    except Refused as refusal:
        return _refused(request, query, str(refusal), typed)
    return _done(request, query, done)


def _place(request: PersonsRequest) -> str:
    """Return where the step was taken: "desk", "visit", or the query's own page."""
    place = request.POST.get("place", "")
    return place if place in ("desk", "visit") else ""


def _refused(request: PersonsRequest, query: Query, sentence: str, typed: str) -> HttpResponse:
    place = _place(request) if by_htmx(request) else ""
    if place == "visit":
        return show_visit(request, query.submission.visit, refused=query, refusal=sentence, typed=typed)
    if place == "desk":
        return show_submission(request, _desk_of(request, query), refusal=sentence)
    return show_query(request, query, refusal=sentence, typed=typed, status=409)


def _done(request: PersonsRequest, query: Query, sentence: str) -> HttpResponse:
    place = _place(request)
    if by_htmx(request) and place == "visit":
        return saying(show_visit(request, query.submission.visit), sentence)
    if by_htmx(request) and place == "desk":
        return saying(show_submission(request, _desk_of(request, query)), sentence)
    messages.success(request, sentence)
    if place == "visit":
        return redirect("intake:visit", query.submission.visit_id)
    if place == "desk":
        return redirect("queries:of-submission", _desk_of(request, query))
    return redirect("queries:query", query.uuid)


def _desk_of(request: PersonsRequest, query: Query) -> int:
    """Return the submission on whose desk the step was taken: the query's own, or the one that answers it."""
    own = (query.submission_id, query.answered_by_submission_id)
    given = request.POST.get("desk", "")
    return int(given) if given.isdecimal() and int(given) in own else query.submission_id


@require_POST
def close_several(request: PersonsRequest) -> HttpResponse:
    """Close the queries that were ticked on the list; who was left out is told why."""
    require(may_ask_anywhere(request.user), NOT_AN_ANALYST)
    chosen = Query.objects.visible_to(request.user).with_context().filter(pk__in=_ticked(request))
    bulk = services.close_each(chosen, by=request.user, text=request.POST.get("text", ""))
    if not bulk.done and not bulk.refused:
        messages.warning(request, "Nothing is ticked. Tick the queries that are to be closed.")
    if bulk.done:
        messages.success(request, f"Closed: {len(bulk.done)}.")
    for sentence, refused in bulk.by_sentence.items():
        visits = ", ".join(str(query.submission.visit) for query in refused)
        messages.error(request, f"Not closed: {visits}. {sentence}")
    return redirect("queries:list")


def _ticked(request: PersonsRequest) -> list[int]:
    return [int(key) for key in request.POST.getlist("query") if key.isdecimal()]
