"""Laws of every sample with every metric of its task: replays, equal networks, directions."""

from __future__ import annotations

from functools import cache
from math import isfinite

import pytest

from pruneviz import evaluate, run
from pruneviz.measure.quality import metric_pair
from pruneviz.metrics import METRICS, metric_of
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects.models.found_task import task_name
from pruneviz.subjects.models.samples import SAMPLES
from pruneviz.tasks import TASKS

CASES = [
    (name, metric)
    for name, sample in SAMPLES.items()
    for metric in TASKS.get(sample.task).implementation().metrics
]


@cache
def made(name: str):
    """Return what a plan of a sample comes to: prepared, the answers of both, the report."""
    plan = Plan(model=f"sample:{name}", sparsity=0.2)
    prepared, pruned, report = run.run(plan, latency_runs=3)
    data, task = prepared.subject.data, prepared.subject.task
    return prepared, evaluate.answers(pruned.model, data.x, data.y, task), report


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_of_its_task_and_a_replay_of_its_plan_reports_the_same(name):
    prepared, _, report = made(name)
    subject = prepared.subject
    assert task_name(subject.task) == SAMPLES[name].task
    assert [pair.metric for pair in report.quality] == [*subject.task.reported]
    again = run.run(report.plan, latency_runs=3)[2]
    assert again.plan == report.plan
    assert again.deterministic() == report.deterministic()


@pytest.mark.parametrize(("name", "chosen"), CASES)
def test_two_equal_networks_differ_by_no_metric(name, chosen):
    prepared, _, _ = made(name)
    subject, before = prepared.subject, prepared.baseline.answers
    tally = subject.task.tally(before, subject.data.y)
    pair = metric_pair(METRICS.get(chosen), tally, tally)
    low, high = pair.change_interval
    assert pair.change == 0
    assert low <= 0 <= high
    assert pair.original == pair.pruned
    assert pair.original_interval[0] <= pair.original <= pair.original_interval[1]


@pytest.mark.parametrize(("name", "chosen"), CASES)
def test_a_chosen_metric_comes_first_and_says_what_the_tally_says(name, chosen):
    prepared, after, _ = made(name)
    subject = prepared.subject
    plan = Plan(model=f"sample:{name}", metric=chosen)
    metric = load_subject(plan).metrics[0]
    tallies = [
        subject.task.tally(each, subject.data.y) for each in (prepared.baseline.answers, after)
    ]
    pair = metric_pair(metric, *tallies)
    assert metric_of(pair) == metric
    assert pair.change == pytest.approx(pair.pruned - pair.original, abs=1e-9, nan_ok=True)
    assert isfinite(pair.original)  # a precision of a class that nothing is taken for is none
    assert pair.samples == len(subject.data.y)
