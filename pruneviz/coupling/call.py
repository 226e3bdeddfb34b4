"""One operator call of the trace, as the rules see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_map

from pruneviz.coupling.ids import Ids, small
from pruneviz.wording import Fact, stays

CHOOSING = "topk sort argsort kthvalue nonzero unique nms argmax argmin".split()
Tags = tuple[Tensor, ...]


@dataclass(frozen=True)
class Call:
    """An operator with its arguments and output; `tags` gives the id tensors of a value.

    A rule is a function from a Call to the output's ids: a tuple of id tensors of the output's
    shape, each varying along its own dimensions (a list of such tuples for several outputs).
    `key` names the call (the operator and which call of it this is), `owner` is the path of the
    module that makes it, `interpretation` says which interpretation of an ambiguous view to take,
    `taken` gives the ids of what that module takes in, and `blank` says whether a tensor was filled
    with one value during the pass: such a tensor is made as large as it is wanted, which the proof
    of the cut has to show. `asked` says whether the user's code asked for the call, with its sizes,
    or torch did, within a product; `given` are the sizes of a view as the code wrote them, -1 where
    it left one open. `fed` says whether anything that it takes follows from the network's inputs:
    where nothing does, it computes weights.
    """

    ids: Ids
    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tags: Callable[[Any], Tags]
    out: Any
    key: str = ""
    owner: str = ""
    interpretation: int = 0
    blank: Callable[[Tensor], bool] = lambda tensor: False
    taken: Callable[[], Tags] = tuple
    asked: bool = True
    given: tuple[int, ...] | None = None
    fed: bool = True

    @property
    def name(self) -> str:
        """Return the operator's name without its overload."""
        return str(self.op.overloadpacket.__name__)


Rule = Callable[[Call], Any]


def by_number(call: Call) -> Fact:
    """Return why what a call takes by numbers stays: nobody knows whether they would follow."""
    if call.name == "unbind":
        return stays.taken_apart(call.name)
    return stays.taken_by_number(call.name)


def refuted(call: Call) -> Fact:
    """Return why what a call meets stays, once every interpretation of it has failed in a trial."""
    return stays.every_trial_fails(call.name)


def mark_fixed(call: Call) -> Any:
    """Pin every id that reaches an operator without a rule."""

    chosen = call.name in CHOOSING
    why = stays.chosen_by_value() if chosen else stays.not_followed(call.name)

    def hold(value: Any) -> Any:
        for tag in call.tags(value) if isinstance(value, Tensor) else ():
            call.ids.fix(small(tag), why, foremost=chosen)
        return value

    tree_map(hold, (call.args, call.kwargs))
    return [()] * len(call.out) if isinstance(call.out, list | tuple) else ()
