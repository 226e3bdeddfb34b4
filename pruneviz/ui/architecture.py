"""The architecture in words: groups by number, what goes with a channel, what stays whole."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from pruneviz import run
from pruneviz.figures.kit import format as fmt
from pruneviz.granularity import GRANULARITIES, Units
from pruneviz.granularity.channel import ChannelUnits
from pruneviz.granularity.depth import BlockUnits
from pruneviz.granularity.taken import Taken, parameters_taken, taken
from pruneviz.granularity.units import choosing_of
from pruneviz.measure.by_layer import LayerCost, block_number, by_layer, table
from pruneviz.plan import Plan
from pruneviz.report import LeftOut
from pruneviz.subjects import Subject
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.words import cells, text
from pruneviz.wording import stays

MOST_RANGES = 6
LEAVES = {
    "weight": "scale",
    "bias": "shift",
    "running_mean": "mean",
    "running_var": "variance",
}
LEGEND = (
    "One number and one colour: these layers lose the same units. On the band: the group "
    "chosen here. ▶ takes its outputs in. Striped: goes. Dotted: cannot be pruned."
)
BLOCKS = (
    "One number and one colour: these layers are one residual block and go together. On the "
    "band: the block chosen here. Striped: goes. Dotted: is in no block that can be left out."
)
WIDTHS_STAY = "What goes becomes zeros, so every layer keeps its outputs and its width."
SINGLE_WEIGHTS = "They become zeros where they are, so nothing else goes with them."
EXPERTS = "Their rows of the router go with them, and it chooses among those that stay."
COLUMNS = {
    "layer": "Layer",
    "kind": "Kind",
    "groups": "Group",
    "outputs": "Outputs",
    "outputs_pruned": "Outputs left",
    "parameters": "Parameters",
    "parameters_pruned": "Parameters left",
    "macs": "MACs",
    "macs_pruned": "MACs left",
}


def layers(plan: Plan) -> tuple[LayerCost, ...]:
    """Return every layer's width, parameters and MACs, before and after, in forward order.

    They are as if nothing were removed while the plan cannot be carried out.
    """
    if cache.is_possible(plan):
        return _layers(plan)
    ready = cache.prepared(plan)
    before = ready.baseline
    both = (before.parameters, before.parameters), (before.macs, before.macs)
    return by_layer(ready.subject.model, ready.units, text.by_name(ready.skipped), {}, *both)


def group_of(units: Sequence[Units], rows: Sequence[LayerCost], wanted: str) -> Units | None:
    """Return the group to show: that of the chosen layer; without one, the first with several.

    None when the layer that was chosen is one that stays whole.
    """
    named = [each for each in units if each.name == wanted]
    holding = [each for each in units if wanted in each.layers]
    if named or holding:
        return (named or holding)[0]
    if any(row.name == wanted and row.width for row in rows):
        return None
    return next((each for each in units if len(each.layers) > 1), units[0])


def legend(granularity: str) -> str:
    """Return how the picture of a network is read, by what is removed from it."""
    if _is_masked(granularity):
        return WIDTHS_STAY
    return BLOCKS if granularity == "depth" else LEGEND


def choice_label(granularity: str) -> str:
    """Return what is chosen beside the picture."""
    if _is_masked(granularity):
        return "Layer"
    return "Stage of residual blocks" if granularity == "depth" else "Group of layers"


def _is_masked(granularity: str) -> bool:
    """Return whether what goes becomes zeros, so that every layer keeps its width."""
    return GRANULARITIES.get(granularity).family != "structured"


def number_of(units: Sequence[Units], chosen: Units | None, layer: str = "") -> int:
    """Return the number of the chosen group, from 1; 0 where nothing is tied together.

    Of a stage, that of the block which holds `layer`, else of its first.
    """
    names = [each.name for each in units]
    if isinstance(chosen, BlockUnits):
        return block_number(units, chosen, chosen.places.get(layer, 0))
    return names.index(chosen.name) + 1 if isinstance(chosen, ChannelUnits) else 0


def group_label(number: int, units: Units, unit: str) -> str:
    """Return a group as one choice: `3 · conv1 and 2 more layers (64 channels)`.

    `unit` is what one unit is called, where the group does not say so itself.
    """
    if not isinstance(units, ChannelUnits):
        return f"{units.name} ({fmt.plural(units.count, unit)})"
    others = len(units.layers) - 1
    more = f" and {fmt.plural(others, 'more layer')}" if others else ""
    return f"{number} · {units.name}{more} ({fmt.plural(units.count, units.noun)})"


def first_going(keep: Tensor | None) -> int:
    """Return the first channel that goes; 0 when none does or the plan cannot be carried out."""
    going = [] if keep is None else (~keep).nonzero().flatten().tolist()
    return int(going[0]) if going else 0


def channel_sentence(units: ChannelUnits, channel: int, keep: Tensor | None) -> str:
    """Return whether a channel stays, and what cutting it takes along."""
    name = f"{units.noun.capitalize()} {channel}"
    takes = f"{fmt.plural(parameters_taken(units, channel), 'parameter')} with it"
    if keep is None:
        return f"{name} would take {takes}:"
    if bool(keep[channel]):
        return f"{name} **stays** in this plan. It would take {takes}:"
    return f"{name} **goes** in this plan. It takes {takes}:"


def taken_table(subject: Subject, units: ChannelUnits, channel: int) -> pd.DataFrame:
    """Return one row for each place that holds a part of a channel, in words and exactly."""
    return pd.DataFrame(
        [
            {
                "What goes": place(part),
                "Axis": part.axis,
                "Indices": ranges(part.indices),
                "Numbers": part.numbers,
                "Parameter": ", ".join(_leaf(name) for name in part.parameters),
            }
            for part in taken(subject.model, units, channel)
        ]
    )


def place(part: Taken) -> str:
    """Return what goes in words: `output of conv1`, `scale and shift of bn1`."""
    if part.role in ("vectors", "statistics"):
        what = " and ".join(LEAVES.get(_leaf(name), _leaf(name)) for name in part.parameters)
        return f"{what} of {part.layer}"
    if part.role == "part":
        return f"part of {', '.join(part.parameters)}"
    return f"{part.role} of {part.layer}"


def ranges(indices: Sequence[int]) -> str:
    """Return indices as `5`, `20–23` or, of many pieces, the first with how many there are."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    shown = [str(a) if a == b else f"{a}–{b}" for a, b in runs[:MOST_RANGES]]
    more = f" … ({len(indices):,} in all)" if len(runs) > MOST_RANGES else ""
    return ", ".join(shown) + more


def weights_sentence(units: Units, keep: Tensor | None, unit: str) -> str:
    """Return how many of a layer's units, each called a `unit`, go where nothing goes with them."""
    gone = 0 if keep is None else int((~keep).sum())
    return (
        f"{gone:,} of the {fmt.plural(units.count, unit)} of {text.escape(units.name)} "
        f"{'goes' if gone == 1 else 'go'}. {EXPERTS if choosing_of(units) else SINGLE_WEIGHTS}"
    )


def blocks_sentence(units: Units, keep: Tensor | None) -> str:
    """Return how many blocks of a stage go."""
    gone = 0 if keep is None else int((~keep).sum())
    return (
        f"{gone:,} of the {fmt.plural(units.count, 'residual block')} of {text.escape(units.name)} "
        f"{'goes' if gone == 1 else 'go'}. What a block is given goes on unchanged when it goes."
    )


def whole_sentence(row: LayerCost) -> str:
    """Return why the chosen layer is in no group."""
    reason = row.reason or "nothing of it can be cut out"
    return text.escape(f"Why {row.name} cannot be pruned: {reason}.")


def skipped_sentence(skipped: Sequence[LeftOut], rows: Sequence[LayerCost]) -> str:
    """Return how much of the network is held back; "" when nothing is."""
    if not skipped:
        return ""
    names = {each.name for each in text.by_name(skipped)}
    total = len(names | {row.name for row in rows if row.width is not None})
    whys = [why for each in skipped for why in each.why]
    partly = ", some of them in part" if any(why in stays.some_units for why in whys) else ""
    return f"{len(names)} of {fmt.plural(total, 'layer')} cannot be pruned{partly}"


def left_out(plan: Plan) -> str:
    """Return what the MACs of both networks leave out, "" where they are whole."""
    if cache.is_possible(plan):
        return cache.live(plan).report.uncounted.in_words()
    return cells.uncounted_of(cache.original(plan).baseline)


def numbers(rows: Sequence[LayerCost]) -> pd.DataFrame:
    """Return the layers' numbers under names for people."""
    return table(rows).rename(columns=COLUMNS)


def _leaf(parameter: str) -> str:
    return parameter.rpartition(".")[2]


@cached(cache.plan_key, most=32, spinner="Counting layer by layer …")
def _layers(plan: Plan) -> tuple[LayerCost, ...]:
    ready, result = cache.prepared(plan), cache.pruned(plan)
    before, (parameters, macs) = ready.baseline, run.costs(ready, result)
    return by_layer(
        ready.subject.model,
        ready.units,
        text.by_name(ready.skipped),
        result.keep,
        (before.parameters, parameters),
        (before.macs, macs),
    )
