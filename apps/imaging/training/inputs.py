"""What a classifier is fed in training: pictures, or the feature maps that frozen blocks made of them once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.imaging.ensemble import InputRecipe, normalise, shrink
from apps.imaging.training.recipe import PictureAugmentation

BATCH = 64
"""Pictures at a time where nothing is learned."""


def shrunk(pictures: NDArray[np.uint8], size: int) -> Tensor:
    """Return stored pictures (series, 512, 512) at network size, uint8 (series, size, size)."""
    if not len(pictures):
        return torch.empty((0, size, size), dtype=torch.uint8)
    return torch.from_numpy(np.stack([shrink(picture, size) for picture in pictures]))


@dataclass
class Windows:
    """Gray levels to network input: the same numbers as `ensemble.normalise`, looked up on the device."""

    table: Tensor

    @classmethod
    def of(cls, recipe: InputRecipe, device: torch.device) -> "Windows":
        """Return the table, float32 (channels, 256)."""
        levels = normalise(np.arange(256, dtype=np.uint8)[np.newaxis], recipe)
        return cls(torch.from_numpy(levels[:, 0]).to(device))

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the network input (pictures, channels, rows, columns) of uint8 pictures (pictures, rows, columns)."""
        inputs = self.table[:, pixels.to(self.table.device).long()].transpose(0, 1)
        return inputs.contiguous(memory_format=torch.channels_last)


@dataclass
class Inputs:
    """The inputs of one classifier, in memory.

    `stored` holds uint8 pictures (pictures, rows, columns) for a network of which everything is trained, or float16
    feature maps (pictures, channels, rows, columns). `vary` is applied to pictures of a training batch; feature maps
    can only be mirrored, with the probability `mirror`.
    """

    stored: Tensor
    windows: Windows
    device: torch.device
    vary: Callable[[Tensor], Tensor] | None = None
    mirror: float = 0.0

    def __len__(self) -> int:
        return len(self.stored)

    def batch(self, indices: NDArray[np.intp], learning: bool) -> Tensor:
        """Return the input of some pictures for the trained part of the network, varied when it learns."""
        chosen = self.stored[torch.from_numpy(indices).to(self.stored.device)]
        if self.stored.dtype == torch.uint8:
            return self.windows(self.vary(chosen) if learning and self.vary else chosen)
        maps = chosen.to(self.device).float()
        if learning and self.mirror:
            mirrored = torch.rand(len(maps)) < self.mirror
            maps[mirrored] = maps[mirrored].flip(3)
        return maps.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def feature_maps(lower: nn.Module, pixels: Tensor, windows: Windows) -> Tensor:
    """Return what the frozen blocks make of pictures (pictures, rows, columns), float16 to spare memory."""
    lower.eval()
    parts = [lower(windows(pixels[start : start + BATCH])).half() for start in range(0, len(pixels), BATCH)]
    return torch.cat(parts) if parts else torch.empty(0)


def is_learned_on_the_fly(recipe: PictureAugmentation, frozen_blocks: int) -> bool:
    """Return whether pictures are varied while the network learns, rather than beforehand."""
    varied = bool(recipe.rotation_degrees or recipe.horizontal_flip or recipe.vertical_flip)
    return varied and not recipe.copies and not frozen_blocks
