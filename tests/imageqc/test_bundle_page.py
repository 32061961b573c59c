"""The page of the bundle that runs now."""

import json
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from apps.imageqc.bundle_page import bundle_page
from apps.imageqc.registry import current_bundle
from apps.imaging.bundle import load_bundle
from tests.cast import Cast

ADDRESS = "/bundle/"


@pytest.fixture
def page(cast: Cast, client: Client, tiny_bundle: Path) -> str:
    client.force_login(cast.mira)
    return unescape(client.get(ADDRESS).text)


def test_the_page_names_the_bundle_as_labels_do(page: str, tiny_bundle: Path) -> None:
    assert "tiny 1.0.0" in page and "constant answers for tests" in page
    assert load_bundle(tiny_bundle).sha256 in page


def test_the_page_tells_classes_limits_and_networks(page: str) -> None:
    assert "Abdomen and pelvis" in page and "Recognised but never said: another body part" in page
    assert "16 × 16 pixels" in page and "-450 to 550\xa0HU" in page and "2 of 3" in page and "at most 0.5" in page
    assert "Mid-plane coronal" in page


def test_the_page_of_the_bundle_that_ships_says_what_it_leaves_to_people(cast: Cast, client: Client) -> None:
    client.force_login(cast.mira)
    assert "Never said of brain: the bundle cannot tell it there" in unescape(client.get(ADDRESS).text)


def test_results_are_shares_with_their_counts_and_intervals(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"n": 40, "right": 38, "accuracy": 0.95, "wilson_95": [0.835, 0.986]}
    nothing = {"n": 0, "right": 0, "accuracy": None, "wilson_95": [0.0, 1.0]}
    metrics = {
        "modules": {
            "body_part": {
                "ensemble": {"held_out": counts, "internal": None},
                "abstention": {"held_out": {"answered": counts, "right_of_answered": nothing}, "internal": None},
            }
        },
        "both_right": {"held_out": {"ensemble": counts, "right_of_answered": nothing}, "internal": None},
    }
    monkeypatch.setattr(json, "loads", lambda content: metrics)
    told = [(line.what, line.where, line.right, line.n, line.interval) for line in bundle_page().measured]
    where, interval = "patients held out in turn", "84\xa0% to 99\xa0%"
    assert told == [
        ("Body part, right of all", where, 38, 40, interval),
        ("Body part, answered", where, 38, 40, interval),
        ("Both labels, right of all", where, 38, 40, interval),
    ]


def test_a_refused_bundle_is_said_without_the_folders_of_the_server(
    cast: Cast, client: Client, tiny_bundle: Path
) -> None:
    (tiny_bundle / "CARD.md").write_text("Better than it was.")
    current_bundle.cache_clear()
    client.force_login(cast.mira)
    answer = client.get(ADDRESS)
    assert answer.status_code == 503
    assert "no series gets labels" in answer.text and "CARD.md is not the file" in unescape(answer.text)
    assert str(tiny_bundle.parent) not in answer.text


def test_a_bundle_that_is_not_there_is_said(cast: Cast, client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.IMAGEQC_BUNDLE = tmp_path / "gone"
    current_bundle.cache_clear()
    client.force_login(cast.mira)
    answer = client.get(ADDRESS)
    current_bundle.cache_clear()
    assert answer.status_code == 503 and "bundle.toml cannot be read" in answer.text
