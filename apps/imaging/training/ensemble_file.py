"""The ensemble of a run, as `ensemble` chooses it and `export` writes it into a bundle: RUN/ensemble.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from apps.imaging.ensemble import Abstention
from apps.imaging.errors import BadRun
from apps.imaging.training.calibration import UNFITTED
from apps.imaging.training.evaluate.chosen import Settings, choose_ensemble, temperature_of
from apps.imaging.training.evaluate.limits import Limits, choose_limits
from apps.imaging.training.evaluate.selection import published_pictures
from apps.imaging.training.evaluate.votes import FIRST_FOLD, HELD_OUT, Judged, judge, vote_of_planes
from apps.imaging.training.run import ALL, Run
from apps.imaging.vocabulary import PLANES

ENSEMBLE = "ensemble.json"

BEST, PUBLISHED = "best", "published"
"""How the pictures are chosen: by tuning results, or those of the published ensemble."""

TISSUE_HU = -300.0
MIN_TISSUE_SHARE = 0.02
"""A projection or middle plane that shows less than this share above TISSUE_HU shows air: no body fills so little."""


@dataclass(frozen=True)
class ChosenModule:
    """One module: the picture of each plane and the part of its classifier, temperature, limits and how they came."""

    pictures: dict[str, str]
    parts: dict[str, str]
    temperature: float
    abstention: Abstention
    limits: dict[str, Any]


@dataclass(frozen=True)
class ChosenRun:
    """The ensemble of a run: `choice` is BEST or PUBLISHED."""

    choice: str
    modules: Mapping[str, ChosenModule]

    def save(self, run: Path) -> Path:
        """Write RUN/ensemble.json and return its path."""
        file = run / ENSEMBLE
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        return file


def choose(run: Run, settings: Settings, *, published: bool, modules: Sequence[str] = ()) -> ChosenRun:
    """Choose pictures, temperatures and limits of the modules (none named: of all) on held-out predictions.

    Raises
    ------
    BadRun
        When a module has too few finished classifiers; the sentence says which planes lack one.
    """
    choice = PUBLISHED if published else BEST
    wanted = modules or tuple(run.recipe.modules)
    return ChosenRun(choice, {module: _choose_module(run, module, settings, choice) for module in wanted})


def read_chosen(run: Path) -> ChosenRun:
    """Read RUN/ensemble.json.

    Raises
    ------
    BadRun
        When it is not there or not understood.
    """
    file = run / ENSEMBLE
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        modules = {
            name: ChosenModule(**{**module, "abstention": Abstention(**module["abstention"])})
            for name, module in stored["modules"].items()
        }
        return ChosenRun(stored["choice"], modules)
    except FileNotFoundError as error:
        raise BadRun(f"{run} has no {ENSEMBLE} yet: `python -m apps.imaging ensemble {run}` writes it.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRun(f"{file} cannot be read ({type(error).__name__}: {error}); `ensemble` writes it again.") from error


def _choose_module(run: Run, module: str, settings: Settings, choice: str) -> ChosenModule:
    judged = judge(run, module, HELD_OUT)
    if choice == PUBLISHED:
        pictures, temperature, limits = _with_pictures(judged, published_pictures(module), settings)
    else:
        chosen = choose_ensemble(judged, settings)
        if chosen is None:
            raise _incomplete(judged)
        pictures, temperature, limits = chosen.pictures, chosen.temperature, chosen.limits
    parts = {plane: _part(run, module, pictures[plane]) for plane in PLANES}
    abstention = Abstention(
        limits.min_score, limits.min_planes_agreeing, TISSUE_HU, MIN_TISSUE_SHARE, limits.max_distance
    )
    return ChosenModule(pictures, parts, temperature, abstention, limits.to_json())


def _with_pictures(
    judged: Judged, pictures: Mapping[str, str], settings: Settings
) -> tuple[dict[str, str], float, Limits]:
    plain = vote_of_planes(judged, pictures, UNFITTED)
    if plain is None or not plain.in_scope.any():
        raise _incomplete(judged, pictures)
    temperature = temperature_of(plain)
    limits = choose_limits(plain.at(temperature), settings.aim(judged.module), settings.min_coverage)
    return {plane: pictures[plane] for plane in PLANES}, temperature, limits


def _incomplete(judged: Judged, pictures: Mapping[str, str] | None = None) -> BadRun:
    wanted = f"the pictures {', '.join(pictures.values())}" if pictures else "one picture of each plane"
    have = ", ".join(judged.outputs) or "none"
    return BadRun(
        f"An ensemble for {judged.module} needs finished folds of {wanted}, and held-out series with a label; "
        f"finished are {have}. `train` goes on where it stopped."
    )


def _part(run: Run, module: str, picture: str) -> str:
    """Return the part whose weights ship: trained on all patients where that is finished, else on the first fold."""
    found = [one.part for one in run.classifiers() if (one.module, one.picture) == (module, picture)]
    for part in (ALL, FIRST_FOLD, *found):
        if part in found:
            return part
    raise BadRun(f"No classifier of {module} on {picture} is finished; `train` goes on where it stopped.")
