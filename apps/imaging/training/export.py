"""From a trained network to ONNX: one file per classifier that also tells what it looked at."""

import logging
import pickle
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.imaging.ensemble import InputRecipe, network_input
from apps.imaging.errors import BadRun
from apps.imaging.networks import PlaneNetwork, make_network
from apps.imaging.training.assemble import ExportedMember, ExportedModule
from apps.imaging.training.ensemble_file import ChosenModule
from apps.imaging.training.parity import AUTO, PRECISIONS, Answers, compare, compare_votes, onnx_answers
from apps.imaging.training.quantise import halve_weights, quantise
from apps.imaging.training.run import Run, classifier_folder
from apps.imaging.training.store import PictureStore, open_store
from apps.imaging.vocabulary import PLANES

log = logging.getLogger(__name__)

OPSET = 17

BATCH = 16

SAME_CLASS = 0.99
"""Share of the real pictures on which a smaller classifier must give the class of the trained one."""

SAME_LABEL = 0.99
"""Share of the real series on which the vote of int8 classifiers must also be silent where the trained ones are."""

FULL_TOLERANCE = 0.01
"""How far a score of a float32 model may lie from torch's; the order of sums differs, nothing else."""

NOTHING = {"same_class": 0.0}
"""How a version that could not be made agrees."""

CALIBRATION_PICTURES = 128
"""Enough for the extremes of every channel; the time grows with them."""


class ServedNetwork(nn.Module):
    """A plane classifier with the outputs that a bundle serves: logits, last feature map, class activation.

    The linear layer is applied at every place, as a 1 x 1 convolution, and the mean taken afterwards: the same sum, and
    the shares of the places are an output.
    """

    def __init__(self, network: PlaneNetwork) -> None:
        super().__init__()
        head = network.head
        self.network = network
        self.activation = nn.Conv2d(head.in_features, head.out_features, 1, bias=False)
        self.activation.weight = nn.Parameter(head.weight.detach().clone()[:, :, None, None])
        self.bias = nn.Parameter(head.bias.detach().clone())

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (batch, classes), features (batch, D, h, w), activation (batch, classes, h, w)."""
        features = self.network.features(pixels)
        activation = self.activation(features)
        return activation.mean(dim=(2, 3)) + self.bias, features, activation


def load_network(backbone: str, classes: int, weights: Path) -> PlaneNetwork:
    """Return a trained network, ready to answer."""
    network = make_network(backbone, classes)
    try:
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise BadRun(f"{weights} does not hold the weights of {backbone} for {classes} classes ({error}).") from error
    return network.eval()


def export_onnx(network: PlaneNetwork, size: int, file: Path) -> None:
    """Write `network` as ONNX, float32, for inputs (batch, 3, size, size)."""
    onnx.save(to_onnx(ServedNetwork(network).eval(), size, ("logits", "features", "activation")), file)


def to_onnx(network: nn.Module, size: int, outputs: Sequence[str]) -> onnx.ModelProto:
    """Return a network of pictures (batch, 3, size, size) as ONNX, float32, with the names of what it gives."""
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        # torch announces the end of this exporter; its successor needs another package and writes the same graph.
        warnings.simplefilter("ignore")
        whole = Path(scratch) / "whole.onnx"
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, size, size),),
            str(whole),
            dynamo=False,
            opset_version=OPSET,
            input_names=["pixels"],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in ("pixels", *outputs)},
        )
        model = onnx.load(whole)
    onnx.checker.check_model(model)
    return model


def torch_answers(network: PlaneNetwork, inputs: NDArray[np.float32]) -> Answers:
    """Return what the trained network says of inputs (series, 3, size, size)."""
    logits, embeddings = [], []
    with torch.no_grad():
        for part in torch.from_numpy(inputs).split(BATCH):
            of_part, embedding = network.classify(network.features(part))
            logits.append(of_part.numpy())
            embeddings.append(embedding.numpy())
    return Answers(np.concatenate(logits), np.concatenate(embeddings))


def export_module(
    run: Run, module: str, chosen: ChosenModule, precision: str, scratch: Path
) -> tuple[ExportedModule, dict[str, Any]]:
    """Export the three classifiers of a module.

    Parameters
    ----------
    run
        The training run.
    module
        Which module of it.
    chosen
        Its pictures, parts, temperature and limits.
    precision
        One of PRECISIONS, or AUTO.
    scratch
        Folder for the models.

    Returns
    -------
    tuple
        What goes into the bundle, and what was measured: per plane and precision against torch, and the votes.

    Raises
    ------
    BadRun
        When a classifier's files do not belong to it, or an export does not answer as the trained network.
    """
    classes = run.classes(module)
    trained: dict[str, Answers] = {}
    exported: dict[str, dict[str, Answers]] = {}
    references: dict[str, NDArray[np.float32]] = {}
    measured: dict[str, dict[str, Any]] = {}
    series = shown_series(run.real, module, chosen.pictures.values())
    for plane in PLANES:
        picture, recipe = chosen.pictures[plane], run.recipe.modules[module].input
        folder = classifier_folder(run.folder, module, picture, chosen.parts[plane])
        network = load_network(run.recipe.backbone.name, len(classes), folder / "weights.pt")
        references[plane] = np.load(folder / "references.npy", allow_pickle=False).astype(np.float32)
        inputs = network_inputs(run.real, picture, series, recipe)
        trained[plane] = torch_answers(network, inputs)
        stem = scratch / f"{module}-{plane}"
        export_onnx(network, recipe.size, files_of(stem)["fp32"])
        onnx.save(halve_weights(onnx.load(files_of(stem)["fp32"])), files_of(stem)["fp16"])
        if precision in (AUTO, "int8"):
            calibration = calibration_inputs(run, module, picture, chosen.parts[plane], recipe)
            _quantise(stem, calibration, needed=precision != AUTO)
        exported[plane] = {kind: onnx_answers(file, inputs) for kind, file in files_of(stem).items() if file.exists()}
        measured[plane] = {
            kind: compare(answers, trained[plane], chosen.temperature, references[plane])
            for kind, answers in exported[plane].items()
        }
        log.info("%s %s: %s", module, plane, _agreement_words(measured[plane]))
        if measured[plane]["fp32"]["largest_difference"] > FULL_TOLERANCE:
            raise BadRun(f"The exported {module} {picture} does not answer as the trained network: {measured[plane]}")
    taken = _taken(precision, measured)
    votes = _compare_votes(exported, trained, taken, chosen, references)
    if precision == AUTO and "int8" in taken.values() and (votes["same_class"] < 1 or votes["same_label"] < SAME_LABEL):
        taken = _taken(AUTO, measured, without="int8")
        votes = _compare_votes(exported, trained, taken, chosen, references)
    members = {
        plane: ExportedMember(
            chosen.pictures[plane], files_of(scratch / f"{module}-{plane}")[taken[plane]], references[plane]
        )
        for plane in PLANES
    }
    of_recipe = run.recipe.modules[module]
    ready = ExportedModule(
        classes,
        run.silent(module),
        chosen.temperature,
        of_recipe.input,
        chosen.abstention,
        members,
        of_recipe.not_of,
    )
    return ready, {"series": len(series), "precision": taken, "planes": measured, "vote": votes}


def _quantise(stem: Path, calibration: NDArray[np.float32], *, needed: bool) -> None:
    """Write the int8 version; one that is not `needed` may fail, for not every graph can be written in 8 bits."""
    try:
        quantise(files_of(stem)["fp32"], files_of(stem)["int8"], calibration)
    except Exception as error:
        if needed:
            raise BadRun(f"{stem.name} cannot be written in 8 bits ({error}): use --precision fp16.") from error
        files_of(stem)["int8"].unlink(missing_ok=True)
        log.warning("%s cannot be written in 8 bits (%s: %s)", stem.name, type(error).__name__, error)


def files_of(stem: Path) -> dict[str, Path]:
    """Return the file of each precision."""
    return {kind: stem.with_name(f"{stem.name}-{kind}.onnx") for kind in PRECISIONS}


def shown_series(store: PictureStore, module: str, pictures: Iterable[str]) -> NDArray[np.intp]:
    """Return the series with a label of the module of which every one of the pictures is at hand, (series,)."""
    labelled = np.flatnonzero([bool(row.labels.get(module)) for row in store.rows])
    shown = [store.picture(picture) for picture in pictures]
    return np.array([index for index in labelled if all(pixels[index].any() for pixels in shown)], dtype=np.intp)


def network_inputs(
    store: PictureStore, picture: str, series: NDArray[np.intp], recipe: InputRecipe
) -> NDArray[np.float32]:
    """Return what a network sees of some series, float32 (series, channels, size, size)."""
    pixels = store.picture(picture)
    return np.stack([network_input(np.asarray(pixels[index]), recipe) for index in series])


def calibration_inputs(run: Run, module: str, picture: str, part: str, recipe: InputRecipe) -> NDArray[np.float32]:
    """Return what the classifier saw in training, evenly picked: real series and varied ones."""
    stems = [path.with_suffix("") for path in sorted((run.folder / "pictures").glob("drawn-*.json"))]
    parts = []
    stores = [run.real, *map(open_store, stems)]
    for store in stores:
        usable = [
            index
            for index in shown_series(store, module, [picture])
            if store.rows[index].set == "development" and part != f"fold-{run.folds.get(store.rows[index].patient)}"
        ]
        count = min(len(usable), -(-CALIBRATION_PICTURES // len(stores)))
        if count:
            places = np.linspace(0, len(usable) - 1, count).round().astype(np.intp)
            parts.append(network_inputs(store, picture, np.array(usable, dtype=np.intp)[places], recipe))
    if not parts:
        raise BadRun(
            f"There are no training pictures of {module} {picture} to calibrate int8 on: use --precision fp16."
        )
    return np.concatenate(parts)


def _agreement_words(measured: Mapping[str, Mapping[str, float]]) -> str:
    """Return how each version agrees with the trained network: "int8 same class on 94.1 %, scores up to 0.277 off"."""
    return "; ".join(
        f"{kind} same class on {100 * found['same_class']:.1f} %, scores up to {found['largest_difference']:.3f} off"
        for kind, found in measured.items()
    )


def _taken(
    precision: str, measured: Mapping[str, Mapping[str, Mapping[str, float]]], without: str = ""
) -> dict[str, str]:
    """Return per plane the precision that was asked for, or the smallest that agrees; `without` leaves one out."""
    if precision != AUTO:
        return dict.fromkeys(PLANES, precision)
    smaller = [kind for kind in reversed(PRECISIONS[1:]) if kind != without]
    return {
        plane: next(
            (kind for kind in smaller if measured[plane].get(kind, NOTHING)["same_class"] >= SAME_CLASS), PRECISIONS[0]
        )
        for plane in PLANES
    }


def _compare_votes(
    exported: Mapping[str, Mapping[str, Answers]],
    trained: Mapping[str, Answers],
    taken: Mapping[str, str],
    chosen: ChosenModule,
    references: Mapping[str, NDArray[np.float32]],
) -> dict[str, float]:
    ours = {plane: exported[plane][taken[plane]] for plane in PLANES}
    return compare_votes(ours, trained, chosen.temperature, chosen.abstention, references)
