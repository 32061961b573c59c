"""Digests of pixels that were seen elsewhere: the same conclusions, and nothing is believed that cannot be."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.imaging.digest import SeriesDigest, assemble_digest, build_digest, reading_plan
from apps.imaging.errors import BadReading
from apps.imaging.headers import SeriesFiles
from apps.imaging.projections import Pictures
from tests.imaging.browser import sent, series_at
from tests.phantoms import cube_and_rod, write_series


def told(series: SeriesFiles, digest: SeriesDigest) -> dict[str, Any]:
    """Return what a browser would say of a sound series."""
    facts = {fact.sop_instance_uid: fact for fact in digest.instances}
    instances = [
        {
            "index": index,
            "sha256": facts[header.sop_instance_uid].sha256,
            "size": header.file_size,
            "pixel_sha256": facts[header.sop_instance_uid].pixel_sha256,
        }
        for index, header in enumerate(series.headers)
    ]
    return {
        "instances": instances,
        "failures": {},
        "frame_hashes": {},
        "body_part_of_mip": 0.5,
        "not_here": "",
        "seconds": 1.5,
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[SeriesFiles, dict[str, Any], SeriesDigest]:
    series = series_at(write_series(tmp_path_factory.mktemp("sound"), cube_and_rod()))
    digest = build_digest(series)
    return sent(series.headers), told(series, digest), digest


def test_what_was_seen_elsewhere_gives_the_same_digest(seen):
    series, reading, digest = seen
    again = assemble_digest(series, json.loads(json.dumps(reading)), digest.pictures)
    assert again == digest
    assert again.sha256 == digest.sha256


def test_the_averages_may_stay_at_the_site(seen):
    series, reading, digest = seen
    shown = {name: picture for name, picture in digest.pictures.items() if not name.startswith("aip")}
    assert list(assemble_digest(series, reading, shown).pictures) == list(shown)


def test_a_browser_that_cannot_decode_is_no_fault_of_the_images(seen):
    series, reading, _ = seen
    instances = [{**one, "pixel_sha256": ""} for one in reading["instances"]]
    unseen = {**reading, "instances": instances, "body_part_of_mip": None, "not_here": "WebAssembly is turned off"}
    digest = assemble_digest(series, unseen, {})
    assert [finding.code for finding in digest.findings] == ["checked_after_transfer"]
    assert "WebAssembly is turned off" in digest.findings[0].sentence
    assert (digest.pictures, len(digest.instances)) == ({}, 12)


def entry(at: int, **changes: object) -> Any:
    def change(reading: dict[str, Any]) -> dict[str, Any]:
        instances = [dict(one) for one in reading["instances"]]
        instances[at].update(changes)
        return {**reading, "instances": instances}

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda reading: None, "no object"),
        (lambda reading: {**reading, "instances": None}, "no list"),
        (lambda reading: {**reading, "instances": reading["instances"][1:]}, "11 of 12 files"),
        (lambda reading: {**reading, "instances": reading["instances"] * 2}, "read twice"),
        (entry(0, index=99), "another series"),
        (entry(0, index=True), "another series"),
        (entry(0, sha256="x"), "no SHA-256"),
        (entry(0, pixel_sha256="A" * 64), "no SHA-256"),
        (entry(0, pixel_sha256=""), "neither a hash"),
        (entry(0, size=0), "size of an object"),
        (entry(0, size=1.5), "size of an object"),
        (lambda reading: {**reading, "failures": {"99": "x"}}, "another series"),
        (lambda reading: {**reading, "failures": {"0": ""}}, "no reason"),
        (lambda reading: {**reading, "failures": {"0": "two\nlines"}}, "one line"),
        (lambda reading: {**reading, "not_here": 5}, "one line"),
        (lambda reading: {**reading, "frame_hashes": {"0:7": "a" * 64}}, "not there"),
        (lambda reading: {**reading, "frame_hashes": {"x": "a" * 64}}, "not there|another series"),
        (lambda reading: {**reading, "body_part_of_mip": float("nan")}, "no part"),
        (lambda reading: {**reading, "body_part_of_mip": 7}, "no part"),
        (lambda reading: {**reading, "body_part_of_mip": None}, "nothing was projected"),
        (lambda reading: {**reading, "seconds": "long"}, "no number"),
    ],
)
def test_a_reading_that_cannot_be_is_refused(seen, change, why):
    series, reading, digest = seen
    with pytest.raises(BadReading, match=why):
        assemble_digest(series, change(reading), digest.pictures)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda pictures: {}, "are missing"),
        (lambda pictures: {"mip_axial": pictures["mip_axial"]}, "some of its pictures"),
        (lambda pictures: {**pictures, "other": pictures["mip_axial"]}, "some of its pictures"),
        (lambda pictures: {**pictures, "mip_axial": np.zeros((5, 5), np.uint8)}, "wrong size"),
        (lambda pictures: {**pictures, "mip_axial": np.zeros((512, 512), np.int16)}, "wrong size"),
    ],
)
def test_pictures_that_cannot_be_are_refused(seen, change, why):
    series, reading, digest = seen
    pictures: Pictures = change(digest.pictures)
    with pytest.raises(BadReading, match=why):
        assemble_digest(series, reading, pictures)


def test_images_at_one_place_must_have_been_compared(tmp_path):
    paths = write_series(tmp_path, cube_and_rod())
    other = {"SOPInstanceUID": "1.2.3.4", "InstanceNumber": 99, "ImagePositionPatient": [-100, -120, 34]}
    paths += write_series(tmp_path / "other", cube_and_rod()[6:7], overrides={0: other})
    series = series_at(paths)
    digest = build_digest(series)
    arrived = sent(series.headers)
    (place,) = reading_plan(arrived).same_place
    reading = told(series, digest)
    with pytest.raises(BadReading, match="not compared"):
        assemble_digest(arrived, reading, digest.pictures)
    reading["frame_hashes"] = {f"{index}:{frame}": str(at) * 64 for at, (index, frame) in enumerate(place)}
    assert assemble_digest(arrived, reading, digest.pictures) == digest


def test_the_plan_of_what_is_no_scan_says_why(tmp_path: Path):
    magnetic = sent(series_at(write_series(tmp_path / "mr", cube_and_rod(), common={"Modality": "MR"})).headers)
    plan = reading_plan(magnetic).to_json()
    assert (plan["scan"], plan["slices"], plan["findings"]) == (False, [], [])
    assert plan["why"] == "These are MR images, not CT; they are part of no visit and stay where they are."
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    plan = reading_plan(
        sent(series_at(write_series(tmp_path / "s", cube_and_rod()[:1], common=scout)).headers)
    ).to_json()
    assert plan["why"].startswith("A scout picture for planning the scan")
