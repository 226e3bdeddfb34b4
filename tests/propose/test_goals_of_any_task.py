"""Goals of any metric: what is lost is measured in its unit and its direction."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.analyses.comparison import MethodComparison
from pruneviz.figures import comparison, proposed
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.propose import Goal, propose, read_proposal, write_proposal
from pruneviz.propose.goal import usual_loss
from pruneviz.subjects import load_subject

MAE = Plan(model="sample:diabetes-mlp", scope="global", sparsity=0.3)
PRECISION = Plan(model="sample:tumour-mlp", metric="average_precision", scope="global")


@cache
def scanned(text):
    plan = Plan.from_text(text)
    prepared = run.prepare(load_subject(plan), plan)
    scan = scans.scan(prepared, (0.3, 0.6, 0.9))
    while not scan.finished:
        scan.step()
    return prepared, scan.table()


@pytest.mark.parametrize(
    ("plan", "goal", "sign"),
    [(MAE, Goal("mae", 2.0), 1), (PRECISION, Goal("average_precision", 0.02), -1)],
    ids=["regression", "another metric"],
)
def test_no_more_is_lost_than_allowed_and_a_replay_reports_the_same(plan, goal, sign, tmp_path):
    prepared, points = scanned(plan.to_yaml())
    found = propose(prepared, plan, goal, points)
    _, _, report = run.run(found.plan, latency_runs=3)
    assert found.quality == report.primary
    assert found.quality.metric == goal.kind
    assert sign * found.quality.change <= goal.value + 1e-9
    assert found.reached == max(sign * found.quality.change, 0.0)
    assert found.saved_parameters > 0
    assert found.onto(plan) == found.plan
    assert propose(prepared, plan, goal, points) == found
    write_proposal(tmp_path / "proposal.json", found)
    assert '"accuracy"' not in (tmp_path / "proposal.json").read_text()
    assert read_proposal(tmp_path / "proposal.json") == found
    assert goal.metric.noun in proposed.quality_line(found)
    part, line = proposed.standing(goal, report)
    assert part == pytest.approx(found.reached / goal.value)
    assert "within the goal" in line


def test_a_goal_of_another_metric_than_judges_is_refused():
    prepared, points = scanned(MAE.to_yaml())
    with pytest.raises(ValueError, match="about accuracy, and the network is judged by mean abs"):
        propose(prepared, MAE, Goal("accuracy_points", 1), points)
    prepared, points = scanned(PRECISION.to_yaml())
    with pytest.raises(ValueError, match="curves are not of average precision"):
        propose(prepared, PRECISION, Goal("average_precision", 0.02),
                points.drop(columns="average_precision"))  # fmt: skip


@pytest.mark.parametrize("plan", [MAE, PRECISION], ids=["regression", "another metric"])
def test_methods_are_compared_by_what_judges(plan):
    prepared = run.prepare(load_subject(plan), plan)
    found = MethodComparison(prepared, plan, (0.2, 0.5))
    while not found.finished:
        found.step()
    _, _, report = run.run(plan.changed(sparsity=0.5), latency_runs=3)
    assert found.marks[-1].value == report.primary.pruned
    assert found.metric.name in found.table()
    figure = comparison.curves({"L1": found.table()}, found.metric, report.primary.original)
    assert figure.layout.yaxis.title.text.startswith(found.metric.title)
    assert list(figure.data[0].y[1:]) == [mark.value for mark in found.marks]


def test_the_best_of_a_metric_that_should_be_low_is_the_lowest():
    mae, columns = METRICS.get("mae"), ["sparsity", "mae", "low", "high"]
    tables = {
        name: pd.DataFrame([(0.5, value, value - 1, value + 1)], columns=columns)
        for name, value in {"One": 44.0, "Two": 43.0}.items()
    }
    title = comparison.what_to_see(tables, mae, 40.0)
    assert title.startswith("Two does best: mean absolute error 43")
    assert "adds less than 10" in title


@pytest.mark.parametrize(
    ("goal", "wish"),
    [(Goal("mae", 2.2), "add at most 2.2 to mean absolute error"),
     (Goal("average_precision", 0.02, "macs"),
      "lose at most 0.02 of average precision and save MACs"),
     (Goal("f1", 1), "lose at most 1 point of F1"),
     (Goal("loss", 0.3), "add at most 0.3 nats to cross-entropy")],
)  # fmt: skip
def test_a_goal_is_a_wish_in_its_metric_s_unit_and_direction(goal, wish):
    assert goal.wish == wish
    assert Goal.parse(goal.text()) == Goal.of(goal.settings()) == goal


@pytest.mark.parametrize(
    ("kind", "value"), [("average_precision", 1), ("mae", -1), ("accuracy", 1)]
)
def test_what_cannot_be_lost_is_refused(kind, value):
    with pytest.raises(ValueError, match="got"):
        Goal(kind, value)


@pytest.mark.parametrize(
    ("metric", "original", "value"),
    [("accuracy", 0.9, 1.0), ("average_precision", 0.9, 0.01), ("mae", 43.6, 2.2),
     ("mae", 0.0, 0.0), ("mae", float("nan"), 0.0)],
)  # fmt: skip
def test_what_may_usually_be_lost(metric, original, value):
    assert usual_loss(METRICS.get(metric), original).value == value
