"""Names are taken out of the texts that stay, and nothing else."""

import pytest

from apps.imaging.deidentification import Options, deidentify
from apps.imaging.deidentification.identity import Sweep
from tests.imaging.deidentification.objects import Spec, encoded, part10, profile

PIXELS: Spec = (0x7FE00010, "OW", b"\1\2\3\4")
SWEEP = Sweep(
    [
        ("Müller^Anna Maria^^Dr.", "name"),
        ("Li^Bo", "name"),
        ("HN-778812", "number"),
        ("Meadow Clinic", "whole"),
        ("19610704", "birth"),
        ("山田^太郎", "name"),
    ],
    ["S-001"],
)


def cleaned(text: str, *, vr: str = "LO", thoroughly: bool = False) -> str:
    out = SWEEP.cleaned(text.encode(), "utf_8", vr, thoroughly=thoroughly)
    return text if out is None else out.decode()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Chest MULLER 5.0", "Chest 5.0"),
        ("müller, chest", "chest"),
        ("chest_muller_pv", ""),
        ("CT Mullers", "CT"),
        ("Anna chest", "chest"),
        ("Annaberg protocol", "protocol"),
        ("Bo chest LI", "chest"),
        ("Bolus Liver", "Bolus Liver"),
        ("HN-778812 chest", "chest"),
        ("no. 778812", "no."),
        ("Meadow Clinic CT 2", "CT 2"),
        ("Meadow hut", "Meadow hut"),
        ("born 04.07.1961", "born"),
        ("born 1961-07-04", "born"),
        ("born 7/4/1961", "born 7/4/1961"),
        ("山田太郎 chest", "chest"),
        ("5.0 B30f 350", "5.0 B30f 350"),
        ("S-001 chest", "S-001 chest"),
        ("chest\\Muller\\5.0", "chest\\\\5.0"),
        ("Muller", ""),
    ],
)
def test_names_go_and_the_rest_stays(text: str, left: str) -> None:
    assert cleaned(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT 12.03.2024", "CT"),
        ("CT 2024-03-12", "CT"),
        ("CT 20240312 pv", "CT pv"),
        ("CT 3/12/2024", "CT"),
        ("call 0441 9988776", "call 0441"),
        ("mail me@hospital.org now", "mail now"),
        ("Chest 2.0 B30f 120kV", "Chest 2.0 B30f 120kV"),
        ("1.25mm 512x512 350", "1.25mm 512x512 350"),
    ],
)
def test_descriptions_lose_days_addresses_and_long_numbers_too(text: str, left: str) -> None:
    assert cleaned(text, thoroughly=True) == left
    assert cleaned(text) == text


def test_coded_values_that_an_image_needs_stay_whatever_a_patient_is_called() -> None:
    sweep = Sweep([("Axial^Head", "name"), ("CT", "number")], [])
    assert sweep.cleaned(b"ORIGINAL\\PRIMARY\\AXIAL ", "", "CS", thoroughly=False) is None
    assert sweep.cleaned(b"CT", "", "CS", thoroughly=False) is None
    assert sweep.cleaned(b"ORIGINAL\\PRIMARY\\HEADSCAN", "", "CS", thoroughly=False) == b"ORIGINAL\\PRIMARY\\"
    assert sweep.cleaned(b"CT head", "", "LO", thoroughly=False) == b""


def test_a_name_is_found_in_another_case_accent_and_character_set() -> None:
    elements: list[Spec] = [
        (0x00080005, "CS", b"ISO_IR 100"),
        (0x0008103E, "LO", b"Thorax m\xfcller"),
        (0x00081090, "LO", b"Scanner MULLER"),
        (0x00100010, "PN", b"M\xdcLLER^J\xd6RG"),
    ]
    out = deidentify(part10(encoded([*elements, PIXELS])), profile())
    assert b"ller" not in out.content.lower() and b"Thorax" in out.content and b"Scanner" in out.content


def test_an_item_has_its_own_character_set() -> None:
    item: list[Spec] = [(0x00080005, "CS", b"ISO_IR 192"), (0x00080104, "LO", "Müller".encode() + b" ")]
    elements: list[Spec] = [
        (0x00080005, "CS", b"ISO_IR 100"),
        (0x00082218, "SQ", [item]),
        (0x00100010, "PN", b"M\xfcller"),
    ]
    out = deidentify(part10(encoded([*elements, PIXELS])), profile())
    assert "Müller".encode() not in out.content


def test_names_in_sequences_that_go_are_known_all_the_same() -> None:
    elements: list[Spec] = [
        (0x0008103E, "LO", b"Chest Hyssop"),
        (0x00101002, "SQ", [[(0x00100020, "LO", b"OLD-556677")]]),
        (0x00181030, "LO", b"556677 lung "),
        (0x00400275, "SQ", [[(0x00321033, "LO", b"ward"), (0x00401010, "PN", b"Hyssop^Rue")]]),
    ]
    out = deidentify(part10(encoded([*elements, PIXELS])), profile())
    assert b"Hyssop" not in out.content and b"556677" not in out.content
    assert b"Chest" in out.content and b"lung" in out.content


def test_bytes_that_hold_a_name_go() -> None:
    elements: list[Spec] = [(0x00100010, "PN", b"Planter^Mary"), (0x00282000, "OB", b"profile of planter desk ")]
    out = deidentify(part10(encoded([*elements, PIXELS])), profile())
    assert b"planter" not in out.content
    without = deidentify(part10(encoded([elements[1], PIXELS])), profile())
    assert b"planter desk" in without.content


def test_descriptions_go_as_a_whole_when_the_trial_does_not_clean_them() -> None:
    out = deidentify(
        part10(encoded([(0x0008103E, "LO", b"Chest 5."), PIXELS])), profile(Options(clean_descriptors=False))
    )
    assert b"Chest" not in out.content
