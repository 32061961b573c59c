"""The lead's pages: studies, a plan, its start and end, the result. Readings stand in views_reading."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import Role
from apps.accounts.permissions import ADMINISTRATOR, require, roles_of
from apps.accounts.requests import PersonsRequest
from apps.audit.lifecycle import Refused
from apps.studies import services
from apps.studies.candidates import candidates
from apps.studies.exports import readings_csv
from apps.studies.forms import (
    AddScansForm,
    NewStudyForm,
    PlanForm,
    ReadersForm,
    ScanChoiceForm,
    ScanFilterForm,
    references_given,
)
from apps.studies.models import Arm, Reader, ReadingStudy
from apps.studies.permissions import may_lead, may_see_results, trials_to_study
from apps.studies.plot import panels
from apps.studies.results import readings_of, result
from apps.studies.selectors import chosen_scans, reader_rows, study_rows
from apps.studies.services.leading import what_is_missing
from apps.studies.services.planning import NOT_THE_LEAD
from apps.ui.form_errors import in_a_sentence

NOT_BEFORE_THE_END = "Analysts see the result of a study when it is closed, so that nobody reads with it in mind."
THE_LEADS_PAGE = "This page belongs to those who lead the study. What you have to read is under Readings."


@require_safe
def studies(request: PersonsRequest) -> HttpResponse:
    """The studies that the person leads or administers."""
    roles = roles_of(request.user)
    leads = Role.TRIAL_MANAGER in roles
    led = ReadingStudy.objects.visible_to(request.user)
    if ADMINISTRATOR not in roles:
        led = led.filter(trial__in=trials_to_study(request.user))
    context = {"rows": study_rows(led), "leads": leads, "reads": Role.ANALYST in roles}
    return render(request, "studies/studies.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PersonsRequest) -> HttpResponse:
    """Begin the plan of a study."""
    require(trials_to_study(request.user).exists(), NOT_THE_LEAD)
    form = NewStudyForm(request.POST or None, person=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            study = services.create(**form.cleaned_data, by=request.user)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("studies:study", study.pk)
    return render(request, "studies/new.html", {"form": form}, status=409 if form.errors else 200)


@require_safe
def study(request: PersonsRequest, pk: int) -> HttpResponse:
    """The plan of a draft; afterwards how far each analyst has come."""
    shown = _visible(request, pk)
    leads = may_lead(request.user, shown)
    require(leads or request.user.is_superuser, THE_LEADS_PAGE)
    context: dict[str, Any] = {"study": shown, "leads": leads, "n_scans": shown.scans.count()}
    if shown.status != ReadingStudy.Status.DRAFT:
        rows = reader_rows(shown.readers.all(), timezone.now())
        n_read = sum(session.n_read for row in rows for session in row.sessions)
        n_readings = context["n_scans"] * len(rows) * len(Arm)
        context |= {"rows": rows, "n_read": n_read, "n_readings": n_readings, "n_left": n_readings - n_read}
        return render(request, "studies/running.html", context)
    filter_form = ScanFilterForm(request.GET, study=shown)
    chosen = list(shown.readers.values_list("analyst", flat=True))
    context |= {
        "plan": PlanForm(initial={"name": shown.name, "washout_days": shown.washout_days}),
        "filter_form": filter_form,
        "n_candidates": candidates(shown, filter_form.narrowed).count(),
        "page": chosen_scans(shown, request.GET.get("page")),
        "readers": ReadersForm(initial={"analysts": chosen}, study=shown),
        "n_readers": len(chosen),
        "missing": what_is_missing(shown),
    }
    return render(request, "studies/draft.html", context)


@require_POST
def change(request: PersonsRequest, pk: int) -> HttpResponse:
    """Give a draft another name or washout."""
    return _act(request, pk, PlanForm(request.POST), services.change, "", "Saved.")


@require_POST
def add_scans(request: PersonsRequest, pk: int) -> HttpResponse:
    """Add all scans that the filter shows, or some of them at random."""
    shown = _visible(request, pk)
    narrowed = ScanFilterForm(request.POST, study=shown).narrowed

    def add(study: ReadingStudy, *, how: str, n: int | None, by: Any) -> None:
        if how == "random":
            added = services.add_random_scans(study, narrowed, n or 0, by=by)
        else:
            added = services.add_all_scans(study, narrowed, by=by)
        messages.success(request, f"{added} scan{'' if added == 1 else 's'} added.")

    return _act(request, pk, AddScansForm(request.POST), add, "scans")


@require_POST
def remove_scans(request: PersonsRequest, pk: int) -> HttpResponse:
    """Take the ticked scans out of a draft."""
    form = ScanChoiceForm(request.POST, study=_visible(request, pk))
    form.fields["scan"].error_messages["required"] = "Tick the scans that the study should not read."

    def remove(study: ReadingStudy, *, scan: list[int], by: Any) -> None:
        removed = services.remove_scans(study, scan, by=by)
        messages.success(request, f"{removed} scan{'' if removed == 1 else 's'} removed.")

    return _act(request, pk, form, remove, "scans")


@require_POST
def references(request: PersonsRequest, pk: int) -> HttpResponse:
    """Enter the reference labels of the scans on a page."""
    shown = _visible(request, pk)
    require(may_lead(request.user, shown), NOT_THE_LEAD)
    try:
        changed = services.set_references(shown, references_given(request.POST, shown), by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{changed} reference label{'' if changed == 1 else 's'} saved.")
    return redirect(reverse("studies:study", args=[pk]) + "#scans")


@require_POST
def readers(request: PersonsRequest, pk: int) -> HttpResponse:
    """Choose who reads."""
    form = ReadersForm(request.POST, study=_visible(request, pk))

    def choose(study: ReadingStudy, *, analysts: Any, by: Any) -> None:
        services.choose_readers(study, list(analysts), by=by)

    return _act(request, pk, form, choose, "readers", "Saved.")


@require_POST
def start(request: PersonsRequest, pk: int) -> HttpResponse:
    """Draw the orders and let the analysts begin."""
    return _act(request, pk, None, services.start, "", "The study runs. Its analysts find it under Readings.")


@require_POST
def close(request: PersonsRequest, pk: int) -> HttpResponse:
    """End the study, with a reason where readings are left."""

    def end(study: ReadingStudy, *, by: Any) -> None:
        services.close(study, because=request.POST.get("because", "")[:4000], by=by)

    return _act(request, pk, None, end, "", "The study is closed. Its analysts may see the result now.")


@require_safe
def study_result(request: PersonsRequest, pk: int) -> HttpResponse:
    """Minutes, tests and accuracy per arm, computed from the readings as they are kept."""
    shown = _visible(request, pk)
    require(may_see_results(request.user, shown), NOT_BEFORE_THE_END)
    found = result([row for _, row in readings_of(shown)])
    n_readings = shown.scans.count() * Reader.objects.filter(study=shown).count() * len(Arm)
    context = {
        "study": shown,
        "result": found,
        "panels": panels([(analyst.analyst, analyst.pairs) for analyst in found.analysts]),
        "n_readings": n_readings,
        "n_read": sum(accuracy.both.n for analyst in found.analysts for accuracy in analyst.accuracy.values()),
        "leads": may_lead(request.user, shown) or request.user.is_superuser,
    }
    return render(request, "studies/result.html", context)


@require_safe
def result_csv(request: PersonsRequest, pk: int) -> HttpResponseBase:
    """Every reading as a file."""
    shown = _visible(request, pk)
    require(may_see_results(request.user, shown), NOT_BEFORE_THE_END)
    return readings_csv(shown)


def _visible(request: PersonsRequest, pk: int) -> ReadingStudy:
    return get_object_or_404(ReadingStudy.objects.visible_to(request.user).select_related("trial"), pk=pk)


def _act(request: PersonsRequest, pk: int, form: Any, service: Any, anchor: str, done: str = "") -> HttpResponse:
    """Call a service of the lead with what the form read, and go back to the study with what came of it."""
    shown = _visible(request, pk)
    require(may_lead(request.user, shown), NOT_THE_LEAD)
    if form is not None and not form.is_valid():
        messages.error(request, in_a_sentence(form))
    else:
        try:
            service(shown, **(form.cleaned_data if form is not None else {}), by=request.user)
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            if done:
                messages.success(request, done)
    return redirect(reverse("studies:study", args=[pk]) + (f"#{anchor}" if anchor else ""))
