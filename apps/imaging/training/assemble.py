"""Write a bundle: models, references, manifest, documents, hashes; complete and opened once, or not there at all."""

import hashlib
import io
import json
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.imaging.bundle import BUNDLE_FORMAT, load_bundle
from apps.imaging.bundle.manifest import MODULES, seal
from apps.imaging.coverage import CoverageLimits
from apps.imaging.ensemble import Abstention, InputRecipe
from apps.imaging.errors import BadRun
from apps.imaging.vocabulary import PLANES, REGIONS

COVERAGE = "coverage.toml"
"""In a folder of coverage networks: the tables of `[coverage]`, without hashes; the models lie beside it."""

MANIFEST = "bundle.toml"
"""In a bundle: everything about it."""


@dataclass(frozen=True)
class Identity:
    """Name, version, date and one line on how the bundle was made."""

    name: str
    version: str
    created: str
    recipe: str


@dataclass(frozen=True)
class ExportedMember:
    """One plane classifier: the picture that it looks at, its model, its references (count, features)."""

    picture: str
    model: Path
    references: NDArray[np.floating]


@dataclass(frozen=True)
class ExportedModule:
    """One module as it goes into a bundle; `members` by plane."""

    classes: tuple[str, ...]
    silent: tuple[str, ...]
    temperature: float
    recipe: InputRecipe
    abstention: Abstention
    members: Mapping[str, ExportedMember]
    not_of: tuple[str, ...] = ()


def write_bundle(
    folder: Path,
    identity: Identity,
    modules: Mapping[str, ExportedModule],
    coverage: Path | None,
    metrics: Mapping[str, Any],
    card: str,
) -> str:
    """Write the bundle and return its SHA-256.

    Parameters
    ----------
    folder
        Where it goes; must not exist, for a bundle that labels were made with is never changed.
    identity
        Name, version, date, recipe.
    modules
        Body part and contrast.
    coverage
        Folder of coverage networks with its `coverage.toml`, or a bundle that has some; None for a bundle without.
    metrics, card
        The documents.

    Raises
    ------
    BadRun
        When the folder exists, or the coverage networks are not understood.
    BadBundle
        When what was written cannot be loaded and run; then nothing is left behind.
    """
    refuse_existing(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        staged = Path(scratch) / folder.name
        staged.mkdir()
        documents = {
            "CARD.md": card.encode(),
            "metrics.json": (json.dumps(metrics, indent=1, allow_nan=False) + "\n").encode(),
        }
        tables: dict[str, Any] = {
            "format": BUNDLE_FORMAT,
            **asdict(identity),
            "documents": {name: _write(staged / name, content) for name, content in documents.items()},
            "modules": {name: _module_table(name, modules[name], staged) for name in MODULES},
        }
        if coverage is not None:
            tables["coverage"] = _coverage_table(coverage, staged)
        (staged / MANIFEST).write_text("\n".join(to_toml(tables)) + "\n", encoding="utf-8")
        sha256 = seal(staged)
        load_bundle(staged).prepare()
        staged.rename(folder)
    return sha256


def write_coverage(
    folder: Path, recipe: InputRecipe, limits: CoverageLimits, members: Mapping[str, tuple[str, str]]
) -> None:
    """Write the `coverage.toml` of a folder of coverage networks; `members` per plane: picture, name of the model."""
    tables = {
        "regions": REGIONS,
        "input": asdict(recipe),
        "limits": limits.to_table(),
        "members": {plane: {"picture": picture, "file": file} for plane, (picture, file) in members.items()},
    }
    (folder / COVERAGE).write_text("\n".join(to_toml(tables)) + "\n", encoding="utf-8")


def refuse_existing(folder: Path) -> None:
    """Raise BadRun when there is something at `folder` already."""
    if folder.exists():
        raise BadRun(
            f"{folder} exists. Labels name the bundle that they were made with, so a bundle is never changed: "
            "give the new one another version and folder."
        )


def to_toml(table: Mapping[str, Any], name: str = "") -> list[str]:
    """Return a table as lines of TOML, plain values first; for numbers, texts and lists of them JSON is the same."""
    lines = [f"{_key(key)} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
    for key, value in table.items():
        if isinstance(value, Mapping):
            inner = f"{name}.{_key(key)}" if name else _key(key)
            within = to_toml(value, inner)
            plain = any(not isinstance(entry, Mapping) for entry in value.values())
            lines += ["", f"[{inner}]", *within] if plain else within
    return lines


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)


def _module_table(name: str, module: ExportedModule, folder: Path) -> dict[str, Any]:
    members = {}
    for plane in PLANES:
        member = module.members[plane]
        file, references = folder / f"{name}-{plane}.onnx", folder / f"{name}-{plane}.npy"
        members[plane] = {
            "picture": member.picture,
            "file": file.name,
            "sha256": _write(file, member.model.read_bytes()),
            "references": references.name,
            "references_sha256": _write(references, _npy(member.references.astype(np.float16))),
        }
    return {
        "classes": module.classes,
        "silent": module.silent,
        **({"not_of": module.not_of} if module.not_of else {}),
        "temperature": round(module.temperature, 4),
        "input": asdict(module.recipe),
        "abstention": asdict(module.abstention),
        "members": members,
    }


def _coverage_table(source: Path, folder: Path) -> dict[str, Any]:
    """Copy the coverage networks into the bundle and return their tables, hashes filled in."""
    try:
        table = _coverage_of_bundle(source) if (source / MANIFEST).is_file() else _read_toml(source / COVERAGE)
        for plane, member in table["members"].items():
            file = folder / f"coverage-{plane}.onnx"
            shutil.copyfile(source / member["file"], file)
            member["file"], member["sha256"] = file.name, hashlib.sha256(file.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRun(
            f"{source} holds no coverage networks that can be read ({type(error).__name__}: {error})."
        ) from error
    return table


def _coverage_of_bundle(bundle: Path) -> dict[str, Any]:
    """Return the tables of the coverage networks of another bundle, whose hashes are compared first."""
    load_bundle(bundle)
    return dict(_read_toml(bundle / MANIFEST)["coverage"])


def coverage_metrics(source: Path) -> dict[str, Any] | None:
    """Return the figures of a folder of coverage networks or of those in a bundle; None where none were kept.

    Raises
    ------
    BadRun
        When they cannot be read.
    """
    file = source / "metrics.json"
    if not file.is_file():
        return None
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
        found: dict[str, Any] | None = metrics["coverage"] if (source / MANIFEST).is_file() else metrics
    except (OSError, ValueError, KeyError) as error:
        raise BadRun(f"{file} cannot be read ({type(error).__name__}: {error}).") from error
    return found


def _read_toml(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _npy(array: NDArray[np.generic]) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
