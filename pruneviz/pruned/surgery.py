"""Real cuts: kept indices in, a network with smaller tensors out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from pruneviz.granularity.units import AxisKeep
from pruneviz.network.cuttable_forms import fit_sizes, make_explicit
from pruneviz.network.folding import folded
from pruneviz.network.masks import with_parameters
from pruneviz.network.plain_layers import fit_remembered, inputs_first
from pruneviz.plan import plan_faults
from pruneviz.pruned.bypass import is_bypassed, names_left, with_bypasses
from pruneviz.pruned.cache_places import move_up
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting


def _rising(kept: tuple[int, ...]) -> tuple[int, ...]:
    """Return indices that each come once and in order; ValueError where they do not."""
    for one, other in pairwise(kept):
        if one >= other:
            raise RefusedError(cutting.not_rising(other, one))
    return kept


@dataclass(frozen=True)
class Cut:
    """One cut as data: of this axis of this parameter or buffer, only these indices stay.

    `size` is how long the axis was; None where nobody wrote it down.
    """

    parameter: str
    axis: Annotated[int, Field(ge=0)]
    kept: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1), AfterValidator(_rising)
    ]
    size: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True)
class Size:
    """One size that a module remembers and that a cut changes.

    `attribute` is the path of a whole number, or of a tuple of them with the `place` in it; -1 for
    a single number.
    """

    attribute: str
    place: Annotated[int, Field(ge=-1)]
    size: Annotated[int, Field(ge=1)]


class Surgery(BaseModel):
    """All that was cut out of a network, as data: saved, read, and repeated without any trace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cuts: tuple[Cut, ...]
    sizes: tuple[Size, ...] = ()
    bypassed: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Surgery:
        """Read what `model_dump_json` wrote; ValueError says what is wrong with it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise RefusedError(cutting.no_surgery(plan_faults(error))) from error

    def perform(self, model: nn.Module) -> nn.Module:
        """Return a copy of a network of the original shapes, cut so; its weights may be others."""
        return cut(model, self.cuts, self.sizes, self.bypassed)

    def origins(self, parameter: str, axis: int, size: int) -> tuple[int, ...]:
        """Return the original index of each index that is left along an axis of original `size`."""
        for each in self.cuts:
            if (each.parameter, each.axis) == (parameter, axis):
                return each.kept
        return tuple(range(size))


def joined_keep(parts: Iterable[AxisKeep]) -> AxisKeep:
    """Return what all parts let stay of each axis."""
    joined: AxisKeep = {}
    for part in parts:
        for axis, keep in part.items():
            joined[axis] = joined[axis] & keep if axis in joined else keep
    return joined


def cuts_from(parts: Iterable[AxisKeep]) -> tuple[Cut, ...]:
    """Join what each layer keeps of an axis into cuts; axes that stay whole are left out."""
    return tuple(
        Cut(name, axis, tuple(torch.nonzero(keep).flatten().tolist()), len(keep))
        for (name, axis), keep in joined_keep(parts).items()
        if not bool(keep.all())
    )


def sizes_from(parts: Iterable[AxisKeep]) -> tuple[Size, ...]:
    """Join what stays of what modules count into the sizes that they must remember."""
    return tuple(
        Size(name, place, int(keep.count_nonzero()))
        for (name, place), keep in joined_keep(parts).items()
        if not bool(keep.all())
    )


def cut(
    model: nn.Module,
    cuts: Iterable[Cut],
    sizes: Iterable[Size] = (),
    bypassed: Sequence[str] = (),
) -> nn.Module:
    """Return a copy of the model with the cuts applied; the model itself is left as it was.

    `sizes` are those that its modules remember beside their tensors, `bypassed` (`bypass_of`) the
    modules that return their input from now on. Raises ValueError where a cut names a tensor, axis
    or index, a size an attribute, or a bypass a module, that the model does not have, or where an
    axis is not as long as it was when the cut was made.
    """
    model = folded(model)
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    smaller: dict[str, Tensor] = {}
    for each in cuts:
        if each.parameter not in tensors:
            raise RefusedError(cutting.no_parameter_to_cut(each.parameter))
        _check(each, tensors[each.parameter])
        tensor = smaller.get(each.parameter, tensors[each.parameter])
        if tensor.shape[each.axis] != tensors[each.parameter].shape[each.axis]:
            raise RefusedError(cutting.cut_twice(each.parameter, each.axis))
        smaller[each.parameter] = tensor.index_select(each.axis, torch.tensor(each.kept))
    pruned = with_bypasses(model, bypassed, smaller)
    make_explicit(pruned, model, lambda path: any(name.startswith(f"{path}.") for name in smaller))
    for path, module in pruned.named_modules():
        fit_sizes(module)
        if f"{path}.weight" in smaller and inputs_first(model.get_submodule(path)):
            fit_remembered(module, tensors[f"{path}.weight"].shape)
    for size in sizes:
        if not is_bypassed(size.attribute, bypassed):
            _remember(pruned, size)
    move_up(pruned, bypassed)
    return pruned


def _check(each: Cut, tensor: Tensor) -> None:
    """Raise ValueError where a cut does not fit a tensor at its full size."""
    shape = tuple(tensor.shape)
    _rising(each.kept)
    if each.size is not None and each.axis < tensor.ndim and each.size != shape[each.axis]:
        entries = shape[each.axis]
        raise RefusedError(
            cutting.made_of_another_size(each.parameter, each.axis, each.size, entries)
        )
    if each.axis >= tensor.ndim or each.kept[-1] >= shape[each.axis]:
        raise RefusedError(
            cutting.no_index_to_keep(each.kept[-1], each.parameter, each.axis, shape)
        )


def _remember(model: nn.Module, size: Size) -> None:
    """Write a size into the module that remembers it; ValueError where none does."""
    path, _, name = size.attribute.rpartition(".")
    module = dict(model.named_modules(remove_duplicate=False)).get(path)
    before = None if module is None else vars(module).get(name)
    if size.place < 0 and type(before) is int:
        setattr(module, name, size.size)
    elif isinstance(before, tuple | list) and 0 <= size.place < len(before):
        several = list(before)
        several[size.place] = size.size
        setattr(module, name, several if isinstance(before, list) else tuple(several))
    else:
        raise RefusedError(cutting.no_size_to_write(size.size, size.attribute, size.place))


def expand(
    original: nn.Module, small: nn.Module, cuts: Iterable[Cut], bypassed: Sequence[str] = ()
) -> nn.Module:
    """Return a copy of the original that answers as a network cut from it, at full size.

    What is cut out or belongs to a bypassed module is 0 (a BatchNorm's variance 1); everything else
    has the values of `small`, which may have been trained since. `cut` of the result is `small`
    again. Raises ValueError where `small` is not of the shapes that the cuts leave.
    """
    original = folded(original)
    kept: dict[str, list[Cut]] = {}
    for each in cuts:
        kept.setdefault(each.parameter, []).append(each)
    sources = dict([*small.named_parameters(), *small.named_buffers()])
    written, left = {}, names_left(original, bypassed)
    for name, tensor in [*original.named_parameters(), *original.named_buffers()]:
        empty = torch.ones_like if name.endswith("running_var") else torch.zeros_like
        there = left[name]
        if there is None:
            written[name] = empty(tensor)
        else:
            small_one = sources[there].detach()
            written[name] = _written(name, empty(tensor), small_one, kept.get(name, []))
    return with_parameters(original, written)


def _written(name: str, full: Tensor, small: Tensor, cuts: list[Cut]) -> Tensor:
    """Return a full-size tensor with the cut one's values where these came from."""
    indices = [torch.arange(size) for size in full.shape]
    for each in cuts:
        indices[each.axis] = torch.tensor(each.kept)
    if tuple(small.shape) != tuple(len(kept) for kept in indices):
        left = tuple(len(kept) for kept in indices)
        raise RefusedError(cutting.cuts_of_another_network(name, tuple(small.shape), left))
    if not indices:
        return small.clone()
    full[torch.meshgrid(*indices, indexing="ij")] = small.to(full.device)
    return full
