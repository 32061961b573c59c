"""What was asked: the list, one query with its thread, and the queries of a visit."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from apps.accounts.requests import PersonsRequest
from apps.intake.models import Submission
from apps.intake.permissions import may_send_for
from apps.queries.forms import ListForm
from apps.queries.fragments import fragment_or_page
from apps.queries.models import Query
from apps.queries.permissions import may_answer, may_ask_anywhere, may_settle
from apps.queries.selectors import case_of, listing, queries_of_visit, threads
from apps.trials.models import Visit


@require_GET
def queries(request: PersonsRequest) -> HttpResponse:
    """The queries that the person may see; what waits for the site comes first."""
    form = ListForm(request.GET, person=request.user)
    kept = request.GET.copy()
    for name in ("page", "standing"):
        kept.pop(name, None)
    context = {
        "form": form,
        "filters": form.filters,
        "kept": kept.urlencode(),
        "shown": listing(request.user, form.filters, request.GET.get("page")),
        "may_settle": may_ask_anywhere(request.user),
    }
    return render(request, "queries/list.html", context)


@require_GET
def query(request: PersonsRequest, uuid: str) -> HttpResponse:
    return show_query(request, visible_query(request, uuid))


def visible_query(request: PersonsRequest, uuid: str) -> Query:
    return get_object_or_404(Query.objects.visible_to(request.user).with_context(), uuid=uuid)


def show_query(
    request: PersonsRequest, query: Query, *, refusal: str = "", typed: str = "", status: int = 200
) -> HttpResponse:
    """Answer with the page of a query; what was refused comes back with what was typed."""
    (row,) = threads(Query.objects.filter(pk=query.pk))
    submission = row.query.submission
    context = {
        "row": row,
        "query": row.query,
        "visit": submission.visit,
        "case": case_of(request.user, submission),
        "may_answer": may_answer(request.user, row.query),
        "may_settle": may_settle(request.user, row.query),
        "takes_images": takes_images(submission.visit),
        "refusal": refusal,
        "typed": typed,
    }
    return render(request, "queries/query.html", context, status=status)


def takes_images(visit: Visit) -> bool:
    """Whether the site can send other images for the visit now, or has begun to."""
    latest = visit.submissions.exclude(status=Submission.Status.WITHDRAWN).first()
    return latest is None or latest.status not in (*Submission.AT_THE_CORE_LAB, Submission.Status.ACCEPTED)


@require_GET
def of_visit(request: PersonsRequest, pk: int) -> HttpResponse:
    """What was asked about a visit's submissions; loaded into the page of the visit, or a page of its own."""
    visit = get_object_or_404(Visit.objects.visible_to(request.user).with_context(), pk=pk)
    return show_visit(request, visit)


def show_visit(
    request: PersonsRequest, visit: Visit, *, refused: Query | None = None, refusal: str = "", typed: str = ""
) -> HttpResponse:
    rows = queries_of_visit(request.user, visit)
    context = {
        "visit": visit,
        "open": [row for row in rows if row.is_open],
        "others": [row for row in rows if not row.is_open],
        "may_answer": may_send_for(request.user, visit),
        "takes_images": takes_images(visit),
        "refused": refused.pk if refused else None,
        "refusal": refusal,
        "typed": typed,
    }
    return fragment_or_page(request, "queries/_visit_questions.html", "queries/of_visit.html", context)
