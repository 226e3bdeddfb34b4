"""The pruned network's speed on pages: the strip's cell, and a measurement at length on request."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.granularity import stays_dense
from pruneviz.measure.latency import Timings
from pruneviz.measure.speed import STAYS_DENSE, Finding, speed
from pruneviz.metrics import metric_of
from pruneviz.plan import Plan
from pruneviz.report import LatencyPair, Report
from pruneviz.run import Prepared, Pruned
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.live import AT_LENGTH, MORE_RUNS, Live
from pruneviz.ui.words.cells import Cell
from pruneviz.ui.words.text import sentence

TIMED_LAST = "timed once the {} is exact"
NOT_TIMED = "timed once you go back to it"
STILL_TIMED = "still being timed"


def in_words(report: Report) -> str:
    """Return how fast a report's network is against its original, dense arithmetic and all."""
    dense = stays_dense(report.plan.granularity, report.sparsity.removed)
    return speed(report.latency_ms).in_words(dense=dense)


def dense(plan: Plan) -> bool:
    """Return whether what a plan removes leaves zeros that are multiplied like any others."""
    return stays_dense(plan.granularity, cache.live(plan).report.sparsity.removed)


def conditions(report: Report) -> str:
    """Return how often, where and how a report's networks were timed, in words."""
    pair = report.latency_ms
    at_once = "one input" if pair.batch_size == 1 else fmt.plural(pair.batch_size, "input")
    return (
        f"{pair.pruned.runs:,} passes of each, in turns, on {report.machine.processor}: "
        f"{pair.engine}, {fmt.plural(pair.threads, 'thread')}, {at_once} at a time"
    )


def cell(live: Live | None) -> Cell:
    """Return the strip's measurement of both latencies, marked as the estimate that it is."""
    if live is None:
        return Cell("latency", "Latency")
    dense = stays_dense(live.report.plan.granularity, live.report.sparsity.removed)
    empty = partial(Cell, "latency", "Latency", part=STAYS_DENSE if dense else "")
    if not live.timed:
        pair = live.report.primary
        last = TIMED_LAST.format(metric_of(pair).noun if pair else "rest")
        return empty(note=STILL_TIMED if live.exact else last)
    report, found = live.report, speed(live.report.latency_ms)
    latency = report.latency_ms
    half = (latency.pruned.median_interval[1] - latency.pruned.median_interval[0]) / 2
    under_way = not live.settled and found.finding is Finding.UNKNOWN
    return empty(
        value=f"{fmt.ABOUT} {fmt.milliseconds(latency.pruned.median)}",
        spread=f"({fmt.plus_minus(half, fmt.time_decimals(latency.pruned.median))})",
        original=fmt.milliseconds(latency.original.median),
        change=STILL_TIMED if under_way else found.in_words(),
    )


def measured(plan: Plan) -> Live:
    """Return a plan's numbers, of a quick network with as many passes as it takes to say a speed.

    Others are timed once the session looks at them.
    """
    course = cache.course(plan)
    if course.current.timed and not course.timed:
        course.time(*_networks(plan), MORE_RUNS)
    return course.current


def at_length(plan: Plan) -> Timings:
    """Return the passes of both networks, measured at length the first time that they are shown.

    The strip then says the same: the page is drawn anew.
    """
    course = cache.course(plan)
    if course.timings is None or not course.at_length:
        measure(plan)
    assert course.timings is not None  # a measurement draws the page anew
    return course.timings


def pair_at_length(plan: Plan) -> LatencyPair:
    """Return both networks' latencies as the strip says them, measured at length."""
    at_length(plan)
    return cache.live(plan).report.latency_ms


def again(plan: Plan, said: str) -> None:
    """Draw the sentence on speed and, beside it, what measures it again."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Speed:** {sentence(said)}")
        if st.button("Measure again", key="compare-time-again", icon=":material/timer:"):
            measure(plan)


def measure(plan: Plan) -> None:
    """Time both networks while a bar says how far it is, and draw the page anew."""
    bar = st.progress(0.0, f"Timing both networks in turns, {AT_LENGTH} passes at most …")

    def show(part: float) -> None:
        bar.progress(part)

    cache.course(plan).time(*_networks(plan), AT_LENGTH, progress=show)
    st.rerun()


def _networks(plan: Plan) -> tuple[Prepared, Pruned]:
    plan = cache.shown(plan)
    return cache.prepared(plan), cache.pruned(plan)
