"""Train one plane classifier, step by step; stop and go on as if nothing had been.

All that is drawn in a step follows from the seed, the classifier's name and the step's number. A training that was
killed and goes on from its checkpoint therefore ends with the same weights as one that was left alone.
"""

import logging
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.imaging.errors import BadRun
from apps.imaging.networks import PlaneNetwork
from apps.imaging.training.inputs import BATCH, Inputs
from apps.imaging.training.progress import Progress, in_words
from apps.imaging.training.recipe import Training

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 60.0
"""What a killed training loses at most."""

CURVE_POINTS = 40
"""Lines of a learning curve."""

TUNING_POINTS = 4
"""How often in a training the tuning series are judged; the last is at its end."""

WARM_UP = 0.2
"""Share of the steps in which the learning rate rises (one cycle: up to its maximum, then down to nothing)."""

LOSS_MEMORY = 0.95
"""Weight of the past in the running mean of the loss."""


@dataclass(frozen=True)
class Device:
    """Where it runs and with which arithmetic."""

    name: torch.device
    bfloat16: bool

    @classmethod
    def choose(cls, wanted: str, precision: str) -> "Device":
        """Return the device `wanted` ("auto", "cpu", "cuda", "cuda:1"), with bfloat16 where it is fast there."""
        name = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
        device = torch.device(name)
        if device.type == "cuda" and not torch.cuda.is_available():
            raise BadRun("No GPU can be used here: torch finds none. Leave --device out to train on the CPU.")
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return cls(device, precision == "bfloat16" or (precision == "auto" and fast))

    @property
    def precision(self) -> str:
        """The arithmetic of the trained layers, as a recipe calls it."""
        return "bfloat16" if self.bfloat16 else "float32"

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which the network runs."""
        return torch.autocast(self.name.type, torch.bfloat16) if self.bfloat16 else nullcontext()


@dataclass(frozen=True)
class Examples:
    """Pictures with their classes: `chosen` indices into `inputs`, `labels` and `weights` one per chosen picture."""

    inputs: Inputs
    chosen: NDArray[np.intp]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.chosen)


@dataclass(frozen=True)
class Answers:
    """What a network says of pictures, float32: `logits` (pictures, classes), `embeddings` (pictures, features).

    `activation` (pictures, classes, rows, columns), float16, is what each place adds to each logit.
    """

    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    activation: NDArray[np.float16]


@dataclass
class CurvePoint:
    """One line of a learning curve; tuning values are None where they were not measured."""

    step: int
    loss: float
    learning_rate: float
    tuning_loss: float | None = None
    tuning_accuracy: float | None = None


@dataclass
class Fitted:
    """How a training went; `seconds` of all its sittings together."""

    steps: int
    seconds: float = 0.0
    loss: float = 0.0
    curve: list[CurvePoint] = field(default_factory=list)


def steps_of(settings: Training, pictures: int) -> int:
    """Return how many steps a training on so many pictures takes."""
    return settings.steps or settings.epochs * _steps_of_epoch(settings, pictures)


def _steps_of_epoch(settings: Training, pictures: int) -> int:
    # The rest of an epoch is left out: batch norm cannot learn from a batch of one.
    return max(1, pictures // settings.batch)


class Fit:
    """The training of one classifier: `name` tells it apart, `checkpoint` is where it is kept."""

    def __init__(
        self,
        name: str,
        network: PlaneNetwork,
        frozen_blocks: int,
        settings: Training,
        device: Device,
        checkpoint: Path,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self.name, self.settings, self.device = name, settings, device
        # On a CPU this order of the weights makes a step a quarter shorter.
        self.network = network.to(device.name, memory_format=torch.channels_last)
        self.lower, self.upper = network.lower(frozen_blocks), network.upper(frozen_blocks)
        for parameter in self.lower.parameters():
            parameter.requires_grad = False
        self.checkpoint, self.checkpoint_seconds = checkpoint, checkpoint_seconds

    def run(
        self,
        examples: Examples,
        tuning: Examples | None = None,
        after_step: Callable[[int], None] = lambda step: None,
    ) -> Fitted:
        """Train on `examples`, from the checkpoint where there is one; judge `tuning` now and then.

        `after_step` is called with the number of steps done.

        Raises
        ------
        BadRun
            When the loss is no finite number any more.
        """
        settings, total = self.settings, steps_of(self.settings, len(examples))
        optimiser, schedule = self._optimiser(total)
        fitted = self._resumed(total, optimiser, schedule) or Fitted(0)
        if fitted.steps:
            log.info("%s: goes on after step %d of %d", self.name, fitted.steps, total)
        loss_of = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
        targets = torch.from_numpy(examples.labels).to(self.device.name)
        progress, began = Progress(total - fitted.steps), fitted.steps
        started = saved = time.monotonic()
        before = fitted.seconds
        self._learning()
        for step in range(fitted.steps, total):
            torch.manual_seed(self._seed(step))
            drawn = self._drawn(examples, step)
            batch = examples.inputs.batch(examples.chosen[drawn], learning=True)
            with self.device.autocast():
                logits, _ = self.network.classify(self.upper(batch))
            loss = loss_of(logits.float(), targets[torch.from_numpy(drawn).to(targets.device)])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate = float(schedule.get_last_lr()[0])
            schedule.step()
            self._note(fitted, step + 1, total, loss.item(), rate, tuning)
            fitted.seconds = before + time.monotonic() - started
            if progress.is_due(step + 1 - began):
                left = progress.left(step + 1 - began)
                log.info("%s: step %d of %d, loss %.3f, %s left", self.name, step + 1, total, fitted.loss, left)
            if step + 1 < total and time.monotonic() - saved >= self.checkpoint_seconds:
                self._save(total, fitted, optimiser, schedule)
                saved = time.monotonic()
            after_step(step + 1)
        log.info("%s: %d steps in %s, loss %.3f", self.name, total, in_words(fitted.seconds), fitted.loss)
        return fitted

    @torch.no_grad()
    def predict(self, inputs: Inputs, chosen: NDArray[np.intp]) -> Answers:
        """Return what the network says of the chosen pictures."""
        self.network.eval()
        logits, embeddings, activations = [], [], []
        for start in range(0, len(chosen), BATCH):
            with self.device.autocast():
                features = self.upper(inputs.batch(chosen[start : start + BATCH], learning=False))
                said, embedded = self.network.classify(features)
                places = self.network.activation(features)
            logits.append(said.float().cpu())
            embeddings.append(embedded.float().cpu())
            activations.append(places.half().cpu())
        if not logits:
            classes = self.network.head.out_features
            return Answers(
                np.empty((0, classes), np.float32),
                np.empty((0, 1), np.float32),
                np.empty((0, classes, 1, 1), np.float16),
            )
        return Answers(torch.cat(logits).numpy(), torch.cat(embeddings).numpy(), torch.cat(activations).numpy())

    def _learning(self) -> None:
        """Put the trained part into training mode; the frozen part keeps the statistics of its weights."""
        self.network.train()
        self.lower.eval()

    def _seed(self, step: int) -> int:
        return int(np.random.SeedSequence([*self._entropy(), step]).generate_state(1)[0])

    def _entropy(self) -> list[int]:
        return [self.settings.seed, zlib.crc32(self.name.encode())]

    def _drawn(self, examples: Examples, step: int) -> NDArray[np.intp]:
        """Return the positions (batch,) of the pictures of one step."""
        if examples.weights is not None:
            rng = np.random.default_rng([*self._entropy(), step])
            return rng.choice(len(examples), self.settings.batch, p=examples.weights).astype(np.intp)
        epoch, place = divmod(step, _steps_of_epoch(self.settings, len(examples)))
        order = np.random.default_rng([*self._entropy(), epoch]).permutation(len(examples))
        return order[place * self.settings.batch : (place + 1) * self.settings.batch].astype(np.intp)

    def _optimiser(self, total: int) -> tuple[torch.optim.Optimizer, Any]:
        head = {id(parameter) for parameter in self.network.head.parameters()}
        body = [p for p in self.network.parameters() if p.requires_grad and id(p) not in head]
        rate = self.settings.learning_rate
        optimiser = torch.optim.AdamW(
            [
                {"params": body, "lr": rate},
                {"params": list(self.network.head.parameters()), "lr": rate * self.settings.head_factor},
            ],
            weight_decay=self.settings.weight_decay,
        )
        rates = [group["lr"] for group in optimiser.param_groups]
        # One step more than there are: the last one would have no rate to go to. A rise takes at least one step.
        rise = max(WARM_UP, 2 / (total + 1))
        return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total + 1, pct_start=rise)

    def _note(self, fitted: Fitted, done: int, total: int, loss: float, rate: float, tuning: Examples | None) -> None:
        """Keep the running loss, and a point of the curve where one is due."""
        if not np.isfinite(loss):
            raise BadRun(
                f"{self.name}: the loss is {loss} at step {done}. Lower the learning rate of the recipe and train "
                "into a new folder."
            )
        fitted.loss = loss if done == 1 else LOSS_MEMORY * fitted.loss + (1 - LOSS_MEMORY) * loss
        fitted.steps = done
        if done != 1 and done != total and done % max(1, total // CURVE_POINTS):
            return
        point = CurvePoint(done, fitted.loss, rate)
        if tuning is not None and len(tuning) and (done == total or done % max(1, total // TUNING_POINTS) == 0):
            logits = self.predict(tuning.inputs, tuning.chosen).logits
            self._learning()
            said = torch.from_numpy(logits)
            point.tuning_loss = float(nn.functional.cross_entropy(said, torch.from_numpy(tuning.labels)))
            point.tuning_accuracy = float((logits.argmax(axis=1) == tuning.labels).mean())
        fitted.curve.append(point)

    def _save(self, total: int, fitted: Fitted, optimiser: torch.optim.Optimizer, schedule: Any) -> None:
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "name": self.name,
                "total": total,
                "fitted": {**vars(fitted), "curve": [vars(point) for point in fitted.curve]},
                "network": self.network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
            },
            partial,
        )
        partial.replace(self.checkpoint)

    def _resumed(self, total: int, optimiser: torch.optim.Optimizer, schedule: Any) -> Fitted | None:
        """Return how far the checkpoint is, with everything put back as it was; None without one."""
        if not self.checkpoint.exists():
            return None
        try:
            kept = torch.load(self.checkpoint, self.device.name, weights_only=True)
            fits = (kept["name"], kept["total"]) == (self.name, total)
        except Exception as error:
            raise BadRun(f"{self.checkpoint} cannot be read ({error}); delete it to train from the start.") from error
        if not fits:
            raise BadRun(f"{self.checkpoint} is of another training; delete it to train from the start.")
        self.network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        schedule.load_state_dict(kept["schedule"])
        fitted = kept["fitted"]
        return Fitted(**{**fitted, "curve": [CurvePoint(**point) for point in fitted["curve"]]})


def save_weights(network: PlaneNetwork, file: Path) -> None:
    """Write the network's state dict; a reader never meets half a file."""
    partial = file.with_suffix(".partial")
    state: dict[str, Tensor] = {key: tensor.cpu() for key, tensor in network.state_dict().items()}
    torch.save(state, partial)
    partial.replace(file)
