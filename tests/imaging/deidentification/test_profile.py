"""The profile of a visit, as it travels to the browser and the command line."""

import json

import pytest

from apps.imaging.deidentification import Options, Profile
from apps.imaging.errors import BadProfile
from tests.imaging.deidentification.objects import KEY, profile


def test_it_travels_as_json() -> None:
    for options in (Options(), Options(dates="keep", retain_device=True)):
        told = json.loads(profile(options).dumps())
        assert Profile.from_json(told) == profile(options)


def test_it_is_small_enough_for_every_page_that_asks() -> None:
    assert len(profile().dumps()) < 40_000


def test_the_shift_hangs_on_key_and_subject_alone() -> None:
    days = profile().date_shift_days
    assert profile(Options(dates="remove")).date_shift_days == 0
    assert profile(visit="Week 16", subject_number="S-001 B").date_shift_days == days
    others = {profile(subject=str(number)).date_shift_days for number in range(50)}
    assert len(others) > 30 and all(-365 <= shift <= -1 for shift in others)
    assert profile(key="ab" * 32).date_shift_days != days


def test_what_is_written_fits_every_character_set() -> None:
    said = profile(sponsor="Größe\\AG^" + "x" * 90, visit="Woche 8 – später").identifiers
    assert said["00120010"].startswith("Grosse AG x")
    assert said["00120050"] == "Woche 8 spater"
    assert all(value.isascii() and len(value) <= 64 and "\\" not in value for value in said.values())
    assert said["00120031"] == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"key": None}, "has no usable 'key'"),
        ({"key": "short"}, "has no usable 'key'"),
        ({"schema": 2}, "schema 2"),
        ({"dates": "perhaps"}, "has no usable 'dates'"),
        ({"actions": {"0010": "X"}}, "has no usable 'actions'"),
        ({"actions": {"00100010": "?"}}, "has no usable 'actions'"),
        ({"date_shift_days": "3"}, "has no usable 'date_shift_days'"),
        ({"codes": [["113100"]]}, "has no usable 'codes'"),
        ({"identifiers": {"00100010": "Ä"}}, "has no usable 'identifiers'"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(change: dict[str, object], sentence: str) -> None:
    told = {**json.loads(profile().dumps()), **change}
    with pytest.raises(BadProfile, match=sentence.replace("?", r"\?")):
        Profile.from_json(told)


def test_a_profile_with_a_gap_is_refused_by_name() -> None:
    told = json.loads(profile().dumps())
    for name in sorted(set(told) - {"schema"}):
        with pytest.raises(BadProfile, match=f"lacks '{name}'"):
            Profile.from_json({key: value for key, value in told.items() if key != name})
    with pytest.raises(BadProfile, match="holds no object"):
        Profile.from_json([])


def test_the_key_is_in_no_sentence() -> None:
    told = {**json.loads(profile().dumps()), "codes": 3}
    with pytest.raises(BadProfile) as error:
        Profile.from_json(told)
    assert KEY not in str(error.value)
