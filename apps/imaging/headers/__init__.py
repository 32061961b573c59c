"""DICOM headers: files in, InstanceHeaders, series and refused files out."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from apps.imaging.errors import UnreadableFile
from apps.imaging.headers.instances import Frame, HeaderFact, InstanceHeader, PixelLayout
from apps.imaging.headers.reading import read_header
from apps.imaging.headers.refusals import NotAnImage, Refusal, RefusedFile
from apps.imaging.headers.series import SeriesFiles, group_into_series

__all__ = [
    "Frame",
    "HeaderFact",
    "InstanceHeader",
    "NotAnImage",
    "PixelLayout",
    "Refusal",
    "RefusedFile",
    "SeriesFiles",
    "group_into_series",
    "read_header",
    "read_headers",
]


def read_headers(
    files: Iterable[Path], names: Mapping[Path, str] | None = None
) -> tuple[list[InstanceHeader], list[RefusedFile]]:
    """Read the headers of `files`; each file ends in one of the two lists, whatever it holds.

    Parameters
    ----------
    files
        Files, in any order.
    names
        What people call a file, where that is not its own name (`Collection.names`).
    """
    headers: list[InstanceHeader] = []
    refused: list[RefusedFile] = []
    for path in files:
        name = (names or {}).get(path, path.name)
        try:
            headers.append(read_header(path, name))
        except NotAnImage as error:
            refused.append(RefusedFile(name, str(error), error.code))
        except UnreadableFile as error:
            refused.append(RefusedFile(name, str(error), Refusal.DAMAGED))
    return headers, refused
