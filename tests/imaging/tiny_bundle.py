"""A complete bundle of tiny ONNX models with constant answers: a fast stand-in for a trained one."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from apps.imaging.bundle.manifest import DOCUMENTS, seal
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, OUT_OF_SCOPE, PLANES, REGIONS

INPUT_SIZE = 16
GRID = 4
"""Rows and columns of the last feature map."""

BINS = 32
"""Heights at which a coverage network answers."""

CLASSES = {"body_part": (*BODY_PARTS, OUT_OF_SCOPE), "contrast": CONTRASTS}
SILENT = {"body_part": (OUT_OF_SCOPE,), "contrast": ()}
CONVERSION = {"body_part": "mip", "contrast": "mid"}
INPUT = [f"size = {INPUT_SIZE}", "windows_hu = [[-450, 550]]", "mean = [0.5]", "std = [0.5]"]


def write_tiny_bundle(
    folder: Path,
    *,
    body_part: str = "chest",
    contrast: str = "enhanced",
    score: float = 0.9,
    planes: Mapping[tuple[str, str], str] | None = None,
    distance: float = 0.0,
    coverage: Mapping[str, tuple[float, float]] | None = None,
    classes: Mapping[str, Sequence[str]] = CLASSES,
    silent: Mapping[str, Sequence[str]] = SILENT,
    not_of: Mapping[str, Sequence[str]] | None = None,
    name: str = "tiny",
    version: str = "1.0.0",
) -> Path:
    """Write the bundle into `folder` and return it.

    Every plane gives `score` to `body_part` or `contrast` and shares the rest evenly; `planes` makes single planes say
    something else: `{("body_part", "axial"): "neck"}`. Every picture lies at `distance` from the references (limit
    0.5). An all-air series is still abstained on. With `coverage`, it also has coverage networks, which see each
    region from and to those fractions of the height: `{"chest": (0, 0.6)}`. `not_of` names body parts of which a
    module is not asked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = {"body_part": body_part, "contrast": contrast}
    lines = [
        "format = 2",
        f'name = "{name}"',
        f'version = "{version}"',
        'created = "2026-01-01"',
        'recipe = "constant answers for tests"',
        "[documents]",
        *(f'"{document}" = "{_write(folder / document, b"{}")}"' for document in DOCUMENTS),
    ]
    for module, words in classes.items():
        lines += [
            f"[modules.{module}]",
            f"classes = {list(words)}",
            f"silent = {list(silent[module])}",
            *([f"not_of = {list(not_of[module])}"] if not_of and module in not_of else []),
            "temperature = 1",
            f"[modules.{module}.input]",
            *INPUT,
            f"[modules.{module}.abstention]",
            "min_score = 0.5",
            "min_planes_agreeing = 2",
            "tissue_hu = -300",
            "min_tissue_share = 0.01",
            "max_distance = 0.5",
        ]
        for plane in PLANES:
            label = (planes or {}).get((module, plane), said[module])
            model = constant_classifier(scores_for(words, label, score)).SerializeToString()
            references = npy(np.array([[1 - distance, np.sqrt(1 - (1 - distance) ** 2)]], dtype=np.float16))
            lines += [
                f"[modules.{module}.members.{plane}]",
                f'picture = "{CONVERSION[module]}_{plane}"',
                f'file = "{module}-{plane}.onnx"',
                f'sha256 = "{_write(folder / f"{module}-{plane}.onnx", model)}"',
                f'references = "{module}-{plane}.npy"',
                f'references_sha256 = "{_write(folder / f"{module}-{plane}.npy", references)}"',
            ]
    if coverage is not None:
        lines += _coverage_tables(folder, coverage)
    (folder / "bundle.toml").write_text("\n".join(lines) + "\n")
    seal(folder)
    return folder


def npy(array: NDArray[np.generic]) -> bytes:
    """Return an array as the bytes of an .npy file."""
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def scores_for(classes: Sequence[str], label: str, score: float) -> list[float]:
    """Return `score` for the label and the rest evenly for the others."""
    return [score if word == label else (1 - score) / (len(classes) - 1) for word in classes]


def constant_classifier(scores: Sequence[float], channels: int = 1, features: int = 2) -> ModelProto:
    """Return a network that gives `scores` for any picture, the same embedding (1, 0, ...) and an activation.

    The activation of the best class is the picture's brightness less its mean, GRID x GRID; of the others it is 0.
    """
    best = np.zeros((len(scores), 1, 1, 1), dtype=np.float32)
    best[int(np.argmax(scores))] = 1
    first = np.zeros(features, dtype=np.float32)
    first[0] = 1
    step = INPUT_SIZE // GRID
    return _model(
        [
            helper.make_node("AveragePool", ["pixels"], ["pooled"], kernel_shape=[step, step], strides=[step, step]),
            helper.make_node("ReduceMean", ["pooled"], ["brightness"], axes=[1], keepdims=1),
            helper.make_node("GlobalAveragePool", ["brightness"], ["mean"]),
            helper.make_node("Sub", ["brightness", "mean"], ["contrast"]),
            helper.make_node("Conv", ["contrast", "best"], ["activation"]),
            helper.make_node("Conv", ["brightness", "nothing", "first"], ["features"]),
            helper.make_node("ReduceMean", ["activation"], ["shares"], axes=[2, 3], keepdims=0),
            helper.make_node("Add", ["shares", "biases"], ["logits"]),
        ],
        channels,
        {
            "logits": ["batch", len(scores)],
            "features": ["batch", features, GRID, GRID],
            "activation": ["batch", len(scores), GRID, GRID],
        },
        {
            "best": best,
            "nothing": np.zeros((features, 1, 1, 1), dtype=np.float32),
            "first": first,
            "biases": np.log(np.asarray(scores, dtype=np.float32)),
        },
    )


def constant_profile(coverage: Mapping[str, tuple[float, float]]) -> ModelProto:
    """Return a network that sees each region between those fractions of the height, in any picture."""
    middles = (np.arange(BINS) + 0.5) / BINS
    profile = np.full((1, BINS, len(REGIONS)), -6, dtype=np.float32)
    for region, (top, bottom) in coverage.items():
        profile[0, (middles >= top) & (middles <= bottom), REGIONS.index(region)] = 6
    return _model(
        [
            helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Reshape", ["mean", "column"], ["means"]),
            helper.make_node("Mul", ["means", "nothing"], ["zero"]),
            helper.make_node("Add", ["zero", "constant"], ["profile"]),
        ],
        1,
        {"profile": ["batch", BINS, len(REGIONS)]},
        {
            "column": np.array([-1, 1, 1], dtype=np.int64),
            "nothing": np.zeros((1, 1, 1), dtype=np.float32),
            "constant": profile,
        },
    )


def _coverage_tables(folder: Path, coverage: Mapping[str, tuple[float, float]]) -> list[str]:
    model = constant_profile(coverage).SerializeToString()
    lines = [
        "[coverage]",
        f"regions = {list(REGIONS)}",
        "[coverage.input]",
        *INPUT,
        "[coverage.limits]",
        "min_probability = 0.5",
        "max_gap = 0.1",
        "min_extent = 0.02",
        "max_disagreement = 0.3",
        *(f"min_{region}_mm = 150" for region in REGIONS),
    ]
    for plane in ("coronal", "sagittal"):
        lines += [
            f"[coverage.members.{plane}]",
            f'picture = "mip_{plane}"',
            f'file = "coverage-{plane}.onnx"',
            f'sha256 = "{_write(folder / f"coverage-{plane}.onnx", model)}"',
        ]
    return lines


def _write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _model(
    nodes: Sequence[NodeProto],
    channels: int,
    outputs: Mapping[str, Sequence[str | int]],
    constants: Mapping[str, NDArray[np.generic]],
) -> ModelProto:
    pixels = ["batch", channels, INPUT_SIZE, INPUT_SIZE]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, pixels)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model
