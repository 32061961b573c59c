"""A complete bundle of six tiny ONNX models with constant answers: a fast stand-in for a trained one."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, OUT_OF_SCOPE, PLANES

INPUT_SIZE = 16
CLASSES = {"body_part": (*BODY_PARTS, OUT_OF_SCOPE), "contrast": CONTRASTS}
CONVERSION = {"body_part": "mip", "contrast": "mid"}


def write_tiny_bundle(
    folder: Path,
    *,
    body_part: str = "chest",
    contrast: str = "enhanced",
    score: float = 0.9,
    planes: Mapping[tuple[str, str], str] | None = None,
    name: str = "tiny",
    version: str = "1.0.0",
) -> Path:
    """Write the bundle into `folder` and return it.

    Every plane gives `score` to `body_part` or `contrast` and shares the rest evenly; `planes` makes single
    planes say something else: `{("body_part", "axial"): "neck"}`. An all-air series is still abstained on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = {"body_part": body_part, "contrast": contrast}
    lines = [
        "format = 1",
        f'name = "{name}"',
        f'version = "{version}"',
        'created = "2026-01-01"',
        'recipe = "constant answers for tests"',
    ]
    for module, classes in CLASSES.items():
        lines += [
            f"[modules.{module}]",
            f"classes = [{', '.join(repr(word) for word in classes)}]",
            f"[modules.{module}.input]",
            f"size = {INPUT_SIZE}",
            "windows_hu = [[-450, 550]]",
            "mean = [0.5]",
            "std = [0.5]",
            f"[modules.{module}.abstention]",
            "min_score = 0.5",
            "min_planes_agreeing = 2",
            "tissue_hu = -300",
            "min_tissue_share = 0.01",
        ]
        for plane in PLANES:
            label = (planes or {}).get((module, plane), said[module])
            file = f"{module}-{plane}.onnx"
            content = constant_classifier(scores_for(classes, label, score)).SerializeToString()
            (folder / file).write_bytes(content)
            lines += [
                f"[modules.{module}.members.{plane}]",
                f'picture = "{CONVERSION[module]}_{plane}"',
                f'file = "{file}"',
                f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
            ]
    (folder / "bundle.toml").write_text("\n".join(lines) + "\n")
    (folder / "CARD.md").write_text("# tiny\n\nConstant answers, for tests.\n")
    (folder / "metrics.json").write_text("{}\n")
    return folder


def scores_for(classes: Sequence[str], label: str, score: float) -> list[float]:
    """Return `score` for the label and the rest evenly for the others."""
    return [score if word == label else (1 - score) / (len(classes) - 1) for word in classes]


def constant_classifier(scores: Sequence[float], channels: int = 1) -> ModelProto:
    """Return a network (1, channels, size, size) -> (1, classes) that gives `scores` for any picture."""
    pixels = ["batch", channels, INPUT_SIZE, INPUT_SIZE]
    constants = {
        "weights": np.zeros((channels, len(scores)), dtype=np.float32),
        "biases": np.log(np.asarray(scores, dtype=np.float32)),
    }
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["pixels"], ["means"]),
            helper.make_node("Flatten", ["means"], ["features"], axis=1),
            helper.make_node("Gemm", ["features", "weights", "biases"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
        ],
        "constant_classifier",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, pixels)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", len(scores)])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model
