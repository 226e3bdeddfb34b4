"""From a plan or a registry entry to widgets: every widget is a view of the plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pruneviz.figures.kit.style import describe
from pruneviz.registry import COSTS, Entry, Parameter, Registry
from pruneviz.ui.frame import strip
from pruneviz.ui.kit import theme
from pruneviz.ui.session import state, widget_values
from pruneviz.ui.words import navigate, text

# A picture to save and the way back from a zoom are left; dragging zooms without a button.
REMOVED_BUTTONS = "select2d lasso2d zoom2d pan2d zoomIn2d zoomOut2d autoScale2d".split()
HIGHEST = 780  # pixels of a figure with a row for each layer
FIGURE_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": REMOVED_BUTTONS}


def follow(key: str, value: Any) -> str:
    """Give the widget `key` the plan's value before it is drawn, and return the key.

    Nothing is written when the widget has had it for a while, so a key press that is on its way
    stays. A widget is given the value as its default too: a browser that is told of a run and of
    the next one at once draws the latter alone, which may not say what was written in the former.
    """
    if key not in st.session_state:
        st.session_state[key] = value
    elif st.session_state[key] != value:
        widget_values.replaced(key, st.session_state[key])
        st.session_state[key] = value
    elif widget_values.is_news(key):
        st.session_state[key] = value
    widget_values.wants(key, value)
    return key


def changes(key: str, edit: Callable[[Any], None]) -> Callable[[], None]:
    """Return the `on_change` of a followed widget: it asks `edit` to carry out the new value."""
    return lambda: widget_values.request(key, st.session_state[key], edit)


def changes_here(key: str, edit: Callable[[Any], None]) -> Callable[[], None]:
    """Return the `on_change` of a followed widget in a fragment, where no page settles doubts.

    What the plan has just replaced there is repeated by a browser that has not heard of it.
    """

    def change() -> None:
        if not widget_values.is_echo(key, st.session_state[key]):
            edit(st.session_state[key])

    return change


def figure(chart: go.Figure, key: str, **options: Any) -> Any:
    """Draw a figure with its text alternative; it keeps its zoom while only its data change."""
    return st.plotly_chart(
        theme.fit(chart), key=key, alt=describe(chart), config=FIGURE_CONFIG, **options
    )


def pictures(chart: go.Figure, key: str, across: int) -> None:
    """Draw `across` pictures beside each other, as high as the page's width makes them wide."""
    margins = chart.layout.margin.t + chart.layout.margin.b
    height = f"min({chart.layout.height}px, calc(100cqw / {across} + {margins}px))"
    st.html(
        f"<style>.st-key-{key}-room {{container-type: inline-size}}"
        f".st-key-{key}-frame {{flex: none; height: {height}}}"
        f".st-key-{key}-frame > * {{min-height: 0}}</style>"
    )
    with st.container(key=f"{key}-room"), st.container(key=f"{key}-frame"):
        figure(chart, key=key, height="stretch")


def scrolled(chart: go.Figure, key: str, **options: Any) -> Any:
    """Draw a figure, in a box of its own to scroll where it is higher than HIGHEST pixels."""
    tall = chart.layout.height is not None and chart.layout.height > HIGHEST
    with st.container(height=HIGHEST if tall else "content", border=False):
        return figure(chart, key, **options)


@contextmanager
def problems_here() -> Iterator[None]:
    """Show a ValueError as a sentence at this place, and let the rest of the page go on."""
    try:
        yield
    except ValueError as error:
        strip.show_error(error)


def folded(label: str, line: str, key: str, *, expanded: bool = False) -> DeltaGenerator:
    """Return a part of the page that folds to its label and a `line` of what is chosen in it.

    The line is Markdown and stands beside the label, not in it: another label would close the part.
    `expanded` says whether it is open where nobody has opened or closed it.
    """
    if expanded and key not in st.session_state:
        st.session_state[key] = True
    with st.container(key=f"folded-{key}", gap=None):
        with st.container(key=f"folded-line-{key}"):
            st.markdown(line)
        return st.expander(f"**{label}**", key=key, on_change="rerun")


def page_link(name: str, label: str) -> None:
    """Draw a link to another page that takes the session's plan along."""
    navigate.page_link(name, label)


def empty(sentence: str) -> None:
    """Say what to do next where there is nothing to show yet."""
    st.info(sentence, icon=":material/arrow_forward:")


def choose_clicked(key: str) -> None:
    """Choose the layer whose bar or point was clicked in the figure `key`; for `on_select`."""
    points = st.session_state[key]["selection"]["points"]
    if points:
        name = points[0].get("customdata")
        state.choose_layer(str(name[0] if isinstance(name, list) else name))


def choose_layer(key: str, names: Sequence[str], layer: str, note: str | None = None) -> None:
    """Draw the choice of the layer that every page shows."""
    st.selectbox(
        "Layer",
        names,
        index=names.index(layer),
        key=follow(key, layer),
        on_change=changes(key, state.choose_layer),
        help=note,
    )


def about(entry: Entry[Any]) -> str:
    """Return a method's sentence, formula, cost and source as Markdown."""
    cost = f"Cost: {COSTS[entry.cost]}. " if entry.cost else ""
    source = text.escape(entry.source) if entry.source else "none, a baseline"
    parts = (
        f"**{text.escape(entry.title)}** · {text.escape(entry.family)}",
        text.escape(entry.sentence),
        f"`{entry.formula}`",
        f":small[:gray[{cost}Source: {source}]]",
    )
    return "  \n".join(parts)


def about_all(registry: Registry[Any]) -> None:
    """Put what each method of a registry does, its formula and its source, behind one click.

    It is one element: a page that drew five for each of thirty methods took a fifth of its time.
    """
    with st.popover(
        f"About each {registry.kind}",
        type="tertiary",
        icon=":material/info:",
        key=f"about-{registry.kind}",
        help=f"What each {registry.kind} does, with formula and source",
    ):
        st.markdown("\n\n---\n\n".join(map(about, registry)))


def choose(
    registry: Registry[Any],
    label: str,
    key: str,
    value: str,
    edit: Callable[[str], None],
    *,
    by_family: bool = False,
    granularity: str | None = None,
) -> None:
    """Draw a select box over a registry's methods; `edit` is called with the chosen name.

    `by_family` puts those of one family together, and says it beside each. Where a `granularity` is
    given, what ranks no such units is not offered, but for what is chosen already.
    """
    names, shown = list(registry.names()), {entry.name: entry.title for entry in registry}
    if granularity is not None:
        names = [name for name in names if name == value or registry.get(name).fits(granularity)]
    if by_family:
        names.sort(key=lambda name: registry.get(name).family)
        shown = {entry.name: f"{entry.title} ({entry.family})" for entry in registry}
    st.selectbox(
        label,
        names,
        index=names.index(registry.get(value).name),
        format_func=lambda name: shown.get(name, name),
        key=follow(key, registry.get(value).name),
        on_change=changes(key, edit),
    )
    _chosen(registry, value)


def parameters(
    registry: Registry[Any],
    name: str,
    given: Mapping[str, Any],
    edit: Callable[[str, Any], None],
) -> None:
    """Draw a widget for each parameter of the chosen method, two side by side where they fit."""
    entry = registry.get(name)
    if not entry.parameters:
        return
    across = min(2, len(entry.parameters))
    grid = st.grid(across, min_column_width=120, gap="small", key=f"parameters-{registry.kind}")
    for definition in entry.parameters:
        value = given.get(definition.name, definition.default)
        key = f"parameter-{name}-{definition.name}"
        with grid.cell():
            parameter(definition, key, value, partial(edit, definition.name))


def _chosen(registry: Registry[Any], value: str) -> None:
    """Draw the chosen method's sentence, and the way to all of them beside it."""
    with st.container(horizontal=True, wrap=False, gap="xsmall"):
        entry = registry.get(value)
        takes = f" Cost: {COSTS[entry.cost]}." if entry.is_slow else ""
        st.caption(text.escape(entry.sentence + takes), width="stretch")
        about_all(registry)


def parameter(definition: Parameter, key: str, value: Any, edit: Callable[[Any], None]) -> None:
    """Draw a method parameter's widget: a switch, a choice of words, a text, or a number field."""
    title, name = definition.title, _spaced(definition.name)
    label = f"{title} ({definition.unit})" if definition.unit not in ("", name) else title
    common: dict[str, Any] = {
        "key": follow(key, value),
        "help": definition.help,
        "on_change": changes(key, edit),
    }
    if isinstance(definition.default, bool):
        st.toggle(label, value=bool(value), **common)
        return
    if isinstance(definition.default, str) and not definition.choices:
        st.text_input(label, value=str(value), **common)
        return
    if isinstance(definition.default, str):
        place = definition.choices.index(value) if value in definition.choices else 0
        st.selectbox(label, definition.choices, index=place, format_func=_spaced, **common)
        return
    if isinstance(definition.default, float):
        # a step of a tenth of the usual value's power of ten, and no zeros that say nothing
        size = math.floor(math.log10(definition.default)) if definition.default > 0 else -1
        common.update(format="%g", step=10.0**size / 10 if definition.default else 0.05)
    kind = int if isinstance(definition.default, int) else float
    low = None if definition.minimum is None else kind(definition.minimum)
    high = None if definition.maximum is None else kind(definition.maximum)
    st.number_input(label, min_value=low, max_value=high, value=kind(value), **common)


def _spaced(name: str) -> str:
    return name.replace("_", " ")
