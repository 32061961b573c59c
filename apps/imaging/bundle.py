"""Model bundles: a folder with everything that one ensemble needs, complete or refused.

    bundle.toml    names, classes, input recipe, thresholds, one SHA-256 per model
    *.onnx         six plane classifiers: input (1, channels, size, size) float32, output (1, classes)
    probabilities CARD.md        data, results, limits
    metrics.json   what was measured

The bundle's own SHA-256 is that of `bundle.toml`, which holds the hashes of the models: it names every byte
that decides a label.
"""

import hashlib
import os
import threading
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from apps.imaging.ensemble import (
    Abstention,
    Classification,
    InputRecipe,
    ModuleAnswer,
    check_pictures,
    decide,
    network_input,
    tissue_share,
)
from apps.imaging.errors import BadBundle
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, OUT_OF_SCOPE, PICTURES, PLANES

BUNDLE_FORMAT = 1
"""Version of the layout of `bundle.toml`."""

KNOWN_CLASSES = {"body_part": (*BODY_PARTS, OUT_OF_SCOPE), "contrast": (*CONTRASTS, OUT_OF_SCOPE)}
"""Per module the classes that the rest of CoreQC has a word for."""

DOCUMENTS = ("CARD.md", "metrics.json")
"""A bundle without its card and its measurements is not complete."""


@dataclass(frozen=True)
class Member:
    """One plane classifier of a module: which picture it looks at, and its model file."""

    plane: str
    picture: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class Module:
    """One question (body part or contrast): its classes, recipe, thresholds and one member per plane."""

    name: str
    classes: tuple[str, ...]
    recipe: InputRecipe
    abstention: Abstention
    members: tuple[Member, ...]


@dataclass(frozen=True)
class ModelBundle:
    """A verified bundle. Sessions are made at the first series, once per process, also after a fork."""

    folder: Path
    name: str
    version: str
    created: str
    recipe: str
    sha256: str
    modules: Mapping[str, Module]
    threads: int
    _runtime: "_Runtime" = field(repr=False, compare=False, default_factory=lambda: _Runtime())

    @property
    def identity(self) -> dict[str, str]:
        """Name, version and SHA-256, as kept with each label."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}

    @property
    def device(self) -> str:
        """What the networks run on, in words."""
        return f"CPU, ONNX Runtime {onnxruntime.__version__}, {self.threads} threads"

    def classify(self, pictures: Mapping[str, NDArray[np.uint8]]) -> Classification:
        """Answer both questions for one series.

        Parameters
        ----------
        pictures
            The nine pictures by name, uint8 (512, 512), as `apps.imaging.projections.project` makes them.

        Raises
        ------
        ValueError
            When a picture that a member looks at is missing or not of that form.
        BadBundle
            When a model cannot be run, or does not give one score per class.
        """
        started = time.perf_counter()
        check_pictures(pictures, [member.picture for module in self.modules.values() for member in module.members])
        answers = {name: self._answer(module, pictures) for name, module in self.modules.items()}
        return Classification(
            body_part=answers["body_part"],
            contrast=answers["contrast"],
            bundle=self.identity,
            device=self.device,
            seconds=time.perf_counter() - started,
        )

    def prepare(self) -> None:
        """Make all sessions now, so that the first series does not wait for them."""
        for module in self.modules.values():
            for member in module.members:
                self._session(module, member)

    def _answer(self, module: Module, pictures: Mapping[str, NDArray[np.uint8]]) -> ModuleAnswer:
        planes = {}
        for member in module.members:
            session = self._session(module, member)
            batch = network_input(pictures[member.picture], module.recipe)[np.newaxis]
            planes[member.plane] = session.run(None, {session.get_inputs()[0].name: batch})[0][0]
        share = tissue_share([pictures[member.picture] for member in module.members], module.abstention.tissue_hu)
        return decide(module.name, module.classes, planes, module.abstention, share)

    def _session(self, module: Module, member: Member) -> onnxruntime.InferenceSession:
        return self._runtime.session(module, member, self.threads)


class _Runtime:
    """The sessions of one bundle in this process; a forked child makes its own."""

    def __init__(self) -> None:
        self._inherited: list[object] = []
        self._sessions: dict[Path, onnxruntime.InferenceSession] = {}
        self._lock = threading.Lock()
        self._process = os.getpid()

    def session(self, module: Module, member: Member, threads: int) -> onnxruntime.InferenceSession:
        """Return the member's session, made on first use."""
        if self._process != os.getpid():
            # The parent's sessions are kept, unused: closing one waits for threads that a fork left behind.
            self._inherited.append(self._sessions)
            self._sessions, self._lock, self._process = {}, threading.Lock(), os.getpid()
        with self._lock:
            if member.path not in self._sessions:
                self._sessions[member.path] = _open_session(module, member, threads)
            return self._sessions[member.path]


def load_bundle(folder: Path | str, *, threads: int = 1) -> ModelBundle:
    """Read and verify a bundle.

    Parameters
    ----------
    folder
        The bundle's folder.
    threads
        Threads for each network; workers x threads should not exceed the cores.

    Raises
    ------
    BadBundle
        When anything is missing, altered, unknown or malformed; the sentence names the file and the problem.
    """
    folder = Path(folder)
    manifest_path = folder / "bundle.toml"
    manifest_bytes = _read(manifest_path)
    try:
        manifest = tomllib.loads(manifest_bytes.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadBundle(f"{manifest_path} is not TOML: {error}") from error
    if manifest.get("format") != BUNDLE_FORMAT:
        raise BadBundle(f"{manifest_path}: format is {manifest.get('format')!r}, only {BUNDLE_FORMAT} is understood")
    top = _Table(manifest, str(manifest_path), "")
    top.number("format")
    name, version, created, recipe = (top.text(key) for key in ("name", "version", "created", "recipe"))
    modules_table = top.table("modules")
    modules = {key: _read_module(key, modules_table.table(key), folder) for key in KNOWN_CLASSES}
    modules_table.nothing_else()
    top.nothing_else()
    for document in DOCUMENTS:
        _read(folder / document)
    return ModelBundle(
        folder=folder,
        name=name,
        version=version,
        created=created,
        recipe=recipe,
        sha256=hashlib.sha256(manifest_bytes).hexdigest(),
        modules=modules,
        threads=threads,
    )


def _read_module(name: str, table: "_Table", folder: Path) -> Module:
    classes = tuple(table.texts("classes"))
    unknown = [word for word in classes if word not in KNOWN_CLASSES[name]]
    if unknown or len(classes) < 2 or len(set(classes)) != len(classes):
        raise table.refusal("classes", f"are {list(classes)}; known are {', '.join(KNOWN_CLASSES[name])}, each once")

    input_table = table.table("input")
    recipe = InputRecipe(
        size=int(input_table.number("size")),
        windows_hu=tuple(input_table.pairs("windows_hu")),
        mean=tuple(input_table.numbers("mean")),
        std=tuple(input_table.numbers("std")),
    )
    input_table.nothing_else()
    if recipe.size < 1 or not recipe.windows_hu or not all(value > 0 for value in recipe.std):
        raise input_table.refusal("size, windows_hu and std", "must be positive and not empty")
    if not len(recipe.windows_hu) == len(recipe.mean) == len(recipe.std):
        raise input_table.refusal("windows_hu, mean and std", "must have one entry per channel each")
    if any(low >= high for low, high in recipe.windows_hu):
        raise input_table.refusal("windows_hu", "must be pairs of a lower and a higher HU")

    limits = table.table("abstention")
    abstention = Abstention(
        min_score=limits.number("min_score"),
        min_planes_agreeing=int(limits.number("min_planes_agreeing")),
        tissue_hu=limits.number("tissue_hu"),
        min_tissue_share=limits.number("min_tissue_share"),
    )
    limits.nothing_else()
    if not (0 <= abstention.min_score <= 1 and 0 <= abstention.min_tissue_share <= 1):
        raise limits.refusal("min_score and min_tissue_share", "must lie between 0 and 1")
    if not 1 <= abstention.min_planes_agreeing <= len(PLANES):
        raise limits.refusal("min_planes_agreeing", f"must lie between 1 and {len(PLANES)}")

    members_table = table.table("members")
    members = tuple(_read_member(plane, members_table.table(plane), folder) for plane in PLANES)
    members_table.nothing_else()
    table.nothing_else()
    return Module(name, classes, recipe, abstention, members)


def _read_member(plane: str, table: "_Table", folder: Path) -> Member:
    picture, file, sha256 = table.text("picture"), table.text("file"), table.text("sha256")
    table.nothing_else()
    if picture not in PICTURES or not picture.endswith(f"_{plane}"):
        raise table.refusal("picture", f"is {picture!r}, not one of the {plane} pictures")
    if Path(file).name != file or not file.endswith(".onnx"):
        raise table.refusal("file", f"is {file!r}, not the name of an .onnx file beside the manifest")
    path = folder / file
    found = hashlib.sha256(_read(path)).hexdigest()
    if found != sha256:
        raise BadBundle(f"{path} is not the file that the bundle was made with: its SHA-256 is {found}, not {sha256}")
    return Member(plane, picture, path, sha256)


def _open_session(module: Module, member: Member, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Six sessions with spinning pools fight over the cores: 0.65 s instead of 0.26 s a series on two cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(member.path), options, providers=["CPUExecutionProvider"])
        shape = (1, len(module.recipe.windows_hu), module.recipe.size, module.recipe.size)
        name = session.get_inputs()[0].name
        scores = session.run(None, {name: np.zeros(shape, dtype=np.float32)})[0]
    except Exception as error:  # ONNX Runtime raises its own types, one per status code, without a common base
        raise BadBundle(f"{member.path} cannot be run: {error}") from error
    if scores.shape != (1, len(module.classes)):
        raise BadBundle(f"{member.path} gives scores of shape {scores.shape}, not one for each of {module.classes}")
    return session


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadBundle(f"{path} cannot be read: {error.strerror}") from error


class _Table:
    """One table of the manifest: each key asked for once and of its type, and none left over."""

    def __init__(self, table: Mapping[str, Any], manifest: str, name: str) -> None:
        self._left = dict(table)
        self._manifest = manifest
        self._name = name

    def refusal(self, key: str, problem: str) -> BadBundle:
        """Return the refusal of a key, with the file and the full name."""
        return BadBundle(f"{self._manifest}: {self._name}{key} {problem}")

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self._take(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refusal(key, f"is {value!r}, not a text")
        return value

    def number(self, key: str) -> float:
        """Return a finite number."""
        return self._as_number(key, self._take(key))

    def texts(self, key: str) -> list[str]:
        """Return a list of texts."""
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self.refusal(key, f"is {value!r}, not a list of texts")
        return value

    def numbers(self, key: str) -> list[float]:
        """Return a list of numbers."""
        value = self._take(key)
        if not isinstance(value, list):
            raise self.refusal(key, f"is {value!r}, not a list of numbers")
        return [self._as_number(key, entry) for entry in value]

    def pairs(self, key: str) -> list[tuple[float, float]]:
        """Return a list of pairs of numbers."""
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
            raise self.refusal(key, f"is {value!r}, not a list of pairs")
        return [(self._as_number(key, low), self._as_number(key, high)) for low, high in value]

    def table(self, key: str) -> "_Table":
        """Return a table inside this one."""
        value = self._take(key)
        if not isinstance(value, dict):
            raise self.refusal(key, f"is {value!r}, not a table")
        return _Table(value, self._manifest, f"{self._name}{key}.")

    def nothing_else(self) -> None:
        """Refuse keys that nobody asked for: a misspelt threshold must not pass in silence."""
        for key in self._left:
            raise self.refusal(key, "is not known")

    def _take(self, key: str) -> Any:
        if key not in self._left:
            raise self.refusal(key, "is missing")
        return self._left.pop(key)

    def _as_number(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise self.refusal(key, f"holds {value!r}, not a number")
        return float(value)
