"""A forward pass that is watched: what a model is given, what is under way, and where it fails."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.network.inputs import call

TORCH = Path(torch.__file__).parent


@dataclass(frozen=True, eq=False)
class Step:
    """A part of a model that is under way, and what it was given."""

    path: str
    module: nn.Module
    args: Any

    def __str__(self) -> str:
        """Return it as a user knows it, such as "'c1' (Conv2d)"."""
        return f"'{self.path}' ({type(self.module).__name__})"


@contextmanager
def followed(
    model: nn.Module, inside: list[Step], left: Callable[[Step, Any], None] | None = None
) -> Iterator[None]:
    """Note the parts of a model that are being run, the innermost last; an error leaves them.

    `left` is called with each part that has run and what it answered.
    """
    hooks = []

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        step = inside.pop()
        if left is not None:
            left(step, output)

    for path, module in model.named_modules():
        if path and not isinstance(module, torch.jit.ScriptModule):

            def enter(module: nn.Module, args: Any, path: str = path) -> None:
                inside.append(Step(path, module, args))

            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def is_sparse(tensor: Tensor) -> bool:
    """Return whether a tensor stores some of its values alone."""
    return tensor.layout is not torch.strided


def span(tensor: Tensor) -> str:
    """Return from where to where a tensor's values run, such as "from −1.5 to 3", or ""."""
    if not tensor.numel() or tensor.is_complex() or tensor.is_meta or is_sparse(tensor):
        return ""
    finite = tensor.detach()[tensor.isfinite()].double()
    if not finite.numel():
        return "none of them finite"
    low, high = (f"{float(value):,.3g}".replace("-", "−") for value in finite.aminmax())
    return f"from {low} to {high}" + (
        "" if finite.numel() == tensor.numel() else ", not all finite"
    )


def given(args: tuple[Any, ...], kwargs: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return what a model was given: how many, of which shape, type and range."""
    named = [f"{name}: {_given(value)}" for name, value in kwargs.items()]
    return " and ".join([*map(_given, args), *named])


def _given(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    kind = str(value.dtype).removeprefix("torch.")
    if not value.dim():
        return f"one number, {kind}"
    count = f"{len(value)} input" + ("s" if len(value) != 1 else "")
    run = span(value)
    return f"{count} of shape {list(value.shape[1:])}, {kind}" + (f", {run}" if run else "")


@dataclass(frozen=True, eq=False)
class Failure:
    """A forward pass that failed: of which model, on which arguments, by what, and where.

    `alone` says that a model is opened with one input, whatever it may ask for.
    """

    model: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    error: BaseException
    inside: list[Step] = field(default_factory=list)
    alone: bool = True

    @property
    def text(self) -> str:
        """Return all that the error says, in small letters."""
        return str(self.error).lower()

    @property
    def first(self) -> Any:
        """Return the first argument, by place or by name."""
        return next(iter([*self.args, *self.kwargs.values()]), None)

    @property
    def single(self) -> Any:
        """Return the argument of a model that is given one, by place; None of any other."""
        return self.args[0] if len(self.args) == 1 and not self.kwargs else None

    @property
    def last(self) -> Step | None:
        """Return the innermost part that was under way, None for the model's own code."""
        return self.inside[-1] if self.inside else None

    def output(self, *args: Any) -> Any:
        """Return what the model answers to other arguments, None where it does not run."""
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                return call(self.model, args)
        # Any model of any user: whatever it raises, it does not run.
        except (Exception, SystemExit):
            return None

    def runs(self, *args: Any) -> bool:
        """Say whether the model runs on other arguments."""
        return self.output(*args) is not None

    def answers(self, x: Tensor, *, alone: bool = False) -> bool:
        """Say whether the model gives one row for each of other inputs (N, …), or for one alone.

        A model may run by chance on inputs of a form that it was not made for.
        """
        output = self.output(x)
        if not isinstance(output, Tensor):
            return False
        return output.dim() == 1 or len(output) == 1 if alone else output.shape[:-1] == x.shape[:1]


def _frames(error: BaseException) -> list[TracebackType]:
    """Return an error's traceback, but for torch's own code, the innermost last."""
    found, step = [], error.__traceback__
    while step:
        found.append(step)
        step = step.tb_next
    return found


def own_frame(error: BaseException) -> tuple[str, int] | None:
    """Return the file and line of the innermost code that is the user's, if there is any."""
    places = [(step.tb_frame.f_code.co_filename, step.tb_lineno) for step in _frames(error)]
    here = Path(__file__).parents[1]
    own = [p for p in places if not {here, TORCH} & set(Path(p[0]).parents) and p[0][:1] != "<"]
    return own[-1] if own else None


def raised_by_own_code(error: BaseException) -> bool:
    """Say whether the user's own code raised an error, rather than an operation it called."""
    frames = _frames(error)
    if not frames:
        return False
    last = frames[-1]
    code = last.tb_frame.f_code
    byte = next((i for i in dis.get_instructions(code) if i.offset == last.tb_lasti), None)
    raised = byte is not None and byte.opname == "RAISE_VARARGS"
    return raised and TORCH not in Path(code.co_filename).parents
