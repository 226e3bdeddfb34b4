"""Laws of every task, on its samples or a small network, with every metric that fits it.

A plan repeats, two equal networks do not differ, a scan's point is the run of the same plan.
"""

from __future__ import annotations

from functools import cache
from math import isfinite

import pytest

from pruneviz import evaluate, run
from pruneviz.measure.quality import metric_pair, quality
from pruneviz.metrics import METRICS, metric_of
from pruneviz.plan import Plan
from pruneviz.sensitivity import Scan
from pruneviz.sensitivity.metrics import point_metric
from pruneviz.subjects import load_subject
from pruneviz.subjects.models.found_task import task_name
from pruneviz.subjects.models.samples import SAMPLES
from pruneviz.tasks import TASKS
from pruneviz.tasks.task import usual_metric
from tests import unsampled

SAMPLED = {sample.task for sample in SAMPLES.values()}
TASK_OF = {
    **{f"sample:{name}": sample.task for name, sample in SAMPLES.items()},
    **{
        f"python:{unsampled.__file__}:{name}": name for name in TASKS.names() if name not in SAMPLED
    },
}
CASES = [
    (reference, metric)
    for reference, task in TASK_OF.items()
    for metric in TASKS.get(task).implementation().metrics
]
LEVEL = 0.4


@cache
def made(reference: str):
    """Return what a plan of a network comes to: prepared, the answers of both, the report."""
    plan = Plan(model=reference, sparsity=0.2)
    prepared, pruned, report = run.run(plan, latency_runs=3)
    data, task = prepared.subject.data, prepared.subject.task
    return prepared, evaluate.answers(pruned.model, data.x, data.y, task), report


def called(given: object) -> str | None:
    """Return how a network is called in a test's name, without the folder of its file."""
    return given.replace(f"{unsampled.__file__}:", "") if isinstance(given, str) else None


@pytest.mark.parametrize("reference", TASK_OF, ids=called)
def test_a_network_is_of_its_task_and_a_replay_of_its_plan_reports_the_same(reference):
    prepared, _, report = made(reference)
    subject = prepared.subject
    assert task_name(subject.task) == TASK_OF[reference]
    assert [pair.metric for pair in report.quality] == [*subject.task.reported]
    again = run.run(report.plan, latency_runs=3)[2]
    assert again.plan == report.plan
    assert again.deterministic() == report.deterministic()


@pytest.mark.parametrize(("reference", "chosen"), CASES, ids=called)
def test_two_equal_networks_differ_by_no_metric(reference, chosen):
    prepared, _, _ = made(reference)
    subject, before = prepared.subject, prepared.baseline.answers
    tally = subject.task.tally(before, subject.data.y)
    pair = metric_pair(METRICS.get(chosen), tally, tally)
    low, high = pair.change_interval
    assert pair.change == 0
    assert low <= 0 <= high
    assert pair.original == pair.pruned
    assert pair.original_interval[0] <= pair.original <= pair.original_interval[1]


@pytest.mark.parametrize(("reference", "chosen"), CASES, ids=called)
def test_a_chosen_metric_comes_first_and_says_what_the_tally_says(reference, chosen):
    prepared, after, _ = made(reference)
    subject = prepared.subject
    plan = Plan(model=reference, metric=chosen)
    metric = load_subject(plan).metrics[0]
    tallies = [
        subject.task.tally(each, subject.data.y) for each in (prepared.baseline.answers, after)
    ]
    pair = metric_pair(metric, *tallies)
    assert metric_of(pair) == metric
    assert pair.change == pytest.approx(pair.pruned - pair.original, abs=1e-9, nan_ok=True)
    assert isfinite(pair.original)  # a precision of a class that nothing is taken for is none
    of_what = subject.data.y[:, 0].unique() if metric.counted == "question" else subject.data.y
    assert pair.samples == len(of_what)


@pytest.mark.parametrize("reference", TASK_OF, ids=called)
def test_a_scan_s_point_says_what_a_run_of_the_same_plan_reports_by_every_metric(reference):
    prepared, _, _ = made(reference)
    subject, layer = prepared.subject, prepared.units[0].name
    every = [usual_metric(subject.task, name) for name in subject.task.metrics]
    data, judged = subject.data, {"task": subject.task, "metrics": every}
    given = subject.model, prepared.units, prepared.ranking, data.x, data.y, (LEVEL,)
    scan = Scan(*given, classes=data.classes, **judged)
    scan.step()
    row = scan.table().iloc[0]
    plan = prepared.plan.changed(scope="layer", sparsity=0.0, layers={layer: LEVEL})
    pruned = run.prune(prepared, plan)
    after = evaluate.answers(pruned.model, data.x, data.y, subject.task)
    for pair in quality(subject.task, every, prepared.baseline.answers, after, data.y):
        each = point_metric(METRICS.get(pair.metric))
        numbers = pair.pruned, *pair.pruned_interval, pair.change, *pair.change_interval
        said = [row[column] for column in each.columns]
        assert said == pytest.approx(numbers, rel=1e-6, abs=1e-9, nan_ok=True), pair.metric
