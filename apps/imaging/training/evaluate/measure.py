"""All figures of a run: what metrics.json holds, and the votes that pictures and tables are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.imaging.training.calibration import UNFITTED
from apps.imaging.training.evaluate.chosen import (
    USUAL_SETTINGS,
    ChosenEnsemble,
    Nested,
    Settings,
    choose_ensemble,
    choose_nested,
)
from apps.imaging.training.evaluate.limits import DISTANCE_QUANTILE, answered_at, coverage_curve
from apps.imaging.training.evaluate.selection import Tuning, best_single, published_pictures, tuning_results
from apps.imaging.training.evaluate.sources import source_table
from apps.imaging.training.evaluate.statistics import BOOTSTRAP_ROUNDS, BOOTSTRAP_SEED, Counts, rounded, vote_counts
from apps.imaging.training.evaluate.tables import (
    Table,
    abstention,
    calibration,
    confusion,
    counts_by,
    counts_by_class,
    cross_validation,
    rates,
    single_against_ensemble,
)
from apps.imaging.training.evaluate.votes import (
    EXTERNAL,
    HELD_OUT,
    INTERNAL,
    SETS,
    Judged,
    Vote,
    judge,
    vote,
    vote_of_planes,
)
from apps.imaging.training.run import Run
from apps.imaging.training.store import SETS as STORED_SETS
from apps.imaging.training.store import StoredSeries
from apps.imaging.vocabulary import BODY_PARTS, OUT_OF_SCOPE, PICTURES

FORMAT = 1
"""Of metrics.json (docs/evaluation.md)."""

BODY_PART = "body_part"
"""The module whose classes are the rows of the paper's Table 3."""


STORED_SET = {HELD_OUT: "development", INTERNAL: "internal", EXTERNAL: "external"}
"""Where the series of each judged set stand in the manifest."""


def set_key(which: str) -> str:
    """Return the name of a set in metrics.json: `held-out` is `held_out`."""
    return which.replace("-", "_")


@dataclass(frozen=True)
class ModuleVotes:
    """One module of a run: predictions per set, the ensemble that was chosen and its votes.

    `ensembles`, `singles` (best single) and `answered` (series of the ensemble's vote) are per set, without those sets
    that were not predicted. Without held-out predictions nothing is chosen.
    """

    module: str
    judged: dict[str, Judged]
    tuning: dict[str, Tuning]
    chosen: ChosenEnsemble | None
    best_single: str | None
    ensembles: dict[str, Vote]
    singles: dict[str, Vote]
    answered: dict[str, NDArray[np.bool_]]
    nested: Nested | None


@dataclass(frozen=True)
class Evaluation:
    """A judged run."""

    run: Run
    modules: dict[str, ModuleVotes]
    metrics: dict[str, Table]


def evaluate(run: Run, settings: Settings = USUAL_SETTINGS) -> Evaluation:
    """Judge a run: choose ensembles on held-out predictions, and measure them on every set that was predicted."""
    modules = {module: _votes(run, module, settings) for module in run.recipe.modules}
    metrics: dict[str, Table] = {
        "format": FORMAT,  # type: ignore[dict-item]
        "run": _run_facts(run),
        "settings": {
            "aims": {module: settings.aim(module) for module in modules},
            "min_coverage": settings.min_coverage,
            "distance_quantile": DISTANCE_QUANTILE,
            "bootstrap_rounds": BOOTSTRAP_ROUNDS,
            "bootstrap_seed": BOOTSTRAP_SEED,
        },
        "data": _data_facts(run.real.rows),
        "modules": {name: _module_metrics(run, votes) for name, votes in modules.items()},
        "both_right": _both_right(list(modules.values())),
    }
    return Evaluation(run, modules, metrics)


def _votes(run: Run, module: str, settings: Settings) -> ModuleVotes:
    judged = {which: judge(run, module, which) for which in SETS}
    tuning = tuning_results(judged[HELD_OUT])
    chosen = choose_ensemble(judged[HELD_OUT], settings)
    single = best_single(tuning)
    ensembles, singles, answered = {}, {}, {}
    for which, predictions in judged.items():
        alone = vote(predictions, [single]) if single else None
        if alone is not None and len(alone.series):
            singles[which] = alone
        ensemble = vote_of_planes(predictions, chosen.pictures, chosen.temperature) if chosen else None
        if chosen is not None and ensemble is not None and len(ensemble.series):
            ensembles[which] = ensemble
            answered[which] = answered_at(ensemble, chosen.limits)
    nested = choose_nested(judged[HELD_OUT], settings)
    return ModuleVotes(module, judged, tuning, chosen, single, ensembles, singles, answered, nested)


def _run_facts(run: Run) -> Table:
    return {
        "name": run.folder.resolve().name,
        "recipe": run.recipe.name,
        "backbone": run.recipe.backbone.name,
        "folds": run.recipe.folds,
        "seed": run.config["seed"],
        "manifest_sha256": run.config["manifest"]["sha256"],
        "command": run.config["command"],
    }


def _data_facts(rows: Sequence[StoredSeries]) -> Table:
    def size(chosen: list[StoredSeries]) -> Table:
        return {"series": len(chosen), "patients": len({row.patient for row in chosen})}

    return {
        **size(list(rows)),
        "sets": {name: size([row for row in rows if row.set == name]) for name in STORED_SETS},
        "sources": {
            source: size([row for row in rows if row.source == source])
            for source in sorted({row.source for row in rows})
        },
    }


def _module_metrics(run: Run, votes: ModuleVotes) -> Table:
    module, rows = votes.module, run.real.rows
    published = published_pictures(module)
    ensembles = {which: votes.ensembles.get(which) for which in SETS}
    singles = {which: votes.singles.get(which) for which in SETS}

    def per_set(values: dict[str, Table | None]) -> Table:
        return {set_key(which): value for which, value in values.items()}

    def by(fact: str) -> Table:
        return per_set(
            {
                which: counts_by(found, [getattr(rows[index], fact) or "not given" for index in found.series])
                for which, found in votes.ensembles.items()
            }
        )

    metrics: Table = {
        "classes": list(run.classes(module)),
        "silent": list(run.recipe.modules[module].silent),
        "not_of": list(run.recipe.modules[module].not_of),
        "series": per_set({which: _series_facts(judged, rows) for which, judged in votes.judged.items()}),
        "pictures": {picture: _picture_facts(run, votes, picture) for picture in PICTURES},
        "chosen": votes.chosen.pictures if votes.chosen else {},
        "published": published,
        "best_single": votes.best_single,
        "temperature": round(votes.chosen.temperature, 4) if votes.chosen else None,
        "limits": votes.chosen.limits.to_json() if votes.chosen else None,
        "singles": {
            picture: per_set({which: rates(vote(judged, [picture])) for which, judged in votes.judged.items()})
            for picture in PICTURES
        },
        "ensemble": per_set({which: rates(found) for which, found in ensembles.items()}),
        "ensemble_as_published": per_set(
            {which: rates(found.at(UNFITTED) if found else None) for which, found in ensembles.items()}
        ),
        "published_choice": per_set(
            {which: rates(vote_of_planes(judged, published)) for which, judged in votes.judged.items()}
        ),
        "nested": rates(votes.nested.votes if votes.nested else None),
        "cross_validation": {
            **{picture: cross_validation(vote(votes.judged[HELD_OUT], [picture])) for picture in PICTURES},
            "ensemble": cross_validation(ensembles[HELD_OUT]),
        },
        "by_class": per_set({which: counts_by_class(found) for which, found in votes.ensembles.items()}),
        "by_source": by("source"),
        "by_scanner": by("scanner"),
        "by_quality": by("quality"),
        "confusion": {
            set_key(which): {"best_single": confusion(singles[which]), "ensemble": confusion(ensembles[which])}
            for which in SETS
        },
        "single_against_ensemble": per_set(
            {which: single_against_ensemble(singles[which], ensembles[which]) for which in SETS}
        ),
        "calibration": per_set(
            {
                which: calibration(found, votes.chosen.temperature if votes.chosen else UNFITTED)
                for which, found in ensembles.items()
            }
        ),
        "abstention": {
            **per_set({which: abstention(ensembles[which], votes.answered.get(which)) for which in SETS}),
            "nested": abstention(votes.nested.votes, votes.nested.answered) if votes.nested else None,
        },
        "coverage_curve": coverage_curve(votes.ensembles[HELD_OUT], votes.chosen.limits) if votes.chosen else [],
        "nested_limits": _nested_limits(votes.nested),
        "sources": per_set({which: _sources(found, rows) for which, found in ensembles.items()}),
        "wrong": per_set(
            {which: _wrong(found, votes.answered[which], rows) for which, found in votes.ensembles.items()}  # type: ignore[misc]
        ),
    }
    body_parts = _body_parts(run)
    if module != BODY_PART and body_parts:
        metrics["body_parts"] = body_parts
        metrics["by_body_part"] = per_set(
            {which: _by_body_part(run, judged, ensembles[which], body_parts) for which, judged in votes.judged.items()}
        )
        order = [f"{part}, {word}" for part in body_parts for word in run.classes(module)]
        metrics["by_body_part_and_class"] = per_set(
            {
                which: counts_by(
                    found,
                    [
                        f"{rows[index].body_part or 'no body part'}, {rows[index].labels.get(module, '')}"
                        for index in found.series
                    ],
                    order,
                )
                for which, found in votes.ensembles.items()
            }
        )
    return metrics


def _series_facts(judged: Judged, rows: Sequence[StoredSeries]) -> Table:
    """Return how many series of a set have a label of the module, predicted or not."""
    of_set = np.array([row.set == STORED_SET[judged.which] for row in rows], dtype=bool)
    labelled = of_set & (judged.words != "")
    return {
        "in_scope": int((of_set & judged.in_scope).sum()),
        "out_of_scope": int((labelled & ~judged.in_scope).sum()),
        "patients": len(set(judged.patients[labelled].tolist())),
    }


def _picture_facts(run: Run, votes: ModuleVotes, picture: str) -> Table:
    parts = [one for one in run.classifiers() if (one.module, one.picture) == (votes.module, picture)]
    tuning = votes.tuning.get(picture)
    return {
        "asked_for": picture in run.recipe.modules[votes.module].pictures,
        "folds": [one.fold for one in parts if one.fold is not None],
        "all": any(one.fold is None for one in parts),
        "tuning_accuracy": rounded(tuning.accuracy) if tuning else None,
        "tuning_nll": rounded(tuning.nll) if tuning else None,
        "steps": sorted({one.done()["steps"] for one in parts}),
        "seconds": round(sum(one.done()["seconds"] for one in parts), 1),
        "loss": rounded(float(np.mean([one.done()["loss"] for one in parts]))) if parts else None,
    }


def _body_parts(run: Run) -> list[str]:
    """Return the body parts that the run's series can be of, those out of scope left out.

    Where the run has no body part module, they are those that its manifest tells.
    """
    if BODY_PART in run.recipe.modules:
        return [word for word in run.classes(BODY_PART) if word not in run.recipe.modules[BODY_PART].silent]
    told = {row.body_part for row in run.real.rows} - {"", OUT_OF_SCOPE}
    return [*(word for word in BODY_PARTS if word in told), *sorted(told - {*BODY_PARTS})]


def _by_body_part(run: Run, judged: Judged, ensemble: Vote | None, names: Sequence[str]) -> Table:
    """Return the paper's Table 3: rates of each single and of the ensemble, per body part of `names`."""
    table: Table = {}
    for title, found in [*((picture, vote(judged, [picture])) for picture in PICTURES), ("ensemble", ensemble)]:
        if found is None:
            continue
        body_parts = np.array([run.real.rows[index].body_part for index in found.series], dtype=np.str_)
        of_name = {name: rates(found, body_parts == name) for name in names}
        table[title] = {name: row for name, row in of_name.items() if row}
    return table


def _nested_limits(nested: Nested | None) -> list[Table]:
    return [
        {
            "fold": fold,
            "pictures": chosen.pictures,
            "temperature": round(chosen.temperature, 4),
            "min_score": chosen.limits.min_score,
            "min_planes_agreeing": chosen.limits.min_planes_agreeing,
            "max_distance": chosen.limits.max_distance,
        }
        for fold, chosen in (nested.chosen.items() if nested else ())
    ]


def _sources(found: Vote | None, rows: Sequence[StoredSeries]) -> Table | None:
    if found is None or not found.in_scope.any():
        return None
    known = found.of(found.in_scope)
    return source_table(known, np.array([rows[index].source or "not given" for index in known.series], dtype=np.str_))


def wrong_series(found: Vote, answered: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return positions in the vote of what to look at: in-scope series with a wrong class, others with an answer.

    Those that would have been answered come first.
    """
    wrong = np.where(found.in_scope, ~found.right, answered)
    return np.array(sorted(np.flatnonzero(wrong), key=lambda place: not answered[place]), dtype=np.intp)


def _wrong(found: Vote, answered: NDArray[np.bool_], rows: Sequence[StoredSeries]) -> list[Table]:
    classes = found.judged.classes
    return [
        {
            "series": rows[found.series[place]].name,
            "truth": str(found.words[place]),
            "said": classes[found.said[place]],
            "score": rounded(found.score[place]),
            "planes": {
                picture.rpartition("_")[2]: classes[said]
                for picture, said in zip(found.pictures, found.plane_said[:, place], strict=True)
            },
            "distance": rounded(found.distance[place]),
            "answered": bool(answered[place]),
            "in_scope": bool(found.in_scope[place]),
        }
        for place in wrong_series(found, answered)
    ]


def _both_right(modules: Sequence[ModuleVotes]) -> Table:
    """Return per set how often all labels of a series are right, over the series that every module has to answer."""
    return {set_key(which): _all_right(modules, which) for which in SETS}


def _all_right(modules: Sequence[ModuleVotes], which: str) -> Table | None:
    if len(modules) < 2 or any(which not in votes.ensembles for votes in modules):
        return None
    found = [(votes.ensembles[which], votes.answered[which]) for votes in modules]
    common = _common([ensemble for ensemble, _ in found])
    if not len(common):
        return None
    patients = modules[0].judged[which].patients[common]
    right = np.all([ensemble.right[np.isin(ensemble.series, common)] for ensemble, _ in found], axis=0)
    answered = np.all([given[np.isin(ensemble.series, common)] for ensemble, given in found], axis=0)
    table: Table = {
        "n": len(common),
        "ensemble": vote_counts(right, patients),
        "answered": Counts.of(answered).to_json(),
        "right_of_answered": vote_counts(right[answered], patients[answered]),
        "best_singles": None,
    }
    singles = [votes.singles[which] for votes in modules if which in votes.singles]
    of_singles = _common(singles)
    if len(singles) == len(modules) and len(of_singles):
        of_both = np.intersect1d(common, of_singles)
        alone = np.all([single.right[np.isin(single.series, of_both)] for single in singles], axis=0)
        table["best_singles"] = vote_counts(alone, modules[0].judged[which].patients[of_both])
    if which == HELD_OUT:
        table["nested"] = _nested_all_right(modules)
    return table


def _nested_all_right(modules: Sequence[ModuleVotes]) -> Table | None:
    nested = [votes.nested for votes in modules if votes.nested]
    if len(nested) < len(modules):
        return None
    common = _common([part.votes for part in nested])
    if not len(common):
        return None
    patients = modules[0].judged[HELD_OUT].patients[common]
    right = np.all([part.votes.right[np.isin(part.votes.series, common)] for part in nested], axis=0)
    answered = np.all([part.answered[np.isin(part.votes.series, common)] for part in nested], axis=0)
    return {
        "answered": Counts.of(answered).to_json(),
        "right_of_answered": vote_counts(right[answered], patients[answered]),
    }


def _common(votes: Sequence[Vote]) -> NDArray[np.int64]:
    """Return the series that all votes hold and all modules have to answer."""
    if not votes:
        return np.empty(0, dtype=np.int64)
    common = votes[0].series[votes[0].in_scope]
    for found in votes[1:]:
        common = np.intersect1d(common, found.series[found.in_scope])
    return common
