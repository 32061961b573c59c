"""Read what a line of the manifest names: pictures as the product would make them, or the voxels to vary."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from apps.imaging.digest import build_digest
from apps.imaging.errors import BadManifest
from apps.imaging.headers import SeriesFiles, group_into_series, read_headers
from apps.imaging.projections import HIGHEST_HU, LOWEST_HU, project, resize, to_gray
from apps.imaging.sources import collect
from apps.imaging.training.archive import LabelledRange, LabelledVolumes, Volume, load_middle_plane, read_volume
from apps.imaging.training.manifest import Manifest, ManifestSeries
from apps.imaging.vocabulary import PICTURE_SIZE, PICTURES, PLANES
from apps.imaging.volume import build_volume


class VolumeReader:
    """Reads the series of one path; a volume that several lines cut ranges from is read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._volume: Volume | None = None

    def voxels(self) -> Volume:
        """Return voxels, int16 HU (slices, rows, columns) with canonical axes, and their spacing in mm."""
        if self._volume is None:
            self._volume = read_volume(self.path) if self.path.suffix.lower() == ".npz" else _read_dicom(self.path)
        return self._volume

    def range_of(self, series: ManifestSeries) -> tuple[int, int]:
        """Return the first and the last slice of a series of this volume, both inclusive.

        Raises
        ------
        BadManifest
            When the volume has fewer slices than the line says.
        """
        slices = len(self.voxels()[0])
        low, high = series.z_range or (0, slices - 1)
        if high >= slices:
            raise BadManifest(f"z_high is {high}, the volume has slices 0 to {slices - 1}")
        return low, high

    def pictures(self, series: ManifestSeries) -> NDArray[np.uint8]:
        """Return the nine pictures (9, 512, 512) of a series, as the product makes them."""
        if series.kind == "dicom" and series.z_range is None:
            with TemporaryDirectory(prefix="coreqc-") as unpack_into:
                digest = build_digest(_one_series(self.path, Path(unpack_into)))
            if not digest.pictures:
                raise BadManifest(" ".join(finding.sentence for finding in digest.findings) or "makes no pictures")
            pictures = digest.pictures
        else:
            low, high = self.range_of(series)
            pictures = project(self.voxels()[0][low : high + 1])
        return np.stack([pictures[name] for name in PICTURES])


def manifest_volumes(manifest: Manifest) -> LabelledVolumes:
    """Return the labelled volumes of a manifest's development set, as an archive has them; planes alone are none.

    Lines of one path are ranges of one volume. A volume is read each time that it is asked for, so that many of them
    never lie in memory together.
    """
    folder = manifest.file.absolute().parent
    ranges = []
    for series in manifest.series:
        if series.set != "development" or series.kind == "planes" or not series.body_part:
            continue
        low, high = series.z_range or VolumeReader(series.path).range_of(series)
        ranges.append(
            LabelledRange(
                volume=os.path.relpath(series.path, folder),
                subject=series.patient,
                source=series.source,
                body_part=series.body_part,
                contrast=series.labels.get("contrast", ""),
                quality=series.quality or "A",
                low=low,
                high=high,
            )
        )
    return LabelledVolumes(tuple(ranges), lambda volume: VolumeReader(folder / volume).voxels())


def read_planes(series: ManifestSeries) -> dict[str, NDArray[np.int16]]:
    """Return the three middle planes of a series of which nothing else is at hand, in HU (rows, columns)."""
    return {plane: load_middle_plane(series.plane_file(plane)) for plane in PLANES}


def plane_pictures(planes: dict[str, NDArray[np.int16]]) -> NDArray[np.uint8]:
    """Return nine pictures (9, 512, 512) of which only the mid-planes show something."""
    pictures = np.zeros((len(PICTURES), PICTURE_SIZE, PICTURE_SIZE), dtype=np.uint8)
    for plane, hounsfield in planes.items():
        windowed = np.clip(hounsfield, LOWEST_HU, HIGHEST_HU).astype(np.float64)
        pictures[PICTURES.index(f"mid_{plane}")] = to_gray(resize(windowed))
    return pictures


def _read_dicom(path: Path) -> Volume:
    with TemporaryDirectory(prefix="coreqc-") as unpack_into:
        volume = build_volume(_one_series(path, Path(unpack_into)))
    if min(volume.spacing_mm) <= 0:
        raise BadManifest("the headers do not say how far slices or pixels lie apart")
    return volume.voxels, np.array(volume.spacing_mm)


def _one_series(path: Path, unpack_into: Path) -> SeriesFiles:
    files = sorted(path.parent.glob(path.name)) if "*" in path.name else [path]
    collection = collect(files, unpack_into)
    headers, refused = read_headers(collection.files, collection.names)
    series = group_into_series(headers)
    if len(series) != 1:
        why = refused[0].sentence if refused and not series else "one line is for one series"
        raise BadManifest(f"{path} holds {len(series)} DICOM series: {why}")
    return series[0]
