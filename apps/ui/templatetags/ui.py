"""Tags and filters that all pages share; docs/design.md shows each in use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.imaging.vocabulary import PLANES
from apps.ui import formats, words
from apps.ui.icons import ICONS

register = template.Library()


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Draw an icon beside the word that it goes with; it is silent for screen readers."""
    if name not in ICONS:
        raise template.TemplateSyntaxError(f"there is no icon {name!r} in static/icons/sprite.svg")
    return format_html(
        '<svg class="icon{}" width="16" height="16" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        f" {extra}" if extra else "",
        static("icons/sprite.svg"),
        name,
    )


@register.simple_tag
def status(kind: str, value: str) -> SafeString:
    """Show a status as a badge: `{% status "submission" submission.status %}`."""
    word = words.status_word(kind, value)
    turning = "icon-working" if word.icon == "working" else ""
    return format_html(
        '<span class="badge tone-{}" title="{}">{}{}</span>',
        word.tone,
        word.meaning,
        icon(word.icon, turning),
        word.text,
    )


@register.simple_tag
def badge(text: str, tone: str = "plain", icon_name: str = "info") -> SafeString:
    """Show a badge for what is no status: `{% badge "2 days late" "block" "clock" %}`."""
    if tone not in words.TONES:
        raise template.TemplateSyntaxError(f"there is no tone {tone!r}; there are {', '.join(words.TONES)}")
    return format_html('<span class="badge tone-{}">{}{}</span>', tone, icon(icon_name), text)


@register.simple_tag
def severity(value: str) -> SafeString:
    """Show a finding's severity as icon and word."""
    word = words.SEVERITIES[str(value)]
    return format_html('<span class="severity tone-{}">{}{}</span>', word.tone, icon(word.icon), word.text)


@register.filter
def severity_word(value: str) -> words.Word:
    """Return the word, tone and icon of a severity, for a component that lays them out itself."""
    return words.SEVERITIES[str(value)]


@register.filter
def status_word(value: str, kind: str) -> words.Word:
    """Return the word, tone and icon of a status: `{{ slot.state|status_word:"slot" }}`."""
    return words.status_word(kind, value)


@register.filter
def label_words(value: str | None) -> str:
    """Show a stored label: "abdomen_pelvis" -> "Abdomen and pelvis", None -> "Not sure"."""
    return words.label_words(value)


@register.filter
def picture_words(name: str) -> str:
    """Show a picture's name: "mip_axial" -> "MIP axial"."""
    return words.picture_words(name)


@register.filter
def when(value: datetime | None) -> str:
    """Show a moment in the reader's zone: 23 Nov 2026, 14:05 CET."""
    if value is None:
        return formats.NOTHING
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.when(value))


@register.filter
def day(value: date | datetime | None) -> str:
    """Show a date: 23 Nov 2026."""
    if value is None:
        return formats.NOTHING
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.day(value))


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Show seconds or a timedelta: 1 min 20 s."""
    return formats.NOTHING if value is None else formats.duration(value)


@register.filter
def mm(value: float | None) -> str:
    """Show a length: 1.25 mm."""
    return formats.NOTHING if value is None else formats.mm(value)


@register.filter
def percent(value: float | None) -> str:
    """Show a share from 0 to 1: 93 %."""
    return formats.NOTHING if value is None else formats.percent(value)


@register.filter
def score(value: float | None) -> str:
    """Show a score, which is no probability and so never a percentage: 0.97."""
    return formats.NOTHING if value is None else f"{value:.2f}"


@register.simple_tag
def score_bar(value: float, top: bool = False) -> SafeString:
    """Draw a score from 0 to 1 as a bar; the number always stands beside it, so the bar is silent."""
    return format_html(
        '<svg class="score-bar{}" aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 100 4">'
        '<rect width="{}" height="4"/></svg>',
        " score-bar-top" if top else "",
        f"{100 * min(max(value, 0.0), 1.0):.1f}",
    )


@dataclass(frozen=True)
class ScoreCell:
    """One plane's score of one class; `top` marks the plane's best."""

    score: float
    top: bool


@dataclass(frozen=True)
class ScoreRow:
    """One class with its scores in the order of PLANES, then the vote."""

    label: str
    cells: tuple[ScoreCell, ...]
    is_answer: bool


@register.filter
def score_rows(answer: Any) -> list[ScoreRow]:
    """Lay out a module's answer (object or JSON) as rows of classes against planes and vote."""
    voted: Mapping[str, float] = _part(answer, "scores") or {}
    planes: Mapping[str, Mapping[str, float]] = _part(answer, "planes") or {}
    columns = [planes[plane] for plane in PLANES if plane in planes] + [voted]
    return [
        ScoreRow(
            label=label,
            cells=tuple(
                ScoreCell(column.get(label, 0.0), column.get(label, 0.0) == max(column.values())) for column in columns
            ),
            is_answer=label == _part(answer, "label"),
        )
        for label in voted
    ]


@register.filter
def planes_of(answer: Any) -> list[str]:
    """Return the planes that an answer has scores of, in the house's order."""
    return [plane for plane in PLANES if plane in (_part(answer, "planes") or {})]


@register.filter
def fact_words(value: Any) -> str:
    """Show a header fact: lists joined, what is absent as a dash."""
    if value is None or value == "":
        return formats.NOTHING
    if isinstance(value, list | tuple):
        return " \\ ".join(str(part) for part in value)
    return str(value)


@register.simple_tag
def field(bound_field: Any, help_text: str = "") -> SafeString:
    """Render a form field with label, help and errors tied to it: `{% field form.note %}`."""
    rendered = render_to_string(
        "components/field.html", {"field": bound_field, "help_text": help_text or bound_field.help_text}
    )
    return SafeString(rendered)


def _part(thing: Any, name: str) -> Any:
    """Return a named part of an object or of its JSON."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
