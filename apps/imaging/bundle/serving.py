"""A verified bundle at work: sessions made once per process, both questions answered for one series."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from apps.imaging.bundle.manifest import CoverageMember, CoverageModule, Manifest, Member, Module, read_manifest
from apps.imaging.bundle.table import read_verified
from apps.imaging.coverage import CoverageAnswer, decode
from apps.imaging.ensemble import (
    Classification,
    InputRecipe,
    ModuleAnswer,
    check_pictures,
    decide,
    module_distance,
    network_input,
    softmax,
    tissue_share,
)
from apps.imaging.errors import BadBundle
from apps.imaging.explanation import activation_grid
from apps.imaging.novelty import distance
from apps.imaging.vocabulary import PLANES, REGIONS

INPUT = "pixels"
"""Name of the networks' input, float32 (batch, channels, size, size)."""

CLASSIFIER_OUTPUTS = ("logits", "features", "activation")
"""(batch, classes), (batch, features, rows, columns) and (batch, classes, rows, columns): the classifier's weights
applied at each place of its last feature map; the mean over places and the bias give the logits."""

COVERAGE_OUTPUTS = ("profile",)
"""(batch, bins, regions): logits from the top row of the picture to the bottom one."""


Outputs = Mapping[Path, Sequence[NDArray[np.float32]]]
"""Per model file what it gave for one picture."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Network:
    """One model file at work: what it gets, which outputs are asked for, and how they are checked when it is opened."""

    member: Member | CoverageMember
    recipe: InputRecipe
    outputs: tuple[str, ...]
    check: Callable[[Sequence[NDArray[np.float32]]], None]


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
    coverage: CoverageModule | None
    threads: int
    _networks: tuple[_Network, ...] = field(repr=False, compare=False)
    _runtime: "_Runtime" = field(repr=False, compare=False)

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
            When a model cannot be run, or does not give what the manifest says.
        """
        started = time.perf_counter()
        check_pictures(pictures, [network.member.picture for network in self._networks])
        outputs = self._runtime.run(self._networks, pictures)
        answers = {name: _answer(module, pictures, outputs) for name, module in self.modules.items()}
        said = Classification(
            body_part=answers["body_part"],
            contrast=answers["contrast"],
            bundle=self.identity,
            device=self.device,
            seconds=0.0,
            recipe=self.recipe,
            coverage=_cover(self.coverage, outputs) if self.coverage else None,
        )
        return replace(said, seconds=time.perf_counter() - started)

    def prepare(self) -> None:
        """Make all sessions now, so that the first series does not wait for them."""
        self._runtime.prepare(self._networks)


class _Runtime:
    """The sessions of one bundle in this process; a forked child makes its own.

    Each session computes on one thread, `threads` of them side by side: on two cores six EfficientNet-Lite0 take 64 ms
    that way, and 97 ms one after the other on two threads each, for small layers are not worth dividing.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._inherited: list[object] = []
        self._begin()

    def run(self, networks: Sequence[_Network], pictures: Mapping[str, NDArray[np.uint8]]) -> Outputs:
        """Return the outputs of every network on its picture."""

        def outputs_of(network: _Network) -> list[NDArray[np.float32]]:
            batch = network_input(pictures[network.member.picture], network.recipe)[np.newaxis]
            outputs: list[NDArray[np.float32]] = self._session(network).run(network.outputs, {INPUT: batch})
            return outputs

        found = self._each(outputs_of, networks)
        return {network.member.path: outputs for network, outputs in zip(networks, found, strict=True)}

    def prepare(self, networks: Sequence[_Network]) -> None:
        """Make the sessions of all networks."""
        self._each(self._session, networks)

    def _begin(self) -> None:
        self._process = os.getpid()
        self._sessions: dict[Path, onnxruntime.InferenceSession] = {}
        self._making: dict[Path, threading.Lock] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(self._threads, "network") if self._threads > 1 else None

    def _each(self, work: Callable[[_Network], Result], networks: Sequence[_Network]) -> list[Result]:
        if self._process != os.getpid():
            # The parent's sessions are kept, unused: closing one waits for threads that a fork left behind.
            self._inherited.append((self._sessions, self._pool))
            self._begin()
        return list(self._pool.map(work, networks) if self._pool else map(work, networks))

    def _session(self, network: _Network) -> onnxruntime.InferenceSession:
        """Return the network's session, made and checked on first use."""
        path = network.member.path
        with self._lock:
            making = self._making.setdefault(path, threading.Lock())
        with making:
            if path not in self._sessions:
                self._sessions[path] = _open_session(network)
            return self._sessions[path]


def load_bundle(folder: Path | str, *, threads: int = 1) -> ModelBundle:
    """Read and verify a bundle.

    Parameters
    ----------
    folder
        The bundle's folder.
    threads
        Networks that run side by side; workers x threads should not exceed the cores.

    Raises
    ------
    BadBundle
        When anything is missing, altered, unknown or malformed; the sentence names the file and the problem.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    networks = _networks_of(manifest)
    return ModelBundle(folder=folder, threads=threads, _networks=networks, _runtime=_Runtime(threads), **vars(manifest))


def _networks_of(manifest: Manifest) -> tuple[_Network, ...]:
    classifiers = [
        _Network(member, module.recipe, CLASSIFIER_OUTPUTS, partial(_check_classifier, module, member))
        for module in manifest.modules.values()
        for member in module.members
    ]
    coverage = manifest.coverage
    if coverage is None:
        return tuple(classifiers)
    profilers = [
        _Network(member, coverage.recipe, COVERAGE_OUTPUTS, partial(_check_profiler, member))
        for member in coverage.members
    ]
    return (*classifiers, *profilers)


def _answer(module: Module, pictures: Mapping[str, NDArray[np.uint8]], outputs: Outputs) -> ModuleAnswer:
    scores, distances, activations = {}, {}, {}
    for member in module.members:
        logits, features, activation = (output[0] for output in outputs[member.path])
        scores[member.plane] = softmax(logits, module.temperature)
        distances[member.plane] = float(distance(features.mean(axis=(1, 2)), member.references))
        activations[member.plane] = activation
    answer = decide(
        module.name,
        module.classes,
        scores,
        module.abstention,
        tissue_share([pictures[member.picture] for member in module.members], module.abstention.tissue_hu),
        silent=module.silent,
        distance=module_distance(distances),
    )
    voted = module.classes.index(answer.guess)
    grids = {plane: activation_grid(activations[plane], voted).tolist() for plane in PLANES}
    return replace(answer, activations=grids)


def _cover(module: CoverageModule, outputs: Outputs) -> CoverageAnswer:
    return decode({member.plane: outputs[member.path][0][0] for member in module.members}, module.limits)


def _open_session(network: _Network) -> onnxruntime.InferenceSession:
    """Return a session of the verified bytes, tried out on an empty picture."""
    member, recipe = network.member, network.recipe
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Read and compared once more: between loading and the first series the file may have been replaced.
    content = read_verified(member.path, member.sha256)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        shape = (1, len(recipe.windows_hu), recipe.size, recipe.size)
        empty = session.run(network.outputs, {INPUT: np.zeros(shape, dtype=np.float32)})
    except Exception as error:  # ONNX Runtime raises its own types, one per status code, without a common base
        raise BadBundle(f"{member.path} cannot be run: {error}") from error
    network.check(empty)
    return session


def _check_profiler(member: CoverageMember, outputs: Sequence[NDArray[np.float32]]) -> None:
    """Refuse a coverage network whose profile does not hold every region."""
    shape = outputs[0].shape
    if len(shape) != 3 or shape[0] != 1 or shape[1] < 2 or shape[2] != len(REGIONS):
        raise BadBundle(f"{member.path} gives a profile of shape {shape}, not (1, bins, {len(REGIONS)})")


def _check_classifier(module: Module, member: Member, outputs: Sequence[NDArray[np.float32]]) -> None:
    """Refuse a classifier whose outputs do not fit the manifest and each other."""
    logits, features, activation = outputs
    classes = len(module.classes)
    if logits.shape != (1, classes):
        raise BadBundle(f"{member.path} gives logits of shape {logits.shape}, not one for each of {module.classes}")
    if features.ndim != 4 or features.shape[0] != 1 or not features.size:
        raise BadBundle(f"{member.path} gives features of shape {features.shape}, not (1, features, rows, columns)")
    if activation.shape != (1, classes, *features.shape[2:]):
        expected = (1, classes, *features.shape[2:])
        raise BadBundle(f"{member.path} gives an activation of shape {activation.shape}, not {expected}")
    if member.references.shape[1] != features.shape[1]:
        raise BadBundle(
            f"{member.references_path} holds embeddings of {member.references.shape[1]} features, "
            f"{member.path.name} gives {features.shape[1]}"
        )
