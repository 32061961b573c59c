"""What the modules are trained for, and how subjects and classes are dealt: no torch here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.ensemble import InputRecipe
from apps.imaging.training.pictures import NETWORK_SIZE, PictureSet
from apps.imaging.vocabulary import BODY_PARTS, CONTRASTS, OUT_OF_SCOPE

FULL_WINDOW = (-450.0, 550.0)
TEMPERED = (0.5, 0.5, 0.5)
"""Mean and standard deviation of each channel with which the ImageNet weights were trained."""


@dataclass(frozen=True)
class Task:
    """What one module is trained for.

    Classes, the conversion that it looks at, its input recipe, and how many blocks keep their ImageNet weights: bones
    are shapes as photographs have them, contrast is a matter of gray levels that ImageNet knows nothing of.
    """

    module: str
    classes: tuple[str, ...]
    conversion: str
    recipe: InputRecipe
    frozen_blocks: int

    def picture(self, plane: str) -> str:
        """Return the name of the picture of one plane."""
        return f"{self.conversion}_{plane}"


BODY_PART = Task(
    "body_part",
    (*BODY_PARTS, OUT_OF_SCOPE),
    "mip",
    InputRecipe(NETWORK_SIZE, (FULL_WINDOW, FULL_WINDOW, FULL_WINDOW), TEMPERED, TEMPERED),
    frozen_blocks=9,
)
CONTRAST = Task(
    "contrast",
    CONTRASTS,
    "mid",
    # Blood and soft tissue lie in a tenth of the published window: two narrower views of the same picture.
    InputRecipe(NETWORK_SIZE, (FULL_WINDOW, (-100.0, 300.0), (0.0, 200.0)), TEMPERED, TEMPERED),
    frozen_blocks=9,
)
TASKS = {task.module: task for task in (BODY_PART, CONTRAST)}


def assign_folds(pictures: PictureSet, folds: int) -> dict[str, int]:
    """Return the fold of each subject: all that is of one patient stands in one fold.

    Rare classes are dealt first, each to the fold that has the fewest subjects of that class, so that every class
    that has enough subjects is judged in every fold.
    """
    cells: dict[tuple[str, str], set[str]] = {}
    for subject, body_part, contrast in zip(pictures.subject, pictures.body_part, pictures.contrast, strict=True):
        cells.setdefault((body_part, contrast), set()).add(subject)
    assigned: dict[str, int] = {}
    for _, subjects in sorted(cells.items(), key=lambda cell: (len(cell[1]), cell[0])):
        for subject in sorted(subjects - set(assigned)):
            counts = [sum(assigned.get(other) == fold for other in subjects) for fold in range(folds)]
            totals = [sum(fold == given for given in assigned.values()) for fold in range(folds)]
            assigned[subject] = min(range(folds), key=lambda fold: (counts[fold], totals[fold]))
    return assigned


def labels_of(task: Task, pictures: PictureSet) -> NDArray[np.int64]:
    """Return the class index of each series, -1 where the series is not for this module."""
    column = pictures.body_part if task.module == "body_part" else pictures.contrast
    return np.array([task.classes.index(label) if label in task.classes else -1 for label in column])


def balanced_weights(pictures: PictureSet, labels: NDArray[np.int64], chosen: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return how often each chosen series is drawn: classes alike, within a class regions and sources alike.

    Both contrasts get the same mixture of regions, else a network would answer "enhanced" for every liver.
    """
    regions = [pictures.body_part[index] or pictures.source[index] for index in chosen]
    groups = [(int(labels[index]), region) for index, region in zip(chosen, regions, strict=True)]
    parts = [(group, pictures.source[index]) for group, index in zip(groups, chosen, strict=True)]
    weights = np.empty(len(chosen))
    for position, (group, part) in enumerate(zip(groups, parts, strict=True)):
        groups_of_label = len({other for other in groups if other[0] == group[0]})
        sources_of_group = len({other[1] for other in parts if other[0] == group})
        # The square root lies between "every source alike" and "every series alike".
        share = (1 / sources_of_group) ** 0.5 * (groups.count(group) / parts.count(part)) ** 0.5
        weights[position] = share / groups.count(group) / groups_of_label
    return weights / weights.sum()
