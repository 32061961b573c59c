"""Small pieces of HTML: escaped text, percentages with their intervals, tables that scroll where a page is narrow."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

NONE = '<span class="none">–</span>'
"""Nothing to show here."""


def text(value: object) -> str:
    """Return a value as escaped text."""
    return escape(str(value), quote=True)


def percent(share: float | None) -> str:
    """Return a share as a percentage with one decimal, without the sign; never 100.0 for less than all."""
    if share is None:
        return NONE
    shown = f"{100 * share:.1f}"
    return "99.9" if shown == "100.0" and share < 1 else shown


def points(difference: float) -> str:
    """Return a difference of shares in points, with its sign."""
    shown = f"{100 * difference:+.1f}"
    return "0.0" if shown in ("+0.0", "-0.0") else shown.replace("-", "−")


def interval(bounds: Sequence[float] | None) -> str:
    """Return an interval of shares as "92.7 to 98.9"."""
    return f"{percent(bounds[0])} to {percent(bounds[1])}" if bounds else NONE


def accuracy(counts: Mapping[str, Any]) -> str:
    """Return an accuracy with its Wilson interval beneath."""
    if not counts["n"]:
        return NONE
    return f"{percent(counts['accuracy'])}<small>{interval(counts['wilson_95'])}</small>"


def by_patients(counts: Mapping[str, Any]) -> str:
    """Return the patient bootstrap; where it has no width, Wilson's interval of the patients that are all right."""
    if not counts["n"]:
        return NONE
    if counts["bootstrap_95"]:
        return interval(counts["bootstrap_95"])
    return f"{interval(counts['patients_wilson_95'])}*"


def of_counts(counts: Mapping[str, Any]) -> str:
    """Return "97.1 % (132 of 136; 92.7 to 98.9)" for running text."""
    if not counts["n"]:
        return "nothing to count"
    return (
        f"{percent(counts['accuracy'])} % ({counts['right']} of {counts['n']}; "
        f"95 % interval {interval(counts['wilson_95'])})"
    )


def interval_bar(counts: Mapping[str, Any]) -> str:
    """Return a bar from 0 to 100 % with the interval and the accuracy on it."""
    if not counts["n"]:
        return ""
    low, high = counts["wilson_95"]
    share = counts["accuracy"]
    return (
        '<svg class="bar" viewBox="0 0 120 12" role="img" aria-label="'
        f'{percent(share)} %, interval {interval(counts["wilson_95"])}">'
        '<line x1="4" x2="116" y1="6" y2="6" class="track"/>'
        f'<line x1="{4 + 112 * low:.1f}" x2="{4 + 112 * high:.1f}" y1="6" y2="6" class="range"/>'
        f'<circle cx="{4 + 112 * share:.1f}" cy="6" r="3.5" class="dot"/></svg>'
    )


def table(head: str, rows: Iterable[str], caption: str = "", kind: str = "") -> str:
    """Return a table; `head` and `rows` are its `tr` elements."""
    title = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table class="{kind}">{title}<thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def heads(*titles: str) -> str:
    """Return one row of column heads."""
    return "<tr>" + "".join(f'<th scope="col">{title}</th>' for title in titles) + "</tr>"


def row(title: str, *cells: str, kind: str = "") -> str:
    """Return a row whose first cell is its head; cells are HTML."""
    attribute = f' class="{kind}"' if kind else ""
    return f'<tr{attribute}><th scope="row">{title}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def section(anchor: str, title: str, *parts: str) -> str:
    """Return a section with its heading."""
    return f'<section id="{anchor}"><h2>{title}</h2>{"".join(parts)}</section>'


def paragraph(words: str, kind: str = "") -> str:
    """Return a paragraph of HTML."""
    return f'<p class="{kind}">{words}</p>' if kind else f"<p>{words}</p>"
