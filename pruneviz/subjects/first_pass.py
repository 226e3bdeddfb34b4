"""A model's first pass, and in plain words why it fails, with the remedy that fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

MOST_PARTS = 4  # of an output that are named
MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
TYPES = ("dtype", "scalar type", "same type", "should be the same")
ARGUMENTS = ("positional argument", "keyword-only argument", "required argument")


def input_dtype(model: nn.Module) -> torch.dtype:
    """Return in which precision a model is given its inputs: double where all of it is double."""
    own = {p.dtype for p in model.parameters() if p.is_floating_point()}
    return torch.float64 if own == {torch.float64} else torch.float32


def forward(model: nn.Module, x: Tensor) -> Any:
    """Return the model's output for x (2, …); ValueError says why there is none, and the remedy."""
    inside: list[str] = []
    try:
        with torch.no_grad(), _followed(model, inside):
            return model(x)
    # Any model of any user: whatever its forward pass raises is told to them.
    except Exception as error:
        raise ValueError(_why(model, x, error, inside)) from error


def described(output: Any) -> str:
    """Return what a model's output is made of, such as "dict of logits: shape [2, 3]"."""
    if isinstance(output, Tensor):
        return f"shape {list(output.shape)}"
    named = (
        output.items()
        if isinstance(output, Mapping)
        else enumerate(output)
        if isinstance(output, tuple | list)
        else ()
    )
    parts = [f"{name}: {described(part)}" for name, part in named]
    kind = type(output).__name__
    return f"{kind} of {', '.join(parts[:MOST_PARTS])}" if parts else kind


@contextmanager
def _followed(model: nn.Module, inside: list[str]) -> Iterator[None]:
    """Note the modules that are being run, the innermost last."""
    handles = []
    for path, module in model.named_modules():
        if path and not isinstance(module, torch.jit.ScriptModule):
            name = f"'{path}' ({type(module).__name__})"
            handles.append(
                module.register_forward_pre_hook(lambda *_, name=name: inside.append(name))
            )
            handles.append(module.register_forward_hook(lambda *_: inside.pop() and None))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _runs(model: nn.Module, x: Tensor) -> bool:
    try:
        with torch.no_grad():
            model(x)
    # Any model of any user: whatever it raises, it does not run.
    except Exception:
        return False
    return True


def _why(model: nn.Module, x: Tensor, error: Exception, inside: list[str]) -> str:
    said = (str(error).splitlines() or [""])[0] or type(error).__name__
    where = f"{inside[-1]} says: {said}" if inside else said
    kind, shape = str(x.dtype).removeprefix("torch."), list(x.shape[1:])
    given = f"it was given {len(x)} inputs of shape {shape}, {kind}"
    own = {p.dtype for p in model.parameters() if p.is_floating_point()} - {x.dtype}
    text = str(error)
    if isinstance(error, TypeError) and any(part in text for part in ARGUMENTS):
        return (
            f"the model asks for more than one input ({said}), and models of several inputs are "
            "not opened yet: give one whose forward takes one tensor"
        )
    if inside and "(Embedding" in inside[-1]:
        return (
            f"the model looks up whole numbers, such as tokens, and {given}; {where}. Models of "
            "tokens are not opened yet: give one that takes numbers, or turns them into tokens"
        )
    if own and any(part in text for part in TYPES):
        names = " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in own))
        return (
            f"the model computes in {names}, and {given}; {where}. Return it in single precision, "
            "model.float(), from its factory"
        )
    if len(x) > 1 and _runs(model, x[:1]):
        return (
            f"the model takes one input at a time, and {given}; {where}. Let its forward keep the "
            "first axis of its input, such as x.flatten(1) in place of x.view(1, -1)"
        )
    if isinstance(error, OSError):
        return f"the model reads a file as it runs, and that fails: {where}; put the file there"
    if isinstance(error, MemoryError) or any(part in text.lower() for part in MEMORY):
        return f"memory does not suffice for the model: {given}; {where}; give smaller inputs"
    if isinstance(error, AssertionError | NotImplementedError | KeyError | AttributeError):
        return f"the model's own code refuses: {type(error).__name__}, {where}; {given}"
    return (
        f"the model does not take inputs of shape {shape}: {where} ({given}); "
        "give the shape or the data that it was made for"
    )
