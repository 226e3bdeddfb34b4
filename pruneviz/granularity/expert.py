"""Experts of a mixture: a unit is an expert, with its row of the router and all of its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.coupling import layer_of
from pruneviz.coupling.accept import ready
from pruneviz.coupling.interpretations import ViewInterpretation
from pruneviz.granularity.units import (
    GRANULARITIES,
    NO_INTERPRETATIONS,
    NOTHING,
    AxisKeep,
    Found,
    Interpretations,
    Values,
)
from pruneviz.network.inputs import call
from pruneviz.network.masks import Masks
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.network.study import Counted, OperatorMode, path_through, slowly, study
from pruneviz.report import LeftOut
from pruneviz.wording import Fact, unseen

CHOSEN, COUNTED = "top_k", "expert"  # how transformers calls how many are chosen, and their number
SOFTMAX = "_softmax"


@dataclass(frozen=True)
class ExpertUnits:
    """The experts of one mixture, at `path`: module `experts` has their weights, `router` chooses.

    `shapes` are those of the parameters and buffers whose first axis is the experts', `softmax` the
    call that gives the router's probabilities, with its dimension, and `numbers` the attributes
    that say how many experts there are; `chosen` of them serve each token.
    """

    path: str
    router: str
    experts: str
    count: int
    chosen: int
    shapes: Mapping[str, tuple[int, ...]]
    buffers: frozenset[str]
    numbers: tuple[str, ...]
    softmax: tuple[str, int] = ("", 0)

    @property
    def name(self) -> str:
        """Return the path of the module that has the experts' weights."""
        return self.experts

    @property
    def layers(self) -> tuple[str, ...]:
        """Return the experts' module: the router's is no layer of theirs."""
        return (self.experts,)

    @property
    def least(self) -> int:
        """Return how many experts serve a token: as many must be there to choose from."""
        return self.chosen

    @property
    def places(self) -> Mapping[str, int]:
        """Return {}: a module holds all experts."""
        return NOTHING

    @property
    def choosing(self) -> tuple[str, ...]:
        """Return the module that chooses among the units, so that fewer are numbered otherwise."""
        return (self.path,)

    def _own(self) -> list[str]:
        """Return the parameters that experts compute with."""
        inside = f"{self.experts}."
        return [n for n in self.shapes if n.startswith(inside) and n not in self.buffers]

    def sum(self, values: Values) -> Tensor:
        """Return the sum over the weights of each expert, shape (count,)."""
        return torch.stack([values(name).flatten(1).sum(1) for name in self._own()]).sum(0)

    def max(self, values: Values) -> Tensor:
        """Return the largest value over the weights of each expert, shape (count,)."""
        return torch.stack([values(name).flatten(1).amax(1) for name in self._own()]).amax(0)

    def sum_coupled(self, values: Values) -> Tensor:
        """Return the sum over the weights of each expert and its row of the router."""
        names = [name for name in self.shapes if name not in self.buffers]
        return torch.stack([values(name).reshape(self.count, -1).sum(1) for name in names]).sum(0)

    def sizes(self) -> Tensor:
        """Return the number of weights of each expert, shape (count,)."""
        weights = sum(torch.Size(self.shapes[name][1:]).numel() for name in self._own())
        return torch.full((self.count,), weights)

    def masks(self, keep: Tensor) -> Masks:
        """Return masks that take the weights of each expert that goes, and its row of the router.

        A row of zeros is a score of 0 and no refusal: `call_keep` takes the score away.
        """
        return {
            name: keep.view(-1, *[1] * (len(shape) - 1)).expand(shape)
            for name, shape in self.shapes.items()
            if name not in self.buffers
        }

    def axis_keep(self, keep: Tensor) -> AxisKeep:
        """Return which experts stay along the first axis of the router and of their weights."""
        return {(name, 0): keep for name in self.shapes}

    def call_keep(self, keep: Tensor) -> AxisKeep:
        """Return which scores the router's probabilities are of: −∞ stands for the others."""
        return {self.softmax: keep}

    def size_keep(self, keep: Tensor) -> AxisKeep:
        """Return what stays of the numbers of experts that modules remember."""
        return {(name, -1): keep for name in self.numbers}

    def bypassed(self, keep: Tensor) -> tuple[str, ...]:
        """Return (): every mixture still computes."""
        return ()

    @property
    def interpretations(self) -> frozenset[ViewInterpretation]:
        """Return nothing: a mixture can be read in one way only."""
        return frozenset()


@GRANULARITIES.register(
    name="expert",
    title="Experts",
    family="structured",
    sentence="Takes whole experts out of mixtures: the router chooses among those that stay.",
    formula="unit = one expert's weights, with its row of the router",
    source="Lu et al. 2024, arXiv 2402.14800; Lasby et al. 2025 (REAP), arXiv 2510.13999",
    unit="expert",
)
def experts(
    model: nn.Module, example: Any, interpretations: Interpretations = NO_INTERPRETATIONS
) -> Found:
    """Run the model and return its mixtures of experts, and why other layers are in none."""
    model = ready(model, example)
    mixtures = tuple(_mixtures(model))
    softmaxes = _softmaxes(model, example, [each.router for each in mixtures]) if mixtures else {}
    found, against = [], dict[str, Fact]()
    for each in mixtures:
        calls = softmaxes.get(each.router, [])
        if each.count <= each.chosen:
            against[each.experts] = unseen.all_experts_serve(each.count)
        elif len(calls) != 1 or calls[0][2] != each.count:
            against[each.experts] = unseen.router_is_no_softmax()
        else:
            key, dim, _ = calls[0]
            found.append(replace(each, softmax=(key, dim)))
    taken = {layer for units in found for layer in (*units.layers, units.router)}
    return tuple(found), _left_out(model, taken, against)


def _mixtures(model: nn.Module) -> Iterator[ExpertUnits]:
    """Yield the modules with one part that has experts' weights, and one with a row for each."""
    for path, module in model.named_modules():
        parts = dict(module.named_children())
        stacked = [name for name, part in parts.items() if _stacked(part)]
        if len(stacked) != 1:
            continue
        count = _stacked(parts[stacked[0]])
        routers = [n for n, p in parts.items() if n != stacked[0] and _chooses(p, count)]
        if len(routers) != 1:
            continue
        router = parts[routers[0]]
        held = [part for part in (router, module) if type(vars(part).get(CHOSEN)) is int]
        if held:
            own = {name: parts[name] for name in (routers[0], stacked[0])}
            yield _mixture(path, module, own, count, int(getattr(held[0], CHOSEN)))


def _mixture(
    path: str, module: nn.Module, parts: Mapping[str, nn.Module], count: int, chosen: int
) -> ExpertUnits:
    """Return a mixture with all that has as many entries as there are experts."""
    inside = f"{path}." if path else ""
    tensors = [
        (f"{inside}{name}.{own}", tensor, isinstance(tensor, nn.Parameter))
        for name, part in parts.items()
        for own, tensor in (*part.named_parameters(), *part.named_buffers())
        if tensor.ndim and tensor.shape[0] == count
    ]
    numbers = [
        f"{where}.{name}" if where else name
        for where, part in ((path, module), *((f"{inside}{n}", p) for n, p in parts.items()))
        for name, value in vars(part).items()
        if type(value) is int and value == count and COUNTED in name and "per_tok" not in name
    ]
    router, stacked = (f"{inside}{name}" for name in parts)
    return ExpertUnits(
        path, router, stacked, count, chosen,
        {name: tuple(tensor.shape) for name, tensor, _ in tensors},
        frozenset(name for name, _, learned in tensors if not learned), tuple(numbers),
    )  # fmt: skip


def _stacked(part: nn.Module) -> int:
    """Return how many experts' weights a module has, one behind the other; 0 where it has none."""
    own = list(part.parameters(recurse=False))
    sizes = {parameter.shape[0] for parameter in own if parameter.ndim}
    several = any(parameter.ndim == 3 for parameter in own)
    return sizes.pop() if several and len(sizes) == 1 else 0


def _chooses(part: nn.Module, count: int) -> bool:
    """Say whether a module has a row of weights for each expert."""
    weight = part._parameters.get("weight")
    return weight is not None and weight.ndim == 2 and weight.shape[0] == count


class _Softmaxes(OperatorMode):
    """Notes each softmax by the modules that are under way: its key, dimension and size."""

    def __init__(self, owners: list[str]) -> None:
        super().__init__()
        self.found: list[tuple[str, str, int, int]] = []
        self._owners, self._counted = owners, Counted()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        key = self._counted.key(func)
        out = func(*args, **(kwargs or {}))
        if key.partition("#")[0] == SOFTMAX and self._owners:
            dim = args[1] % args[0].ndim
            self.found.append((self._owners[-1], key, dim, args[0].shape[dim]))
        return out


def _softmaxes(
    model: nn.Module, example: Any, routers: list[str]
) -> dict[str, list[tuple[str, int, int]]]:
    """Return the softmaxes of each router in a pass: the call's key, its dimension and its size."""
    studied, owners = study(model), list[str]()
    noting = _Softmaxes(owners)
    with ONE_TRACE, torch.no_grad(), slowly(studied), path_through(studied, owners), noting:
        call(studied, example)
    return {
        path: [(key, dim, size) for owner, key, dim, size in noting.found if owner == path]
        for path in routers
    }


def _left_out(
    model: nn.Module, taken: set[str], against: Mapping[str, Fact]
) -> tuple[LeftOut, ...]:
    """Return every layer with a matrix that is in no mixture, with the reason."""
    matrices = dict.fromkeys(layer_of(n) for n, p in model.named_parameters() if p.ndim > 1)
    return tuple(
        LeftOut(layer, (against.get(layer, unseen.no_experts()),))
        for layer in matrices
        if layer not in taken
    )


__all__ = ["ExpertUnits", "experts"]
