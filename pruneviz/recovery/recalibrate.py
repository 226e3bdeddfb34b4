"""BatchNorm recalibration: the statistics of the pruned network in place of the original's."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pruneviz.metrics import Metric
from pruneviz.network.inputs import Batch, call, some
from pruneviz.recovery.changed_copy import TrainingFreeRecovery
from pruneviz.recovery.method import RECOVERIES, RecoveryRequest
from pruneviz.recovery.norms import BatchNorm, batch_norms, no_batch_norm
from pruneviz.recovery.training.augment import (
    AUGMENTATION,
    augmentation_note,
    augmenter,
    chosen_augmentation,
    draws,
)
from pruneviz.registry import Parameter, Value
from pruneviz.subjects import Data
from pruneviz.subjects.split import spread
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

BATCH_SIZE = 128


@RECOVERIES.register(
    name="recalibrate",
    title="BatchNorm recalibration",
    family="without training",
    sentence="Re-measures what BatchNorm layers expect of their inputs, which pruning has "
    "shifted. No weight changes and no label is used, so try it first: it takes seconds, one pass "
    "over a thousand inputs, and wins much back up to middling sparsities.",
    formula="μ, σ² ← mean over batches of the batch's mean and variance",
    source="Li et al. 2020 (EagleEye), arXiv 2007.02491",
    parameters=(
        Parameter(
            name="inputs",
            default=1024,
            help="How many training inputs the statistics are averaged over; never more than "
            "there are.",
            minimum=2,
            maximum=10_000_000,
        ),
        AUGMENTATION,
        Parameter(
            name="keep_better",
            default=True,
            help="Keep the old statistics where the network answers the calibration inputs better "
            "with them, and say so.",
        ),
    ),
)
class Recalibrate(TrainingFreeRecovery):
    """BatchNorm recalibration, a batch a step; ValueError for a model without BatchNorm."""

    method, changes = "recalibrate", "BatchNorm statistics"

    def __init__(self, asked: RecoveryRequest, **settings: Value) -> None:
        """Begin with empty statistics; the settings are those of the registry."""
        augmentation = str(settings["augmentation"])
        total = self.steps(asked.model, asked.data, **settings)
        super().__init__(asked, total, bool(settings["keep_better"]))
        note = augmentation_note(asked.data, augmentation)
        self.notes += [note] if note else []
        for norm in batch_norms(self._model):
            norm.reset_running_stats()
        self._batches = _batches(asked.data, int(settings["inputs"]))
        self._augment = augmenter(asked.data, chosen_augmentation(asked.data, augmentation))

    @classmethod
    def steps(
        cls, model: nn.Module, data: Data, task: Task = CLASSIFICATION,
        metric: Metric | None = None, /, **settings: Value,
    ) -> int:  # fmt: skip
        """Return the number of batches; ValueError for a model without BatchNorm."""
        if not batch_norms(model):
            raise no_batch_norm()
        return len(_batches(data, int(settings["inputs"])))

    @property
    def sentence(self) -> str:
        """Return what it does now."""
        seen = sum(map(len, self._batches[: self._done]))
        return f"recalibrating BatchNorm, {seen:,} of {sum(map(len, self._batches)):,} inputs"

    def step(self) -> None:
        """Take one batch into the statistics."""
        indices = self._batches[self._done]
        x = some(self._asked.data.train_x, indices).to(self._device)
        seed = self._asked.draw("recalibrate", self._done)
        x = self._augment(x, draws(len(indices), seed, self._device))
        seen = sum(map(len, self._batches[: self._done]))
        update_statistics(self._model, x, len(indices) / (seen + len(indices)))
        self._advance()


def update_statistics(model: nn.Module, x: Batch, share: float) -> None:
    """Move all running statistics by `share` towards those of `x`, (B ≥ 2, …)."""
    norms: list[BatchNorm] = batch_norms(model)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = share
    with torch.no_grad():
        call(model, x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval()
        norm.momentum = momentum


def _batches(data: Data, inputs: int) -> tuple[Tensor, ...]:
    """Return the training inputs to look at, batch by batch, spread over the training part.

    Batches are as equal as can be, so that none is too small to have statistics.
    """
    if len(data.train_y) < 2:
        raise RefusedError(training.one_input())
    chosen = spread(len(data.train_y), inputs)
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(0))
    return chosen[order].tensor_split(math.ceil(len(chosen) / BATCH_SIZE))
