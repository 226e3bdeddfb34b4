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
from pruneviz.figures.inputs import detectors, images, series
from pruneviz.figures.kit.format import seconds
from pruneviz.registry import Value
from pruneviz.subjects import Data
from pruneviz.tasks.regression import Regression
from pruneviz.ui.attributions import labels, numbers
from pruneviz.ui.attributions.asked import Asked
from pruneviz.ui.engine import results
from pruneviz.ui.frame import frame
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.session import state
from pruneviz.ui.words import text

METHOD_KEY = "attributions-chosen-method"
NOT_YET = "explain a class or a number."
TOKENS = (
    "Attributions lie over numbers that can be changed a little, and tokens cannot. Compare shows "
    "where this network's answers changed."
)
SEVERAL = (
    "Attributions lie over one tensor, and each of these inputs is several. Compare shows where "
    "this network's answers changed."
)


def explain(view: frame.View, data: Data, asked: Asked, method: str) -> None:
    """Draw what became of the answer, whether the method can be trusted here, and both maps."""
    index, target = asked.index, asked.target
    settings = steps_taken(view, index, target, method)
    original = results.explanation(view.plan, "original", index, target, method, settings)
    pruned = results.explanation(view.plan, "pruned", index, target, method, settings)
    alike = similarity(original.places, pruned.places)
    found = headline(asked.answer, (original, pruned), alike)
    st.markdown(text.sentence(found.trust))
    if data.kind == "image":
        raw = data.raw(results.one_input(view.plan, index))[0]
        chart = images.attribution_pair(raw, original.places, pruned.places, found.title)
        widgets.pictures(chart, "attributions-figure", 2)
        st.caption(images.where(original.places, pruned.places))
    elif data.kind == "series":
        own = data.raw(results.one_input(view.plan, index))
        raw, before, after = (
            data.by_channel(values[0]) for values in (own, original.values, pruned.values)
        )
        chart = series.attribution_lines(raw, before, after, found.title, data.features)
        widgets.figure(theme.fit(chart), key="attributions-figure")
        st.caption(series.where(before, after, data.features))
    else:
        chart = images.attribution_bars(
            data.features, original.places, pruned.places, found.title, of=original.of
        )
        widgets.figure(theme.fit(chart), key="attributions-figure")
    st.caption(f"How alike: {alike.numbers}." if alike.numbers else "")
    for name, each in (("Original", original), ("Pruned", pruned)):
        show = st.caption if each.valid else st.warning
        show(f"{name}: {text.escape(each.note)}")
    offer_steps(view, index, target, method, [original, pruned])


def steps_key(view: frame.View, index: int, target: int, method: str) -> str:
    """Return under what the steps asked for by hand are remembered: for one explanation alone."""
    return f"attributions-steps:{view.plan.digest()}:{index}:{target}:{method}"


def steps_taken(view: frame.View, index: int, target: int, method: str) -> dict[str, Value]:
    """Return the steps asked for by hand; {} leaves their number to the method's own check."""
    asked = st.session_state.get(steps_key(view, index, target, method))
    return {} if asked is None else {STEPS: asked}


def offer_steps(
    view: frame.View, index: int, target: int, method: str, found: list[Attribution]
) -> None:
    """Draw what takes as many steps as the check asks for, where it fails and more may help."""
    steps = max(each.more for each in found)
    if steps:
        wait = sum(each.seconds * steps / (each.steps or steps) for each in found)
        st.button(
            f"Take {steps:,} steps (about {seconds(wait)})",
            key="attributions-more-steps",
            icon=":material/more_time:",
            on_click=st.session_state.update,
            args=({steps_key(view, index, target, method): steps},),
        )


def opening_layer(view: frame.View, names: tuple[str, ...]) -> str:
    """Return the layer shown first: the last one of which something goes, with maps if any has."""
    weights = {name: view.subject.model.get_parameter(f"{name}.weight") for name in names}
    with_maps = tuple(name for name in names if weights[name].dim() > 2)
    pruned = {layer for row in view.layers if row.removed for layer in row.layers}
    candidates = with_maps or names
    return next((name for name in reversed(candidates) if name in pruned), candidates[-1])


def look_at_channels(view: frame.View, asked: Asked) -> None:
    """Draw what the channels of one layer show in both networks, under the original's numbers."""
    index, target = asked.index, asked.target
    names = convolutions_and_linears(view.subject.model)
    if not names:
        st.caption("This network has no convolution and no linear layer whose channels are shown.")
        return
    layer = state.layer() if state.layer() in names else opening_layer(view, names)
    widgets.choose_layer("attributions-layer", names, layer)
    pruned = view.pruned
    before = results.channels(view.plan, "original", index, layer, target)
    keep = surviving(layer, len(before.maps), pruned.cuts, pruned.masks)
    if bool(keep.any()):
        found = results.channels(view.plan, "pruned", index, layer, target)
        after = on_original_channels(found, keep)
    else:
        after = nothing_left(before)
    shares = (before.importance, after.importance)
    channels = detectors.Channels(layer, before.maps, after.maps, keep, shares)
    if before.maps.dim() == 3:
        chart = detectors.grid(channels)
        widgets.pictures(chart, "attributions-channels", 2)
    elif before.maps.dim() == 2:
        chart = detectors.tracks(channels)
        widgets.figure(theme.fit(chart), key="attributions-channels")
    chart = detectors.bars(channels, asked.name, of=asked.of)
    widgets.figure(theme.fit(chart), key="attributions-importance")


with frame.page("Attributions", "What do both networks look at, before and after?") as view:
    judged, answers = results.judged(view.plan), results.answers(view.plan)
    if judged is None:
        widgets.empty("An attribution explains the answer to one input. Choose data on Home.")
        st.stop()
    if not judged.data.of_numbers:
        widgets.empty(SEVERAL if judged.data.kind == "several" else TOKENS)
        st.stop()
    if answers is None and not isinstance(judged.task, Regression):
        widgets.empty(f"Attributions {NOT_YET} Compare shows where this network's answers changed.")
        st.stop()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        asked = numbers.ask(judged) if answers is None else labels.ask(answers)
    with st.container(width=520):
        widgets.choose(
            METHODS,
            "Method",
            "attributions-method",
            st.session_state.get(METHOD_KEY, "integrated_gradients"),
            lambda name: st.session_state.update({METHOD_KEY: name}),
        )
    st.markdown(asked.said)
    for warning in asked.warnings:
        st.warning(text.escape(warning))
    try:
        explain(view, judged.data, asked, st.session_state["attributions-method"])
    except ValueError as error:
        st.warning(text.escape(str(error)))
    st.subheader("What the channels see", anchor=False)
    look_at_channels(view, asked)
