"""What Tune knows of the layers, and what their sliders and menus say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from torch import nn

from pruneviz.figures.kit import format as fmt
from pruneviz.granularity import Units, noun
from pruneviz.granularity.depth import BlockUnits
from pruneviz.measure.layer_latency import LayerLatency
from pruneviz.plan import Plan
from pruneviz.report import LayerReport
from pruneviz.ui.engine import cache
from pruneviz.ui.session import edits, state
from pruneviz.ui.tune import cockpit
from pruneviz.ui.tune.cockpit import Curves, Timing
from pruneviz.ui.tune.component import Menu, Row
from pruneviz.ui.tune.layer_groups import LayerGroup, group_of, layer_groups
from pruneviz.ui.words import text


@dataclass(frozen=True)
class Board:
    """The layers of a plan as the page shows them: groups, the open one, and what is known."""

    plan: Plan
    units: tuple[Units, ...]
    rows: Mapping[str, LayerReport]
    possible: bool
    groups: tuple[LayerGroup, ...]
    open: LayerGroup
    timed: Timing
    latency: LayerLatency | None  # as it was known when the page began
    curves: Curves
    linear: frozenset[str]  # the layers that are fully connected

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return all layers that have units, in forward order."""
        return tuple(each.name for each in self.units)

    @property
    def waiting(self) -> bool:
        """Return whether the time by layer is not known yet, and will be."""
        return self.latency is None and not (self.timed.done() and self.timed.exception())

    @property
    def grouped(self) -> bool:
        """Return whether one group at a time is shown."""
        return len(self.groups) > 1


def board_of(
    plan: Plan, units: tuple[Units, ...], rows: Sequence[LayerReport], possible: bool
) -> Board:
    """Return what the sliders of a plan show; the chosen layer's group is the open one."""
    timed = cockpit.timing(plan)
    modules = cache.subject(plan).model.named_modules()
    groups = layer_groups([each.name for each in units])
    chosen = next((each.name for each in units if state.layer() in each.layers), state.layer())
    return Board(
        plan=plan,
        units=units,
        rows={row.name: row for row in rows},
        possible=possible,
        groups=groups,
        open=group_of(groups, chosen),
        timed=timed,
        latency=cockpit.known(timed),
        curves=cockpit.curves(plan),
        linear=frozenset(name for name, each in modules if isinstance(each, nn.Linear)),
    )


def row(shown: Board, units: Units, place: int, share: str) -> Row:
    """Return a layer's slider, its menu, and its shares of the network."""
    plan, name = shown.plan, units.name
    word = _unit(shown, units)
    certain = shown.rows.get(name) if shown.possible else None
    with_inputs = with_its_inputs(certain) if certain else ""
    return Row(
        name=name,
        value=edits.shown_percent(plan, name, shown.rows),
        label=text.layer_label(plan, units, certain, word),
        said=text.units_gone(units, certain, word),
        share=" · ".join(part for part in (share, fmt.unbroken(with_inputs)) if part),
        help=" ".join((shown.curves.sentences.get(name, ""), text.coupled_sentence(units))).strip(),
        off=plan.locks.get(name) == "all",
        place=place,
        menu=_menu(shown, units, word),
    )


def with_its_inputs(row: LayerReport) -> str:
    """Return what goes of a layer that loses no unit of its own; "" where nothing does."""
    gone = row.parameters.original - row.parameters.pruned
    if row.removed or gone <= 0:
        return ""
    return f"{fmt.share(gone / row.parameters.original)} of its parameters go with its inputs"


def _unit(shown: Board, units: Units) -> str:
    """Return what a unit of a layer is called: of a fully connected one it is a neuron."""
    word = noun(shown.plan.granularity)
    linear = text.GROUP.sub("", units.name) in shown.linear
    return "neuron" if linear and word == "channel" else word


def _menu(shown: Board, units: Units, word: str) -> Menu:
    """Return what a layer's menu shows."""
    plan, name = shown.plan, units.name
    amount = edits.shown_percent(plan, name, shown.rows)
    lock = plan.locks.get(name)
    table = _blocks(shown, units) if isinstance(units, BlockUnits) else None
    return Menu(
        like=[
            (
                which,
                f"{amount} % for {whom}",
                f"{fmt.plural(len(names), 'layer')}; locked ones stay locked",
            )
            for which, (whom, names) in targets(shown, name).items()
        ],
        own=name in plan.layers,
        locked=lock == "all",
        units=edits.units_text(lock),
        units_label=f"{word.capitalize()}s that must stay (0 to {units.count - 1})",
        blocks_head=[] if table is None else list(table.columns),
        blocks=[] if table is None else table.values.tolist(),
    )


def targets(shown: Board, name: str) -> dict[str, tuple[str, Sequence[str]]]:
    """Return which layers can be given a layer's amount: in words, and by name."""
    everything: dict[str, tuple[str, Sequence[str]]] = {"all": ("all layers", shown.names)}
    if not shown.grouped:
        return everything
    group = group_of(shown.groups, name)
    return {"group": (f"all of {group.name}", group.layers), **everything}


def _blocks(shown: Board, units: BlockUnits) -> pd.DataFrame:
    """Return the residual blocks of a stage: which of them stay."""
    keep = cache.pruned(shown.plan).keep[units.name] if shown.possible else None
    return text.blocks_table(units, keep)
