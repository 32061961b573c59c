"""How often each series is drawn in training."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from apps.imaging.training.store import StoredSeries


def balanced_weights(rows: Sequence[StoredSeries], module: str) -> NDArray[np.float64]:
    """Return the share (series,) of draws of each series: classes alike, within a class regions and sources alike.

    The region is what the other modules say of a series: both contrasts get the same mixture of body parts, else a
    network would answer "enhanced" for every liver. Every row has a label of `module`.
    """
    classes = [row.labels[module] for row in rows]
    groups = [(row.labels[module], _region(row, module)) for row in rows]
    parts = [(group, row.source) for group, row in zip(groups, rows, strict=True)]
    regions_of_class = Counter(label for label, _ in set(groups))
    sources_of_group = Counter(group for group, _ in set(parts))
    in_group, in_part = Counter(groups), Counter(parts)
    weights = np.empty(len(rows))
    for index, (label, group, part) in enumerate(zip(classes, groups, parts, strict=True)):
        # The square root lies between "every source alike" and "every series alike".
        share = (1 / sources_of_group[group]) ** 0.5 * (in_group[group] / in_part[part]) ** 0.5
        weights[index] = share / in_group[group] / regions_of_class[label]
    return weights / weights.sum()


def _region(row: StoredSeries, module: str) -> tuple[str, ...]:
    return tuple(label for name, label in sorted(row.labels.items()) if name != module)
