"""The command line names tasks and metrics, and a report speaks of those of its task."""

from __future__ import annotations

import json
import math
import re

import pytest

from pruneviz import store
from pruneviz.cli.options import PLAN_OPTIONS, made_plan
from pruneviz.cli.tables import print_report
from pruneviz.metrics import METRICS
from pruneviz.report import MetricNumbers
from tests.test_documents import command_of, options_of


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Let the table's lines be whole."""
    monkeypatch.setenv("COLUMNS", "200")


TUMOURS, DIABETES = ("--model", "sample:tumour-mlp"), ("--model", "sample:diabetes-mlp")


def test_a_regression_runs_is_told_by_its_metrics_and_repeats(pruneviz, tmp_path):
    chosen = ("--task", "regression", "--metric", "r2", "--sparsity", "0.3")
    code, out, _ = pruneviz("run", *DIABETES, *chosen, "--out", tmp_path / "run")
    assert code == 0
    report = store.read_report(tmp_path / "run")
    assert [pair.metric for pair in report.quality] == ["r2", "mae", "mse"]
    for title in ("R²", "mean absolute error", "mean squared error"):
        number = r"-?\d+\.?\d*"
        line = rf"{title} \(147 inputs\) {number} {number} [+-]{number} \([+-]{number} to "
        assert re.search(line, flat(out)), out
    assert "accuracy" not in out
    code, out, _ = pruneviz("replay", tmp_path / "run", "--json")
    assert (code, json.loads(out)["identical"]) == (0, True)


def test_a_classification_keeps_its_accuracy_beside_the_metric_that_is_asked_for(pruneviz):
    _, out, _ = pruneviz("run", *TUMOURS, "--metric", "average_precision", "--json")
    found = json.loads(out)
    assert [pair["metric"] for pair in found["quality"]] == ["average_precision", "accuracy"]
    assert found["accuracy"] == found["quality"][1]


def flat(out: str) -> str:
    """Return a table's lines without what draws it."""
    return re.sub(r"[│┃ ]+", " ", out)


def test_what_a_metric_takes_is_given_by_name(pruneviz):
    plan = made_plan(None, model="sample:tumour-mlp", metric="recall",
                     metric_parameters=["class_index=0", "threshold=0.25"])  # fmt: skip
    assert plan.metric_parameters == {"class_index": 0, "threshold": 0.25}
    code, out, _ = pruneviz(
        "run", *TUMOURS, "--metric", "recall", "--metric-parameter", "class_index=0", "--json"
    )
    assert code == 0
    assert json.loads(out)["quality"][0]["settings"] == {"class_index": 0, "threshold": 0.5}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*DIABETES, "--task", "guessing"], "unknown task 'guessing'; choose from classification"),
        ([*TUMOURS, "--task", "regression"], "this is no regression: "),
        ([*TUMOURS, "--metric", "beauty"], "unknown metric 'beauty'; choose from accuracy"),
        ([*DIABETES, "--metric", "auroc"], "AUROC says nothing of this task: choose one of mae"),
        (
            [*TUMOURS, "--metric", "recall", "--metric-parameter", "class=1"],
            "'recall' has no parameter 'class'; it takes: class_index, threshold",
        ),
        (
            [*TUMOURS, "--metric-parameter", "class_index=1"],
            "class_index is asked of no metric: name the metric that takes it, too",
        ),
        ([*TUMOURS, "--metric-parameter", "class_index"], "a parameter reads NAME=VALUE"),
    ],
)
def test_a_task_or_metric_that_cannot_be_is_refused_in_a_sentence(pruneviz, arguments, words):
    code, out, said = pruneviz("run", *arguments, "--json")
    assert (code, out) == (1, "")
    assert words in said
    assert len(said.splitlines()) == 1


def test_commands_that_make_a_plan_take_task_and_metric():
    for name in ("run", "thresholds", "interactions", "propose"):
        assert {"--task", "--metric", "--metric-parameter"} <= options_of(command_of([name]))
    scan = options_of(command_of(["sensitivity"]))
    assert ("--task" in scan, "--metric-parameter" in scan) == (True, False)
    assert {"task", "metric", "metric_parameters"} <= PLAN_OPTIONS.keys()


def test_metrics_are_listed_with_unit_direction_and_tasks(pruneviz):
    _, out, _ = pruneviz("methods", "metric", "--json")
    listed = {entry["name"]: entry for entry in json.loads(out)["metric"]}
    for metric in METRICS:
        found = listed[metric.name]
        assert (found["unit"], found["better"]) == (metric.unit, metric.better)
    assert listed["r2"]["tasks"] == ["regression"]
    _, out, _ = pruneviz("methods", "task", "--json")
    tasks = {entry["name"]: entry for entry in json.loads(out)["task"]}
    assert tasks["regression"]["metrics"] == ["mae", "mse", "r2"]
    _, out, _ = pruneviz("methods", "metric")
    assert "lower is better; judges regression" in flat(out)
    _, out, _ = pruneviz("models")
    assert "mean absolute error" in flat(out)


def test_an_end_that_nobody_knows_is_told(capsys, pruneviz, tmp_path):
    pruneviz("run", *DIABETES, "--sparsity", "0.3", "--latency-runs", "3", "--out", tmp_path)
    report = store.read_report(tmp_path)
    endless = report.primary.model_copy(update={"change_interval": (-math.inf, math.inf)})
    lost = report.quality[1].model_copy(update={"pruned": math.nan, "change": math.nan})
    print_report(report.model_copy(update={"quality": (endless, lost)}))
    out = flat(capsys.readouterr().out)
    assert f"{endless.change:+.2f} (± not known)" in out
    assert "not known not known" in out
    assert MetricNumbers.of(lost).change is None
