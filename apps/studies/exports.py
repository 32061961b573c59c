"""The readings of a study as CSV, one line each, safe to open in a spreadsheet."""

import re

from django.http import HttpResponse

from apps.compliance.exports import csv_response
from apps.studies.models import ReadingStudy
from apps.studies.results import readings_of

HEAD = (
    "Analyst",
    "Arm",
    "Session",
    "Place",
    "Scan",
    "Site",
    "Subject",
    "Visit",
    "Series",
    "Active seconds",
    "Read at",
    "Body part",
    "Contrast",
    "Reference body part",
    "Reference contrast",
    "AI body part",
    "AI contrast",
    "Body part right",
    "Contrast right",
)


def readings_csv(study: ReadingStudy) -> HttpResponse:
    """Return a line per reading: who, in which arm and order, how long, what was seen and what is right."""
    scans = study.scans.select_related(
        "series__submission__visit__subject__site", "series__submission__visit__visit_type"
    ).defer("series__digest")
    series_of = {scan.pk: scan.series for scan in scans}
    lines = []
    for reading, row in readings_of(study):
        assignment = reading.assignment
        series = series_of[assignment.scan_id]
        visit = series.submission.visit
        lines.append(
            (
                row.analyst,
                row.arm,
                assignment.reader.arms.index(assignment.arm) + 1,
                assignment.place,
                row.scan,
                visit.site.number,
                visit.subject.screening_number,
                visit.visit_type.name,
                series.number,
                f"{row.seconds:.3f}",
                reading.read_at.isoformat(timespec="seconds"),
                row.given.body_part,
                row.given.contrast,
                row.reference.body_part,
                row.reference.contrast,
                row.ensemble.body_part,
                row.ensemble.contrast,
                "yes" if row.given.body_part == row.reference.body_part else "no",
                "yes" if row.given.contrast == row.reference.contrast else "no",
            )
        )
    name = re.sub(r"[^A-Za-z0-9]+", "-", f"{study.trial.protocol_number}-{study.name}").strip("-")
    return csv_response(f"{name}-readings.csv", HEAD, lines)
