"""What is said of a forward pass that fails: what failed, what was given, and the remedy."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.network.passes import Failure, given, own_frame, raised_by_own_code, span
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import forward

LONGEST = 300  # characters of what a module says
MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
TYPES = ("dtype", "scalar type", "same type", "should be the same")
GRADIENT = ("does not require grad", "does not have a grad_fn")
DEVICES = ("nvidia driver", "cuda", "expected device", "on the same device", "not linked with")
SHAPES = (
    "shape", "size", "channels", "dimension", "input_size", "input to be", "must match",
    "length", "expected 2d", "expected 3d", "expected 4d", "expected 5d", "values to unpack",
    "out of range", "too many indices", "divisible", "batched",
)  # fmt: skip
MISTAKES = (
    AttributeError, KeyError, NameError, NotImplementedError, ImportError, RecursionError,
    SystemExit,
)  # fmt: skip
SAID_PLAINLY = (RuntimeError, ValueError)
FEWER = ("tuple index out of range", "not enough values to unpack")


class WrongInputError(RefusedError):
    """A model fails on inputs that may be others than it was made for; `cause` has no remedy."""

    @property
    def cause(self) -> Fact:
        """Return what failed."""
        cause: Fact = self.fact.values["cause"]
        return cause


Cause = tuple[Fact, Fact, bool]  # what is so, the remedy, whether other inputs may mend it


def told(failure: Failure) -> RefusedError:
    """Return the error to raise in place of the one that a forward pass ended in."""
    what, remedy, inputs = next(cause for find in CAUSES if (cause := find(failure)))
    told_of = forward.says(
        what, _where(failure), _said(failure.error), given(failure.args, failure.kwargs)
    )
    return (WrongInputError if inputs else RefusedError)(forward.fails(told_of, remedy))


def _where(failure: Failure) -> Fact:
    if failure.last:
        return forward.in_module(str(failure.last))
    file, line = own_frame(failure.error) or ("", 0)
    return forward.in_its_forward(Path(file).name, line)


def _said(error: BaseException) -> str:
    line = (str(error).strip().splitlines() or [""])[0][:LONGEST].rstrip(" .;")
    kind = type(error).__name__
    frame = own_frame(error)
    if not line and isinstance(error, AssertionError) and frame:
        line = linecache.getline(*frame).strip()
    if isinstance(error, SAID_PLAINLY) and line:
        return line
    return f"{kind}: {line}" if line else kind


def _arguments(failure: Failure) -> Cause | None:
    try:
        parameters = list(inspect.signature(failure.model.forward).parameters.values())
    except (TypeError, ValueError):
        return None
    open_kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    plain = [p for p in parameters if p.kind not in open_kinds]
    placed = [p for p in plain if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    needed = [p.name for p in plain if p.default is inspect.Parameter.empty]
    needed = [name for name in needed if name not in failure.kwargs]
    others = [p.name for p in plain[1:]]
    by_place = placed or any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    if isinstance(failure.error, TypeError) and not by_place and failure.args:
        if not plain and any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            return forward.by_name_alone(""), forward.wrap("NAME=x"), False
        if not plain:
            return forward.no_input(), forward.take_one_tensor(), False
        if len(needed) < 2:
            name = (needed or [plain[0].name])[0]
            return forward.by_name_alone(name), forward.wrap(f"{name}=x"), False
    several = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), "")
    if several and not failure.inside and any(part in failure.text for part in FEWER):
        names = (*needed, f"*{several}")
        return forward.more_inputs(names), forward.wrap_others(), False
    asks = len(needed) > len(failure.args) and isinstance(failure.error, TypeError)
    named = raised_by_own_code(failure.error) and any(name in str(failure.error) for name in others)
    if not (asks or named):
        return None
    names = tuple(needed if asks else [p.name for p in plain])
    if not failure.alone:
        return forward.these_inputs(names), forward.give_each(), False
    return forward.more_inputs(names), forward.wrap_others(), False


class _Asked(dict[Any, Any]):
    """Stands for a dictionary of inputs, and notes the names it is asked for."""

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.x, self.names = x, list[str]()

    def __missing__(self, name: Any) -> Any:
        self.names.append(str(name))
        return self.x

    def get(self, name: Any, default: Any = None) -> Any:
        return self[name]


def _another_kind(failure: Failure) -> Cause | None:
    x = failure.single
    if not isinstance(x, Tensor) or failure.inside:
        return None
    asked = _Asked(x)
    failure.runs(asked)
    names = tuple(dict.fromkeys(map(repr, asked.names)))
    if names:
        one = len(names) == 1
        remedy = forward.wrap(f"{{{names[0]}: x}}") if one else forward.wrap_others()
        return forward.dictionary(names), remedy, False
    missing = str(failure.error)
    if isinstance(failure.error, AttributeError) and "'Tensor' object has no attribute" in missing:
        return forward.attributes(), forward.take_the_tensor(), False
    if "ndarray" in missing and isinstance(failure.error, TypeError):
        return forward.array(), forward.take_a_tensor(), False
    if failure.runs(list(x)):
        return forward.list_of_tensors(), forward.wrap("list(x)"), False
    return None


def _tokens(failure: Failure) -> Cause | None:
    step = failure.last
    if step is None or not isinstance(step.module, nn.Embedding | nn.EmbeddingBag):
        return None
    looked = next((leaf for leaf in tree_leaves(step.args) if isinstance(leaf, Tensor)), None)
    if looked is not None and not looked.is_floating_point():
        what = forward.other_rows(step.module.num_embeddings - 1, span(looked))
        return what, forward.give_such_numbers(), True
    return forward.tokens(), forward.make_whole_numbers(), False


def _types(failure: Failure) -> Cause | None:
    x = failure.first
    kinds = {p.dtype for p in failure.model.parameters() if p.is_floating_point() or p.is_complex()}
    other = kinds - ({x.dtype} if isinstance(x, Tensor) else set())
    if not other or not any(part in failure.text for part in TYPES):
        return None
    names = tuple(sorted(str(dtype).removeprefix("torch.") for dtype in kinds))
    of_complex = any(dtype.is_complex for dtype in other)
    remedy = forward.make_complex() if of_complex else forward.single_precision()
    return forward.precision(names), remedy, False


def _surroundings(failure: Failure) -> Cause | None:
    error, text = failure.error, failure.text
    if any(part in text for part in GRADIENT):
        return forward.gradients(), forward.enable_gradients(), False
    if isinstance(error, OSError):
        return forward.reads_a_file(), forward.put_the_file(), False
    if isinstance(error, MemoryError) or any(part in text for part in MEMORY):
        return forward.memory(), forward.smaller_inputs(), True
    if any(part in text for part in DEVICES):
        return forward.devices(), forward.one_device(), False
    return None


def _batch(failure: Failure) -> Cause | None:
    x = failure.single
    if not isinstance(x, Tensor) or not x.dim():
        return None
    if len(x) > 2 and failure.runs(x[:2]):
        return forward.not_so_many(len(x)), forward.any_number(), False
    if len(x) > 1 and failure.runs(x[:1]):
        return forward.one_at_a_time(), forward.keep_the_first_axis(), False
    if len(x) == 1 and failure.runs(torch.cat((x, x))):
        of_norm = "when training" in failure.text
        remedy = forward.running_statistics() if of_norm else forward.one_alone_too()
        return forward.two_or_more(), remedy, False
    return None


def _own_words(failure: Failure) -> Cause | None:
    if isinstance(failure.error, NotImplementedError) and "forward" in failure.text:
        return forward.not_run(), forward.give_its_class_a_forward(), False
    if isinstance(failure.error, MISTAKES) or not raised_by_own_code(failure.error):
        return None
    return forward.own_refusal(), forward.as_it_asks(), True


def _shape(failure: Failure) -> Cause | None:
    x = failure.single
    kinds = RuntimeError | ValueError | IndexError | AssertionError  # torch's own; others are told
    of_shape = isinstance(failure.error, kinds) and not isinstance(failure.error, MISTAKES)
    if not of_shape or not any(part in failure.text for part in SHAPES):
        return None
    if not isinstance(x, Tensor):
        return forward.these_shapes(), forward.give_those(), True
    return forward.this_shape(tuple(x.shape[1:])), _form(failure, x), True


def _form(failure: Failure, x: Tensor) -> Fact:
    """Return the remedy for inputs (N, …) of a shape that a model does not take."""
    for code, other in _other_forms(x):
        if failure.answers(other):
            return forward.other_shape(tuple(other.shape[1:]), code)
    if x.dim() > 2 and failure.answers(x.movedim(1, -1)):
        return forward.channels_last()
    if x.dim() > 1 and failure.answers(x[0], alone=True):
        return forward.along_a_first_axis()
    return forward.shape_or_data()


def _other_forms(x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield other forms in which the same values may be given, (N, …), and the code of each."""
    if x.dim() > 2:
        yield "x.flatten(1)", x.flatten(1)
    if x.dim() > 2 and x.shape[1] == 1:
        yield "x.squeeze(1)", x.squeeze(1)
    yield "x.unsqueeze(1)", x.unsqueeze(1)


def _mistake(failure: Failure) -> Cause:
    inputs = not isinstance(failure.error, MISTAKES)
    return forward.own_mistake(), forward.mend(data=inputs), inputs


CAUSES: tuple[Callable[[Failure], Cause | None], ...] = (
    _arguments,
    _another_kind,
    _tokens,
    _types,
    _surroundings,
    _own_words,
    _batch,
    _shape,
    _mistake,
)
