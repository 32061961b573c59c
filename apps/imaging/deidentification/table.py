"""Table E.1-1 of PS3.15 (edition 2026c) and what it asks of each attribute under a trial's options."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from apps.imaging.deidentification.dictionary import representations
from apps.imaging.deidentification.options import Options

EDITION = "PS3.15 2026c"

REMOVE, EMPTY, DUMMY, CLEAN, KEEP, UID = "X", "Z", "D", "C", "K", "U"
"""The actions of the table: each attribute ends with one of them."""

DATES = frozenset(("DA", "DT", "TM"))
_CLEANABLE = frozenset(("LO", "SH", "CS", "ST", "UC"))
_DESCRIBES_THE_IMAGE = frozenset((0x0008, 0x0012, 0x0018, 0x0020, 0x0028))
_ABOUT_THE_PATIENT = frozenset(("00081080",))
"""A diagnosis: among the attributes of the image, but a tale about its patient."""
_NEVER_KEPT_GROUPS = frozenset((0x0000, 0x0002, 0x0004, 0x0006, 0x0010, 0xFFFA, 0xFFFC))
_REGISTERED_UIDS = frozenset(("0008010C", "00080117", "00080118"))
"""Coding scheme, context group and mapping resource: registered numbers of vocabularies, which name nobody."""

_BEYOND_THE_TABLE = frozenset(
    (
        "00181003",  # Device ID
        "00181006",  # Grid ID
        "00181803",  # NTP Source Address
        "00281061",  # Compression Originator
        "00400400",  # Comments on the Scheduled Procedure Step
        "00401006",  # Placer Order Number / Procedure
        "00401007",  # Filler Order Number / Procedure
        "00402006",  # Placer Order Number / Imaging Service Request (Retired)
        "00402007",  # Filler Order Number / Imaging Service Request (Retired)
        "0040A160",  # Text Value
        "0040E001",  # HL7 Instance Identifier
    )
)
"""Retired or forgotten: not in the table, but made to hold what identifies."""


@dataclass(frozen=True)
class Row:
    """One attribute of the table.

    `basic` is the action of the Basic Profile; where it leaves a choice ("X/Z/D"), `ct` is the one that a CT image
    needs and `enhanced` the one that an Enhanced CT image needs instead. `options` maps an option to K or C.
    """

    tag: str
    name: str
    vr: str
    basic: str
    ct: str
    enhanced: str
    options: dict[str, str]

    @property
    def is_group(self) -> bool:
        """Whether it stands for many tags: curves (50xx), overlays (60xx), private attributes."""
        return "X" in self.tag or self.tag == "PRIVATE"


OPTION_COLUMNS = (
    "uids",
    "device",
    "institution",
    "patient",
    "full_dates",
    "modified_dates",
    "descriptors",
    "structured",
    "graphics",
    "safe_private",
)


@cache
def rows() -> tuple[Row, ...]:
    """Return the rows of the table: 655 attributes, and one for all private attributes."""
    table = json.loads((Path(__file__).parent / "table.json").read_text("utf-8"))
    return tuple(
        Row(
            tag=row["tag"],
            name=row["name"],
            vr=row.get("vr", ""),
            basic=row["basic"],
            ct=row.get("ct", row["basic"]),
            enhanced=row.get("enhanced", ""),
            options={column: row[column] for column in OPTION_COLUMNS if column in row},
        )
        for row in table["rows"]
    )


@cache
def names() -> dict[str, str]:
    """Return tag -> name of the table's attributes."""
    return {row.tag: row.name for row in rows()}


@cache
def resolve(options: Options) -> tuple[dict[str, str], dict[str, str]]:
    """Return tag -> action under `options`, and the actions that differ for Enhanced CT.

    What the table does not name is resolved here as well, by its kind, so that an engine needs no rule of its own:
    persons, addresses and everything else about the patient go, dates follow the dates, UIDs are replaced.
    """
    actions: dict[str, str] = {}
    enhanced: dict[str, str] = {}
    known = representations()
    for row in rows():
        if row.is_group:
            continue  # repeating groups and private attributes go as a whole
        retained = _retained(row, known[int(row.tag, 16)], options)
        actions[row.tag] = retained or row.ct
        if row.enhanced and not retained:
            enhanced[row.tag] = row.enhanced
    for number, vr in known.items():
        tag = f"{number:08X}"
        if tag not in actions:
            action = _unlisted(tag, vr, options)
            if action != KEEP:
                actions[tag] = action
    return dict(sorted(actions.items())), enhanced


def _retained(row: Row, vr: str, options: Options) -> str:
    """Return K or C where an option of the trial retains the attribute, empty where the Basic Profile decides."""
    said = row.options
    if vr in DATES or "full_dates" in said:
        return {"keep": said.get("full_dates", ""), "shift": said.get("modified_dates", ""), "remove": ""}[
            options.dates
        ]
    retained = []
    if options.retain_device:
        retained.append(said.get("device", ""))
    if options.retain_patient_characteristics:
        retained.append(said.get("patient", ""))
    if options.clean_descriptors and _can_be_cleaned(row, vr):
        retained.append(said.get("descriptors", ""))
    if row.basic == UID:
        # The trial's option to keep device UIDs as they are is not offered: a keyed UID serves as well.
        return ""
    return CLEAN if CLEAN in retained else KEEP if KEEP in retained else ""


def _can_be_cleaned(row: Row, vr: str) -> bool:
    """Return whether words can be taken out of it: short descriptions of images can, tales about a patient cannot."""
    return vr in _CLEANABLE and int(row.tag[:4], 16) in _DESCRIBES_THE_IMAGE and row.tag not in _ABOUT_THE_PATIENT


def _unlisted(tag: str, vr: str, options: Options) -> str:
    if tag in _BEYOND_THE_TABLE or int(tag[:4], 16) in _NEVER_KEPT_GROUPS or vr in ("PN", "AE", "UR"):
        return REMOVE
    if vr == "UI":
        return KEEP if tag in _REGISTERED_UIDS else UID
    if vr in DATES:
        return {"keep": KEEP, "shift": CLEAN, "remove": REMOVE}[options.dates]
    return KEEP
