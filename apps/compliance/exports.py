"""The compliance numbers and the rows behind them as CSV, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.http import HttpResponse

from apps.compliance.selectors import Measure, measures, site_rows
from apps.trials.models import Trial

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """Return a value as text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not isinstance(value, int | float) else text


def site_table_csv(trial: Trial, today: date) -> HttpResponse:
    """Return a line per site with the numbers of the table."""
    every = measures(today)
    head = (
        "Site",
        "Name",
        *(measure.title for measure in every.values()),
        "First-pass rate",
        "Median turnaround, hours",
    )
    rows = site_rows(trial, today)
    lines = (
        (
            row.site.number,
            row.site.name,
            *(row.counts[name] for name in every),
            None if row.first_pass_rate is None else f"{row.first_pass_rate:.3f}",
            None if row.median_turnaround is None else f"{row.median_turnaround.total_seconds() / 3600:.1f}",
        )
        for row in rows
    )
    return csv_response(f"{trial.protocol_number}-compliance-{today}.csv", head, lines)


def visit_list_csv(trial: Trial, measure: Measure, visits: Iterable[Any], today: date) -> HttpResponse:
    """Return a line per visit that a number counts."""
    head = ("Site", "Subject", "Visit", "Window opens", "Window closes", "First transferred", "State")
    lines = (
        (
            visit.site.number,
            visit.subject.screening_number,
            visit.visit_type.name,
            visit.opens_on,
            visit.closes_on,
            visit.first_transferred_at and visit.first_transferred_at.isoformat(timespec="minutes"),
            visit.latest_status or "open",
        )
        for visit in visits
    )
    return csv_response(f"{trial.protocol_number}-{measure.name}-{today}.csv", head, lines)


def csv_response(filename: str, head: Sequence[str], lines: Iterable[Sequence[object]]) -> HttpResponse:
    """Return a table as a file that spreadsheet programs open as it is meant."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    # The mark lets spreadsheet programs read UTF-8.
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(head)
    writer.writerows([cell(value) for value in line] for line in lines)
    return response
