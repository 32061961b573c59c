"""What a site exports for a visit: phantom CT, with the mistakes that happen to people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from apps.imaging.phantom import Examination, Mistakes, Patient, make_phantom, thickened, write_series

SOMEBODY_ELSE = 500_000
"""Added to a subject's number, it is somebody who is not in the trial."""


@dataclass(frozen=True)
class Scan:
    """One CT series as a site makes it.

    `thicker` times as thick slices leave the scanner as were asked for. `header` replaces what the header would say
    of itself. `of_somebody_else`: the wrong patient was picked at the export.
    """

    region: str
    thickness_mm: float
    enhanced: bool = True
    thicker: int = 1
    syntax: str = "jpeg_ls"
    mistakes: Mistakes | None = None
    body_part_in_header: str | None = None
    contrast_in_header: str | None = None
    of_somebody_else: bool = False
    matrix: int = 256

    @property
    def description(self) -> str:
        words = self.region.replace("_", " ").capitalize()
        return f"{words} {'CE ' if self.enhanced else ''}{self.thickness_mm * self.thicker:g} mm"


STRAY_FILES = {
    "README.TXT": b"Radiology archive export. Open with the viewer on this disc.\r\n",
    "AUTORUN.INF": b"[autorun]\r\nopen=VIEWER.EXE\r\n",
    "report.pdf": b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n",
    "LETTER": b"Dear colleague, the images of the visit are on this disc. Kind regards",
}
"""What lies on a CD beside the images."""

FIRST_NUMBER = 2
"""Series number of the first scan: the scanner's own localizer is number 1."""


def export(folder: Path, scans: Sequence[Scan], *, subject: str, acquired: date, stray_files: bool = False) -> None:
    """Write the scans of a visit as DICOM into `folder`, one folder for each series.

    The screening number says whose body it is; visits differ in the day and in slice thickness, so that no two have a
    slice in common.
    """
    for number, scan in enumerate(scans, start=FIRST_NUMBER):
        who = int(subject.replace("-", "")) + (SOMEBODY_ELSE if scan.of_somebody_else else 0)
        voxels, spacing_mm = make_phantom(
            scan.region, enhanced=scan.enhanced, seed=who, slice_thickness_mm=scan.thickness_mm, matrix=scan.matrix
        )
        if scan.thicker > 1:
            voxels, spacing_mm = thickened(voxels, spacing_mm, scan.thicker)
        examination = Examination(
            region=scan.region,
            enhanced=scan.enhanced,
            seed=who,
            description=scan.description,
            number=number,
            acquired=acquired,
            study=f"{acquired:%Y%m%d}",
            body_part_examined=scan.body_part_in_header,
            contrast_agent=scan.contrast_in_header,
        )
        write_series(
            folder / f"series{number:02d}",
            voxels,
            spacing_mm,
            examination,
            patient=Patient.imagined(who),
            transfer_syntax=scan.syntax,
            mistakes=scan.mistakes,
        )
    if stray_files:
        for name, content in STRAY_FILES.items():
            (folder / name).write_bytes(content)
