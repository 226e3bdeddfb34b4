"""Home's form of what a model is for and what judges it; the same numbers on every page."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pruneviz import run
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.reuse import seen
from pruneviz.tasks import TASKS
from pruneviz.ui.engine import cache, results
from pruneviz.ui.session import link

HOME = Path(__file__).parents[2] / "pages" / "home.py"
TUMOURS, DIABETES = Plan(model="sample:tumour-mlp"), Plan(model="sample:diabetes-mlp", sparsity=0.5)


def opened(plan: Plan) -> AppTest:
    at = AppTest.from_file(str(HOME), default_timeout=300)
    at.query_params["plan"] = link.encode(plan)
    return at.run()


def plan_of(at: AppTest) -> Plan:
    return link.decode(at.query_params["plan"])


def box(at: AppTest, label: str):
    return next(each for each in at.selectbox if each.label == label)


def send(at: AppTest) -> AppTest:
    return next(each for each in at.button if each.label == "Judge it so").click().run()


def test_another_metric_is_taken_into_the_plan_and_shown():
    at = opened(TUMOURS)
    assert any("Classification, judged first by accuracy" in str(c.value).replace("\\", "")
               for c in at.caption)  # fmt: skip
    box(at, "Metric").set_value("recall")
    at = send(at)
    assert plan_of(at).metric == "recall"
    assert any("Recall" in str(m.value) for m in at.markdown)
    box(at, "Class").set_value(0)
    at = send(at)
    assert plan_of(at).metric_parameters == {"class_index": 0, "threshold": 0.5}
    box(at, "Metric").set_value("accuracy")
    at = send(at)
    assert plan_of(at).digest() == TUMOURS.digest()


def test_a_task_that_the_data_are_not_of_is_refused_with_the_remedy_and_the_plan_stays():
    at = opened(TUMOURS)
    box(at, "Task").set_value("segmentation")
    at = send(at)
    said = " ".join(str(e.value) for e in at.error).replace("\\", "")
    assert "This is no segmentation" in said
    assert "choose the task that the model is for" in said
    assert plan_of(at).task is None


def test_other_data_and_other_models_forget_the_metric():
    from pruneviz.ui.session import edits

    chosen = TUMOURS.changed(metric="recall", task="classification")
    for plan in (
        edits.with_model(chosen, "sample:digits-cnn"), edits.with_data(chosen, "csv:x.csv"),
    ):  # fmt: skip
        assert (plan.task, plan.metric, dict(plan.metric_parameters)) == (None, None, {})


@pytest.mark.parametrize("plan", [DIABETES, TUMOURS.changed(sparsity=0.5, metric="auroc")])
def test_strip_compare_and_report_say_the_same(plan):
    report = run.run(plan, latency_runs=3)[2]
    course = cache.course(plan)
    course.finish(cache.prepared(plan), cache.pruned(plan), lambda: False)
    assert course.current.exact
    for found in (course.current.report.quality, results.judged(plan).quality):
        assert [pair.metric for pair in found] == [pair.metric for pair in report.quality]
        for one, other in zip(found, report.quality, strict=True):
            for name in ("original", "pruned", "change", "original_interval", "change_interval"):
                assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6)


def test_batches_in_any_order_come_to_the_same():
    generator = torch.Generator().manual_seed(0)
    task, metrics = TASKS.get("regression").implementation(), [METRICS.get("r2")]
    y, before, after = (torch.randn(90, 1, generator=generator) for _ in range(3))
    found = []
    for order in (torch.arange(90), torch.randperm(90, generator=generator)):
        parts = [
            seen(task, metrics, part, before[part], after[part], y[part])
            for part in order.split(40)
        ]
        found.append((parts[0] + parts[1] + parts[2]).quality())
    assert found[0] == found[1]
    assert found[0][0].samples == 90


def test_a_parameter_of_choices_is_chosen_among_them():
    at = opened(Plan(model="sample:digits-detector", metric="box_recall"))
    assert not at.error
    box(at, "Size").set_value("small")
    at = send(at)
    assert plan_of(at).metric_parameters["size"] == "small"
