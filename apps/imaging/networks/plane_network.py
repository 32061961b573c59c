"""What every plane classifier can do, whatever its backbone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class PlaneNetwork(nn.Module):
    """A classifier of one picture: stem, blocks, a last layer of features; their mean over places; one linear layer.

    Subclasses set `dropout` and `size` (the input for which their weights were made), and say in `pieces` what comes
    after what and in `head` which layer is the linear one.
    """

    dropout: nn.Module
    size: int

    @property
    def head(self) -> nn.Linear:
        """The linear layer: logits = head(mean of the features over places)."""
        raise NotImplementedError

    def pieces(self) -> Sequence[nn.Module]:
        """Return stem, blocks and last layer in their order: their composition is `features`."""
        raise NotImplementedError

    @property
    def blocks_count(self) -> int:
        """How many blocks can keep their weights."""
        return len(self.pieces()) - 2

    def lower(self, blocks: int) -> nn.Module:
        """Return the stem and the first `blocks` blocks; with 0 nothing, not even the stem."""
        return nn.Sequential(*self.pieces()[: self._cut(blocks)])

    def upper(self, blocks: int) -> nn.Module:
        """Return what comes behind `lower(blocks)`, up to the last feature map."""
        return nn.Sequential(*self.pieces()[self._cut(blocks) :])

    def _cut(self, blocks: int) -> int:
        if not 0 <= blocks <= self.blocks_count:
            raise ValueError(f"the network has {self.blocks_count} blocks; {blocks} of them cannot be frozen")
        return blocks + 1 if blocks else 0

    def features(self, pictures: Tensor) -> Tensor:
        """Return the last feature map of `pictures` (batch, 3, rows, columns)."""
        for piece in self.pieces():
            pictures = piece(pictures)
        return pictures  # (batch, features, rows / 32, columns / 32), about

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and embedding (batch, features) of a last feature map."""
        embedding = features.mean(dim=(2, 3))
        return self.head(self.dropout(embedding)), embedding

    def activation(self, features: Tensor) -> Tensor:
        """Return what each place of a last feature map adds to each logit; their mean and the bias are the logits."""
        head = self.head
        return nn.functional.conv2d(features, head.weight[:, :, None, None])  # (batch, classes, rows, columns)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.classify(self.features(pictures))[0]
        return logits  # (batch, classes)


def without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict without batch norm's counters of batches, which nothing needs and some files lack."""
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def count_parameters(module: nn.Module) -> int:
    """Return how many numbers a module learns."""
    return sum(torch.numel(parameter) for parameter in module.parameters())
