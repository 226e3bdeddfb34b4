"""Low-rank adapters: a small addition to each linear layer is trained, then merged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from pruneviz.metrics import Metric
from pruneviz.network.duplicate import duplicate
from pruneviz.network.folding import folded
from pruneviz.network.inputs import Batch
from pruneviz.network.masks import Masks
from pruneviz.network.plain_layers import inputs_first
from pruneviz.recovery.frozen import held, thaw
from pruneviz.recovery.method import RECOVERIES, RecoveryRequest
from pruneviz.recovery.training.class_weights import loss_of_targets
from pruneviz.recovery.training.loop import Training
from pruneviz.recovery.training.settings import TRAINING
from pruneviz.registry import Parameter, Value
from pruneviz.subjects import Data, freeze
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import RefusedError, retrained
from pruneviz.wording.refusals import training

DEFAULTS: dict[str, Value] = {"optimiser": "adamw", "learning_rate": 1e-3, "weight_decay": 0.0}


class Addition(nn.Module):
    """What a weight is with its adapter: M ⊙ (W + alpha / rank · BA), W and the mask M fixed.

    W is (outputs, inputs), or the other way round where the layer's weight lies so; A is (rank,
    inputs), B (outputs, rank), 0 at first.
    """

    def __init__(
        self, weight: Tensor, turned: bool, rank: int, alpha: float, mask: Tensor | None, seed: int
    ) -> None:
        super().__init__()
        outputs, inputs = weight.shape[::-1] if turned else weight.shape
        drawn = torch.rand(rank, inputs, generator=torch.Generator().manual_seed(seed))
        bound = 1 / math.sqrt(inputs)  # as torch draws the weights of a linear layer
        self.a = nn.Parameter((bound * (2 * drawn - 1)).to(weight))
        self.b = nn.Parameter(weight.new_zeros(outputs, rank))
        self.scale, self.turned = alpha / rank, turned
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight that the layer multiplies by."""
        added = self.scale * (self.b @ self.a)
        whole = weight + (added.T if self.turned else added)
        mask: Any = self.mask
        return whole if mask is None else whole * mask


def adaptable(model: nn.Module, staying: Collection[str]) -> Iterator[tuple[str, nn.Module]]:
    """Yield the linear layers whose weight is theirs alone and may be trained, with their paths."""
    often = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    for path, module in model.named_modules():
        if isinstance(module, nn.Linear) or inputs_first(module):
            weight = module._parameters.get("weight")
            name = f"{path}.weight" if path else "weight"
            if weight is not None and often[id(weight)] == 1 and name not in staying:
                yield path, module


def adapt(
    model: nn.Module,
    masks: Masks,
    staying: Collection[str],
    rank: int,
    alpha: float,
    draw: Callable[[str], int],
) -> list[Addition]:
    """Put adapters on a model's linear layers, in place; return them."""
    found = []
    for path, module in list(adaptable(model, staying)):
        weight = module.get_parameter("weight")
        mask = masks.get(f"{path}.weight" if path else "weight")
        mask = None if mask is None or bool(mask.all()) else mask.to(weight.device)
        addition = Addition(weight.detach(), inputs_first(module), rank, alpha, mask, draw(path))
        parametrize.register_parametrization(module, "weight", addition)
        found.append(addition)
    return found


@RECOVERIES.register(
    name="lora",
    title="Low-rank adapters (LoRA)",
    family="training",
    sentence="Trains two narrow matrices beside each linear layer and adds their product to its "
    "weight at the end; all other parameters stay, and so do removed weights. For transformers "
    "with few inputs: it has far fewer numbers to train.",
    formula="min over A, B of the task's mean loss with M ⊙ (W + alpha / rank · BA), W fixed",
    source="Hu et al. 2021, arXiv 2106.09685; after pruning: Ma et al. 2023 (LLM-Pruner), "
    "arXiv 2305.11627",
    parameters=(
        *(replace(each, default=DEFAULTS.get(each.name, each.default)) for each in TRAINING),
        Parameter(
            name="rank",
            default=8,
            help="How many columns B has, and rows A: the more, the more can be learnt.",
            minimum=1,
            maximum=1024,
        ),
        Parameter(
            name="alpha",
            default=16.0,
            help="How much the product counts: it is multiplied by alpha / rank.",
            minimum=0.01,
            maximum=10_000.0,
        ),
    ),
)
class LoRA(Training):
    """Training of adapters alone, on targets; the network handed out has them merged."""

    name = "lora"
    doing = "training adapters"

    def __init__(self, asked: RecoveryRequest, **settings: Value) -> None:
        """Begin; ValueError where no linear layer can be adapted."""
        self._rank, self._alpha = int(settings["rank"]), float(settings["alpha"])
        self._masks = asked.masks
        self._additions: list[Addition] = []
        # the adapted weights hold to their masks by themselves, and all others are not trained
        super().__init__(replace(asked, masks={}), **settings)
        trained = sum(p.numel() for each in self._additions for p in each.parameters())
        masked = any(each.mask is not None for each in self._additions)
        self.notes.append(retrained.adapters(len(self._additions), self._rank, trained, masked))

    @classmethod
    def steps(
        cls, model: nn.Module, data: Data, task: Task = CLASSIFICATION,
        metric: Metric | None = None, /, **settings: Value,
    ) -> int:  # fmt: skip
        """Return how many steps training takes at most; ValueError where it cannot be done."""
        if next(adaptable(model, ()), None) is None:
            raise RefusedError(training.nothing_to_adapt())
        return super().steps(model, data, task, metric, **settings)

    def _trained_copy(self) -> tuple[nn.Module, list[nn.Module]]:
        """Return a copy with adapters, which alone ask for gradients, and its BatchNorms."""
        raw, asked = duplicate(self._asked.model), self._asked
        staying = held(asked.teacher, asked.frozen)

        def draw(path: str) -> int:
            return asked.draw(self.name, "adapter", path)

        self._additions = adapt(raw, self._masks, staying, self._rank, self._alpha, draw)
        if not self._additions:
            raise RefusedError(training.nothing_to_adapt())
        own = {id(p) for each in self._additions for p in each.parameters()}
        named = raw.named_parameters(remove_duplicate=False)
        thaw(raw, {name for name, p in named if id(p) not in own})
        return raw, [module for module in raw.modules() if isinstance(module, _BatchNorm)]

    def loss(self, output: Any, x: Batch, y: Tensor) -> Tensor:
        """Return the task's mean loss of an output with targets y, (B, …), classes weighted."""
        del x
        return loss_of_targets(self._asked.task, output, y, self._weights)

    @property
    def model(self) -> nn.Module:
        """Return the network as it is now, adapters merged, on the CPU in eval mode."""
        return freeze(folded(self._raw).cpu())
