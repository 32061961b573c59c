"""The tables of an evaluation as plain values: rates of a vote, by value, by fold; confusion; vote against single."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from apps.imaging.training.calibration import (
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
)
from apps.imaging.training.evaluate.statistics import (
    Counts,
    macro_rates,
    patient_bootstrap,
    rounded,
    vote_counts,
)
from apps.imaging.training.evaluate.votes import NO_CLASS, NO_FOLD, Vote

Table = dict[str, object]


def rates(vote: Vote | None, chosen: NDArray[np.bool_] | None = None) -> Table | None:
    """Return accuracy with intervals, and macro precision, recall and F1 of in-scope series (paper, Table 2).

    `chosen` (series,) restricts them further. None where there is no vote or nothing to count.
    """
    if vote is None:
        return None
    counted = vote.of(vote.in_scope if chosen is None else vote.in_scope & chosen)
    if not len(counted.series):
        return None
    return {
        **vote_counts(counted.right, counted.patients),
        **macro_rates(counted.said, counted.truth, counted.judged.scope),
    }


def counts_by(vote: Vote | None, values: Sequence[str] | NDArray[np.str_], order: Sequence[str] = ()) -> Table:
    """Return the counts of in-scope series for each value (one per series of the vote), in `order`, then by name."""
    if vote is None:
        return {}
    values = np.asarray(values, dtype=np.str_)
    return {
        value: Counts.of(vote.right[vote.in_scope & (values == value)]).to_json()
        for value in sorted(
            set(values[vote.in_scope].tolist()),
            key=lambda value: (order.index(value) if value in order else len(order), value),
        )
    }


def counts_by_class(vote: Vote | None) -> Table:
    """Return the counts of each in-scope class that the series hold, in the order of the classes."""
    if vote is None:
        return {}
    classes = vote.judged.classes
    return {
        classes[index]: Counts.of(vote.right[vote.truth == index]).to_json()
        for index in vote.judged.scope
        if (vote.truth == index).any()
    }


def cross_validation(vote: Vote | None) -> Table | None:
    """Return accuracy per fold, its mean over folds and its standard deviation (n - 1)."""
    if vote is None:
        return None
    known = vote.of(vote.in_scope & (vote.folds != NO_FOLD))
    folds = {int(fold): Counts.of(known.right[known.folds == fold]) for fold in np.unique(known.folds)}
    shares = [counts.right / counts.n for counts in folds.values()]
    if not shares:
        return None
    return {
        "folds": {str(fold): counts.to_json() for fold, counts in folds.items()},
        "mean": rounded(float(np.mean(shares))),
        "sd": rounded(float(np.std(shares, ddof=1))) if len(shares) > 1 else None,
    }


def confusion(vote: Vote | None) -> Table | None:
    """Return how often each truth got each class: rows truth (in scope first, then what should get no answer)."""
    if vote is None or not len(vote.series):
        return None
    classes = vote.judged.classes
    in_scope = [classes[index] for index in vote.judged.scope]
    others = sorted(set(vote.words[~vote.in_scope].tolist()))
    words = vote.words
    truths = in_scope + others
    return {
        "truth": truths,
        "said": list(classes),
        "counts": [
            [int(((words == truth) & (vote.said == said)).sum()) for said in range(len(classes))] for truth in truths
        ],
    }


def single_against_ensemble(single: Vote | None, ensemble: Vote | None) -> Table | None:
    """Compare both on the in-scope series that both judged: who was right where, and the paired difference."""
    if single is None or ensemble is None:
        return None
    common = np.intersect1d(single.series[single.in_scope], ensemble.series[ensemble.in_scope])
    if not len(common):
        return None
    one = single.of(np.isin(single.series, common)).right
    vote = ensemble.of(np.isin(ensemble.series, common))
    both = vote.right
    interval = patient_bootstrap(both.astype(np.float64) - one, vote.patients)
    return {
        "n": len(common),
        "single": Counts.of(one).to_json(),
        "ensemble": Counts.of(both).to_json(),
        "both": int((one & both).sum()),
        "only_single": int((one & ~both).sum()),
        "only_ensemble": int((~one & both).sum()),
        "neither": int((~one & ~both).sum()),
        "difference": rounded(float(both.mean() - one.mean())),
        "bootstrap_95": None if interval is None else [rounded(interval[0]), rounded(interval[1])],
    }


def calibration(vote: Vote | None, temperature: float) -> Table | None:
    """Return likelihood, calibration error and reliability before and after the temperature."""
    if vote is None:
        return None
    known = vote.of(vote.truth != NO_CLASS)
    if not len(known.series):
        return None
    before, after = known.at(1.0), known.at(temperature)
    return {
        "n": len(known.series),
        "nll_before": rounded(negative_log_likelihood(before.scores, before.truth)),
        "nll_after": rounded(negative_log_likelihood(after.scores, after.truth)),
        "ece_before": rounded(expected_calibration_error(before.score, before.right)),
        "ece_after": rounded(expected_calibration_error(after.score, after.right)),
        "reliability_before": _bins(before),
        "reliability": _bins(after),
    }


def abstention(vote: Vote | None, answered: NDArray[np.bool_] | None) -> Table | None:
    """Return how many in-scope series are answered, how many of these are right, and what stays silent as it should."""
    if vote is None or answered is None or not len(vote.series):
        return None
    inside, outside = vote.in_scope, ~vote.in_scope
    given = inside & answered
    return {
        "answered": Counts.of(answered[inside]).to_json(),
        "right_of_answered": vote_counts(vote.right[given], vote.patients[given]),
        "out_of_scope_silent": Counts.of(~answered[outside]).to_json(),
        "silent_by_class": {
            word: Counts.of(~answered[outside & (vote.words == word)]).to_json()
            for word in sorted(set(vote.words[outside].tolist()))
        },
        "answered_by_class": {
            vote.judged.classes[index]: Counts.of(answered[vote.truth == index]).to_json()
            for index in vote.judged.scope
            if (vote.truth == index).any()
        },
    }


def _bins(vote: Vote) -> list[Table]:
    return [
        {"low": part.low, "high": part.high, "n": part.n, "score": rounded(part.score), "right": rounded(part.right)}
        for part in reliability(vote.score, vote.right)
    ]
