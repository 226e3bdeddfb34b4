"""Which networks can be looked into at all, and in what form; the others are refused."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from pruneviz.network.causes import told
from pruneviz.network.duplicate import duplicate
from pruneviz.network.folding import computed_names, folded, unfolded
from pruneviz.network.held import held_by_name
from pruneviz.network.inputs import arguments, call
from pruneviz.network.passes import Failure, Step, followed, is_sparse
from pruneviz.network.steady import draws, generators
from pruneviz.wording import RefusedError, said_by
from pruneviz.wording.refusals import tracing

M = TypeVar("M", bound=nn.Module)
SAME = 1e-5  # of the largest output
QUANTIZED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")


def accept(model: nn.Module) -> None:
    """Raise ValueError, with the remedy, for a network that no trace can look into."""
    accept_form(model)
    for path, module in model.named_modules():
        _accept_kept(path, module)


def accept_form(model: nn.Module) -> None:
    """Raise ValueError, with the remedy, for a network whose parts or weights cannot be read."""
    for path, module in model.named_modules():
        name = f"'{path}'" if path else "this model"
        if isinstance(module, torch.jit.ScriptModule):
            raise RefusedError(tracing.scripted(name))
        if any(kind.__module__.startswith("torch.export") for kind in type(module).__mro__):
            raise RefusedError(tracing.exported(name))
        if "_orig_mod" in module._modules:
            raise RefusedError(tracing.compiled(name))
        if type(module).__module__.startswith(QUANTIZED):
            raise RefusedError(tracing.quantised(name))
    _accept_tensors(model)


def _accept_tensors(model: nn.Module) -> None:
    """Raise RefusedError for a tensor without values, or one that is not dense."""
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if is_lazy(tensor):
            raise RefusedError(tracing.no_shape_yet(name))
        if tensor.is_meta:
            raise RefusedError(tracing.on_meta(name))
    for name, tensor in held_by_name(model):
        form = _other_form(tensor)
        if form:
            layout = str(tensor.layout).removeprefix("torch.")
            raise RefusedError(tracing.not_dense(name, form, layout))


def _other_form(tensor: Tensor) -> str:
    """Return in which form a tensor lies that is not dense, as `tracing.DENSE` has them, or ""."""
    if tensor.is_nested:
        return "nested"
    if tensor.is_mkldnn:
        return "oneDNN"
    return "sparse" if is_sparse(tensor) else ""


def _accept_kept(path: str, module: nn.Module) -> None:
    """Raise ValueError for a tensor that a module keeps beside the parameters it is made of."""
    for name, value in vars(module).items():
        if not isinstance(value, Tensor) or name in computed_names(module):
            continue
        place = f"{path}.{name}" if path else name
        if not value.is_leaf:
            raise RefusedError(tracing.kept_with_gradients(place))


def ready(model: M, example: Any) -> M:
    """Return the form of a model that is looked at: `folded`, and proved to answer alike.

    The model itself where nothing in it is computed. ValueError for a network that no trace can
    look into, and for one that reads more of a computed weight than its value.
    """
    accept(model)
    plain = folded(model)
    check_folded(model, plain, example)
    return plain


def check_folded(model: nn.Module, plain: nn.Module, example: Any) -> None:
    """Raise ValueError unless a folded model answers an example as the model itself does."""
    if plain is model:
        return
    own = unfolded(model).eval()
    before = _leaves(own, example)
    try:
        after = _leaves(duplicate(plain).eval(), example)
        alike = len(before) == len(after) and all(map(_alike, before, after))
        reason = tracing.otherwise_with_plain_weights()
    except ValueError as error:
        alike, reason = False, said_by(error)
    if not alike and not draws(lambda: answer(own, example)):
        raise RefusedError(tracing.reads_computed_weights(reason))


def _leaves(model: nn.Module, example: Any) -> list[Tensor]:
    with generators(0), torch.no_grad():
        return [leaf for leaf in tree_leaves(answer(model, example)) if isinstance(leaf, Tensor)]


def _alike(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not (one.is_floating_point() or one.is_complex()) or not one.numel():
        return torch.equal(one, other)
    largest = float(one.abs().nan_to_num(0, 0, 0).max())
    return torch.allclose(one, other, rtol=0, atol=SAME * largest, equal_nan=True)


def answer(model: nn.Module, example: Any) -> Any:
    """Return the model's answer; ValueError names the module in which its forward pass fails.

    What it draws at random is as if it had not been asked.
    """
    empty = [leaf for leaf in tree_leaves(example) if isinstance(leaf, Tensor) and not leaf.numel()]
    if empty:
        raise RefusedError(tracing.empty_example(tuple(empty[0].shape)))
    inside: list[Step] = []
    try:
        with followed(model, inside), torch.random.fork_rng(devices=[]):
            return call(model, example)
    # Any code of any user: whatever it raises, the model does not run on its example.
    except (Exception, SystemExit) as error:
        reason = said_by(told(Failure(model, *arguments(example), error, inside, alone=False)))
        raise RefusedError(tracing.does_not_run(reason)) from error
