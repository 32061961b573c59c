"""SeriesDigest and its JSON form."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.imaging.findings import Finding
from apps.imaging.geometry import GeometryFacts

DIGEST_SCHEMA = 1
"""Version of the JSON form; raised whenever a field changes its meaning."""

HeaderFact = str | float | list[str] | list[float]


@dataclass(frozen=True)
class InstanceFact:
    """One received object: its name in DICOM, the hash of the file, the hash of its stored pixel values.

    `pixel_sha256` is over the stored values as little-endian 16-bit words, frame by frame: the same object has the
    same hash in every lossless transfer syntax. Empty when the pixels could not be decoded.
    """

    sop_instance_uid: str
    sha256: str
    pixel_sha256: str


@dataclass(frozen=True)
class SeriesDigest:
    """All that labels, rules, slot board and thumbnails need of one series; nothing that names the patient.

    `pictures` (name -> uint8 (512, 512)) is empty when the series makes no volume; a finding then says why.
    """

    schema: int
    series_uid: str
    study_uid: str
    patient_key: str
    description: str
    series_number: int | None
    modality: str
    n_instances: int
    header: dict[str, HeaderFact]
    geometry: GeometryFacts
    instances: tuple[InstanceFact, ...]
    findings: tuple[Finding, ...]
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the pictures as JSON values."""
        return {
            "schema": self.schema,
            "series_uid": self.series_uid,
            "study_uid": self.study_uid,
            "patient_key": self.patient_key,
            "description": self.description,
            "series_number": self.series_number,
            "modality": self.modality,
            "n_instances": self.n_instances,
            "header": self.header,
            "geometry": self.geometry.to_json(),
            "instances": [asdict(instance) for instance in self.instances],
            "findings": [finding.to_json() for finding in self.findings],
        }

    @classmethod
    def from_json(
        cls, stored: Mapping[str, Any], pictures: Mapping[str, NDArray[np.uint8]] | None = None
    ) -> "SeriesDigest":
        """Return the digest that `to_json` wrote, with its pictures where they are at hand.

        Raises
        ------
        ValueError
            When the digest is of a schema that this version does not know.
        """
        if stored["schema"] != DIGEST_SCHEMA:
            raise ValueError(f"digest schema {stored['schema']}, this version reads schema {DIGEST_SCHEMA}")
        return cls(
            **{
                **stored,
                "geometry": GeometryFacts.from_json(stored["geometry"]),
                "instances": tuple(InstanceFact(**instance) for instance in stored["instances"]),
                "findings": tuple(Finding.from_json(finding) for finding in stored["findings"]),
                "pictures": dict(pictures or {}),
            }
        )

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON followed by the pictures in order of their names."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        digest = hashlib.sha256(text.encode())
        for name in sorted(self.pictures):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.pictures[name]).tobytes())
        return digest.hexdigest()
