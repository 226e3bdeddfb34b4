"""Layers whose own forward pass computes the weight, as the plain layers that they amount to.

Weight standardisation, a learned gain, a low-rank addition: a subclass of a convolution or linear
layer computes another weight at each pass and does nothing else of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pruneviz.duplicate import duplicate

KINDS: tuple[type[Any], ...] = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
    nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
CALLS = tuple(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3))
MORE = 3  # pixels beyond what a kernel covers
SAME = 1e-6  # of the largest output


def plain_layer(module: nn.Module) -> nn.Module | None:
    """Return the plain layer that a module amounts to, None where it is one or is something else.

    It is tried in eval mode, on two inputs: one product, of a weight that does not depend on the
    input, and the very answer that the plain layer gives.
    """
    kind = next((kind for kind in KINDS if isinstance(module, kind)), None)
    if kind is None or not _does_its_own(type(module), kind):
        return None
    try:
        return _plain(duplicate(module).eval(), kind, module.training)
    # Any code of any user: whatever it raises, it is no plain layer.
    except Exception:
        return None


def _does_its_own(own: type, kind: type[Any]) -> bool:
    return any(
        getattr(own, name, None) is not getattr(kind, name, None)
        for name in ("forward", "_conv_forward")
    )


def _plain(own: nn.Module, kind: type[Any], training: bool) -> nn.Module | None:
    made: nn.Module | None = None
    before = own.get_parameter("weight")
    trained = any(p.requires_grad for p in own.parameters())
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for x in _inputs(own):
            torch.manual_seed(len(x))
            with _Products() as products:
                expected = own.forward(x)
            ((weight, bias),) = products.found
            if weight.shape != before.shape or weight.dtype != before.dtype:
                return None
            if made is None:
                if torch.equal(weight, before) and bias is own.bias:
                    return None
                made = _layer(own, kind, weight, bias, trained)
            if not _alike(made.get_parameter("weight"), weight, 0.0):
                return None
            if not _alike(expected, made(x), SAME):
                return None
    return None if made is None else made.train(training)


class _Products(TorchFunctionMode):
    """Notes the weight and bias of each convolution and linear product."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Tensor, Tensor | None]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(zip(("input", "weight", "bias"), args, strict=False)) | (kwargs or {})
        if getattr(func, "__name__", "") in ("linear", *CALLS) and "weight" in given:
            self.found.append((given["weight"], given.get("bias")))
        return func(*args, **(kwargs or {}))


def _inputs(module: nn.Module) -> Iterator[Tensor]:
    """Yield two batches, of different sizes, that a layer takes."""
    sizes: Any = module
    like = module.get_parameter("weight")
    random = torch.Generator().manual_seed(0)
    for batch in (2, 3):
        if isinstance(module, nn.Linear):
            shape = [batch, module.in_features]
        else:
            reach = zip(sizes.kernel_size, sizes.dilation, strict=True)
            shape = [batch, sizes.in_channels, *(d * (k - 1) + MORE + batch for k, d in reach)]
        yield torch.randn(shape, generator=random).to(like)


def _layer(
    own: nn.Module, kind: type[Any], weight: Tensor, bias: Tensor | None, trained: bool
) -> nn.Module:
    """Return a plain layer of a kind with the settings of `own` and another weight and bias."""
    made = duplicate(own)
    made.__class__ = kind
    made._parameters.clear()
    made._buffers.clear()
    made._modules.clear()
    for name, value in (("weight", weight), ("bias", bias)):
        vars(made).pop(name, None)
        plain = None if value is None else nn.Parameter(value.detach().clone(), trained)
        made.register_parameter(name, plain)
    return made


def _alike(one: Tensor, other: Tensor, share: float) -> bool:
    if one.shape != other.shape:
        return False
    atol = share * float(one.abs().max()) if one.numel() else 0.0
    return torch.allclose(one, other, rtol=0, atol=atol)


__all__ = ["plain_layer"]
