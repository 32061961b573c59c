"""How unlike the training pictures a picture is: distance of its embedding from reference embeddings.

The embedding is the mean of a plane classifier's last feature map. The references are centres of the training pictures'
embeddings, kept in the bundle. Cosine distance: how strongly a picture excites the network matters less than what it
excites.
"""

import numpy as np
from numpy.typing import NDArray

ROUNDS = 25
"""Rounds of the spherical k-means; a few thousand embeddings have settled by then."""


def choose_references(embeddings: NDArray[np.floating], count: int, seed: int) -> NDArray[np.float32]:
    """Return `count` centres of the training embeddings (or fewer, when there are fewer embeddings).

    Parameters
    ----------
    embeddings
        Of the training pictures, (pictures, features).
    count
        How many centres.
    seed
        Chooses the first centres.

    Returns
    -------
    ndarray
        Unit vectors, float32 (count, features).
    """
    directions = _unit(embeddings)
    rng = np.random.default_rng(seed)
    centres = directions[rng.choice(len(directions), min(count, len(directions)), replace=False)]
    for _ in range(ROUNDS):
        nearest = (directions @ centres.T).argmax(axis=1)
        centres = np.stack(
            [
                directions[nearest == index].sum(axis=0) if (nearest == index).any() else centre
                for index, centre in enumerate(centres)
            ]
        )
        centres = _unit(centres)
    return centres


def distance(embedding: NDArray[np.floating], references: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return 1 minus the largest cosine between an embedding (..., features) and the references, 0 (alike) to 2."""
    return 1 - (_unit(embedding) @ references.astype(np.float32).T).max(axis=-1)


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors.astype(np.float32), axis=-1, keepdims=True)
    return vectors.astype(np.float32) / np.maximum(lengths, np.finfo(np.float32).tiny)
