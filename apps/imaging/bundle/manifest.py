"""What stands in `bundle.toml`: modules, their members and thresholds, coverage. Read strictly, verified by hash."""

import hashlib
import io
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.imaging.bundle.table import REMEDY, Table, read, read_verified
from apps.imaging.coverage import PLANES_OF_COVERAGE, CoverageLimits
from apps.imaging.ensemble import Abstention, InputRecipe
from apps.imaging.errors import BadBundle
from apps.imaging.vocabulary import CLASS_NAME, PICTURES, PLANES, PUBLISHED_CLASSES, REGIONS

BUNDLE_FORMAT = 2
"""Version of the layout of `bundle.toml`."""

MODULES = ("body_part", "contrast")
"""The questions that a bundle answers; which answers there are is the bundle's own matter."""

DOCUMENTS = ("CARD.md", "metrics.json")
"""A bundle without its card and its measurements is not complete."""

SEAL = "bundle.toml.sha256"
"""The manifest cannot hold its own hash; this file does."""

UNIT_TOLERANCE = 0.01
"""How far the length of a reference embedding may lie from 1; float16 stays within 0.001."""

MAX_DISTANCE = 2.0
"""Largest possible cosine distance; a bundle that never abstains for it says so with this limit."""


@dataclass(frozen=True)
class Member:
    """One plane classifier of a module: its picture, its model file, the embeddings that it was trained on.

    `references` holds unit vectors, float32 (count, features).
    """

    plane: str
    picture: str
    path: Path
    sha256: str
    references: NDArray[np.float32] = field(repr=False, compare=False)
    references_path: Path
    references_sha256: str


@dataclass(frozen=True)
class Module:
    """One question (body part or contrast): its classes, recipe, thresholds and one member per plane.

    Scores are softmax(logits / temperature). A `silent` class is never a label, always an abstention; of a body part
    of `not_of` the question is not answered at all.
    """

    name: str
    classes: tuple[str, ...]
    silent: tuple[str, ...]
    temperature: float
    recipe: InputRecipe
    abstention: Abstention
    members: tuple[Member, ...]
    not_of: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that it can answer."""
        return tuple(name for name in self.classes if name not in self.silent)

    @property
    def known_labels(self) -> tuple[str, ...]:
        """The classes that a protocol may ask for: the published ones, and what this bundle adds to them."""
        return tuple(dict.fromkeys((*PUBLISHED_CLASSES[self.name], *self.labels)))


@dataclass(frozen=True)
class CoverageMember:
    """One coverage network: the picture whose rows it reads, and its model file."""

    plane: str
    picture: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class CoverageModule:
    """Which regions a series covers: recipe, limits and one member per plane that shows the heights of the body."""

    recipe: InputRecipe
    limits: CoverageLimits
    members: tuple[CoverageMember, ...]


@dataclass(frozen=True)
class Manifest:
    """What `bundle.toml` says, every file that it names read and found to be the one meant."""

    name: str
    version: str
    created: str
    recipe: str
    sha256: str
    modules: Mapping[str, Module]
    coverage: CoverageModule | None


def read_manifest(folder: Path) -> Manifest:
    """Read `bundle.toml` and verify every file of the bundle.

    Raises
    ------
    BadBundle
        When anything is missing, altered, unknown or malformed; the sentence names the file and the problem.
    """
    path = folder / "bundle.toml"
    content = read(path)
    try:
        manifest = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadBundle(f"{path} is not TOML: {error}") from error
    if manifest.get("format") != BUNDLE_FORMAT:
        raise BadBundle(f"{path}: format is {manifest.get('format')!r}, only {BUNDLE_FORMAT} is understood")
    sha256 = _unseal(folder, content)
    top = Table(manifest, str(path), "")
    top.number("format")
    name, version, created, recipe = (top.text(key) for key in ("name", "version", "created", "recipe"))
    modules_table = top.table("modules")
    modules = {module: _read_module(module, modules_table.table(module), folder) for module in MODULES}
    modules_table.nothing_else()
    body_parts = modules["body_part"].classes
    for module in modules.values():
        if not set(module.not_of) <= set(body_parts) or (module.not_of and module.name == "body_part"):
            raise BadBundle(
                f"{path}: not_of of {module.name} is {list(module.not_of)}; contrast may name classes of the body part "
                f"there, {', '.join(body_parts)}"
            )
    coverage = _read_coverage(top.table("coverage"), folder) if "coverage" in top else None
    documents = top.table("documents")
    for document in DOCUMENTS:
        read_verified(folder / document, documents.text(document))
    documents.nothing_else()
    top.nothing_else()
    return Manifest(name, version, created, recipe, sha256, modules, coverage)


def seal(folder: Path) -> str:
    """Write the SHA-256 of `bundle.toml` beside it, as `sha256sum bundle.toml` would, and return it."""
    found = hashlib.sha256((folder / "bundle.toml").read_bytes()).hexdigest()
    (folder / SEAL).write_text(f"{found}  bundle.toml\n")
    return found


def _unseal(folder: Path, content: bytes) -> str:
    """Return the manifest's SHA-256, or refuse a manifest that is not the sealed one."""
    path = folder / SEAL
    form = re.fullmatch(rb"([0-9a-f]{64}) [ *]bundle\.toml\n", read(path))
    if form is None:
        raise BadBundle(f"{path} does not hold what `sha256sum bundle.toml` writes")
    sealed, found = form[1].decode(), hashlib.sha256(content).hexdigest()
    if found != sealed:
        raise BadBundle(f"{folder / 'bundle.toml'} is not the file that {SEAL} names: its SHA-256 is {found}; {REMEDY}")
    return found


def _read_module(name: str, table: Table, folder: Path) -> Module:
    classes, silent = tuple(table.texts("classes")), tuple(table.texts("silent"))
    if len(classes) < 2 or len(set(classes)) != len(classes) or not all(map(CLASS_NAME.fullmatch, classes)):
        raise table.refusal("classes", f"are {list(classes)}, not two or more words like abdomen_pelvis, each once")
    if len(set(silent)) != len(silent) or not set(silent) < set(classes):
        raise table.refusal("silent", f"is {list(silent)}, not some of the classes {', '.join(classes)}, each once")
    temperature = table.number("temperature")
    if temperature <= 0:
        raise table.refusal("temperature", f"is {temperature}, not positive")
    not_of = tuple(table.texts("not_of")) if "not_of" in table else ()
    recipe = _read_recipe(table.table("input"))
    abstention = _read_abstention(table.table("abstention"))
    members_table = table.table("members")
    members = tuple(_read_member(plane, members_table.table(plane), folder) for plane in PLANES)
    members_table.nothing_else()
    table.nothing_else()
    return Module(name, classes, silent, temperature, recipe, abstention, members, not_of)


def _read_recipe(table: Table) -> InputRecipe:
    recipe = InputRecipe(
        size=table.count("size"),
        windows_hu=tuple(table.pairs("windows_hu")),
        mean=tuple(table.numbers("mean")),
        std=tuple(table.numbers("std")),
    )
    table.nothing_else()
    if recipe.size < 1 or not recipe.windows_hu or not all(value > 0 for value in recipe.std):
        raise table.refusal("size, windows_hu and std", "must be positive and not empty")
    if not len(recipe.windows_hu) == len(recipe.mean) == len(recipe.std):
        raise table.refusal("windows_hu, mean and std", "must have one entry per channel each")
    if any(low >= high for low, high in recipe.windows_hu):
        raise table.refusal("windows_hu", "must be pairs of a lower and a higher HU")
    return recipe


def _read_abstention(table: Table) -> Abstention:
    abstention = Abstention(
        min_score=table.number("min_score"),
        min_planes_agreeing=table.count("min_planes_agreeing"),
        tissue_hu=table.number("tissue_hu"),
        min_tissue_share=table.number("min_tissue_share"),
        max_distance=table.number("max_distance"),
    )
    table.nothing_else()
    if not (0 <= abstention.min_score <= 1 and 0 <= abstention.min_tissue_share <= 1):
        raise table.refusal("min_score and min_tissue_share", "must lie between 0 and 1")
    if not 1 <= abstention.min_planes_agreeing <= len(PLANES):
        raise table.refusal("min_planes_agreeing", f"must lie between 1 and {len(PLANES)}")
    if not 0 < abstention.max_distance <= MAX_DISTANCE:
        raise table.refusal("max_distance", f"must be more than 0 and at most {MAX_DISTANCE:g}")
    return abstention


def _read_member(plane: str, table: Table, folder: Path) -> Member:
    picture = _read_picture(plane, table)
    path, sha256 = table.file("file", folder, ".onnx"), table.text("sha256")
    references_path, references_sha256 = table.file("references", folder, ".npy"), table.text("references_sha256")
    table.nothing_else()
    read_verified(path, sha256)
    references = _as_references(references_path, read_verified(references_path, references_sha256))
    return Member(plane, picture, path, sha256, references, references_path, references_sha256)


def _read_picture(plane: str, table: Table) -> str:
    picture = table.text("picture")
    if picture not in PICTURES or not picture.endswith(f"_{plane}"):
        raise table.refusal("picture", f"is {picture!r}, not one of the {plane} pictures")
    return picture


def _as_references(path: Path, content: bytes) -> NDArray[np.float32]:
    try:
        stored = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadBundle(f"{path} is not an array: {error}") from error
    if not isinstance(stored, np.ndarray) or stored.dtype != np.float16 or stored.ndim != 2 or not stored.size:
        raise BadBundle(f"{path} does not hold embeddings, float16 (count, features)")
    references = stored.astype(np.float32)
    lengths = np.linalg.norm(references, axis=1)
    if not np.all(np.abs(lengths - 1) <= UNIT_TOLERANCE):  # also refuses what is not a number
        raise BadBundle(f"{path} holds embeddings that are not of length 1")
    return references


def _read_coverage(table: Table, folder: Path) -> CoverageModule:
    regions = tuple(table.texts("regions"))
    if regions != REGIONS:
        raise table.refusal("regions", f"are {list(regions)}, not {', '.join(REGIONS)}")
    recipe = _read_recipe(table.table("input"))
    numbers = table.table("limits").all_numbers()
    try:
        limits = CoverageLimits.from_table(numbers)
    except ValueError as error:
        raise table.refusal("limits", f"are not understood: {error}") from error
    members_table = table.table("members")
    members = tuple(_read_coverage_member(plane, members_table.table(plane), folder) for plane in PLANES_OF_COVERAGE)
    members_table.nothing_else()
    table.nothing_else()
    return CoverageModule(recipe, limits, members)


def _read_coverage_member(plane: str, table: Table, folder: Path) -> CoverageMember:
    picture = _read_picture(plane, table)
    path, sha256 = table.file("file", folder, ".onnx"), table.text("sha256")
    table.nothing_else()
    read_verified(path, sha256)
    return CoverageMember(plane, picture, path, sha256)
