"""Components and templates: what they show, and that the Content-Security-Policy has nothing to refuse in them."""

import re
from pathlib import Path

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.template.loader import get_template, render_to_string

from apps.imaging.ensemble import ModuleAnswer
from apps.imaging.findings import Finding, Severity
from apps.imaging.vocabulary import BODY_PARTS, PLANES

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
REFUSED = re.compile(r"""\sstyle=|\son\w+=["']|hx-on|<style|<script(?![^>]*\ssrc=)|javascript:""")


def answer(label: str | None, score: float = 0.97) -> ModuleAnswer:
    """What the body part module says of a chest: its label, or why there is none."""
    scores = {name: score if name == "chest" else (1 - score) / 4 for name in BODY_PARTS}
    reason = "" if label else "The body part is not answered: the planes disagree."
    return ModuleAnswer(label, score, scores, dict.fromkeys(PLANES, scores), label is None, reason)


def render(source: str, **context: object) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_templates_hold_nothing_that_a_strict_policy_refuses():
    pages = [path for path in TEMPLATES.rglob("*.html") if "drf" not in path.parts]
    assert len(pages) > 20
    assert {path.name: found for path in pages if (found := REFUSED.findall(path.read_text()))} == {}


@pytest.mark.parametrize("page", sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")))
def test_each_template_compiles(page):
    get_template(page)


def test_a_status_is_icon_and_word_and_not_colour_alone():
    html = render('{% status "submission" "in_review" %}')
    assert "In review" in html and "#eye" in html and "tone-info" in html


def test_an_unknown_icon_or_tone_is_a_mistake_of_the_template():
    with pytest.raises(TemplateSyntaxError, match="no icon 'unicorn'"):
        render('{% icon "unicorn" %}')
    with pytest.raises(TemplateSyntaxError, match="no tone 'pink'"):
        render('{% badge "Late" "pink" "clock" %}')


def test_a_badge_escapes_what_it_is_given():
    assert "<b>" not in render('{% badge text "warn" "clock" %}', text="<b>2 days</b>")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_finding_says_what_was_expected_found_and_where(as_json):
    finding = Finding("thick", Severity.BLOCK, "The slices are too thick.", "<= 3 mm", "7.5 mm", "all 64 slices")
    html = render_to_string("components/finding.html", {"finding": finding.to_json() if as_json else finding})
    assert words_of(html) == ("Blocks: The slices are too thick. Expected &lt;= 3 mm Found 7.5 mm Where all 64 slices")


def test_a_label_chip_shows_label_and_score():
    html = render_to_string("components/label_chip.html", {"answer": answer("chest")})
    assert words_of(html) == "Chest 0.97"


def test_an_abstention_never_shows_a_label():
    silent = answer(None, 0.41)
    html = render_to_string("components/label_chip.html", {"answer": silent})
    assert words_of(html) == "Not sure 0.41"
    assert silent.reason in html


def test_scores_stand_in_rows_of_classes_against_planes_and_vote():
    html = render_to_string("components/plane_scores.html", {"answer": answer("chest"), "caption": "Body part"})
    assert re.findall(r'<th scope="col">([\w]+)</th>', html) == ["Axial", "Sagittal", "Coronal", "Vote"]
    assert html.count("<tr") == 1 + len(BODY_PARTS)
    assert html.count("data-answer") == 1
    assert html.count("cell-top") == 4


def test_a_score_bar_stays_inside_its_track():
    assert 'width="100.0"' in render("{% score_bar 1.2 %}")
    assert 'width="0.0"' in render("{% score_bar value %}", value=-0.1)


def test_an_enlarged_picture_is_named_by_series_and_view():
    html = render_to_string("components/picture.html", {"url": "/p/", "name": "mid_axial", "of": "Series 4"})
    assert 'alt="Series 4: Mid-plane axial"' in html and 'width="512" height="512"' in html


def test_a_series_under_check_keeps_the_place_of_its_answers():
    html = render_to_string("components/series_card.html", {"number": 4, "description": "Chest", "state": "checking"})
    assert html.count("skeleton-chip") == 2 and html.count("skeleton-picture") == 6


def test_the_last_error_page_needs_no_context():
    assert "Something went wrong on our side" in get_template("500.html").render()
