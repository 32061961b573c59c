"""What is known of the ensemble that a bundle ships: its own figures, whichever pictures were chosen for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.imaging.training.ensemble_file import PUBLISHED, ChosenModule
from apps.imaging.training.evaluate.chosen import Settings, choose_nested
from apps.imaging.training.evaluate.limits import answered
from apps.imaging.training.evaluate.measure import set_key, wrong_series
from apps.imaging.training.evaluate.statistics import Counts
from apps.imaging.training.evaluate.tables import abstention, calibration, counts_by, counts_by_class, rates
from apps.imaging.training.evaluate.votes import HELD_OUT, SETS, Vote, judge, vote, vote_of_planes
from apps.imaging.training.kept import KeptModule, joined_data
from apps.imaging.training.run import Run
from apps.imaging.vocabulary import PLANES


@dataclass(frozen=True)
class Origin:
    """Where a module of a bundle comes from: its run, how its pictures were chosen, and what was chosen."""

    run: Run
    choice: str
    chosen: ChosenModule


def bundle_metrics(
    origins: Mapping[str, Origin], licences: Mapping[str, str], kept: Mapping[str, KeptModule]
) -> dict[str, Any]:
    """Return the figures of the chosen ensemble per module and set, both labels together, and the data behind it.

    Parameters
    ----------
    origins
        Per module; they may be of one run or of several.
    licences
        Licence per source, where known.
    kept
        Modules that come from an earlier bundle. What it said of each single series is not known any more, so that with
        them nothing can be said of both labels together.
    """
    modules = {
        module: {**_module(origin.run, module, origin), "nested": _nested(module, origin)}
        for module, origin in origins.items()
    }
    both = {set_key(which): None if kept else _both_right(origins, which) for which in SETS}
    datas = [_data(origins, licences), *(module.data for module in kept.values())]
    of_kept = {module: dict(found.figures) for module, found in kept.items()}
    return {"data": joined_data(datas), "modules": {**modules, **of_kept}, "both_right": both}


def _run_facts(run: Run) -> dict[str, Any]:
    return {
        "recipe": run.recipe.name,
        "backbone": run.recipe.backbone.name,
        "folds": run.recipe.folds,
        "seed": run.config["seed"],
        "weights": run.config["weights"],
        "manifest_sha256": run.config["manifest"]["sha256"],
        "command": run.config["command"],
    }


def _ensemble_vote(module: str, origin: Origin, which: str) -> tuple[Vote, NDArray[np.bool_]] | None:
    """Return the ensemble's vote on one set and which series (series,) it answers; None where nothing was predicted."""
    chosen, limits = origin.chosen, origin.chosen.abstention
    ensemble = vote_of_planes(judge(origin.run, module, which), chosen.pictures, chosen.temperature)
    if ensemble is None or not len(ensemble.series):
        return None
    return ensemble, answered(ensemble, limits.min_score, limits.min_planes_agreeing, limits.max_distance)


def _both_right(origins: Mapping[str, Origin], which: str) -> dict[str, Any] | None:
    """Return over the series that every module has to answer how often all labels are right, and all are answered."""
    right: dict[str, list[bool]] = {}
    given: dict[str, list[bool]] = {}
    for module, origin in origins.items():
        voted = _ensemble_vote(module, origin, which)
        if voted is None:
            return None
        ensemble, of_ensemble = voted
        for place in np.flatnonzero(ensemble.in_scope):
            name = origin.run.real.rows[ensemble.series[place]].name
            right.setdefault(name, []).append(bool(ensemble.right[place]))
            given.setdefault(name, []).append(bool(of_ensemble[place]))
    common = [name for name, of_modules in right.items() if len(of_modules) == len(origins)]
    answers = [name for name in common if all(given[name])]
    return {
        "ensemble": Counts(len(common), sum(all(right[name]) for name in common)).to_json(),
        "answered": Counts(len(common), len(answers)).to_json(),
        "right_of_answered": Counts(len(answers), sum(all(right[name]) for name in answers)).to_json(),
    }


def _module(run: Run, module: str, origin: Origin) -> dict[str, Any]:
    chosen = origin.chosen
    table: dict[str, Any] = {
        "run": _run_facts(run),
        "classes": list(run.classes(module)),
        "silent": list(run.silent(module)),
        "not_of": list(run.recipe.modules[module].not_of),
        "choice": origin.choice,
        "pictures": chosen.pictures,
        "parts": chosen.parts,
        "temperature": round(chosen.temperature, 4),
        "limits": chosen.limits,
        "sets": {},
    }
    for which in SETS:
        voted = _ensemble_vote(module, origin, which)
        if voted is None:
            continue
        ensemble, given = voted
        judged = ensemble.judged
        regions = [run.real.rows[index].body_part or "not given" for index in ensemble.series]
        cells = [f"{region}, {word}" for region, word in zip(regions, ensemble.words, strict=True)]
        table["sets"][set_key(which)] = {
            "patients": len(np.unique(ensemble.patients)),
            "planes": {plane: rates(vote(judged, [chosen.pictures[plane]], chosen.temperature)) for plane in PLANES},
            "ensemble": rates(ensemble),
            "by_class": counts_by_class(ensemble),
            "by_body_part": {} if module == "body_part" else counts_by(ensemble, cells),
            "by_quality": counts_by(
                ensemble, [run.real.rows[index].quality or "not given" for index in ensemble.series]
            ),
            "calibration": calibration(ensemble, chosen.temperature),
            "abstention": abstention(ensemble, given),
            "wrong": [
                {
                    "series": run.real.rows[ensemble.series[place]].name,
                    "truth": str(ensemble.words[place]),
                    "said": judged.classes[ensemble.said[place]],
                    "score": round(float(ensemble.score[place]), 4),
                    "answered": bool(given[place]),
                }
                for place in wrong_series(ensemble, given)
            ],
            "answered_in_all": Counts.of(given).to_json(),
        }
    return table


def _nested(module: str, origin: Origin) -> dict[str, Any] | None:
    """Return abstention on held-out patients when all that is chosen is chosen on the other folds."""
    limits = origin.chosen.limits
    settings = Settings({module: limits["aim"]}, limits["min_coverage"])
    pictures = origin.chosen.pictures if origin.choice == PUBLISHED else None
    nested = choose_nested(judge(origin.run, module, HELD_OUT), settings, pictures)
    return abstention(nested.votes, nested.answered) if nested else None


def _data(origins: Mapping[str, Origin], licences: Mapping[str, str]) -> dict[str, Any]:
    """Return how many series and patients of which sources the runs hold, each series once."""
    rows = list({row.name: row for origin in origins.values() for row in origin.run.real.rows}.values())
    return {
        "series": len(rows),
        "patients": len({row.patient for row in rows}),
        "sources": [
            {
                "source": source or "not given",
                "licence": licences.get(source, "not given"),
                "patients": len({row.patient for row in rows if row.source == source}),
                "series": sum(row.source == source for row in rows),
            }
            for source in sorted({row.source for row in rows})
        ],
    }
