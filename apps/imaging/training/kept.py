"""A module of an earlier bundle that goes over into the next one unchanged, with the figures that were kept with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.imaging.bundle import load_bundle
from apps.imaging.bundle.manifest import read_manifest
from apps.imaging.errors import BadRun
from apps.imaging.training.assemble import MANIFEST, ExportedMember, ExportedModule


@dataclass(frozen=True)
class KeptModule:
    """What a bundle knows of one of its modules.

    `ready` is what goes into the next bundle; `parity` what its export measured, `evaluated` the figures of its run and
    `figures` those of its ensemble; `data` says which series the bundle was made from.
    """

    ready: ExportedModule
    parity: Mapping[str, Any]
    evaluated: Mapping[str, Any]
    figures: Mapping[str, Any]
    data: Mapping[str, Any]


def is_bundle(folder: Path) -> bool:
    """Return whether a folder is a bundle, and no training run."""
    return (folder / MANIFEST).is_file()


def keep_module(bundle: Path, module: str) -> KeptModule:
    """Return a module of a bundle, every file compared with its hash.

    Raises
    ------
    BadBundle
        When the bundle is incomplete or was changed.
    BadRun
        When its metrics.json does not hold the figures that `export` writes.
    """
    load_bundle(bundle)
    manifest = read_manifest(bundle)
    found = manifest.modules[module]
    members = {member.plane: ExportedMember(member.picture, member.path, member.references) for member in found.members}
    ready = ExportedModule(
        found.classes, found.silent, found.temperature, found.recipe, found.abstention, members, found.not_of
    )
    file = bundle / "metrics.json"
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
        first = f"{manifest.name} {manifest.version}, SHA-256 {manifest.sha256}"
        figures = {"kept_of": first, **metrics["bundle"]["modules"][module]}
        return KeptModule(
            ready,
            metrics["onnx_against_torch"][module],
            metrics["modules"][module],
            figures,
            metrics["bundle"]["data"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRun(
            f"{file} lacks figures of {module} ({type(error).__name__}: {error}): a module can be kept only of a "
            "bundle that `export` wrote. Train it anew and name its run."
        ) from error


def joined_data(datas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the series behind modules of several bundles and runs, as one table.

    Which series a bundle was made from is known by source and number only, so a source has the larger of its numbers:
    of modules that were trained on the same archive this is their number, of others it is the least that it can be.
    """
    sources: dict[str, dict[str, Any]] = {}
    for data in datas:
        for row in data["sources"]:
            before = sources.get(row["source"], row)
            licences = [found["licence"] for found in (row, before) if found["licence"] != "not given"]
            sources[row["source"]] = {
                "source": row["source"],
                "licence": licences[0] if licences else "not given",
                "patients": max(row["patients"], before["patients"]),
                "series": max(row["series"], before["series"]),
            }
    return {
        "series": max(data["series"] for data in datas),
        "patients": max(data["patients"] for data in datas),
        "sources": [sources[name] for name in sorted(sources)],
    }
