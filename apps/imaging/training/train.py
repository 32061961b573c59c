"""Train plane classifiers, once per fold of subjects and once on all.

The first blocks keep their ImageNet weights and run once per picture; what comes behind them is trained on their
stored feature maps. That is what makes twenty-four trainings an affair of minutes on two cores.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.imaging.ensemble import InputRecipe, normalise
from apps.imaging.networks import EfficientNetLite0, make_network
from apps.imaging.training.pictures import PICTURE_NAMES, PictureSet
from apps.imaging.training.tasks import TASKS, Task, assign_folds, balanced_weights, labels_of
from apps.imaging.vocabulary import PLANES

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How a classifier is trained."""

    weights: Path
    backbone: str = "efficientnet_lite0"
    steps: int = 100
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    seed: int = 1


class Halves:
    """A network cut behind its frozen blocks."""

    def __init__(self, network: EfficientNetLite0, frozen_blocks: int) -> None:
        self.network = network
        self.frozen = nn.Sequential(network.stem, *network.blocks[:frozen_blocks]).eval()
        for parameter in self.frozen.parameters():
            parameter.requires_grad = False
        self.trained = nn.Sequential(
            *network.blocks[frozen_blocks:],
            network.head,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            network.dropout,
            network.classifier,
        )

    @torch.no_grad()
    def feature_maps(self, pixels: NDArray[np.uint8], recipe: InputRecipe, batch: int = 64) -> Tensor:
        """Return what the frozen blocks make of pictures (series, rows, columns), as float16 to spare memory."""
        parts = []
        for start in range(0, len(pixels), batch):
            inputs = torch.from_numpy(normalise(pixels[start : start + batch], recipe))
            parts.append(self.frozen(inputs.contiguous(memory_format=torch.channels_last)).half())
        return torch.cat(parts)

    @torch.no_grad()
    def probabilities(self, maps: Tensor, batch: int = 64) -> NDArray[np.float32]:
        """Return the class probabilities (series, classes) for stored feature maps."""
        self.trained.eval()
        parts = [self.trained(maps[start : start + batch].float()) for start in range(0, len(maps), batch)]
        return torch.cat(parts).softmax(dim=1).numpy()


def fit(
    halves: Halves, maps: Tensor, labels: NDArray[np.int64], weights: NDArray[np.float64], settings: Settings
) -> None:
    """Train the upper half on stored feature maps (series, channels, rows, columns), drawn by `weights`."""
    rng = np.random.default_rng(settings.seed)
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in halves.trained[:-1].parameters()], "lr": settings.learning_rate},
            {"params": [p for p in halves.trained[-1].parameters()], "lr": 3 * settings.learning_rate},
        ],
        weight_decay=settings.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [group["lr"] for group in optimiser.param_groups], settings.steps, pct_start=0.2
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
    targets = torch.from_numpy(labels)
    halves.trained.train()
    running = 0.0
    for step in range(settings.steps):
        drawn = rng.choice(len(labels), settings.batch, p=weights)
        batch = maps[drawn].float()
        mirrored = torch.from_numpy(rng.random(len(drawn)) < 0.3)
        batch[mirrored] = batch[mirrored].flip(3)
        loss = loss_of(halves.trained(batch.contiguous(memory_format=torch.channels_last)), targets[drawn])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        running = loss.item() if step == 0 else 0.95 * running + 0.05 * loss.item()
        if (step + 1) % 50 == 0:
            log.info("step %d of %d, loss %.3f", step + 1, settings.steps, running)


def train_plane(
    task: Task,
    plane: str,
    augmented: PictureSet,
    plain: PictureSet,
    fold_of: dict[str, int],
    folds: Sequence[int | None],
    settings: Settings,
    run: Path,
) -> None:
    """Train one plane classifier for each fold, and for None on all subjects; finished ones are kept.

    Writes `<module>-<plane>-<fold>.pt` and, with the probabilities for the plain series of the held-out subjects,
    `.npz` beside it.
    """
    labels, plain_labels = labels_of(task, augmented), labels_of(task, plain)
    column = PICTURE_NAMES.index(task.picture(plane))
    stored: tuple[Tensor, Tensor] | None = None
    for fold in folds:
        stem = run / f"{task.module}-{plane}-{'all' if fold is None else fold}"
        if stem.with_suffix(".npz").exists():
            continue
        torch.manual_seed(settings.seed)
        halves = Halves(make_network(settings.backbone, len(task.classes), settings.weights), task.frozen_blocks)
        if stored is None:
            stored = tuple(halves.feature_maps(part.pixels[:, column], task.recipe) for part in (augmented, plain))
        maps, plain_maps = stored
        chosen = np.flatnonzero(
            (labels >= 0) & np.array([fold is None or fold_of.get(s) != fold for s in augmented.subject])
        )
        log.info("%s: %d series", stem.name, len(chosen))
        fit(halves, maps[chosen], labels[chosen], balanced_weights(augmented, labels, chosen), settings)
        held_out = np.flatnonzero(
            (plain_labels >= 0) & np.array([fold is None or fold_of[s] == fold for s in plain.subject])
        )
        probabilities = halves.probabilities(plain_maps[held_out])
        right = float((probabilities.argmax(axis=1) == plain_labels[held_out]).mean())
        log.info("%s: %.3f of %d %s", stem.name, right, len(held_out), "seen" if fold is None else "held out")
        torch.save(halves.network.state_dict(), stem.with_suffix(".pt"))
        np.savez(stem.with_suffix(".npz"), series=held_out, probabilities=probabilities)


def train_all(
    augmented: PictureSet,
    plain: PictureSet,
    folds: int,
    settings: Settings,
    run: Path,
    tasks: Sequence[Task] = tuple(TASKS.values()),
) -> None:
    """Train every plane classifier of the given modules on each fold and on all subjects."""
    run.mkdir(parents=True, exist_ok=True)
    fold_of = assign_folds(plain, folds)
    for task in tasks:
        for plane in PLANES:
            train_plane(task, plane, augmented, plain, fold_of, [*range(folds), None], settings, run)
