"""The report of a run: one HTML file that needs nothing else, to be read on a screen or printed."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from apps.imaging.training.evaluate.measure import Evaluation
from apps.imaging.training.report.markup import text
from apps.imaging.training.report.sections import both_section, module_sections
from apps.imaging.training.report.summary import definitions, header, in_short, warnings

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for the report: nothing but what is in it."""


def report_html(evaluation: Evaluation) -> str:
    """Return the whole report."""
    metrics: Mapping[str, Any] = evaluation.metrics
    style = files("apps.imaging.training.report").joinpath("style.css").read_text(encoding="utf-8")
    body = [header(metrics), in_short(metrics), warnings(metrics)]
    for name, votes in evaluation.modules.items():
        body += module_sections(evaluation, name, votes)
    body += [both_section(metrics), definitions(metrics)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>Evaluation of {text(metrics['run']['name'])}</title><style>{style}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )
