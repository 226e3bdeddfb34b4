"""Speed has one wording in the strip, on Compare, among snapshots, on Runs and in a terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from streamlit.testing.v1 import AppTest

from pruneviz import run
from pruneviz.cli import tables
from pruneviz.measure.latency import Timings
from pruneviz.measure.milliseconds import pass_time
from pruneviz.measure.speed import AGAIN, FEWEST_PASSES, STAYS_DENSE
from pruneviz.plan import Plan
from pruneviz.ui.engine import cache, results
from pruneviz.ui.frame import speeds
from pruneviz.ui.history import report_tables
from pruneviz.ui.session import link
from pruneviz.ui.tune import snapshots
from pruneviz.ui.tune.snapshots import Side

PAGES = Path(__file__).parents[2] / "pages"
MLP = Plan(model="sample:tumour-mlp", sparsity=0.37)
MASKED = MLP.changed(granularity="weight", scope="global")


def timings(passes: int, ratio: float = 1.5) -> Timings:
    ms = 1 + np.random.default_rng(0).gamma(9, 0.001, passes)
    return Timings(ratio * ms, ms, 1, 1)


@pytest.fixture
def timed(monkeypatch) -> list[Timings]:
    """Return the list whose last timings every measurement gives, and no other."""
    measured = [timings(50)]
    monkeypatch.setattr(run, "time_models", lambda *_, **__: measured[-1])
    cache.course.clear()
    yield measured
    cache.course.clear()


def in_terminal(report) -> str:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "output", lambda: Console(file=out, width=300))
        tables.print_report(report)
    return out.getvalue()


@pytest.mark.parametrize("plan", [MLP, MASKED], ids=["cut", "masked"])
@pytest.mark.parametrize("given", [timings(50), timings(50, 1.0), timings(50, 0.5), timings(3)])
def test_one_measurement_has_one_sentence_everywhere(timed, plan: Plan, given: Timings) -> None:
    timed.append(given)
    live = cache.live(plan)
    said = speeds.in_words(live.report)
    assert (STAYS_DENSE in said) == (plan is MASKED)
    assert said in snapshots.table([Side("now", plan, live)])
    assert said in [row[-1] for row in report_tables.numbers(live.report)]
    assert ("Speed, against its original", said, said) in report_tables.side_by_side(
        live.report, live.report
    )
    assert said in in_terminal(live.report)
    settled = speeds.cell(replace(live, settled=True))
    assert "; ".join(filter(None, (settled.change, settled.part))) == said


def test_no_milliseconds_of_two_hours_stand_beside_each_other(timed) -> None:
    live = cache.live(MLP)
    sides = [Side("now", MLP, live), Side("A", MLP, live)]
    assert not re.search(r"\d\s*ms", snapshots.table(sides))
    assert not any(
        " ms" in " ".join(row) for row in report_tables.side_by_side(live.report, live.report)
    )


def test_compare_and_the_strip_agree_and_measure_again_replaces_both(timed) -> None:
    timed.append(timings(12))
    at = AppTest.from_file(str(PAGES / "compare.py"), default_timeout=60)
    at.query_params["plan"] = link.encode(MLP)
    timed.append(timings(100, 1.5))
    at.run()
    assert not at.exception
    assert sum("1.50 × as fast" in each.value for each in at.markdown) == 2
    # in the strip and on the page, whose figure does not repeat it
    assert not any("as fast" in each.proto.spec for each in at.get("plotly_chart"))
    timed.append(timings(100, 1.2))
    at.button(key="compare-time-again").click().run()
    assert sum("1.20 × as fast" in each.value for each in at.markdown) == 2
    assert not any("1.50" in each.value for each in at.markdown)


def test_export_says_and_writes_the_times_of_the_strip(timed) -> None:
    timed.append(timings(100, 1.3))
    at = AppTest.from_file(str(PAGES / "export.py"), default_timeout=60)
    at.query_params["plan"] = link.encode(MASKED)
    at.run()
    assert not at.exception
    live = cache.live(MASKED)
    captions = " ".join(each.value.replace("\\", "") for each in at.caption)
    assert speeds.in_words(live.report) in captions
    assert "The strip and the report have the same times: 100 passes of each" in captions
    assert results.files(MASKED, speeds.pair_at_length).report.latency_ms == live.report.latency_ms
    timed.append(timings(100, 1.2))
    cache.course(MASKED).time(cache.prepared(MASKED), cache.pruned(MASKED), 100)
    assert (
        results.files(MASKED, speeds.pair_at_length).report.latency_ms
        == cache.live(MASKED).report.latency_ms
    )
    assert cache.live(MASKED).report.latency_ms.speedup == pytest.approx(1.2)


@pytest.mark.parametrize("given", [timings(50), timings(50, 0.5), timings(3)])
@pytest.mark.parametrize("plan", [MLP, MASKED], ids=["cut", "masked"])
def test_the_goal_bar_says_what_the_strip_measured(timed, plan: Plan, given: Timings) -> None:
    timed.append(given)
    at = AppTest.from_file(str(PAGES / "tune.py"), default_timeout=60)
    at.query_params["plan"], at.query_params["goal"] = link.encode(plan), "milliseconds:1.1"
    cache.course(plan).time(cache.prepared(plan), cache.pruned(plan), 50)
    at.run()
    assert not at.exception
    time = pass_time(cache.live(plan).report.latency_ms.pruned)
    said = str(at.get("progress")[0].proto.text).replace("\\", "")
    assert said == time.against_goal(1.1, dense=plan is MASKED)
    assert said.startswith(AGAIN) is (time.passes < FEWEST_PASSES)
    timed.append(timings(100, 2.0))
    at.button(key="goal-time-again").click().run()
    assert cache.live(plan).report.latency_ms.pruned.runs == 100


def test_a_network_that_was_timed_too_little_is_timed_on(timed) -> None:
    timed.append(timings(12))
    live = cache.live(MLP)
    assert not live.done
    assert speeds.cell(live).change == speeds.STILL_TIMED
    assert AGAIN in speeds.in_words(live.report)
    cache.follow(MLP)
    cache.background().wait()
    assert cache.live(MLP).report.latency_ms.pruned.runs >= 20
    assert cache.live(MLP).done
