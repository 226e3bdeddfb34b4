"""Compare: what changed in the answers, the speed and the size?"""

from typing import Any

import pandas as pd
import streamlit as st
from torch import Tensor

from pruneviz.compare import disagreements, divergence, outcomes
from pruneviz.figures import compare
from pruneviz.figures.inputs import images, series
from pruneviz.figures.kit.format import (
    count,
    inputs,
    milliseconds,
    percent,
    plural,
    points,
    points_alone,
    size,
    unbroken,
)
from pruneviz.measure.answers import answer_notes
from pruneviz.measure.quality import accuracy_pair, by_class
from pruneviz.network.inputs import only_tensor
from pruneviz.subjects import Data
from pruneviz.ui import classes
from pruneviz.ui.compare import given, groups, judged, writing
from pruneviz.ui.engine import results
from pruneviz.ui.frame import frame, speeds
from pruneviz.ui.kit import keeping, theme, widgets
from pruneviz.ui.session import selection
from pruneviz.ui.words import text

MOST_CARDS = 12
FIGURE_WIDTH = 540  # two beside each other on a wide screen, else one below the other


def answers_in_words(answers: results.Answers) -> str:
    """Return both accuracies, their change and how often both agree, as three sentences."""
    found = accuracy_pair(answers.original, answers.pruned, answers.data.y)
    counts = outcomes(answers.original, answers.pruned, answers.data.y)
    apart = divergence(answers.original, answers.pruned, answers.task)
    low, high = found.change_interval
    fresh = "" if answers.data.held_out else ", none used to calibrate,"
    return (
        f"On {inputs(found.samples, answers.data.held_out)}{fresh} the "
        f":orange[pruned network] is right in **{percent(found.pruned)}**, "
        f"the :blue[original] in **{percent(found.original)}**: "
        f"{points(found.change)} (95 % interval {points_alone(low)} to {points(high)}). "
        f"It loses {plural(counts.only_original, 'right answer')} and gains {counts.only_pruned}. "
        f"Both give the same answer to {percent(apart.agreement)} of the inputs; their "
        f"probabilities lie {apart.kl_nats:.3f} nats apart (mean Kullback-Leibler divergence)."
    )


def show_warnings(answers: results.Answers) -> None:
    """Say what both networks' answers must be warned of, such as one answer to everything."""
    for note in answer_notes(
        answers.original, answers.pruned, answers.data.y, answers.data.classes
    ):
        st.warning(text.escape(str(note)), icon=":material/warning:")


def show_classes(answers: results.Answers) -> None:
    """Draw what each class gains or loses, beside its exact numbers, and what it is taken for."""
    table = by_class(answers.original, answers.pruned, answers.data.y, answers.data.classes)
    row = st.container(horizontal=True, gap="medium")
    with row.container(width=FIGURE_WIDTH):
        widgets.figure(theme.fit(compare.by_class(table)), key="compare-classes")
    with row.container(width=FIGURE_WIDTH):
        st.markdown("**Each class in numbers**", help=classes.HELP)
        classes.draw_table(table)
    classes.draw_confusions(answers)


def show_disagreements(answers: results.Answers) -> None:
    """Draw the inputs that both networks answer differently, most surprising first."""
    table = disagreements(answers.original, answers.pruned, answers.data.y)
    st.subheader(
        f"They disagree on {plural(len(table), 'input') if len(table) else 'no input'}",
        anchor=False,
    )
    if table.empty:
        widgets.empty("Both networks give the same answer to every input. Remove more on Tune.")
        return
    table.insert(1, "name", [answers.data.name(i) for i in table["index"]])
    names = answers.data.classes
    for column in ("true", "original", "pruned"):
        table[column] = [names[i] if i >= 0 else "no number" for i in table[column]]
    st.caption(
        "Most surprising first: where the two networks' probabilities lie furthest apart."
        + (f" The first {MOST_CARDS} are shown." if len(table) > MOST_CARDS else "")
    )
    if answers.data.kind in ("image", "series"):
        with st.container(horizontal=True, gap="medium"):
            for row in table.head(MOST_CARDS).itertuples():
                card(answers, row)
    else:
        show_rows(answers, table)
    st.download_button(
        "Download all as CSV",
        table.to_csv(index=False),
        "disagreements.csv",
        "text/csv",
        icon=":material/download:",
    )


def card(answers: results.Answers, row: Any) -> None:
    """Draw one input as a picture with the truth and both answers."""
    index = int(row.index)
    raw = answers.data.raw(only_tensor(answers.data.x)[index : index + 1])[0]
    name = text.escape(answers.data.name(index))
    with st.container(width=150, gap="xsmall"):
        st.image(picture(answers.data, raw), width=144, alt=f"Input {index}")
        st.markdown(
            f"truth **{text.escape(row.true)}** :small[:gray[{name}]]  \n"
            f":blue[original {text.escape(row.original)}] {mark(row, 'original')} "
            f":small[{percent(row.original_probability, 0)}]  \n"
            f":orange[pruned {text.escape(row.pruned)}] {mark(row, 'pruned')} "
            f":small[{percent(row.pruned_probability, 0)}]"
        )
        if st.button("Explain", key=f"compare-explain-{index}", icon=":material/visibility:"):
            selection.choose_input(index)
            st.switch_page("pages/attributions.py")


def picture(data: Data, raw: Tensor) -> images.Picture | str:
    """Return an input in its own units, an image or a series, as a small picture."""
    if data.kind == "series":
        return series.small(data.by_channel(raw))
    return images.picture(raw, least=144)


def mark(row: Any, which: str) -> str:
    """Return whether this answer is right, as a sign with a word for those who do not see it."""
    return "✓" if row.right == which else "✗"


def show_rows(answers: results.Answers, table: pd.DataFrame) -> None:
    """Draw inputs as rows, those of a table with their features in the units recorded."""
    shown = table.drop(columns=["right", "surprise"])
    if answers.data.kind == "tabular":
        values = answers.data.raw(only_tensor(answers.data.x)[table["index"].tolist()]).numpy()
        raw = pd.DataFrame(values, columns=answers.data.features or None).add_prefix(
            "" if answers.data.features else "feature "
        )
        shown = pd.concat([shown, raw], axis=1)
    shown = given.beside(shown, answers.data, answers.tokenizer)
    labels = {
        "index": "input",
        "name": "called",
        "true": "truth",
        "original": "original says",
        "pruned": "pruned says",
    }
    column = st.column_config
    shares = {
        f"{name}_probability": column.NumberColumn("with probability", format="percent")
        for name in ("original", "pruned")
    }
    st.dataframe(shown, hide_index=True, column_config={**labels, **shares})
    if answers.data.kind != "several":
        widgets.page_link("attributions", "Explain one of them by its number")


def show_cost(view: frame.View) -> None:
    """Draw speed, measured in turns on this machine, and sizes, counted exactly."""
    timings = speeds.at_length(view.plan)
    report = view.live.report
    pair = report.latency_ms
    speeds.again(view.plan, speeds.in_words(report))
    row = st.container(horizontal=True, gap="medium")
    with row.container(width=FIGURE_WIDTH):
        chart = compare.latency(timings.original_ms, timings.pruned_ms)
        widgets.figure(theme.fit(chart), key="compare-latency")
        slow = compare.beyond(timings.original_ms, timings.pruned_ms)
        cut = (
            f" {slow} slower {'pass is' if slow == 1 else 'passes are'} not shown." if slow else ""
        )
        both = {"original": pair.original, "pruned": pair.pruned}
        median = ", ".join(f"{n} {unbroken(milliseconds(t.median))}" for n, t in both.items())
        tail = ", ".join(f"{n} {unbroken(milliseconds(t.p99))}" for n, t in both.items())
        st.caption(
            f"{text.escape(speeds.conditions(report))}. "
            f"Median: {median}. 99th percentile: {tail}.{cut}"
        )
    with row.container(width=FIGURE_WIDTH):
        amounts = {
            "parameters": report.parameters,
            "MACs": report.macs,
            "weights file": report.bytes,
        }
        write = {"weights file": size}
        texts = {
            name: f"{write.get(name, count)(a.pruned)} of {write.get(name, count)(a.original)}"
            for name, a in amounts.items()
        }
        chart = compare.sizes({name: (a, texts[name]) for name, a in amounts.items()})
        widgets.figure(theme.fit(chart), key="compare-sizes")
        left_out = report.uncounted.in_words()
        macs = f"MACs of one input, {left_out}," if left_out else "MACs of one input"
        st.caption(
            text.escape(f"Counted exactly: {macs} and the bytes of the exported weights file.")
        )


with frame.page("Compare", "What changed in the answers, the speed and the size?") as view:
    answers, other = results.answers(view.plan), None
    if answers is not None:
        st.markdown(answers_in_words(answers))
    else:
        other = results.judged(view.plan)
        if other is None:
            widgets.empty("Accuracy needs labelled inputs. Choose data on Home.")
        else:
            judged.draw(view.plan, other)
    if answers is not None or other is not None:
        keeping.button(view.plan, "Keep this run")
    if answers is not None:
        show_warnings(answers)
        show_classes(answers)
    writing.draw(view.plan)
    groups.draw(view.plan)
    show_cost(view)
    if answers is not None:
        show_disagreements(answers)
    elif other is not None:
        judged.draw_worst(other)
