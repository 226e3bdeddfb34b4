"""A forward pass watched: what each layer reads, and where its activation comes out.

A layer's activation is its output after the normalisation, the additions and the activation
function that follow it at once: what the next layer reads. A first pass, on one input, finds the
calls where these come out; every later pass looks at those calls and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from pruneviz.coupling.left_out import is_layer
from pruneviz.network.inputs import call
from pruneviz.network.study import slowly
from pruneviz.statistics.layers import Layer

CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
TURNED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
LAYER_CALLS = frozenset({F.linear, F.embedding, *CONVOLUTIONS, *TURNED})
FOLLOWING = frozenset(
    getattr(place, name)
    for place, names in (
        (F, "batch_norm layer_norm group_norm instance_norm rms_norm relu relu6 leaky_relu prelu "
            "rrelu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh "
            "softplus softsign dropout dropout1d dropout2d dropout3d relu_ leaky_relu_"),
        (torch, "relu relu_ sigmoid tanh add selu celu prelu"),
        (Tensor, "relu relu_ sigmoid tanh add add_ __add__ __iadd__ __radd__ clamp clamp_min "
                 "contiguous"),
    )
    for name in names.split()
)  # fmt: skip
OPTIONS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TURNED_OPTIONS = (
    "input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation",
)  # fmt: skip


def call_options(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a layer's call by name, and whether it is `turned` or `linear`.

    Or a `table`: numbers look up its rows, as if each read 1 for its row and 0 for the others.
    """
    names = TURNED_OPTIONS if func in TURNED else OPTIONS
    found = {**dict(zip(names, args, strict=False)), **kwargs}
    kinds = {"turned": func in TURNED, "linear": func is F.linear, "table": func is F.embedding}
    return {**found, **kinds}


@dataclass
class _Met:
    """A call of a layer: where its activation came out last, and whether it was read since."""

    parameter: str
    dim: int  # of the channels, from the end
    call: int
    is_read: bool = False
    norm: str = ""


@dataclass(frozen=True)
class Site:
    """Where a layer's activation comes out: channels along `dim`, counted from the end."""

    parameter: str
    dim: int


@dataclass
class _Finder(TorchFunctionMode):
    """Finds the calls at which activations come out, in one pass."""

    weights: Weights
    calls: int = 0
    met: list[_Met] = field(default_factory=list)
    tagged: dict[int, tuple[Tensor, list[_Met]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        given = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        if func not in LAYER_CALLS and func not in FOLLOWING:
            return func(*args, **kwargs)
        known = [m for a in given for m in self._of(a) if not m.is_read]
        out = func(*args, **kwargs)
        self.calls += 1
        if func in LAYER_CALLS:
            self._layer(call_options(func, args, kwargs), known, out)
        elif any(a.shape == out.shape for a in given):
            norm = self.weights.name(_scale(args, kwargs)) if func is F.batch_norm else ""
            for each in known:
                each.call, each.norm = self.calls, each.norm or norm
            self.tagged[id(out)] = (out, known)
        return out

    def _of(self, tensor: Tensor) -> list[_Met]:
        return self.tagged[id(tensor)][1] if id(tensor) in self.tagged else []

    def _layer(self, options: Mapping[str, Any], known: list[_Met], out: Tensor) -> None:
        for each in known:
            each.is_read = True
        name = self.weights.of_call(options)
        if name:
            last = options["linear"] or options["table"]
            dim = -1 if last else 1 - options["weight"].ndim
            self.met.append(_Met(name, dim, self.calls))
            self.tagged[id(out)] = (out, [self.met[-1]])


def _scale(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the scale that a call of batch_norm is given."""
    return args[3] if len(args) > 3 else kwargs.get("weight")


Sites = Mapping[int, tuple[Site, ...]]


def find_sites(model: nn.Module, example: Any) -> Sites:
    """Return, by the number of the call, whose activations come out of it."""
    sites: dict[int, tuple[Site, ...]] = {}
    for each in _met(model, example):
        sites[each.call] = (*sites.get(each.call, ()), Site(each.parameter, each.dim))
    return sites


def find_norms(model: nn.Module, example: Any) -> dict[str, str]:
    """Return the scale of the BatchNorm that follows a layer at once, by the layer's weight."""
    return {each.parameter: each.norm for each in _met(model, example) if each.norm}


def _met(model: nn.Module, example: Any) -> list[_Met]:
    finder = _Finder(Weights(model))
    with torch.no_grad(), slowly(model), finder:
        call(model, example)
    return finder.met


class Weights:
    """The names of a model's parameters by their tensors; `[1]` is the second of equal parts."""

    def __init__(self, model: nn.Module) -> None:
        self._names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._multiplied = {id(module.weight) for module in model.modules() if is_layer(module)}

    def of_call(self, options: Mapping[str, Any]) -> str:
        """Return the name of a call's weight; "" for a table that a layer multiplies by as well.

        Such a weight is the layer's, whose calls are looked at.
        """
        weight: Tensor = options["weight"]
        return "" if options["table"] and id(weight) in self._multiplied else self.name(weight)

    def name(self, weight: Tensor | None) -> str:
        """Return the name of a parameter, of one turned, or of some rows; "" of anything else."""
        whole = None if weight is None else weight._base
        if weight is None or whole is None or id(whole) not in self._names:
            return self._names.get(id(weight), "")
        if weight.ndim == 2 and weight.shape == whole.shape[::-1] and _turned(weight, whole):
            return self._names[id(whole)]
        rows = weight.stride() == whole.stride() and weight.shape[1:] == whole.shape[1:]
        first = weight.storage_offset() - whole.storage_offset()
        return f"{self._names[id(whole)]}[{first // max(1, weight.numel())}]" if rows else ""


def _turned(weight: Tensor, whole: Tensor) -> bool:
    return weight.stride() == whole.stride()[::-1] and whole.is_contiguous()


class LayerObserver(TorchFunctionMode):
    """Shows each layer's inputs and activations while a model runs; `start` before each batch."""

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, Layer],
        sites: Sites,
        reads: Callable[[Layer, Tensor, Mapping[str, Any]], None] | None = None,
        answers: Callable[[Layer, Tensor, int], Tensor | None] | None = None,
    ) -> None:
        """Show inputs to `reads`, activations with their channels' dimension to `answers`.

        What `answers` returns takes the activation's place.
        """
        super().__init__()
        self._weights, self._layers, self._sites = Weights(model), layers, sites
        self._reads, self._answers, self._calls = reads, answers, 0

    def start(self) -> None:
        """Count the calls from the first again."""
        self._calls = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in LAYER_CALLS and func not in FOLLOWING:
            return func(*args, **kwargs)
        if func in LAYER_CALLS and self._reads is not None:
            options = call_options(func, args, kwargs)
            layer = self._layers.get(self._weights.of_call(options))
            if layer is not None:
                self._reads(layer, options["input"], options)
        out = func(*args, **kwargs)
        self._calls += 1
        for site in self._sites.get(self._calls, ()) if self._answers is not None else ():
            layer = self._layers.get(site.parameter)
            if layer is not None and self._answers is not None:
                new = self._answers(layer, out, site.dim)
                out = out if new is None else new
        return out


def by_channel(activation: Tensor, dim: int) -> Tensor:
    """Return an activation whose channels lie along `dim` as (B, channels, …)."""
    return activation.movedim(dim, 1) if activation.ndim > 1 else activation[None]
