"""Smaller and faster models: weights stored as float16, or weights and activations as int8."""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from apps.imaging.bundle.serving import INPUT

KEPT_IN_FLOAT = "activation"
"""The class activation and what follows it: a sum over places of small shares, which 8 bits would blur."""


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


def quantise(full: Path, file: Path, inputs: NDArray[np.float32]) -> None:
    """Write an int8 version (static, QDQ, one scale per channel) of a float32 model.

    Weights keep 7 of 8 bits: processors without VNNI add two products of 8-bit numbers in 16 bits, which overflows with
    all 8, and the same bundle must answer alike on every machine.

    Parameters
    ----------
    full
        The float32 model, as `export_onnx` writes it.
    file
        Where to write.
    inputs
        Network inputs of training pictures, float32 (pictures, channels, size, size): they say which values occur.
    """
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings(), _without_its_log():
        warnings.simplefilter("ignore")
        prepared = Path(scratch) / "prepared.onnx"
        quant_pre_process(str(full), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(file),
            _Pictures(inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_float_nodes(prepared),
            calibrate_method=CalibrationMethod.MinMax,
        )
    onnx.checker.check_model(onnx.load(file))


@contextmanager
def _without_its_log() -> Iterator[None]:
    """Keep quiet what ONNX Runtime tells the root logger of every channel."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def _float_nodes(file: Path) -> list[str]:
    """Return the names of the nodes that give the activation and the logits."""
    model = onnx.load(file)
    reached = {KEPT_IN_FLOAT}
    kept = []
    for node in model.graph.node:
        if set(node.output) & reached or set(node.input) & reached:
            kept.append(node.name)
            reached.update(node.output)
    return kept


class _Pictures(CalibrationDataReader):
    """Hands the calibration one picture after the other."""

    def __init__(self, inputs: NDArray[np.float32]) -> None:
        self._left: Iterator[NDArray[np.float32]] = (inputs[index : index + 1] for index in range(len(inputs)))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next picture as the model's input, None after the last."""
        picture = next(self._left, None)
        return None if picture is None else {INPUT: picture}
