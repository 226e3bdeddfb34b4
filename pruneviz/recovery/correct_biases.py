"""Bias correction: each unit's mean answer is brought back to what it was in the original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.metrics import Metric
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import Batch, call, some
from pruneviz.network.plain_layers import inputs_first
from pruneviz.recovery.changed_copy import TrainingFreeRecovery
from pruneviz.recovery.frozen import frozen_note, held
from pruneviz.recovery.method import RECOVERIES, RecoveryRequest
from pruneviz.registry import Parameter, Value
from pruneviz.subjects import Data
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

# Which dimension of its answer a layer's bias belongs to.
UNITS_DIM: dict[type[nn.Module], int] = {
    nn.modules.conv._ConvNd: 1,
    nn.modules.batchnorm._BatchNorm: 1,
    nn.GroupNorm: 1,
    nn.Linear: -1,
    nn.LayerNorm: -1,
}
Means = dict[str, Tensor]


@RECOVERIES.register(
    name="correct_biases",
    title="Bias correction",
    family="without training",
    sentence="Shifts each bias so that every unit that is left answers, on average, what it "
    "answered in the original: pruning takes something from every sum, and this puts its mean "
    "back. No label and no gradient is used: two passes over a few hundred inputs.",
    formula="b ← b + E[z_original] − E[z_pruned], layer after layer",
    source="Nagel et al. 2019, arXiv 1906.04721, section 4.2",
    parameters=(
        Parameter(
            name="inputs",
            default=256,
            help="How many calibration inputs the means are taken over; never more than there are.",
            minimum=1,
            maximum=4096,
        ),
        Parameter(
            name="keep_better",
            default=True,
            help="Keep the old biases where the network answers the calibration inputs better "
            "with them, and say so.",
        ),
    ),
)
class CorrectBiases(TrainingFreeRecovery):
    """Bias correction in one step; ValueError for a model without biases."""

    method, changes = "correct_biases", "biases"

    def __init__(self, asked: RecoveryRequest, **settings: Value) -> None:
        """Begin with the biases as they are; the settings are those of the registry."""
        total = self.steps(asked.model, asked.data, **settings)
        super().__init__(asked, total, bool(settings["keep_better"]))
        note = frozen_note(asked.teacher, asked.frozen)
        self.notes += [note] if note else []
        self._x = some(asked.data.calibration_x, slice(int(settings["inputs"])))

    @classmethod
    def steps(
        cls, model: nn.Module, data: Data, task: Task = CLASSIFICATION,
        metric: Metric | None = None, /, **settings: Value,
    ) -> int:  # fmt: skip
        """Return 1; ValueError for a model without biases."""
        if not any(_dim(module) is not None for module in model.modules()):
            raise RefusedError(training.no_biases())
        return 1

    @property
    def sentence(self) -> str:
        """Return what it does now."""
        return f"correcting biases on {len(self._x):,} inputs"

    def step(self) -> None:
        """Take the original's means and bring the network to them."""
        x = self._x.to(self._device)
        teacher = duplicate(self._asked.teacher).to(self._device)
        correct_biases(self._model, mean_answers(teacher, x), x, self._asked)
        self._advance()


def mean_answers(model: nn.Module, x: Batch) -> Means:
    """Return the mean answer of each unit, (units,), of the layers with biases called once."""
    means: Means = {}
    with _answering(model, lambda path, mean: means.__setitem__(path, mean)) as calls:
        call(model, x)
    return {path: mean for path, mean in means.items() if calls[path] == 1}


def correct_biases(model: nn.Module, wanted: Means, x: Batch, asked: RecoveryRequest) -> None:
    """Shift biases in place so that the mean answers on `x` are the wanted ones.

    All happens in one pass: each layer answers already corrected, so those behind it see what they
    will. Layers called more than once are left, and so are biases that a mask removes or that
    the network's author froze.
    """
    with _answering(model, lambda path, mean: None) as calls:
        call(model, x)
    staying = held(asked.teacher, asked.frozen)
    once = {path for path in wanted if calls[path] == 1 and f"{path}.bias" not in staying}
    kept = {cut.parameter: list(cut.kept) for cut in asked.cuts if cut.axis == 0}

    def correct(path: str, mean: Tensor) -> Tensor | None:
        if path not in once:
            return None
        name = f"{path}.bias"
        target = wanted[path][kept[name]] if name in kept else wanted[path]
        bias = model.get_submodule(path).bias
        assert isinstance(bias, Tensor)
        shift = (target - mean).to(bias.dtype)
        if name in asked.masks:
            shift = shift * asked.masks[name].to(shift)
        bias.add_(shift)
        return shift

    with _answering(model, correct):
        call(model, x)


@contextmanager
def _answering(
    model: nn.Module, seen: Callable[[str, Tensor], Tensor | None]
) -> Iterator[Counter[str]]:
    """Call `seen` with each layer's path and its units' mean answers; yield the number of calls.

    What it returns, (units,) or None, is added to the layer's answer.
    """
    calls: Counter[str] = Counter()

    def watch(path: str, dim: int) -> Any:
        def hook(module: nn.Module, args: Any, out: Tensor) -> Tensor | None:
            calls[path] += 1
            across = [d for d in range(out.ndim) if d != dim % out.ndim]
            shift = seen(path, out.double().mean(across))
            if shift is None:
                return None
            shape = [1] * out.ndim
            shape[dim] = len(shift)
            return out + shift.view(shape)

        return hook

    watched = ((path, module, _dim(module)) for path, module in model.named_modules())
    hooks = [
        module.register_forward_hook(watch(path, dim))
        for path, module, dim in watched
        if dim is not None
    ]
    try:
        with torch.no_grad():
            yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _dim(module: nn.Module) -> int | None:
    """Return the dimension that a layer's bias belongs to, None where it has no such bias."""
    bias = getattr(module, "bias", None)
    if not isinstance(bias, nn.Parameter) or bias.ndim != 1 or not bias.is_floating_point():
        return None
    known = (dim for kind, dim in UNITS_DIM.items() if isinstance(module, kind))
    return next(known, -1 if inputs_first(module) else None)
