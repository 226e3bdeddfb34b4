"""The layers' sliders: all of a small network, one group or what is searched for of a large one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st
from torch import nn

from pruneviz.figures.kit import format as fmt
from pruneviz.granularity import Units, noun
from pruneviz.granularity.depth import BlockUnits
from pruneviz.measure.layer_latency import LayerLatency
from pruneviz.plan import Plan
from pruneviz.report import LayerReport
from pruneviz.ui.engine import cache
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import edits, hand, state
from pruneviz.ui.tune import cockpit
from pruneviz.ui.tune.cockpit import Curves, Timing
from pruneviz.ui.tune.stages import UNGROUPED, Stage, matching, stage_of, stages
from pruneviz.ui.words import text

SEARCH = "tune-search"


@dataclass(frozen=True)
class Board:
    """The layers of a plan as the page shows them: groups, the open one, and what is known."""

    plan: Plan
    units: tuple[Units, ...]
    rows: Mapping[str, LayerReport]
    possible: bool
    groups: tuple[Stage, ...]
    open: Stage
    timed: Timing
    latency: LayerLatency | None  # as it was known when the page began
    curves: Curves

    @property
    def waiting(self) -> bool:
        """Return whether the time by layer is not known yet, and will be."""
        return self.latency is None and not (self.timed.done() and self.timed.exception())

    @property
    def grouped(self) -> bool:
        """Return whether one group at a time is shown."""
        return len(self.groups) > 1


def board(
    plan: Plan, units: tuple[Units, ...], rows: Sequence[LayerReport], possible: bool
) -> Board:
    """Return what the sliders of a plan show; the chosen layer's group is the open one."""
    timed = cockpit.timing(plan)
    groups = stages([each.name for each in units])
    chosen = next((each.name for each in units if state.layer() in each.layers), state.layer())
    return Board(
        plan=plan,
        units=units,
        rows={row.name: row for row in rows},
        possible=possible,
        groups=groups,
        open=stage_of(groups, chosen),
        timed=timed,
        latency=cockpit.known(timed),
        curves=cockpit.curves(plan),
    )


def draw(shown: Board) -> None:
    """Draw the groups where there are several, and the sliders that they or a search leave."""
    layers = list(shown.open.layers)
    if shown.grouped:
        layers = _find(shown) or layers
    numbers = {each.name: number for number, each in enumerate(shown.units)}
    keys = {name: f"tune-row-{numbers[name]}" for name in layers}
    shares = cockpit.shares(shown.plan, list(shown.rows.values()), shown.latency)
    for name in layers:
        with st.container(key=keys[name]):
            _row(shown, shown.units[numbers[name]], shares.get(name, ""))
    with st.container(key="tune-style"):
        st.markdown(
            cockpit.style(keys, shown.curves, grouped=shown.grouped), unsafe_allow_html=True
        )
        hand.listen()
    _legend(shown)


def _find(shown: Board) -> list[str]:
    """Draw the choice of a group and the search; return the layers found, [] without a search."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _choose(shown)
        wanted = st.text_input(
            "Search all layers",
            placeholder="part of a name",
            key=SEARCH,
            icon=":material/search:",
            width=200,
        ).strip()
    if not wanted:
        st.caption(text.escape(group_sentence(shown.open, shown.rows, possible=shown.possible)))
        return []
    along = {each.name: each.layers for each in shown.units}
    found = matching(list(along), wanted, along.__getitem__)
    name = text.escape(shown.open.name)
    if not found:
        st.caption(f"No layer is called “{text.escape(wanted[:40])}”; this is {name}.")
    elif len(found) > UNGROUPED:
        more = len(found) - UNGROUPED
        st.caption(f"The first {UNGROUPED} of {len(found)}; type more of the name for {more} more.")
    else:
        st.caption(f"{fmt.plural(len(found), 'layer')} found; empty the search to see {name}.")
    return found[:UNGROUPED]


def _choose(shown: Board) -> None:
    whole = sum(cache.original(shown.plan).baseline.parameters.values())
    firsts = {group.name: group.layers[0] for group in shown.groups}
    titles = {group.name: group_title(group, shown.rows, whole) for group in shown.groups}

    def choose(name: str) -> None:
        # another granularity may have other groups by the time a browser answers
        if name in firsts:
            state.choose_layer(firsts[name])
            st.session_state[SEARCH] = ""

    st.selectbox(
        f"{len(shown.groups)} groups of layers",
        list(titles),
        index=list(titles).index(shown.open.name),
        format_func=lambda name: titles.get(name, name),
        key=widgets.follow("tune-group", shown.open.name),
        on_change=widgets.changes("tune-group", choose),
        width="stretch",
    )


def group_title(group: Stage, rows: Mapping[str, LayerReport], whole: int) -> str:
    """Return a group's name, its layers and its share of the `whole`; no amount changes it."""
    own = sum(rows[name].parameters.original for name in group.layers if name in rows)
    share = f", {fmt.share(own / whole)} of parameters" if whole else ""
    return f"{group.name} ({fmt.plural(len(group.layers), 'layer')}{share})"


def group_sentence(group: Stage, rows: Mapping[str, LayerReport], *, possible: bool) -> str:
    """Return what goes of a group: of its units, and of its parameters."""
    own = [rows[name] for name in group.layers if name in rows]
    if not possible:
        return f"{group.name}: the plan cannot be carried out, so nothing of it goes."
    units, removed = sum(row.units for row in own), sum(row.removed for row in own)
    before = sum(row.parameters.original for row in own)
    gone = before - sum(row.parameters.pruned for row in own)
    share = f", {fmt.share(gone / before)} of its parameters" if before else ""
    return f"{group.name}: {removed:,} of {units:,} units go{share}."


def _row(shown: Board, units: Units, share: str) -> None:
    """Draw a layer's slider, its menu, and its shares of the network."""
    plan, name = shown.plan, units.name
    row = shown.rows.get(name)
    help_text = " ".join((shown.curves.sentences.get(name, ""), text.coupled_sentence(units)))
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        with st.container(gap=None, width="stretch"):
            widgets.percent_slider(
                text.layer_label(plan, units, row if shown.possible else None, _unit(plan, units)),
                f"tune-layer-{name}",
                edits.shown_percent(plan, name, shown.rows),
                partial(edits.set_layer, name),
                disabled=plan.locks.get(name) == "all",
                help_text=text.escape(help_text),
            )
            with_inputs = with_its_inputs(row) if row and shown.possible else ""
            beside = " · ".join(part for part in (share, fmt.unbroken(with_inputs)) if part)
            if beside:
                st.caption(beside)
        _menu(shown, units)


def with_its_inputs(row: LayerReport) -> str:
    """Return what goes of a layer that loses no unit of its own; "" where nothing does."""
    gone = row.parameters.original - row.parameters.pruned
    if row.removed or gone <= 0:
        return ""
    return f"{fmt.share(gone / row.parameters.original)} of its parameters go with its inputs"


def _unit(plan: Plan, units: Units) -> str:
    """Return what a unit of a layer is called: of a fully connected one it is a neuron."""
    word = noun(plan.granularity)
    modules = dict(cache.subject(plan).model.named_modules())
    linear = isinstance(modules.get(text.GROUP.sub("", units.name)), nn.Linear)
    return "neuron" if linear and word == "channel" else word


def _menu(shown: Board, units: Units) -> None:
    """Draw the button of a layer's menu, and the menu while it is open."""
    menu = st.popover(
        f"More for {units.name}",  # read out as it stands
        icon=":material/more_vert:",
        type="tertiary",
        key=f"tune-menu-{units.name}",
        help=f"More for {text.escape(units.name)}",
        on_change="rerun",
    )
    # The room is there before its content, or the menu would open where it has none.
    with menu.container(key=f"tune-room-{units.name}", width=260):
        if menu.open:
            _all_like(shown, units)
            _keep(shown.plan, units)
            _units_field(shown.plan, units)
            if isinstance(units, BlockUnits):
                _blocks(shown, units)


def _all_like(shown: Board, units: Units) -> None:
    """Draw what gives other layers this layer's amount."""
    amount = edits.shown_percent(shown.plan, units.name, shown.rows)
    everything = [each.name for each in shown.units]
    targets = {"all": ("all layers", everything)}
    if shown.grouped:
        group = stage_of(shown.groups, units.name)
        targets = {"group": (f"all of {group.name}", list(group.layers)), **targets}
    for which, (whom, names) in targets.items():
        st.button(
            f"{amount} % for {text.escape(whom)}",
            key=f"tune-like-{which}-{units.name}",
            help=f"{fmt.plural(len(names), 'layer')}; locked ones stay locked",
            on_click=edits.set_layers,
            args=(names, shown.plan.layers.get(units.name, amount / 100)),
            width="stretch",
        )


def _keep(plan: Plan, units: Units) -> None:
    """Draw what holds a layer: its lock, and the way back to the overall."""
    name, lock = units.name, plan.locks.get(units.name)
    key = f"tune-lock-{name}"
    st.button(
        "Follow the overall slider",
        icon=":material/restart_alt:",
        key=f"tune-follow-{name}",
        help="Forget this layer's own value",
        disabled=name not in plan.layers,
        on_click=edits.follow_overall,
        args=(name,),
        width="stretch",
    )
    st.toggle(
        "Lock: keep every unit",
        value=lock == "all",
        key=widgets.follow(key, lock == "all"),
        on_change=widgets.changes(key, partial(edits.lock_layer, name)),
    )


def _units_field(plan: Plan, units: Units) -> None:
    """Draw the field for single units of a layer that must stay."""
    name, lock = units.name, plan.locks.get(units.name)
    key = f"tune-units-{name}"
    st.text_input(
        f"{_unit(plan, units).capitalize()}s that must stay (0 to {units.count - 1})",
        value=edits.units_text(lock),
        placeholder="such as 0,3,8-11",
        key=widgets.follow(key, edits.units_text(lock)),
        disabled=lock == "all",
        on_change=widgets.changes(key, lambda given: edits.lock_units(name, given, units.count)),
    )


def _blocks(shown: Board, units: BlockUnits) -> None:
    """Draw the residual blocks of a stage: which of them stay."""
    keep = cache.pruned(shown.plan).keep[units.name] if shown.possible else None
    table = text.blocks_table(units, keep)
    st.dataframe(table, hide_index=True, alt=f"The residual blocks of {units.name}")


def _legend(shown: Board) -> None:
    """Say what stands beside the sliders; where time by layer is still measured, look again."""

    first = [True]
    left_out = text.uncounted_of(cache.original(shown.plan).baseline)

    @st.fragment(run_every=cockpit.TICK_SECONDS if shown.waiting else None)
    def legend() -> None:
        st.caption(text.escape(cockpit.legend(shown.latency, shown.curves, left_out)))
        # Not at once: a page that is cut short never tells the browser what its widgets show.
        if shown.waiting and not first and shown.timed.done():
            st.rerun()
        first.clear()

    legend()
    if not shown.curves.pictures and cockpit.can_scan(shown.plan):
        widgets.page_link("sensitivity", "Sensitivity: what each layer loses alone, as curves here")
