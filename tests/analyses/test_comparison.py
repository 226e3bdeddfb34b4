"""Methods under comparison: each mark is what the plan itself would reach, and nothing is lost."""

from __future__ import annotations

import math

import pytest

from pruneviz import run as engine
from pruneviz.analyses.comparison import LEVELS, MethodComparison, comparison_plan, read_marks
from pruneviz.catalogue import demonstrations
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject

PLAN = Plan(model="sample:tumour-mlp", criterion="taylor", scope="global", sparsity=0.7,
            layers={"fc1": 0.1}, locks={"fc1": (0, 1)})  # fmt: skip


def contest(plan=PLAN, **options):
    return MethodComparison(engine.prepare(load_subject(plan), plan), plan, **options)


def test_marks_are_what_plans_reach_with_locks_and_without_amounts():
    found = contest(levels=(0.3, 0.6))
    while not found.finished:
        found.step()
    for mark in found.marks:
        plan = PLAN.changed(sparsity=mark.sparsity, layers={})
        _, _, report = engine.run(plan, latency_runs=3)
        assert (mark.value, mark.change) == (report.accuracy.pruned, report.accuracy.change)
        assert (mark.low, mark.high) == report.accuracy.pruned_interval
        assert mark.samples == report.accuracy.samples


def test_an_amount_that_cannot_be_reached_is_noted_and_the_others_are_measured(tmp_path):
    plan = PLAN.changed(locks={"fc1": "all", "fc2": "all"})
    found = contest(plan, levels=(0.0, 0.9))
    while not found.finished:
        found.step()
    first, last = found.marks
    assert first.change == 0
    assert math.isnan(last.value)
    assert "unlock" in last.note
    path = tmp_path / "points.csv"
    path.write_text(found.table().to_csv(index=False))
    table = read_marks(path)
    assert list(table["note"]) == ["", last.note]
    assert float(table["accuracy"][0]) == first.value


def test_it_is_taken_up_where_it_stopped():
    whole = contest(levels=(0.2, 0.4))
    first = whole.step()
    again = contest(levels=(0.2, 0.4))
    again.restore({"marks": [list(vars(first).values())]})
    assert again.step() == whole.step()
    with pytest.raises(ValueError, match="belong to other amounts"):
        contest(levels=(0.5,)).restore(again.state())


def test_what_decides_the_curve_is_neither_amount_nor_recovery():
    other = PLAN.changed(sparsity=0.1, layers={}, recovery=[{"method": "finetune"}])
    assert comparison_plan(PLAN) == comparison_plan(other)
    assert comparison_plan(PLAN) != comparison_plan(PLAN.changed(locks={}))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="decides the amount by itself"):
        contest(Plan(model="sample:tumour-mlp", scope="budget"))


def test_a_damaged_file_is_refused(tmp_path):
    assert read_marks(tmp_path / "none.csv").empty
    (tmp_path / "points.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="it lacks columns; measure again"):
        read_marks(tmp_path / "points.csv")


def test_half_of_what_is_shown_is_gone_in_every_granularity():
    shown = demonstrations()
    others = {"head", "depth", "expert"}
    assert {each.granularity for each in shown} == set(GRANULARITIES.names()) - others
    for each in shown:
        assert each.stays.shape == (8, 36)
        assert float(each.stays.double().mean()) == pytest.approx(0.5, abs=0.02)
    rows = next(each.stays for each in shown if each.granularity == "channel")
    assert bool((rows.all(1) | ~rows.any(1)).all())


def test_there_are_nine_levels():
    assert tuple(round(0.1 * k, 1) for k in range(1, 10)) == LEVELS
