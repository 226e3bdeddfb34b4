"""The one training loop: Lightning Fabric's device and precision, masks exact at every step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pruneviz.metrics import METRICS, Metric
from pruneviz.network.answers import logits_of
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import Batch
from pruneviz.recovery.frozen import frozen_note, held, thaw
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.recovery.rows import curve_state, read_curve
from pruneviz.recovery.training.augment import (
    augmentation_note,
    augmenter,
    chosen_augmentation,
    draws,
)
from pruneviz.recovery.training.batches import Order, divide, loader, picked
from pruneviz.recovery.training.class_weights import class_weights
from pruneviz.recovery.training.device import everywhere, make_fabric, world_size
from pruneviz.recovery.training.masking import Held
from pruneviz.recovery.training.optimisers import check_schedule, make_optimiser, make_schedule
from pruneviz.recovery.training.settings import Settings
from pruneviz.recovery.training.states import copied, finite, load, refuse_other
from pruneviz.recovery.training.stopping import check_good_enough, why_stop
from pruneviz.recovery.training.train_metrics import Meter, check_targets, judge
from pruneviz.registry import Value
from pruneviz.report import EpochRow, Interval
from pruneviz.stepwise import State
from pruneviz.subjects import Data, freeze
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import Fact, RefusedError, retrained
from pruneviz.wording.refusals import training


class Training:
    """Training of a pruned network, a batch a step; what it makes small is left to `loss`.

    Order, augmentation and noise of a step are drawn from the seed and its place alone, so that a
    training taken up again anywhere ends as one that was never interrupted.
    """

    name: ClassVar[str]
    doing: ClassVar[str]

    def __init__(self, asked: RecoveryRequest, **settings: Value) -> None:
        """Begin; ValueError where data or settings make it impossible."""
        self._asked, self._settings = asked, Settings.of(settings)
        self._planned = asked.epochs_planned or self._settings.epochs
        self._parts = divide(asked.data, self._settings, asked.seed, asked.task)
        self._fabric = make_fabric(asked.device, self._settings.precision)
        self._order = self._make_order()
        self._batches = len(self._order)
        self.total = self.steps(asked.model, asked.data, asked.task, asked.judge, **settings)
        self._prepare_model()
        self._loader = self._fabric.setup_dataloaders(
            loader(asked.data, self._order), use_distributed_sampler=False
        )
        choice = self._settings.augmentation
        self._augment = augmenter(asked.data, chosen_augmentation(asked.data, choice))
        self._meter = Meter(asked.task, asked.judge, self._fabric.device)
        y = asked.data.train_y[self._parts.train]
        self._unit = asked.task.unit(y)
        self._weights = class_weights(self._settings.class_weights, asked.data, asked.task, y)
        self._open: Iterator[Any] | None = None
        self._done = 0
        self._good, self._good_epochs = copied(self._raw.state_dict()), 0
        self.curve: list[EpochRow] = []
        notes = (
            asked.data.train_note,
            augmentation_note(asked.data, choice),
            frozen_note(asked.teacher, asked.frozen),
        )
        self.notes: list[Fact] = [note for note in notes if note]
        self.stopped = ""

    def _make_order(self) -> Order:
        place = self._fabric.global_rank, self._fabric.world_size
        draw = partial(self._asked.draw, self.name, "order")
        return Order(self._parts.train, self._settings.batch_size, draw, *place)

    def _prepare_model(self) -> None:
        """Put a copy of the model, its optimiser and the learning rates in place."""
        self._raw, self._still = self._trained_copy()
        optimiser = make_optimiser(self._raw, self._settings)
        self._network, self._optimiser = self._fabric.setup(self._raw, optimiser)
        steps, first = self._batches * self._planned, self._batches * self._asked.epochs_earlier
        self._rates = make_schedule(optimiser, self._settings, steps, first)
        self._plain_optimiser = optimiser
        self._held = Held(self._raw, self._asked.masks)

    def _trained_copy(self) -> tuple[nn.Module, list[nn.Module]]:
        """Return a copy in which what is trained asks for gradients, and BatchNorms that stay."""
        raw = duplicate(self._asked.model)
        return raw, thaw(raw, held(self._asked.teacher, self._asked.frozen))

    def loss(self, output: Any, x: Batch, y: Tensor) -> Tensor:
        """Return what training makes small, for an output of inputs x with targets y, (B, …)."""
        raise NotImplementedError

    @classmethod
    def steps(
        cls, model: nn.Module, data: Data, task: Task = CLASSIFICATION,
        metric: Metric | None = None, /, **settings: Value,
    ) -> int:  # fmt: skip
        """Return how many steps training takes at most; ValueError where it cannot be done."""
        given = Settings.of(settings)
        check_targets(model, data, task, given)
        check_good_enough(given, metric or METRICS.get(task.metrics[0]))
        chosen_augmentation(data, given.augmentation)
        order = Order(divide(data, given, 0, task).train, given.batch_size, int, 0, world_size())
        check_schedule(given, len(order) * given.epochs)
        return len(order) * given.epochs_run

    @property
    def done(self) -> int:
        """Return how many steps are done."""
        return self._done

    @property
    def finished(self) -> bool:
        """Return whether the last epoch is done, or training stopped before it."""
        return bool(self.stopped) or self._done >= self.total

    @property
    def sentence(self) -> str:
        """Return what it does now."""
        epoch = min(self._done // self._batches + 1, self._settings.epochs_run)
        return f"{self.doing}, epoch {self._nth(epoch)} of {self._planned}"

    def _nth(self, epoch: int) -> int:
        """Return the number of an epoch among those of all rounds."""
        return self._asked.epochs_earlier + epoch

    @property
    def model(self) -> nn.Module:
        """Return the network as it is now, a copy on the CPU in eval mode, parameters frozen."""
        return freeze(duplicate(self._raw).cpu())

    def step(self) -> None:
        """Train on the next batch; after an epoch's last one, judge the network."""
        epoch, batch = divmod(self._done, self._batches)
        x, y = self._next(epoch, batch)
        x = self._augment(x, self._draws(epoch, batch))
        with self._noise(epoch, batch):
            output = logits_of(self._raw, x, through=self._network)
            loss = self.loss(output, x, y)
            self._fabric.backward(loss / self._unit)
        if not math.isfinite(everywhere(self._fabric, loss.detach(), "sum").item()):
            self._give_up(epoch)
            return
        self._held.gradients()
        self._optimiser.step()
        self._held.weights()
        self._optimiser.zero_grad()
        self._count(loss, output, y)
        rate = float(self._rates.get_last_lr()[0])
        self._rates.step()
        self._done += 1
        if batch == self._batches - 1:
            self._end_epoch(epoch, rate)

    def _count(self, loss: Tensor, output: Any, y: Tensor) -> None:
        task = self._asked.task
        with torch.no_grad():
            self._meter.add(loss, task.answers(task.scores(output), y), y)

    def _next(self, epoch: int, batch: int) -> tuple[Batch, Tensor]:
        """Return the inputs and targets of a step, from an epoch under way or begun here."""
        if self._open is None:
            self._order.begin(epoch, batch)
            self._open = iter(self._loader)
            self._raw.train()
            for norm in self._still:
                norm.eval()
        x, y = next(self._open)
        return x, y

    def _draws(self, epoch: int, batch: int) -> Tensor:
        """Return this process's share of a step's draws for augmentation."""
        seed = self._asked.draw(self.name, "augmentation", epoch, batch)
        every = draws(self._order.size(batch), seed, self._fabric.device)
        return every[self._fabric.global_rank :: self._fabric.world_size]

    @contextmanager
    def _noise(self, epoch: int, batch: int) -> Iterator[None]:
        """Let torch's own generator, which dropout draws from, depend on the place alone."""
        device = self._fabric.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            rank = self._fabric.global_rank
            torch.manual_seed(self._asked.draw(self.name, "noise", epoch, batch, rank))
            yield

    def _end_epoch(self, epoch: int, rate: float) -> None:
        self._open = None
        self._raw.eval()
        for buffer in self._raw.buffers():  # BatchNorm of each process saw its share alone
            if buffer.is_floating_point():
                buffer.copy_(everywhere(self._fabric, buffer, "mean"))
        data, metric = self._asked.data, self._asked.judge
        held_out, value, interval = self._judge(data.x, data.y)
        if not finite(self._raw) or not math.isfinite(held_out):
            self._give_up(epoch)
            return
        loss, tally = self._meter.result()
        self.curve.append(
            EpochRow(
                metric=metric.name,
                round=self._asked.round,
                step=self.name,
                epoch=self._asked.epochs_before + epoch + 1,
                loss=loss,
                train_value=metric.combine(tally),
                value=value,
                interval=interval,
                held_out_loss=held_out,
                validation_value=self._validate(),
                sparsity=self._asked.sparsity,
                learning_rate=rate,
            )
        )
        self._good, self._good_epochs = copied(self._raw.state_dict()), epoch + 1
        if epoch + 1 < self._settings.epochs:
            nth = self._nth(epoch + 1)
            self.stopped = why_stop(self.curve, self._settings, metric, self.doing, nth)

    def _validate(self) -> float | None:
        """Return the metric on the training inputs set aside, None where none are."""
        aside = self._parts.validation
        return self._judge(*picked(self._asked.data, aside))[1] if len(aside) else None

    def _judge(self, x: Batch, y: Tensor) -> tuple[float, float, Interval | None]:
        """Return mean loss, metric and its interval on inputs (N, …) with targets (N, …)."""
        return judge(self._fabric, self._asked, self._raw, x, y)

    def _give_up(self, epoch: int) -> None:
        """Stop a training that diverged, and go back to the last good epoch or the start."""
        self._open = None
        load(self._raw, self._good)
        self._raw.eval()
        good = self._nth(self._good_epochs) if self._good_epochs else 0
        rate = self._settings.learning_rate
        found = retrained.diverged(self.doing, self._nth(epoch + 1), good, rate)
        self.stopped = str(found)
        self.notes.append(retrained.in_round(self._asked.round, found))

    def state(self) -> State:
        """Return everything from which `restore` goes on; in several processes, the first's."""
        return {
            "method": self.name,
            "done": self._done,
            "model": copied(self._raw.state_dict()),
            "optimiser": copied(self._plain_optimiser.state_dict()),
            "rates": self._rates.state_dict(),
            "meter": copied(self._meter.state()),
            "good": self._good,
            "good_epochs": self._good_epochs,
            "curve": curve_state(self.curve),
            "notes": [note.state() for note in self.notes],
            "stopped": self.stopped,
        }

    def restore(self, state: State) -> None:
        """Go on from a state; ValueError where it is not one of the same network and settings.

        Where `stop_after` asks for fewer epochs than were begun since, the last whole one is taken.
        """
        refuse_other(self.name, state)
        load(self._raw, state["model"])
        self._plain_optimiser.load_state_dict(copied(state["optimiser"]))
        self._rates.load_state_dict(state["rates"])
        if self._fabric.global_rank == 0:  # the state holds what the first process saw
            self._meter.restore(copied(state["meter"]))
        self._done, self._open = int(state["done"]), None
        self._good, self._good_epochs = state["good"], int(state["good_epochs"])
        self.curve, self.notes = read_curve(state["curve"]), [*map(Fact.read, state["notes"])]
        self.stopped = str(state["stopped"])
        if self._settings.stop_after and not self.stopped:
            self._stop_by_hand()

    def _stop_by_hand(self) -> None:
        epochs = self._settings.epochs_run
        if self._good_epochs > epochs:
            raise RefusedError(training.past_the_stop(self._good_epochs, epochs))
        if self._good_epochs == epochs:
            load(self._raw, self._good)
            self._done = self.total
