"""Layers whose own code computes the weight, as the plain layers that they amount to.

Weight standardisation, a learned gain, a low-rank addition, a direction and a length: a module
computes another weight at each pass, and does nothing else of its own. It may be a subclass of a
convolution or linear layer, one around such a layer whose weight it sets, or a class by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pruneviz.network.duplicate import duplicate, sharing
from pruneviz.network.inputs import call

KINDS: tuple[type[Any], ...] = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
    nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
_CONVOLVED = ("stride", "padding", "dilation", "groups")
_TRANSPOSED = ("stride", "padding", "output_padding", "groups", "dilation")
CALLS: Mapping[str, tuple[type[Any], tuple[str, ...]]] = {
    "linear": (nn.Linear, ()),
    **{f"conv{n}d": (KINDS[n], _CONVOLVED) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": (KINDS[n + 3], _TRANSPOSED) for n in (1, 2, 3)},
}
MORE = 3  # pixels beyond what a kernel covers
SAME = 1e-6  # of the largest output
ROUGHLY = 1e-2  # where numbers have some three digits


def plain_layer(module: nn.Module) -> nn.Module | None:
    """Return the plain layer that a module amounts to, None where it is one or is something else.

    It is tried in eval mode, on two inputs: one product, of a weight that does not depend on the
    input, and the very answer that the plain layer gives.
    """
    for like in _takes_inputs_like(module):
        # Any code of any user: whatever it raises, it is no plain layer.
        with suppress(Exception):
            made = _plain(module, like)
            if made is not None:
                return made.train(module.training)
    return None


def _takes_inputs_like(module: nn.Module) -> Iterator[nn.Module]:
    """Yield layers whose inputs a module may take: itself, the one that it is around, or guesses.

    None is given for what computes no weight: torch's own layers, and parts that do more.
    """
    kind: Any = type(module)
    if isinstance(module, KINDS):
        if _does_its_own(kind) or not _has_weight(module):
            yield module
        return
    # What is cheap to ask comes first: this is asked of every module, several times a cut.
    hooks = module._forward_hooks or module._forward_pre_hooks
    if hooks or len([*module.children()]) > 1 or _is_of_torch(kind):
        return
    if next(module.parameters(), None) is None:
        return
    parts = [part for part in module.modules() if part is not module]
    if not parts:
        yield from _guesses(module)
    elif len(parts) == 1 and isinstance(parts[0], KINDS) and not _has_weight(parts[0]):
        yield parts[0]


@cache
def _is_of_torch(kind: Any) -> bool:
    return str(kind.__module__).startswith("torch.nn")


def _has_weight(layer: nn.Module) -> bool:
    return isinstance(vars(layer)["_parameters"].get("weight"), Tensor)


@cache
def _does_its_own(own: Any) -> bool:
    kind = next(kind for kind in KINDS if issubclass(own, kind))
    return any(
        getattr(own, name, None) is not getattr(kind, name, None)
        for name in ("forward", "_conv_forward")
    )


def _guesses(module: nn.Module) -> Iterator[nn.Module]:
    """Yield layers as wide as a module's own tensors, on no memory."""
    for shape in {tuple(p.shape): None for p in module.parameters(recurse=False) if p.ndim > 1}:
        groups = [g for g in range(1, shape[0] + 1) if shape[0] % g == 0 and len(shape) > 2]
        for width in dict.fromkeys((shape[1], shape[0], *(shape[1] * g for g in groups))):
            if len(shape) == 2:
                yield nn.Linear(width, 1, device="meta")
            elif len(shape) < 6:
                yield KINDS[len(shape) - 2](width, 1, shape[2:], device="meta")


def _plain(module: nn.Module, like: nn.Module) -> nn.Module | None:
    made: nn.Module | None = None
    before = module._parameters.get("weight") if module is like else None
    trained = any(p.requires_grad for p in module.parameters())
    dtype = next(p.dtype for p in module.parameters())
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for x in _inputs(like, dtype):
            torch.manual_seed(len(x))
            own = duplicate(module).eval()  # anew, as a pass may write to what it holds
            kept = memory_of(own)
            with _Products() as products:
                expected = own.forward(x) if before is not None else call(own, x)
            (product,) = products.found
            weight = product["weight"]
            if before is not None and (weight.shape, weight.dtype) != (before.shape, before.dtype):
                return None
            if made is None:
                as_it_is = before is not None and torch.equal(weight, before)
                if (as_it_is or _lies_in(weight, kept)) and _lies_in(product["bias"], kept):
                    return None
                made = _layer(module if module is like else None, product, trained)
            if not _alike(made.get_parameter("weight"), weight, 0.0):
                return None
            if not _alike(expected, call(made, x), SAME):
                return None
    return made


def memory_of(module: nn.Module) -> set[int]:
    """Return where the tensors lie that a module holds, under whatever name."""
    plain = [value for part in module.modules() for value in vars(part).values()]
    tensors = [*module.parameters(), *module.buffers(), *plain]
    return {t.untyped_storage()._cdata for t in tensors if isinstance(t, Tensor)}


def _lies_in(tensor: Tensor | None, memory: set[int]) -> bool:
    return tensor is None or tensor.untyped_storage()._cdata in memory


class _Products(TorchFunctionMode):
    """Notes the arguments of each convolution and linear product, by name, and `kind`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, Any]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kind, settings = CALLS.get(getattr(func, "__name__", ""), (None, ()))
        if kind is not None:
            names = ("input", "weight", "bias", *settings)
            given = dict(zip(names, args, strict=False)) | (kwargs or {})
            if "weight" in given:
                self.found.append({"bias": None, **given, "kind": kind})
        return func(*args, **(kwargs or {}))


def _inputs(like: nn.Module, dtype: torch.dtype) -> Iterator[Tensor]:
    """Yield two batches, of different sizes, that a layer takes."""
    sizes: Any = like
    random = torch.Generator().manual_seed(0)
    for batch in (2, 3):
        if isinstance(like, nn.Linear):
            shape = [batch, like.in_features]
        else:
            reach = zip(sizes.kernel_size, sizes.dilation, strict=True)
            shape = [batch, sizes.in_channels, *(d * (k - 1) + MORE + batch for k, d in reach)]
        yield torch.randn(shape, generator=random).to(dtype)


def _layer(own: nn.Module | None, product: Mapping[str, Any], trained: bool) -> nn.Module:
    """Return a plain layer with the weight and bias of a product.

    It has the settings of `own`, a layer of that kind, or those that the product was given.
    """
    if own is None:
        made = _by_product(product)
    else:
        made = duplicate(own)
        made.__class__ = next(kind for kind in KINDS if isinstance(own, kind))
        for part in (made._parameters, made._buffers, made._modules):
            part.clear()
        if not _has_weight(own):
            made._forward_pre_hooks.clear()  # what set the weight
    for name in ("weight", "bias"):
        value = product[name]
        vars(made).pop(name, None)
        plain = None if value is None else nn.Parameter(value.detach().clone(), trained)
        made.register_parameter(name, plain)
    return made


def _by_product(product: Mapping[str, Any]) -> nn.Module:
    kind, weight, bias = product["kind"], product["weight"], product["bias"] is not None
    if kind is nn.Linear:
        linear: nn.Module = nn.Linear(weight.shape[1], weight.shape[0], bias, device="meta")
        return linear
    settings = {name: product[name] for name in _TRANSPOSED if name in product}
    groups = settings.get("groups", 1)
    outputs, inputs = weight.shape[0], weight.shape[1] * groups
    if kind in KINDS[4:]:
        outputs, inputs = weight.shape[1] * groups, weight.shape[0]
    made: nn.Module = kind(
        inputs, outputs, tuple(weight.shape[2:]), bias=bias, device="meta", **settings
    )
    return made


def inputs_first(module: nn.Module) -> bool:
    """Return whether a module is a linear layer whose weight lies (inputs, outputs): x @ W + b.

    It is told by what it computes: of user code, such as transformers' Conv1D, the name says
    nothing. Such a layer has one weight, at most a bias, and nothing else.
    """
    kind: Any = type(module)
    own: dict[str, Tensor | None] = vars(module)["_parameters"]
    weight, bias = own.get("weight"), own.get("bias")
    if isinstance(module, KINDS) or not isinstance(weight, Tensor) or weight.ndim != 2:
        return False
    parts = module._modules or module._buffers or module._forward_hooks or module._forward_pre_hooks
    if parts or not own.keys() <= {"weight", "bias"} or _is_of_torch(kind):
        return False
    if weight.is_meta or (bias is not None and bias.shape != weight.shape[1:]):
        return False
    # Any code of any user: whatever it raises, it is no such layer.
    with suppress(Exception), torch.no_grad(), torch.random.fork_rng(devices=[]):
        return _multiplies_inputs_first(module, weight)
    return False


def _multiplies_inputs_first(module: nn.Module, weight: Tensor) -> bool:
    own, random = sharing(module).eval(), torch.Generator().manual_seed(0)
    if weight.shape[0] == weight.shape[1]:  # one that lies the other way has the same shape
        drawn = torch.randn(weight.shape, generator=random).to(weight.dtype)
        own = sharing(module, {id(weight): nn.Parameter(drawn, False)}).eval()
        weight = drawn
    share = SAME if weight.dtype.itemsize > 2 else ROUGHLY
    for shape in ((2, len(weight)), (2, 3, len(weight))):
        x = torch.randn(shape, generator=random).to(weight.dtype)
        expected = x @ weight
        bias = own._parameters.get("bias")
        expected = expected if bias is None else expected + bias
        if not _alike(expected, call(own, x), share):
            return False
    return True


def call_as_linear(model: nn.Module) -> None:
    """Let those layers of a copy that is nobody else's multiply as `linear` does.

    The same products, in calls that are followed like those of torch's own layers; what such a
    layer remembers of its sizes is `fit_remembered`'s.
    """
    for module in model.modules():
        kind: Any = type(module)
        if inputs_first(module):
            module.__class__ = _as_linear(kind)


@cache
def _as_linear(kind: Any) -> Any:
    return type(kind.__name__, (kind,), {"forward": _linear})


def _linear(module: nn.Module, x: Tensor) -> Tensor:
    weight: Any = module.weight  # others may stand there for one call
    return nn.functional.linear(x, weight.t(), getattr(module, "bias", None))


def fit_remembered(module: nn.Module, before: torch.Size) -> None:
    """Let the whole numbers that such a layer remembers follow its weight, which was cut.

    `before` is the weight's old shape. A number may count inputs or outputs where there were as
    many of both: those are taken with which the layer multiplies.
    """
    now = module.get_parameter("weight").shape
    own = {name: n for name, n in vars(module).items() if type(n) is int and n in before}
    follow = [[now[at] for at in (0, 1) if before[at] == n] for n in own.values()]
    for sizes in itertools.product(*follow):
        vars(module).update(zip(own, sizes, strict=True))
        if inputs_first(module):
            return


def _alike(one: Tensor, other: Tensor, share: float) -> bool:
    if one.shape != other.shape:
        return False
    atol = share * float(one.abs().max()) if one.numel() else 0.0
    return torch.allclose(one, other, rtol=0, atol=atol)


__all__ = ["call_as_linear", "fit_remembered", "inputs_first", "memory_of", "plain_layer"]
