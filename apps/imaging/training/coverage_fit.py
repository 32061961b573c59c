"""Train the coverage networks of a run: one per plane, for each fold and for all patients.

The frozen blocks see each picture once; the rows of what they make of it are kept (`pictures/<set>-<plane>-rows.npy`,
float16).
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from torch import Tensor, nn

from apps.imaging.bundle.serving import INPUT
from apps.imaging.coverage import PLANES_OF_COVERAGE
from apps.imaging.ensemble import InputRecipe, network_input
from apps.imaging.networks import make_network, read_weights
from apps.imaging.training.coverage_network import CoverageNetwork, ProfileHead, RowPool, open_session
from apps.imaging.training.coverage_pictures import COMPOSITE_TO_JUDGE, CoverageSet, open_set
from apps.imaging.training.export import to_onnx
from apps.imaging.training.folds import read_folds
from apps.imaging.training.region_targets import OPEN, SHOWN

TAUGHT = ("augmented", "composites", "phantoms")
"""Sets to learn from; composites of one fold alone are for judging."""


@dataclass(frozen=True)
class CoverageRecipe:
    """How the networks are made; kept in the run and written into the bundle where serving needs it."""

    backbone: str = "efficientnet_lite0"
    weights: str = "packaged"
    frozen_blocks: int = 11
    """Up to the last block at stride 16: 112 features."""
    size: int = 320
    window_hu: tuple[float, float] = (-450.0, 550.0)
    mean: float = 0.5
    std: float = 0.5
    steps: int = 900
    batch: int = 48
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.02
    shares: tuple[float, ...] = (0.5, 0.32, 0.18)
    """Of a batch that come from each set of `TAUGHT`."""
    seed: int = 1

    @property
    def input(self) -> InputRecipe:
        """The input as serving reads it from the bundle."""
        return InputRecipe(self.size, (self.window_hu,) * 3, (self.mean,) * 3, (self.std,) * 3)

    def to_json(self) -> dict[str, object]:
        """Return the recipe as plain values."""
        return asdict(self)


def lower_blocks(recipe: CoverageRecipe) -> nn.Module:
    """Return the frozen blocks with their ImageNet weights."""
    network = make_network(recipe.backbone, 2, read_weights(recipe.backbone, recipe.weights))
    lower = network.lower(recipe.frozen_blocks).eval()
    for parameter in lower.parameters():
        parameter.requires_grad_(False)
    return lower


def see_sets(run: Path, recipe: CoverageRecipe, names: Sequence[str], tell: Callable[[str], None]) -> None:
    """Let the frozen blocks see every picture of the named sets, once; ONNX Runtime runs them four times as fast."""
    seen = nn.Sequential(lower_blocks(recipe), RowPool())
    lower = open_session(to_onnx(seen, recipe.size, ("rows",)).SerializeToString())
    for name in names:
        drawn = open_set(run / "pictures" / name)
        for index, plane in enumerate(PLANES_OF_COVERAGE):
            file = rows_file(run, name, plane)
            if file.exists():
                continue
            rows = [_rows(drawn.store.pixels[start : start + 16, index], lower, recipe) for start in _starts(drawn)]
            part = file.with_suffix(".part.npy")
            np.save(part, np.concatenate(rows))
            part.rename(file)
            tell(f"{name}, {plane}: {len(drawn.lengths_mm)} pictures seen by the frozen blocks")


def rows_file(run: Path, name: str, plane: str) -> Path:
    """Return where the rows of a set lie."""
    return run / "pictures" / f"{name}-{plane}-rows.npy"


def _starts(drawn: CoverageSet) -> range:
    return range(0, len(drawn.lengths_mm), 16)


def _rows(pictures: NDArray[np.uint8], lower: InferenceSession, recipe: CoverageRecipe) -> NDArray[np.float16]:
    pixels = np.stack([network_input(picture, recipe.input) for picture in pictures])
    rows: NDArray[np.float32] = lower.run(None, {INPUT: pixels})[0]
    return rows.astype(np.float16)  # (pictures, features, bins)


def bin_targets(targets: NDArray[np.int8], bins: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return targets per bin (series, bins, regions), 0 to 1, and weights: the shares that are shown, and not open.

    Rows that a bin touches count as far as their middles lie in it.
    """
    series, rows, regions = targets.shape
    edges = np.round(np.linspace(0, rows, bins + 1)).astype(int)
    shown = np.zeros((series, bins, regions), np.float32)
    told = np.zeros_like(shown)
    for index, (start, end) in enumerate(itertools.pairwise(edges)):
        part = targets[:, start:end]
        told[:, index] = (part != OPEN).mean(axis=1)
        shown[:, index] = (part == SHOWN).mean(axis=1) / np.maximum(told[:, index], 1e-6)
    return shown, told


def train_run(run: Path, recipe: CoverageRecipe, parts: Sequence[int | None], tell: Callable[[str], None]) -> None:
    """Train each plane on each part: the fold that is left out, or None for all patients. Finished ones are kept."""
    folds = read_folds(run / "folds.csv")
    for plane in PLANES_OF_COVERAGE:
        for part in parts:
            folder = part_folder(run, plane, part)
            if (folder / "weights.pt").exists():
                continue
            folder.mkdir(parents=True, exist_ok=True)
            head, loss = _fit(run, recipe, plane, [fold for fold in sorted(set(folds.values())) if fold != part], folds)
            if part is not None:
                for name in ("real", "composites"):
                    np.save(
                        folder / f"{name}.npy", _profiles(head, np.load(rows_file(run, name, plane), mmap_mode="r"))
                    )
            torch.save(head.state_dict(), folder / "weights.pt")
            tell(f"{plane}, {folder.name}: loss {loss:.4f}")


def part_folder(run: Path, plane: str, part: int | None) -> Path:
    """Return the folder of one trained network."""
    return run / "coverage" / plane / ("all" if part is None else f"fold-{part}")


def load_coverage(run: Path, recipe: CoverageRecipe, plane: str, part: int | None = None) -> CoverageNetwork:
    """Return a trained network, ready to answer."""
    weights = torch.load(part_folder(run, plane, part) / "weights.pt", map_location="cpu", weights_only=True)
    head = ProfileHead(weights["begin.1.weight"].shape[1])
    head.load_state_dict(weights)
    return CoverageNetwork(lower_blocks(recipe), head).eval()


def _fit(
    run: Path, recipe: CoverageRecipe, plane: str, taught: Sequence[int], folds: dict[str, int]
) -> tuple[ProfileHead, float]:
    """Return the head trained on the patients of some folds, and its last loss."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    sets = []
    for name in TAUGHT:
        drawn = open_set(run / "pictures" / name)
        rows = np.load(rows_file(run, name, plane))
        chosen = [
            index
            for index, row in enumerate(drawn.store.rows)
            if row.source != COMPOSITE_TO_JUDGE and all(folds[patient] in taught for patient in drawn.patients(index))
        ]
        sets.append((rows, *bin_targets(drawn.targets, rows.shape[2]), np.array(chosen)))
    head = ProfileHead(sets[0][0].shape[1])
    optimiser = torch.optim.AdamW(head.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, total_steps=recipe.steps)
    recent: list[float] = []
    head.train()
    for rows, shown, told in _batches(sets, recipe, rng):
        loss = nn.functional.binary_cross_entropy_with_logits(
            head(rows), shown * (1 - 2 * recipe.label_smoothing) + recipe.label_smoothing, told, reduction="sum"
        ) / told.sum().clamp(min=1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        recent = [*recent[-49:], float(loss.detach())]
    return head.eval(), float(np.mean(recent))


def _batches(
    sets: Sequence[tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]],
    recipe: CoverageRecipe,
    rng: np.random.Generator,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield rows, targets and weights; each set with its share of a batch."""
    counts = [round(share * recipe.batch) for share in recipe.shares]
    for _ in range(recipe.steps):
        picked = [rng.choice(chosen, count) for (_, _, _, chosen), count in zip(sets, counts, strict=True)]
        rows, shown, told = (
            torch.from_numpy(np.concatenate([one[part][index] for one, index in zip(sets, picked, strict=True)]))
            for part in range(3)
        )
        yield rows.float(), shown, told


def _profiles(head: ProfileHead, rows: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the logits (pictures, bins, regions) of rows (pictures, features, bins)."""
    with torch.inference_mode():
        profiles: NDArray[np.float32] = head(torch.from_numpy(rows.astype(np.float32))).numpy()
    return profiles
