"""Import torchvision beside a torch that it was not built with.

torchvision's own operators are compiled against one build of torch; beside another (a CPU wheel from another index)
they do not load, and `import torchvision` then fails where it gives two of them, nms and qnms, a second
implementation. Turning and mirroring pictures needs none of them: declared beforehand, the import succeeds, and whoever
called them would read that they have no implementation.
"""

import importlib
from types import ModuleType

import torch

SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

_declared: list[torch.library.Library] = []
"""Declarations live as long as their library object."""


def import_transforms() -> ModuleType:
    """Return `torchvision.transforms.v2`."""
    try:
        return importlib.import_module("torchvision.transforms.v2")
    except RuntimeError:
        _declare_missing()
        return importlib.import_module("torchvision.transforms.v2")


def _declare_missing() -> None:
    missing = [name for name in SCHEMAS if not hasattr(torch.ops.torchvision, name)]
    if missing and not _declared:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in missing:
            library.define(SCHEMAS[name])
        _declared.append(library)
