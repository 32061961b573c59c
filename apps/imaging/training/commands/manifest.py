"""Write the manifest of an archive of volumes (volumes.csv, crops.csv, midplanes.csv), for `train`.

A lab writes its own manifest with any tool that writes CSV; docs/training.md explains the columns.
"""

import argparse
import csv
from pathlib import Path

from apps.imaging.errors import BadManifest
from apps.imaging.training.archive import MANIFEST_COLUMNS, archive_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which archive and where to."""
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="folder with volumes.csv and crops.csv")
    parser.add_argument("out", type=Path, metavar="OUT.csv", help="the manifest; paths in it are relative to it")


def run(arguments: argparse.Namespace) -> int:
    """Write the manifest."""
    for table in ("volumes.csv", "crops.csv"):
        if not (arguments.archive / table).is_file():
            raise BadManifest(f"{arguments.archive} is no archive of volumes: it has no {table}.")
    lines = archive_manifest(arguments.archive.absolute(), arguments.out.absolute().parent)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, MANIFEST_COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    return 0
