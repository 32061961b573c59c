"""The colours of static/css/tokens.css meet WCAG AA in both themes."""

import re
from pathlib import Path

import pytest

from apps.imaging.explanation import RAMP

CSS = Path(__file__).resolve().parents[2] / "static" / "css"
TEXT_RATIO = 4.5
"""WCAG 2.2, 1.4.3: text."""
SHAPE_RATIO = 3.0
"""WCAG 2.2, 1.4.11: controls, focus, meaningful graphics."""

GROUNDS = ("canvas", "surface", "raised", "sunken", "hover", "selected")
TONES = ("ok", "warn", "block", "info", "plain")

TEXT_PAIRS = [
    *((text, ground) for text in ("text", "text-muted", "text-faint", "accent") for ground in GROUNDS),
    *((tone, f"{tone}-ground") for tone in TONES),
    *((tone, ground) for tone in TONES for ground in ("canvas", "surface", "raised", "hover", "selected")),
    *(("text", f"{tone}-ground") for tone in TONES),
    *(("text-muted", f"{tone}-ground") for tone in TONES),
    ("text-faint", "plain-ground"),
    ("on-accent", "accent-fill"),
    ("on-accent", "accent-fill-hover"),
    ("on-accent", "danger-fill"),
    ("on-accent", "danger-fill-hover"),
    ("on-film", "film"),
]
SHAPE_PAIRS = [
    *(("line-control", ground) for ground in ("canvas", "surface", "raised", "sunken")),
    *(("focus", ground) for ground in GROUNDS),
    ("focus", "film"),
    ("bar", "surface"),
    ("bar-top", "surface"),
    ("bar-top", "bar-track"),
]


def tokens() -> dict[str, dict[str, str]]:
    """Return theme -> token -> hex colour."""
    text = (CSS / "tokens.css").read_text()
    light, dark = {}, {}
    for name, one, other in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", text):
        light[name], dark[name] = one, other
    for name, colour in re.findall(r"--([\w-]+): (#\w{6});", text):
        light[name] = dark[name] = colour
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_greatest_ratio():
    assert ratio("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("pairs, least", [(TEXT_PAIRS, TEXT_RATIO), (SHAPE_PAIRS, SHAPE_RATIO)], ids=["text", "shapes"])
def test_pairs_used_together_can_be_told_apart(theme, pairs, least):
    colours = tokens()[theme]
    weak = {
        f"{front} on {back}": round(ratio(colours[front], colours[back]), 2)
        for front, back in pairs
        if ratio(colours[front], colours[back]) < least
    }
    assert not weak


def test_colours_are_written_in_the_tokens_alone():
    sheets = [sheet for sheet in CSS.rglob("*.css") if sheet.name != "tokens.css"]
    assert len(sheets) >= 3
    stray = {
        sheet.name: found
        for sheet in sheets
        if (found := re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[\s;,)])", sheet.read_text()))
    }
    assert not stray


def test_every_token_that_is_used_exists():
    defined = set(re.findall(r"(--[\w-]+):", "".join(sheet.read_text() for sheet in CSS.rglob("*.css"))))
    used = {
        (sheet.name, name) for sheet in CSS.rglob("*.css") for name in re.findall(r"var\((--[\w-]+)", sheet.read_text())
    }
    assert used
    assert {pair for pair in used if pair[1] not in defined} == set()


def test_the_legend_of_the_evidence_has_the_colours_of_the_map() -> None:
    text = (CSS / "tokens.css").read_text()
    ramp = re.search(r"--evidence: linear-gradient\(to right, ([^)]*)\);", text)
    assert ramp is not None
    assert ramp[1].split(", ") == ["#{:02x}{:02x}{:02x}".format(*map(int, colour)) for colour in RAMP]
