"""Where in a picture the evidence for a label lies: class activation maps, from the network's answer to an overlay.

A plane classifier averages its last feature map and weighs the features; weighing first and averaging afterwards gives
the same score, so that each place has its share in it (Zhou et al., Learning Deep Features for Discriminative
Localization, 2016). The networks of a bundle give these shares as their second output, nothing is estimated here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RAMP = np.array(
    [
        [45, 30, 140],
        [120, 40, 165],
        [195, 60, 130],
        [240, 110, 70],
        [252, 178, 50],
        [255, 246, 60],
    ],
    dtype=np.float32,
)
"""From little to much evidence, RGB: each colour lighter and yellower than the one before.

The order shows in lightness alone, so it survives a gray print, and along blue to yellow, which people who confuse red
and green tell apart. None of it is gray, so it does not pass for tissue.
"""

STRONGEST_ALPHA = 0.6
"""Opacity of the strongest place: the anatomy below stays readable."""


def activation_grid(activation: NDArray[np.floating], voted: int) -> NDArray[np.uint8]:
    """Return where the evidence for one class lies, 0 (none, or against it) to 255 (the picture's strongest place).

    Only differences between classes decide (a softmax does not see what all logits have in common), so the evidence is
    what the class gains over the mean of the others.

    Parameters
    ----------
    activation
        Shares of the logits by place, (classes, rows, columns).
    voted
        Index of the class.
    """
    others = np.delete(activation, voted, axis=0).mean(axis=0)
    gain = np.clip(activation[voted] - others, 0, None)
    strongest = float(gain.max())
    if strongest <= 0:
        return np.zeros(gain.shape, dtype=np.uint8)
    return np.round(gain * (255 / strongest)).astype(np.uint8)


def overlay(picture: NDArray[np.uint8], grid: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture in RGB with the evidence laid over it; a place without evidence stays as it is.

    Parameters
    ----------
    picture
        Gray picture, uint8 (rows, columns).
    grid
        Evidence by place as `activation_grid` gives it, 0 to 255, (grid rows, grid columns); it covers the whole
        picture.

    Returns
    -------
    ndarray
        uint8 (rows, columns, 3).

    Raises
    ------
    ValueError
        When either is not a two-dimensional uint8 array.
    """
    for name, array in (("picture", picture), ("grid", grid)):
        if array.dtype != np.uint8 or array.ndim != 2 or not array.size:
            raise ValueError(f"the {name} is {array.dtype} {array.shape}, not uint8 (rows, columns)")
    rows, columns = picture.shape
    enlarged = Image.fromarray(grid.astype(np.float32)).resize((columns, rows), Image.Resampling.BILINEAR)
    strength = np.clip(np.asarray(enlarged), 0, 255) / 255  # (rows, columns)
    stops = np.linspace(0, 1, len(RAMP))
    colours = np.stack([np.interp(strength, stops, RAMP[:, channel]) for channel in range(3)], axis=-1)
    alpha = (STRONGEST_ALPHA * strength)[..., np.newaxis]
    return np.round((1 - alpha) * picture[..., np.newaxis] + alpha * colours).astype(np.uint8)


def write_overlays(
    pictures: Mapping[str, NDArray[np.uint8]],
    activations: Mapping[str, Sequence[Sequence[int]]],
    looked_at: Mapping[str, str],
    folder: Path,
    module: str,
) -> list[Path]:
    """Write the evidence for a module's label over the pictures, one PNG per plane, and return the files.

    Parameters
    ----------
    pictures
        The pictures of the series by name, uint8 (rows, columns).
    activations
        Per plane where the evidence lies, as a `ModuleAnswer` holds it.
    looked_at
        Per plane the name of the picture that its network looked at.
    folder
        Where `body_part-axial-mip.png` and the like are written; made where it is missing.
    module
        "body_part" or "contrast", for the names of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for plane, grid in activations.items():
        conversion = looked_at[plane].partition("_")[0]
        files.append(folder / f"{module}-{plane}-{conversion}.png")
        Image.fromarray(overlay(pictures[looked_at[plane]], np.asarray(grid, dtype=np.uint8))).save(files[-1])
    return files
