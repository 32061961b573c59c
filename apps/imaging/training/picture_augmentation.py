"""Turned and mirrored pictures, by torchvision: the published augmentation."""

import torch
from torch import Tensor

from apps.imaging.training.recipe import PictureAugmentation
from apps.imaging.training.torchvision_operators import import_transforms

BLACK = 0
"""What turned corners are filled with: the lower end of the window, air."""


class PictureVariation:
    """Varies each picture of a batch on its own; draws from torch's random numbers."""

    def __init__(self, recipe: PictureAugmentation) -> None:
        transforms = import_transforms()
        self._turn_and_mirror = transforms.Compose(
            [
                transforms.RandomRotation(
                    recipe.rotation_degrees, interpolation=transforms.InterpolationMode.BILINEAR, fill=BLACK
                ),
                transforms.RandomHorizontalFlip(recipe.horizontal_flip),
                transforms.RandomVerticalFlip(recipe.vertical_flip),
            ]
        )

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return varied pictures, uint8 (pictures, rows, columns)."""
        return torch.cat([self._turn_and_mirror(picture[None]) for picture in pictures])


def with_copies(pixels: Tensor, recipe: PictureAugmentation, seed: int) -> Tensor:
    """Return each picture with its varied copies, uint8 (pictures x copies, rows, columns); the first copy is itself.

    The paper's eight make 8336 pictures of 1042 scans. With 0 copies the pictures come back as they are.
    """
    if recipe.copies < 2:
        return pixels
    torch.manual_seed(seed)
    vary = PictureVariation(recipe)
    copies = [pixels, *(vary(pixels) for _ in range(recipe.copies - 1))]
    return torch.stack(copies, dim=1).flatten(0, 1)
