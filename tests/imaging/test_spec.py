"""Imaging specifications: what a protocol file may say, and what it is told when it says something else."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from apps.imaging.errors import BadSpec
from apps.imaging.spec import ImagingSpec, SeriesSpec, load_spec

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "oncology-protocol.toml"


def test_the_example_protocol_asks_for_three_series_with_contrast() -> None:
    spec = load_spec(EXAMPLE)
    assert [required.slot for required in spec.series] == ["neck", "chest", "abdomen_pelvis"]
    assert [required.optional for required in spec.series] == [True, False, False]
    assert spec.slot("chest").kvp_range == (80.0, 140.0)


@pytest.mark.parametrize(
    ("body_part", "contrast", "title"),
    [
        ("chest", "enhanced", "Chest CT with contrast"),
        ("abdomen_pelvis", "non_contrast", "Abdomen-pelvis CT without contrast"),
        ("brain", "either", "Brain CT"),
    ],
)
def test_a_slot_is_named_in_words(body_part: str, contrast: str, title: str) -> None:
    assert SeriesSpec(slot="s", body_part=body_part, contrast=contrast).title == title


def test_a_given_title_is_kept() -> None:
    assert SeriesSpec(slot="s", body_part="chest", title="Thin chest").title == "Thin chest"


def test_a_specification_survives_being_stored() -> None:
    spec = load_spec(EXAMPLE)
    assert ImagingSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_json_file_says_the_same_as_a_toml_file(tmp_path: Path) -> None:
    path = tmp_path / "protocol.json"
    path.write_text(json.dumps(load_spec(EXAMPLE).to_json()), encoding="utf-8")
    assert load_spec(path) == load_spec(EXAMPLE)


HEAD = 'name = "Trial"\nversion = "1"\n'
SLOT = '[[series]]\nslot = "chest"\nbody_part = "chest"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "protocol.toml: expected valid TOML"),
        (SLOT, "protocol.toml: name: this key is missing"),
        (HEAD, "protocol.toml: series: this key is missing"),
        (HEAD + "series = []", "series: expected at least one required series"),
        (HEAD + "series = 3", "series: expected a list of required series, found 3"),
        (HEAD + "series = [3]", "series 1: expected keys such as slot and body_part, found 3"),
        (HEAD + '[[series]]\nslot = "a"', "series 1, body_part: this key is missing; expected one of brain"),
        (
            HEAD + '[[series]]\nslot = "a"\nbody_part = "thorax"',
            "protocol.toml: series 1, body_part: expected one of brain, neck, chest, abdomen, abdomen_pelvis, "
            "found 'thorax'.",
        ),
        (HEAD + SLOT + "max_slice_thicknes_mm = 5", "did you mean max_slice_thickness_mm?"),
        (HEAD + SLOT + "colour = 5", "series 1, colour: this key is not known; the keys are slot"),
        (
            HEAD + SLOT + "max_spacing_mm = -1",
            "max_spacing_mm: expected a number of millimetres above 0, found -1",
        ),
        (HEAD + SLOT + "max_spacing_mm = nan", "max_spacing_mm: expected a number of millimetres above 0"),
        (HEAD + SLOT + "max_spacing_mm = true", "max_spacing_mm: expected a number of millimetres above 0"),
        (HEAD + SLOT + "kvp_range = [140, 80]", "kvp_range: expected a list of the lowest and the highest"),
        (HEAD + SLOT + 'kernels = "B30f"', "kernels: expected a list of kernel names, found 'B30f'"),
        (HEAD + SLOT + 'optional = "yes"', "optional: expected true or false, found 'yes'"),
        (HEAD + SLOT + 'contrast = "yes"', "contrast: expected one of enhanced, non_contrast, either"),
        (HEAD + SLOT + SLOT, "slot: expected a different name for each series, found 'chest' more than once"),
        ('name = ""\nversion = "1"\n' + SLOT, "name: expected a text, found ''"),
        ('name = "x"\nversion = 1\n' + SLOT, "version: expected a text, found 1"),
    ],
)
def test_a_wrong_protocol_file_is_refused_in_words(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "protocol.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSpec) as refusal:
        load_spec(path)
    assert sentence in str(refusal.value)


def test_a_protocol_file_that_is_missing_or_binary_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=r"gone.toml: the protocol file cannot be read"):
        load_spec(tmp_path / "gone.toml")
    (tmp_path / "scan.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSpec, match=r"scan.toml: expected a TOML or JSON text file"):
        load_spec(tmp_path / "scan.toml")


def test_json_that_is_not_an_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "protocol.json"
    path.write_text("[1]", encoding="utf-8")
    with pytest.raises(BadSpec, match="expected name, version and series"):
        load_spec(path)


def test_the_page_on_the_protocol_file_names_each_key() -> None:
    page = PAGE.read_text(encoding="utf-8").split("## The protocol file")[1]
    missing = [field.name for field in fields(SeriesSpec) if f"`{field.name}`" not in page]
    assert not missing
