"""Write a trained run as a bundle: ONNX models with half-precision weights, manifest, metrics, card."""

import hashlib
import json
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from apps.imaging.bundle import BUNDLE_FORMAT
from apps.imaging.ensemble import Abstention, normalise
from apps.imaging.networks import make_network
from apps.imaging.training.pictures import PICTURE_NAMES, PictureSet
from apps.imaging.training.tasks import TASKS, Task, labels_of
from apps.imaging.training.train import Settings
from apps.imaging.vocabulary import PLANES

OPSET = 17

PARITY_TOLERANCE = 0.02
"""How far a score of the exported model may lie from torch's: half-precision weights move it by a few thousandths."""


@dataclass(frozen=True)
class BundleIdentity:
    """Name, version, date and one line on how the bundle was made."""

    name: str
    version: str
    created: str
    recipe: str


def export_onnx(network: nn.Module, size: int, file: Path) -> None:
    """Write `network` with a softmax behind it as ONNX, its large weights kept as float16."""
    whole = nn.Sequential(network, nn.Softmax(dim=1)).eval()
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        # torch announces the end of this exporter; its successor needs another package and writes the same graph.
        warnings.simplefilter("ignore")
        full = Path(scratch) / "full.onnx"
        torch.onnx.export(
            whole,
            (torch.zeros(1, 3, size, size),),
            str(full),
            dynamo=False,
            opset_version=OPSET,
            input_names=["pixels"],
            output_names=["scores"],
            dynamic_axes={"pixels": {0: "batch"}, "scores": {0: "batch"}},
        )
        model = onnx.load(full)
    onnx.save(halve_weights(model), file)


def halve_weights(model: onnx.ModelProto, smallest: int = 256) -> onnx.ModelProto:
    """Return the model with its float32 weights of `smallest` values or more stored as float16 and cast at loading.

    Arithmetic stays float32: ONNX Runtime folds the casts when it makes a session.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < smallest:
            continue
        name = tensor.name
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    return model


def parity(network: nn.Module, file: Path, task: Task, pictures: np.ndarray) -> dict[str, float]:
    """Compare the exported model with torch on pictures (series, rows, columns)."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    inputs = normalise(pictures, task.recipe)
    exported = np.concatenate([session.run(None, {"pixels": inputs[i : i + 1]})[0] for i in range(len(inputs))])
    with torch.no_grad():
        theirs = torch.cat([network(part) for part in torch.from_numpy(inputs).split(32)]).softmax(dim=1).numpy()
    return {
        "pictures": len(pictures),
        "largest_difference": round(float(np.abs(exported - theirs).max()), 5),
        "same_class": round(float((exported.argmax(axis=1) == theirs.argmax(axis=1)).mean()), 4),
    }


def write_bundle(
    folder: Path,
    identity: BundleIdentity,
    run: Path,
    plain: PictureSet,
    settings: Settings,
    abstentions: dict[str, Abstention],
    metrics: dict[str, object],
    card: str,
) -> None:
    """Export the six classifiers that were trained on all subjects and write everything that belongs to them.

    Raises
    ------
    ValueError
        When an exported model does not answer as the trained one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"format = {BUNDLE_FORMAT}",
        *(f"{key} = {_toml(value)}" for key, value in vars(identity).items()),
    ]
    agreement = {}
    for task in TASKS.values():
        limits = abstentions[task.module]
        lines += [
            "",
            f"[modules.{task.module}]",
            f"classes = {_toml(list(task.classes))}",
            "",
            f"[modules.{task.module}.input]",
            *(f"{key} = {_toml(value)}" for key, value in vars(task.recipe).items()),
            "",
            f"[modules.{task.module}.abstention]",
            *(f"{key} = {_toml(value)}" for key, value in vars(limits).items()),
        ]
        for plane in PLANES:
            stem = f"{task.module}-{plane}"
            network = make_network(settings.backbone, len(task.classes), None)
            network.load_state_dict(torch.load(run / f"{stem}-all.pt", weights_only=True))
            file = folder / f"{stem}.onnx"
            export_onnx(network, task.recipe.size, file)
            column = PICTURE_NAMES.index(task.picture(plane))
            measured = parity(network, file, task, plain.pixels[labels_of(task, plain) >= 0, column])
            if measured["largest_difference"] > PARITY_TOLERANCE:
                raise ValueError(f"{file} does not answer as the trained network does: {measured}")
            agreement[stem] = measured
            lines += [
                "",
                f"[modules.{task.module}.members.{plane}]",
                f"picture = {_toml(task.picture(plane))}",
                f"file = {_toml(file.name)}",
                f"sha256 = {_toml(hashlib.sha256(file.read_bytes()).hexdigest())}",
            ]
    (folder / "bundle.toml").write_text("\n".join(lines) + "\n")
    (folder / "metrics.json").write_text(json.dumps({**metrics, "onnx_against_torch": agreement}, indent=1) + "\n")
    (folder / "CARD.md").write_text(card)


def _toml(value: object) -> str:
    """Return a value as TOML; for numbers, texts and lists of them JSON is the same."""
    return json.dumps(value)
