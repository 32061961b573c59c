"""InstanceHeaders sorted into series."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from apps.imaging.headers.instances import InstanceHeader


@dataclass(frozen=True)
class SeriesFiles:
    """The files of one series of one patient: same series, study and patient by their headers."""

    series_uid: str
    study_uid: str
    patient_key: str
    headers: tuple[InstanceHeader, ...]

    @property
    def description(self) -> str:
        """What most of its files say the series is, empty when they do not."""
        return _most_common(header.description for header in self.headers)

    @property
    def number(self) -> int | None:
        """The series number of the scanner."""
        return next((header.series_number for header in self.headers if header.series_number is not None), None)

    @property
    def modality(self) -> str:
        """What most of its files say the modality is: "CT"."""
        return _most_common(header.modality for header in self.headers)

    @property
    def folder(self) -> str:
        """The folder or zip that holds all of its files, as people call it; empty where they have none in common."""
        folders = {PurePath(header.name).parent for header in self.headers}
        first = min(folders)
        for folder in (first, *first.parents):
            if all(other.is_relative_to(folder) for other in folders):
                return "" if folder == PurePath() else str(folder)
        return ""

    @property
    def n_instances(self) -> int:
        """How many files."""
        return len(self.headers)


def _most_common(values: Iterable[str]) -> str:
    counted = Counter(value for value in values if value)
    return counted.most_common(1)[0][0] if counted else ""


def group_into_series(headers: Iterable[InstanceHeader]) -> list[SeriesFiles]:
    """Return the series among `headers`, in the order of study, series number and UID.

    Headers of one series UID are two series where they name two patients or two studies: nothing of one patient may
    reach the pictures of another.
    """
    groups: dict[tuple[str, str, str], list[InstanceHeader]] = {}
    for header in headers:
        groups.setdefault((header.series_uid, header.study_uid, header.patient_key), []).append(header)
    series = [SeriesFiles(*key, tuple(group)) for key, group in groups.items()]
    return sorted(series, key=lambda one: (one.patient_key, one.study_uid, one.number or 0, one.series_uid))
