"""Scans that lie ready to be dropped into the empty visits of the demo."""

import shutil
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from apps.demo.seeding.scans import Scan, export
from apps.demo.seeding.stories import (
    AS_A_CD,
    S_ABDOMEN,
    S_CHEST,
    S_NECK,
    SCREENING,
    W24_ABDOMEN,
    W24_CHEST,
    W24_NECK,
    WEEK_24,
)

FIRST_TRY, SECOND_TRY = "101-006", "101-005"
"""Subjects whose Screening is due and empty."""

INTERRUPTED = "102-001"
"""The subject whose Week 24 came only half way."""


@dataclass(frozen=True)
class ReadyScan:
    """A folder to drop, and the visit that it is for."""

    folder: str
    subject: str
    says: str
    scans: tuple[Scan, ...]
    stray_files: bool = False
    zipped: bool = False
    visit_type: str = SCREENING


READY_SCANS = (
    ReadyScan(
        "1-good",
        FIRST_TRY,
        "neck, chest and abdomen-pelvis as the protocol asks; also as a zip",
        (S_NECK, S_CHEST, S_ABDOMEN),
        zipped=True,
    ),
    ReadyScan(
        "2-contrast-forgotten",
        SECOND_TRY,
        "the chest was scanned without contrast",
        (S_NECK, replace(S_CHEST, enhanced=False), S_ABDOMEN),
    ),
    ReadyScan("3-neck-missing", FIRST_TRY, "chest and abdomen-pelvis only", (S_CHEST, S_ABDOMEN)),
    ReadyScan(
        "4-messy-cd",
        SECOND_TRY,
        "all three, between localizers, a dose report, a screen shot, texts and a PDF",
        (
            replace(S_NECK, mistakes=AS_A_CD, syntax="explicit"),
            replace(S_CHEST, mistakes=AS_A_CD, syntax="implicit"),
            replace(S_ABDOMEN, mistakes=AS_A_CD, syntax="rle"),
        ),
        stray_files=True,
    ),
    ReadyScan(
        "5-interrupted",
        INTERRUPTED,
        "half of it is at the core lab; sign in as chen and send the rest",
        (W24_NECK, W24_CHEST, W24_ABDOMEN),
        visit_type=WEEK_24,
    ),
)


def lay_out(ready: ReadyScan, into: Path, today: date) -> None:
    """Write a folder to drop, whole or not at all; one that is there stays as it is."""
    whole, partial = into / ready.folder, into / f".{ready.folder}"
    if whole.exists():
        return
    shutil.rmtree(partial, ignore_errors=True)
    export(
        partial,
        ready.scans,
        subject=ready.subject,
        acquired=today - timedelta(days=1),
        stray_files=ready.stray_files,
    )
    if ready.zipped:
        shutil.make_archive(str(whole), "zip", partial)
    partial.rename(whole)


def guide(into: Path) -> str:
    """Return what lies ready and where it goes, for a person who is new here."""
    lines = [f"Scans to drop lie in {into}:"]
    lines += [f"  {ready.folder:<22} for {ready.subject}, {ready.visit_type}: {ready.says}" for ready in READY_SCANS]
    return "\n".join([*lines, "Withdraw the submission to try another folder in the same visit."])
