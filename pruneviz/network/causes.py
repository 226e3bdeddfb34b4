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
OTHERS = (
    "models of several inputs are not opened yet: wrap it in one that takes a tensor and fixes the "
    "others"
)


class WrongInputError(ValueError):
    """A model fails on inputs that may be others than it was made for; `cause` has no remedy."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}; {remedy}")
        self.cause = cause


Cause = tuple[str, str, bool]  # what is so, the remedy, whether other inputs may mend it


def told(failure: Failure) -> ValueError:
    """Return the error to raise in place of the one that a forward pass ended in."""
    what, remedy, inputs = next(cause for find in CAUSES if (cause := find(failure)))
    where, said = _where(failure), _said(failure.error)
    told_of = f"{what}: {where} says: {said}; it was given {given(failure.args)}"
    return WrongInputError(told_of, remedy) if inputs else ValueError(f"{told_of}; {remedy}")


def _where(failure: Failure) -> str:
    frame = own_frame(failure.error)
    line = f"{Path(frame[0]).name}, line {frame[1]}" if frame else ""
    if failure.last:
        return f"{failure.last}"
    return f"its forward ({line})" if line else "its forward"


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
    others = [p.name for p in plain[1:]]
    by_place = placed or any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    if isinstance(failure.error, TypeError) and not by_place and failure.args:
        if not plain and any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            remedy = "wrap it: def forward(self, x): return self.net(NAME=x)"
            return "the model takes its inputs by name alone", remedy, False
        if not plain:
            return "the model takes no input", "let its forward take one tensor", False
        if len(needed) < 2:
            name = (needed or [plain[0].name])[0]
            remedy = f"wrap it: def forward(self, x): return self.net({name}=x)"
            return f"the model takes its input by name alone ({name})", remedy, False
    several = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), "")
    if several and not failure.inside and any(part in failure.text for part in FEWER):
        needed = [*needed, f"*{several}"]
        return f"the model asks for more than one input ({', '.join(needed)})", OTHERS, False
    asks = len(needed) > len(failure.args) and isinstance(failure.error, TypeError)
    named = raised_by_own_code(failure.error) and any(name in str(failure.error) for name in others)
    if not (asks or named):
        return None
    names = ", ".join(needed if asks else [p.name for p in plain])
    if not failure.alone:
        return f"the model asks for {names}", "give an example of each, as a tuple", False
    what = f"the model asks for more than one input ({names})"
    return what, OTHERS, False


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
    x = failure.first
    if not isinstance(x, Tensor) or len(failure.args) != 1 or failure.inside:
        return None
    asked = _Asked(x)
    failure.runs(asked)
    names = list(dict.fromkeys(map(repr, asked.names)))
    if names:
        what = f"the model takes a dictionary (it reads {', '.join(names)})"
        if len(names) == 1:
            return what, f"wrap it: def forward(self, x): return self.net({{{names[0]}: x}})", False
        return what, OTHERS, False
    missing = str(failure.error)
    if isinstance(failure.error, AttributeError) and "'Tensor' object has no attribute" in missing:
        remedy = "let its forward take the tensor itself"
        return "the model takes an object with attributes, not a tensor", remedy, False
    if "ndarray" in missing and isinstance(failure.error, TypeError):
        return "the model takes a NumPy array", "let its forward take a tensor", False
    if failure.runs(list(x)):
        remedy = "wrap it: def forward(self, x): return self.net(list(x))"
        return "the model takes a list of tensors, not a batch", remedy, False
    return None


def _tokens(failure: Failure) -> Cause | None:
    step = failure.last
    if step is None or not isinstance(step.module, nn.Embedding | nn.EmbeddingBag):
        return None
    looked = next((leaf for leaf in tree_leaves(step.args) if isinstance(leaf, Tensor)), None)
    if looked is not None and not looked.is_floating_point():
        rows = f"the model looks up rows 0 to {step.module.num_embeddings - 1} of a table"
        what = f"{rows}, and is asked for others ({span(looked)})"
        return what, "give data whose values are such numbers", True
    remedy = (
        "models of tokens are not opened yet: let its forward turn what it is given into whole "
        "numbers (x.long())"
    )
    return "the model looks up whole numbers, such as tokens", remedy, False


def _types(failure: Failure) -> Cause | None:
    x = failure.first
    kinds = {p.dtype for p in failure.model.parameters() if p.is_floating_point() or p.is_complex()}
    other = kinds - ({x.dtype} if isinstance(x, Tensor) else set())
    if not other or not any(part in failure.text for part in TYPES):
        return None
    names = " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in kinds))
    if any(dtype.is_complex for dtype in other):
        remedy = "let its forward make its input complex (torch.complex(x, torch.zeros_like(x)))"
    else:
        remedy = "return it in single precision, model.float(), from its factory"
    return f"the model computes in {names}", remedy, False


def _surroundings(failure: Failure) -> Cause | None:
    error, text = failure.error, failure.text
    if any(part in text for part in GRADIENT):
        remedy = "let its forward compute them within torch.enable_grad()"
        return "the model computes gradients as it runs, and is run without any", remedy, False
    if isinstance(error, OSError):
        return "the model reads a file as it runs, and that fails", "put the file there", False
    if isinstance(error, MemoryError) or any(part in text for part in MEMORY):
        return "memory does not suffice for the model", "give smaller inputs", True
    if any(part in text for part in DEVICES):
        remedy = "let its forward make tensors where its input is (x.device), and its factory none"
        return "the model mixes devices, and is run on the CPU", remedy, False
    return None


def _batch(failure: Failure) -> Cause | None:
    x = failure.first
    if not isinstance(x, Tensor) or len(failure.args) != 1 or not x.dim():
        return None
    if len(x) > 2 and failure.runs(x[:2]):
        remedy = "let its forward take any number, along the first axis of its input"
        return f"the model does not take {len(x)} inputs at once", remedy, False
    if len(x) > 1 and failure.runs(x[:1]):
        remedy = (
            "let its forward keep the first axis of its input, such as x.flatten(1) in place of "
            "x.view(1, -1)"
        )
        return "the model takes one input at a time", remedy, False
    if len(x) == 1 and failure.runs(torch.cat((x, x))):
        remedy = "let its forward take one alone too"
        if "when training" in failure.text:
            remedy = "let its BatchNorm use its running statistics in eval mode"
        return "the model takes two inputs or more at once, not one alone", remedy, False
    return None


def _own_words(failure: Failure) -> Cause | None:
    if isinstance(failure.error, NotImplementedError) and "forward" in failure.text:
        return "the model cannot be run", "give its class a forward", False
    if isinstance(failure.error, MISTAKES) or not raised_by_own_code(failure.error):
        return None
    return "the model's own code refuses", "give inputs as it asks for", True


def _shape(failure: Failure) -> Cause | None:
    x = failure.first
    kinds = RuntimeError | ValueError | IndexError | AssertionError  # torch's own; others are told
    of_shape = isinstance(failure.error, kinds) and not isinstance(failure.error, MISTAKES)
    if not of_shape or not any(part in failure.text for part in SHAPES):
        return None
    if not isinstance(x, Tensor) or len(failure.args) != 1:
        return "the model does not take inputs of these shapes", "give those it was made for", True
    return f"the model does not take inputs of shape {list(x.shape[1:])}", _form(failure, x), True


def _form(failure: Failure, x: Tensor) -> str:
    """Return the remedy for inputs (N, …) of a shape that a model does not take."""
    for code, other in _other_forms(x):
        if failure.answers(other):
            return (
                f"it runs on inputs of shape {list(other.shape[1:])}: give such, or let its "
                f"forward begin with x = {code}"
            )
    if x.dim() > 2 and failure.answers(x.movedim(1, -1)):
        return "it takes channels last, and gets them first: begin it with x = x.movedim(1, -1)"
    if x.dim() > 1 and failure.answers(x[0], alone=True):
        return "it runs on one input alone: let its forward take several, along a first axis"
    return "give the shape or the data that it was made for"


def _other_forms(x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield other forms in which the same values may be given, (N, …), and the code of each."""
    if x.dim() > 2:
        yield "x.flatten(1)", x.flatten(1)
    if x.dim() > 2 and x.shape[1] == 1:
        yield "x.squeeze(1)", x.squeeze(1)
    yield "x.unsqueeze(1)", x.unsqueeze(1)


def _mistake(failure: Failure) -> Cause:
    inputs = not isinstance(failure.error, MISTAKES)
    remedy = "mend it there" + (", or give the data that it was made for" if inputs else "")
    return "the model's own code fails", remedy, inputs


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
