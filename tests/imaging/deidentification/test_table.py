"""The table, and what it says under the options of a trial."""

import pytest

from apps.imaging.deidentification import Options
from apps.imaging.deidentification.dictionary import representations
from apps.imaging.deidentification.table import OPTION_COLUMNS, resolve, rows

STRICT = Options(dates="remove", clean_descriptors=False)


def test_it_has_the_655_attributes_of_the_edition_and_a_row_for_private_ones() -> None:
    tags = [row.tag for row in rows()]
    assert len(tags) == len(set(tags)) == 656
    assert tags[-1] == "PRIVATE"
    assert [tag for tag in tags if "X" in tag] == ["50XXXXXX", "60XX3000", "60XX4000"]


def test_every_row_is_understood() -> None:
    for row in rows():
        assert set(row.basic.replace("*", "").split("/")) <= set("XZDU"), row
        assert row.ct in {*row.basic.replace("*", "").split("/"), "U"}, row
        assert set(row.options.values()) <= set("KC"), row
        assert row.is_group or int(row.tag, 16) in representations(), row
    assert {column for row in rows() for column in row.options} == set(OPTION_COLUMNS)


@pytest.mark.parametrize(
    ("tag", "options", "action"),
    [
        ("00100010", Options(), "Z"),
        ("00100030", Options(dates="keep", retain_patient_characteristics=True), "Z"),
        ("00101010", STRICT, "X"),
        ("00101010", Options(retain_patient_characteristics=True), "K"),
        ("00080020", STRICT, "Z"),
        ("00080020", Options(), "C"),
        ("00080020", Options(dates="keep"), "K"),
        ("00080021", STRICT, "X"),
        ("00081010", Options(), "X"),
        ("00081010", Options(retain_device=True), "K"),
        ("00181200", Options(dates="remove", retain_device=True), "X"),
        ("0008103E", STRICT, "X"),
        ("0008103E", Options(), "C"),
        ("00104000", Options(), "X"),
        ("00081140", Options(), "U"),
        ("0020000D", Options(), "U"),
    ],
)
def test_options_decide(tag: str, options: Options, action: str) -> None:
    assert resolve(options)[0][tag] == action


def test_what_a_type_1_attribute_of_enhanced_ct_needs_is_a_value() -> None:
    actions, enhanced = resolve(STRICT)
    assert actions["00080023"] == "Z" and enhanced["00080023"] == "D"
    assert actions["0008002A"] == "X" and enhanced["0008002A"] == "D"
    assert "00080023" not in resolve(Options())[1]


def test_what_the_table_forgot_is_treated_by_its_kind() -> None:
    actions, _ = resolve(Options())
    assert actions["00100033"] == "X"  # the birth date in another calendar
    assert actions["00142006"] == "X"  # a person's name
    assert actions["00083012"] == "U"  # a UID
    assert "00080070" not in actions  # the manufacturer stays


def test_the_codes_name_the_options() -> None:
    assert [code for code, _ in Options().codes] == ["113100", "113105", "113107"]
    rich = Options(dates="keep", retain_patient_characteristics=True, retain_device=True, clean_descriptors=False)
    assert [code for code, _ in rich.codes] == ["113100", "113106", "113108", "113109"]
    assert (STRICT.longitudinal, Options().longitudinal, rich.longitudinal) == ("REMOVED", "MODIFIED", "UNMODIFIED")
