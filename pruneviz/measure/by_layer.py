"""What each layer of a network is and costs, before and after, in forward order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from torch import Tensor, nn

from pruneviz.coupling import layer_of
from pruneviz.coupling.groups import Member
from pruneviz.coupling.left_out import is_layer
from pruneviz.granularity.channel import ChannelUnits
from pruneviz.granularity.units import Units
from pruneviz.network.plain_layers import inputs_first
from pruneviz.report import Amount, LeftOut

REST = "norms and the rest"
NOTHING = Amount(original=0, pruned=0)
OUTPUTS = ("out_channels", "out_features", "embedding_dim")
Counts = Mapping[str, int]  # a parameter's name → how many


@dataclass(frozen=True)
class LayerCost:
    """One layer, or the rest of the network, whose `width` (number of outputs) is None.

    `groups` are the numbers, from 1, of the groups whose channels are its outputs, `inputs` of
    those whose channels it takes in; of blocks, each is a group of its own. `reason` says why it
    stays whole, "" where it need not.
    """

    name: str
    kind: str
    width: Amount | None
    parameters: Amount
    macs: Amount
    groups: tuple[int, ...] = ()
    inputs: tuple[int, ...] = ()
    reason: str = ""


def by_layer(
    model: nn.Module,
    units: Sequence[Units],
    skipped: Sequence[LeftOut],
    keep: Mapping[str, Tensor],
    parameters: tuple[Counts, Counts],
    macs: tuple[Counts, Counts],
) -> tuple[LayerCost, ...]:
    """Return the layers in forward order, and the rest of the parameters and MACs as one row.

    `keep` maps units names to bool (count,); {} keeps everything. `parameters` and `macs` are
    before and after, by parameter name, in the order in which the forward pass uses them. The
    rest are norms, other vectors, and products of two activations.
    """
    members = _members(units)
    gone, blocks = _gone(members, keep), _blocks(units)
    reasons = {layer.name: layer.reason for layer in skipped}
    numbers, costs = _sums(parameters), _sums(macs)
    rows = []
    for name, matrices in _in_forward_order(model, macs[0]).items():
        own = [member for matrix in matrices for member in members.get(matrix, ())]
        block = blocks.get(name)
        width = _width(model, name, matrices[0], gone.get(matrices[0]))
        if block and keep and not bool(keep[block.units][block.unit]):
            width = Amount(original=width.original, pruned=0)
        rows.append(
            LayerCost(
                name=name,
                kind=type(_owner(model, name)).__name__,
                width=width,
                parameters=numbers.pop(name, NOTHING),
                macs=costs.pop(name, NOTHING),
                groups=(block.number,)
                if block
                else _numbers(member for member in own if member.part.produces),
                inputs=_numbers(member for member in own if not member.part.produces),
                reason=reasons.get(name, reasons.get(matrices[0], "")),
            )
        )
    rest = LayerCost(REST, "", None, _total(numbers), _total(costs))
    empty = not rest.parameters.original and not rest.macs.original
    return (*rows,) if empty else (*rows, rest)


def table(rows: Sequence[LayerCost]) -> pd.DataFrame:
    """Return one row a layer: kind, groups, outputs, parameters and MACs, before and after."""
    return pd.DataFrame(
        [
            {
                "layer": row.name,
                "kind": row.kind,
                "groups": " ".join(map(str, row.groups)),
                "outputs": row.width.original if row.width else None,
                "outputs_pruned": row.width.pruned if row.width else None,
                "parameters": row.parameters.original,
                "parameters_pruned": row.parameters.pruned,
                "macs": row.macs.original,
                "macs_pruned": row.macs.pruned,
            }
            for row in rows
        ]
    ).convert_dtypes()


@dataclass(frozen=True)
class _Numbered:
    """A member of a group, with the group's number and its units' name."""

    number: int
    units: str
    part: Member


def _members(units: Sequence[Units]) -> dict[str, list[_Numbered]]:
    """Return the members of all groups by the parameter that they are parts of."""
    found: dict[str, list[_Numbered]] = {}
    for number, each in enumerate(units, 1):
        if isinstance(each, ChannelUnits):
            for member in each.group.members:
                numbered = _Numbered(number, each.name, member)
                found.setdefault(member.parameter, []).append(numbered)
    return found


@dataclass(frozen=True)
class _Block:
    """A block's number in the network, from 1, with its units' name and its place among them."""

    number: int
    units: str
    unit: int


def _blocks(units: Sequence[Units]) -> dict[str, _Block]:
    """Return by layer the block that it is a part of."""
    found: dict[str, _Block] = {}
    for each in units:
        for layer, unit in each.places.items():
            found[layer] = _Block(block_number(units, each, unit), each.name, unit)
    return found


def block_number(units: Sequence[Units], stage: Units, unit: int) -> int:
    """Return the number, from 1, of a unit among those of all stages."""
    return sum(each.count for each in units[: units.index(stage)]) + unit + 1


def _numbers(members: Iterable[_Numbered]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(member.number for member in members))


def _gone(
    members: Mapping[str, Sequence[_Numbered]], keep: Mapping[str, Tensor]
) -> dict[str, tuple[int, int]]:
    """Return by parameter which axis holds a layer's outputs, and how many of them go."""
    found: dict[str, tuple[int, int]] = {}
    for parameter, parts in members.items():
        made = [member for member in parts if member.part.produces]
        if made:
            going = (int((~keep[m.units][m.part.unit]).sum()) if keep else 0 for m in made)
            found[parameter] = (made[0].part.axis, sum(going))
    return found


def _width(model: nn.Module, name: str, matrix: str, gone: tuple[int, int] | None) -> Amount:
    """Return how many outputs a layer has, before and after."""
    shape = model.get_parameter(matrix).shape
    if gone is not None:
        return Amount(original=shape[gone[0]], pruned=shape[gone[0]] - gone[1])
    owner = _owner(model, name)
    said = [getattr(owner, size, None) for size in OUTPUTS]
    width = next((size for size in said if isinstance(size, int)), None)
    if width is None:
        width = shape[0 if is_layer(owner) and not _lies_turned(owner) else -1]
    return Amount(original=width, pruned=width)


def _lies_turned(owner: nn.Module | Tensor) -> bool:
    return isinstance(owner, nn.Module) and inputs_first(owner)


def _in_forward_order(model: nn.Module, macs: Counts) -> dict[str, list[str]]:
    """Return the layers with their matrices, in the order of the forward pass.

    One that multiplies nothing, such as an embedding, stands after the layer defined before it.
    """
    layers: dict[str, list[str]] = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            layers.setdefault(layer_of(name), []).append(name)
    used = {layer: place for place, layer in enumerate(dict.fromkeys(map(layer_of, macs)))}
    places, place = {}, -1
    for layer in layers:
        place = used.get(layer, place)
        places[layer] = place
    return {layer: layers[layer] for layer in sorted(layers, key=lambda layer: places[layer])}


def _owner(model: nn.Module, name: str) -> nn.Module | Tensor:
    try:
        return model.get_submodule(name)
    except AttributeError:
        return model.get_parameter(name)


def _sums(counts: tuple[Counts, Counts]) -> dict[str, Amount]:
    """Return both counts by layer."""
    before, after = Counter[str](), Counter[str]()
    for sums, by_parameter in zip((before, after), counts, strict=True):
        for name, count in by_parameter.items():
            sums[layer_of(name)] += count
    return {name: Amount(original=before[name], pruned=after[name]) for name in before}


def _total(amounts: Mapping[str, Amount]) -> Amount:
    return Amount(
        original=sum(amount.original for amount in amounts.values()),
        pruned=sum(amount.pruned for amount in amounts.values()),
    )
