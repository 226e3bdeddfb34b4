"""Attributions: what do both networks look at, and what do their channels see?"""

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from pruneviz.compare import disagreements
from pruneviz.explain import (
    METHODS,
    STEPS,
    Attribution,
    at_chance,
    convolutions_and_linears,
    headline,
    nothing_left,
    on_original_channels,
    similarity,
    surviving,
    verdict,
)
from pruneviz.figures.inputs import detectors, images, series
from pruneviz.figures.kit.format import percent, seconds, unbroken
from pruneviz.measure.quality import predicted
from pruneviz.registry import Value
from pruneviz.ui.engine import results
from pruneviz.ui.frame import frame
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.session import selection, state
from pruneviz.ui.words import text

MOST_NAMES = 2000  # that a browser lists with ease
METHOD_KEY = "attributions-chosen-method"


def choose_input(answers: results.Answers) -> int:
    """Draw the choice of an input; the first that both answer differently opens the page."""
    differing = disagreements(answers.original, answers.pruned, answers.data.y)["index"].tolist()
    count, key = len(answers.data.x), "attributions-input"
    index = selection.chosen_input(count, differing[0] if differing else 0)
    st.number_input(
        f"Input (0 to {count - 1:,})",
        0,
        count - 1,
        index,
        key=widgets.follow(key, index),
        on_change=widgets.changes(key, selection.choose_input),
    )
    if count <= MOST_NAMES:
        by_name = "attributions-name"
        st.selectbox(
            "Its name",
            range(count),
            index,
            key=widgets.follow(by_name, index),
            format_func=answers.data.name,
            help="What the input is called in the data: type a part of it to find another.",
            on_change=widgets.changes(by_name, selection.choose_input),
        )
    place = differing.index(index) + 1 if index in differing else 0
    st.button(
        "Next disagreement",
        icon=":material/skip_next:",
        disabled=not differing,
        help="The next input that both networks answer differently, most surprising first.",
        on_click=selection.choose_input,
        args=(differing[place % len(differing)] if differing else index,),
    )
    return index


def choose_class(classes: tuple[str, ...], default: int) -> int:
    """Draw the choice of the class whose logit is explained; the original's answer is the first."""
    return st.selectbox(
        "Class to explain",
        range(len(classes)),
        index=default,
        format_func=lambda i: classes[i],
        help="Both networks are asked what speaks for this class. Default: the original's answer.",
    )


def answer_line(name: str, colour: str, logits: Tensor, classes: tuple[str, ...]) -> str:
    """Return one network's answer with its probability."""
    probability, answer = logits.softmax(0).max(0)
    said = f"**{text.escape(classes[int(answer)])}** ({unbroken(percent(float(probability)))})"
    return f":{colour}[{name}] says {said}"


def truth_and_answers(answers: results.Answers, index: int) -> tuple[int, tuple[int, int]]:
    """Return an input's class and what both networks answer, −1 where that is no number."""
    given = torch.stack([answers.original[index], answers.pruned[index]])
    before, after = predicted(given).tolist()
    return int(answers.data.y[index]), (before, after)


def explain(
    view: frame.View, answers: results.Answers, index: int, target: int, method: str
) -> None:
    """Draw what became of the answer, whether the method can be trusted here, and both maps."""
    settings = steps_taken(view, index, target, method)
    original = results.explanation(view.plan, "original", index, target, method, settings)
    pruned = results.explanation(view.plan, "pruned", index, target, method, settings)
    alike, data = similarity(original.places, pruned.places), answers.data
    truth, given = truth_and_answers(answers, index)
    found = headline(truth, given, data.classes, (original, pruned), alike)
    st.markdown(text.sentence(found.trust))
    if data.kind == "image":
        raw = data.raw(data.x[index : index + 1])[0]
        chart = images.attribution_pair(raw, original.places, pruned.places, found.title)
        pictures(chart, "attributions-figure", 2)
        st.caption(images.where(original.places, pruned.places))
    elif data.kind == "series":
        raw, before, after = (
            data.by_channel(values[0])
            for values in (data.raw(data.x[index : index + 1]), original.values, pruned.values)
        )
        chart = series.attribution_lines(raw, before, after, found.title, data.features)
        widgets.figure(theme.fit(chart), key="attributions-figure")
        st.caption(series.where(before, after, data.features))
    else:
        chart = images.attribution_bars(data.features, original.places, pruned.places, found.title)
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
        widgets.figure(chart, key=key, height="stretch")


def look_at_channels(view: frame.View, index: int, target: int, classes: tuple[str, ...]) -> None:
    """Draw what the channels of one layer show in both networks, under the original's numbers."""
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
        pictures(chart, "attributions-channels", 2)
    elif before.maps.dim() == 2:
        chart = detectors.tracks(channels)
        widgets.figure(theme.fit(chart), key="attributions-channels")
    chart = detectors.bars(channels, classes[target])
    widgets.figure(theme.fit(chart), key="attributions-importance")


with frame.page("Attributions", "What do both networks look at, before and after?") as view:
    answers = results.answers(view.plan)
    if answers is None:
        widgets.empty("An attribution explains the answer to one input. Choose data on Home.")
        st.stop()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        index = choose_input(answers)
        classes = answers.data.classes
        target = choose_class(classes, int(answers.original[index].argmax()))
    with st.container(width=520):
        widgets.choose(
            METHODS,
            "Method",
            "attributions-method",
            st.session_state.get(METHOD_KEY, "integrated_gradients"),
            lambda name: st.session_state.update({METHOD_KEY: name}),
        )
    st.markdown(
        f"The truth of {text.escape(answers.data.name(index))} is "
        f"**{text.escape(classes[int(answers.data.y[index])])}**. "
        f"{answer_line('The original', 'blue', answers.original[index], classes)}, "
        f"{answer_line('the pruned network', 'orange', answers.pruned[index], classes)}: "
        f"**{verdict(*truth_and_answers(answers, index))}**."
    )
    networks = {"The original": answers.original, "The pruned network": answers.pruned}
    for who, logits in networks.items():
        if guessing := at_chance(logits, answers.data.y, who):
            st.warning(text.escape(guessing))
    try:
        explain(view, answers, index, target, st.session_state["attributions-method"])
    except ValueError as error:
        st.warning(text.escape(str(error)))
    st.subheader("What the channels see", anchor=False)
    look_at_channels(view, index, target, classes)
