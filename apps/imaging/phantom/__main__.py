"""`python -m apps.imaging.phantom REGION --out DIR`: write one phantom series for trying things out."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from apps.imaging.phantom import REGIONS, Examination, make_phantom, write_series
from apps.imaging.phantom.dicom import TRANSFER_SYNTAXES


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the series that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m apps.imaging.phantom", description=__doc__)
    parser.add_argument("region", choices=sorted(REGIONS))
    parser.add_argument("--out", type=Path, required=True, help="folder for the DICOM files")
    parser.add_argument("--contrast", action="store_true", help="with intravenous contrast")
    parser.add_argument("--seed", type=int, default=1, help="whose body it is")
    parser.add_argument("--slices", type=int, help="number of slices; as usual for the region if not given")
    parser.add_argument("--matrix", type=int, default=256, help="rows and columns")
    parser.add_argument("--number", type=int, default=2, help="series number")
    parser.add_argument("--transfer-syntax", choices=sorted(TRANSFER_SYNTAXES), default="explicit")
    asked = parser.parse_args(arguments)
    voxels, spacing_mm = make_phantom(
        asked.region, enhanced=asked.contrast, seed=asked.seed, slices=asked.slices, matrix=asked.matrix
    )
    words = asked.region.replace("_", " ").capitalize()
    examination = Examination(
        region=asked.region,
        enhanced=asked.contrast,
        seed=asked.seed,
        number=asked.number,
        description=f"{words} {'CE' if asked.contrast else 'plain'} {spacing_mm[0]:.1f} mm",
    )
    files = write_series(asked.out, voxels, spacing_mm, examination, transfer_syntax=asked.transfer_syntax)
    sys.stdout.write(f"{len(files)} files of {examination.description} in {asked.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
