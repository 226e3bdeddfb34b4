"""Attributions: what do both networks look at, and what do their channels see?"""

import streamlit as st

from pruneviz.explain import (
    METHODS,
    STEPS,
    Attribution,
    convolutions_and_linears,
    headline,
    nothing_left,
    on_original_channels,
    similarity,
    surviving,
)
from pruneviz.figures.inputs import detectors
from pruneviz.figures.kit.format import seconds
from pruneviz.registry import Value
from pruneviz.ui.attributions import choices, heads, maps
from pruneviz.ui.attributions.asked import Asked
from pruneviz.ui.engine import explaining, results
from pruneviz.ui.frame import frame
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.session import state
from pruneviz.ui.words import text

METHOD_KEY = "attributions-chosen-method"
NETWORKS: tuple[results.Which, ...] = ("original", "pruned")
NOTHING = (
    "The original finds nothing in this input, and nothing is true of it. Choose another input, "
    "such as the next one whose answer became worse."
)
SEVERAL = (
    "Attributions lie over one tensor, and each of these inputs is several. Compare shows where "
    "this network's answers changed."
)


def explain(view: frame.View, judged: results.Judged, asked: Asked, method: str) -> None:
    """Draw what became of the answer, whether the method can be trusted here, and both maps."""
    settings = settings_of(view, asked, method)
    both = [
        explaining.explanation(
            view.plan, which, asked.index, asked.sought, asked.within, method, settings
        )
        for which in NETWORKS
    ]
    alike = similarity(both[0].places, both[1].places)
    found = headline(asked.answer, (both[0], both[1]), alike)
    st.markdown(text.sentence(found.trust))
    maps.draw(judged, asked, both[0], both[1], found.title)
    st.caption(f"How alike: {alike.numbers}." if alike.numbers else "")
    for name, each in zip(("Original", "Pruned"), both, strict=True):
        show = st.caption if each.valid else st.warning
        show(f"{name}: {text.escape(each.note)}")
    offer_steps(view, asked, method, both)


def steps_key(view: frame.View, asked: Asked, method: str) -> str:
    """Return under what the steps asked for by hand are remembered: for one explanation alone."""
    about = f"{asked.index}:{asked.sought}:{asked.within}"
    return f"attributions-steps:{view.plan.digest()}:{about}:{method}"


def settings_of(view: frame.View, asked: Asked, method: str) -> dict[str, Value]:
    """Return the steps asked for by hand; else the method's own check decides their number."""
    given = st.session_state.get(steps_key(view, asked, method))
    if given is not None:
        return {STEPS: given}
    return dict(asked.settings) if method == asked.method else {}


def offer_steps(view: frame.View, asked: Asked, method: str, found: list[Attribution]) -> None:
    """Draw what takes as many steps as the check asks for, where it fails and more may help."""
    steps = max(each.more for each in found)
    if steps:
        wait = sum(each.seconds * steps / (each.steps or steps) for each in found)
        st.button(
            f"Take {steps:,} steps (about {seconds(wait)})",
            key="attributions-more-steps",
            icon=":material/more_time:",
            on_click=st.session_state.update,
            args=({steps_key(view, asked, method): steps},),
        )


def opening_layer(view: frame.View, names: tuple[str, ...]) -> str:
    """Return the layer shown first: the last one of which something goes, with maps if any has."""
    weights = {name: view.subject.model.get_parameter(f"{name}.weight") for name in names}
    with_maps = tuple(name for name in names if weights[name].dim() > 2)
    pruned = {layer for row in view.layers if row.removed for layer in row.layers}
    candidates = with_maps or names
    return next((name for name in reversed(candidates) if name in pruned), candidates[-1])


def look_at_channels(view: frame.View, asked: Asked, kind: str) -> None:
    """Draw what the channels of one layer show in both networks, under the original's numbers."""
    names = convolutions_and_linears(view.subject.model)
    if not names:
        st.caption("This network has no convolution and no linear layer whose channels are shown.")
        return
    layer = state.layer() if state.layer() in names else opening_layer(view, names)
    widgets.choose_layer("attributions-layer", names, layer)
    pruned = view.pruned
    about = (asked.index, layer, asked.sought, asked.within)
    before = explaining.channels(view.plan, "original", *about)
    keep = surviving(layer, len(before.maps), pruned.cuts, pruned.masks)
    if bool(keep.any()):
        found = explaining.channels(view.plan, "pruned", *about)
        after = on_original_channels(found, keep)
    else:
        after = nothing_left(before)
    shares = (before.importance, after.importance)
    channels = detectors.Channels(
        layer, before.maps, after.maps, keep, shares, asked.of, asked.side
    )
    if before.maps.dim() == 3:
        chart = detectors.grid(channels)
        widgets.pictures(chart, "attributions-channels", 2)
    elif before.maps.dim() == 2:
        chart = detectors.tracks(channels, along="token" if kind == "text" else "step")
        widgets.figure(theme.fit(chart), key="attributions-channels")
    chart = detectors.bars(channels, asked.name)
    widgets.figure(theme.fit(chart), key="attributions-importance")


with frame.page("Attributions", "What do both networks look at, before and after?") as view:
    judged, answers = results.judged(view.plan), results.answers(view.plan)
    if judged is None:
        widgets.empty("An attribution explains the answer to one input. Choose data on Home.")
        st.stop()
    if judged.data.kind == "several":
        widgets.empty(SEVERAL)
        st.stop()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        asked = choices.ask(view.plan, judged, answers)
    if asked is None:
        widgets.empty(NOTHING)
        st.stop()
    with st.container(width=520):
        widgets.choose(
            METHODS,
            "Method",
            "attributions-method",
            st.session_state.get(METHOD_KEY, asked.method),
            lambda name: st.session_state.update({METHOD_KEY: name}),
        )
    st.markdown(asked.said)
    for warning in asked.warnings:
        st.warning(text.escape(warning))
    try:
        explain(view, judged, asked, st.session_state["attributions-method"])
    except ValueError as error:
        st.warning(text.escape(str(error)))
    if judged.data.kind == "text":
        with widgets.problems_here():
            heads.draw(view.plan, judged, asked.index)
    st.subheader("What the channels see", anchor=False)
    look_at_channels(view, asked, judged.data.kind)
