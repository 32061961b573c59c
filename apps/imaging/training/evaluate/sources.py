"""Has an ensemble learned the source instead of the anatomy? Accuracy within sources, and over source x class cells."""

from collections import Counter

import numpy as np

from apps.imaging.training.evaluate.statistics import Counts, rounded
from apps.imaging.training.evaluate.votes import Vote


def source_table(vote: Vote, sources: np.ndarray) -> dict[str, object]:
    """Return accuracy per source and class, within sources that have several classes, balanced, and by source alone.

    Parameters
    ----------
    vote
        Of in-scope series.
    sources
        Source of each of its series, (series,).
    """
    cells, within = [], []
    for source in sorted(set(sources.tolist())):
        of_source = sources == source
        words = sorted(set(vote.words[of_source].tolist()))
        cells += [
            {"source": source, "class": word, **Counts.of(vote.right[of_source & (vote.words == word)]).to_json()}
            for word in words
        ]
        if len(words) > 1:
            within.append({"source": source, "classes": words, **Counts.of(vote.right[of_source]).to_json()})
    shares = [cell["right"] / cell["n"] for cell in cells]
    return {
        "cells": cells,
        "within": within,
        "balanced_accuracy": rounded(float(np.mean(shares))) if shares else None,
        "source_alone": source_alone(vote, sources).to_json(),
    }


def source_alone(vote: Vote, sources: np.ndarray) -> Counts:
    """Return how many would be right if each series got the commonest class of its source.

    A source with one patient tells nothing of others; there it is the commonest class of all. Ties go to the class
    that comes first by name.
    """
    right = 0
    for source in set(sources.tolist()):
        of_source = sources == source
        several = len(set(vote.patients[of_source].tolist())) > 1
        counts = Counter((vote.words[of_source] if several else vote.words).tolist())
        guess = min(counts, key=lambda name: (-counts[name], name))
        right += int((vote.words[of_source] == guess).sum())
    return Counts(len(vote.words), right)
