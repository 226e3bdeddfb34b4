"""Metrics of inputs with several labels each, beside torchmetrics', and what cannot be judged."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import one_hot
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    multilabel_auroc,
    multilabel_average_precision,
    multilabel_f1_score,
    multilabel_precision,
    multilabel_recall,
)

from pruneviz.metrics import METRICS
from pruneviz.metrics.areas import ALL
from pruneviz.tasks import TASKS
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting

TASK = TASKS.get("multi_label").implementation()
RANKED = {"auroc": multilabel_auroc, "average_precision": multilabel_average_precision}
DECIDED = {
    "f1": multilabel_f1_score, "recall": multilabel_recall, "precision": multilabel_precision,
}  # fmt: skip
NAMES = [*RANKED, *DECIDED]
LABELS = 5


def drawn(seed: int, samples: int = 90, labels: int = LABELS, better: float = 1.5):
    """Return logits of one of many networks for the same inputs, rounded so that some tie."""
    shared, own = (torch.Generator().manual_seed(each) for each in (99, seed))
    often = torch.linspace(0.1, 0.6, labels)
    target = (torch.rand(samples, labels, generator=shared) < often).long()
    noise = torch.randn(samples, labels, generator=own)
    return (better * (target - 0.5) + noise).mul(8).round() / 8, target


def tallied(seed: int, gone: torch.Tensor | None = None, **given):
    logits, target = drawn(seed, **given)
    wanted = target.double()
    return TASK.tally(logits, wanted if gone is None else wanted.masked_fill(gone, math.nan))


def oracle(name: str, logits, target, threshold=0.5, average="macro"):
    p, labels = logits.double().sigmoid(), target.shape[1]
    how = (average, None) if name in RANKED else (threshold, average)
    function = {**RANKED, **DECIDED}[name]
    return function(p, target, labels, *how, ignore_index=-1).double()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_the_mean_over_labels_and_each_label_are_torchmetrics(name, seed):
    logits, target = drawn(seed, samples=40 + 25 * seed)
    found, metric = TASK.tally(logits, target), METRICS.get(name)
    given = {} if name in RANKED else {"threshold": 0.35}
    value = metric.of(class_index=ALL, **given).combine(found)
    assert value == pytest.approx(float(oracle(name, logits, target, 0.35)), abs=1e-6)
    each = oracle(name, logits, target, 0.35, None)
    for label in range(LABELS):
        value = metric.of(class_index=label, **given).combine(found)
        assert value == pytest.approx(float(each[label]), abs=1e-6)
    with pytest.raises(RefusedError) as caught:
        metric.of(class_index=LABELS).combine(found)
    assert caught.value.fact == cutting.no_such_class(LABELS, LABELS)


@pytest.mark.parametrize("name", NAMES)
def test_labels_that_all_inputs_have_or_none_are_left_out_of_the_mean(name):
    logits, target = drawn(4)
    target[:, 1], target[:, 3] = 0, 1
    metric, kept = METRICS.get(name).of(class_index=ALL), [0, 2, 4]
    expected = float(oracle(name, logits[:, kept], target[:, kept]))
    assert metric.combine(TASK.tally(logits, target)) == pytest.approx(expected, abs=1e-6)
    nothing = TASK.tally(logits, torch.ones_like(target))
    assert math.isnan(metric.combine(nothing))
    change, (low, high) = metric.paired(nothing, TASK.tally(-logits, torch.ones_like(target)))
    assert math.isnan(change)
    assert (low, high) == (-1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_of_which_a_label_is_not_known_are_left_out_of_that_label(name):
    gone = torch.rand(90, LABELS, generator=torch.Generator().manual_seed(1)) < 0.4
    logits, target = drawn(5)
    alone = oracle(name, logits, target.masked_fill(gone, -1), average=None)
    found = tallied(5, gone)
    for index, expected in [*enumerate(alone), (ALL, alone.mean())]:
        metric = METRICS.get(name).of(class_index=index)
        assert metric.combine(found) == pytest.approx(float(expected), abs=1e-6)
        low, high = metric.interval(found)
        assert low < float(expected) < high


def test_a_label_that_is_never_answered_counts_0_in_the_mean_precision():
    logits, target = drawn(6)
    logits[:, 2] = -9.0
    found, metric = TASK.tally(logits, target), METRICS.get("precision")
    value = metric.of(class_index=ALL).combine(found)
    assert value == pytest.approx(float(oracle("precision", logits, target)), abs=1e-6)
    assert math.isnan(metric.of(class_index=2).combine(found))


@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_their_numbers_and_shrink_with_inputs(name):
    metric = METRICS.get(name).of(class_index=ALL)
    widths = []
    for samples in (60, 600):
        before, after = (tallied(seed, samples=samples) for seed in (1, 2))
        low, high = metric.interval(after)
        assert 0 <= low < metric.combine(after) < high <= 1
        change, (low, high) = metric.paired(before, after)
        assert change == pytest.approx(metric.combine(after) - metric.combine(before))
        assert low < change < high
        widths.append(high - low)
        assert metric.paired(before, before) == (0, (0, 0))
    assert widths[1] < widths[0] / 2
    few = tallied(1, samples=6)
    assert metric.interval(few) == (0, 1)
    right = TASK.tally(20.0 * (drawn(1)[1] - 0.5), drawn(1)[1])
    low, high = metric.interval(right)
    assert metric.combine(right) == pytest.approx(1)
    assert (0.8 < low < 0.999, high) == (True, pytest.approx(1))


@pytest.mark.parametrize("name", NAMES)
def test_a_class_of_a_classification_is_one_against_the_rest(name):
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(3, (70,), generator=generator)
    logits = torch.randn(70, 3, generator=generator) + one_hot(y, 3)
    p, truth = logits.double().softmax(1), one_hot(y, 3)
    found, metric = {"logits": logits, "target": y}, METRICS.get(name)
    function = {**RANKED, **DECIDED}[name]
    each = function(p, truth, 3, average="none").double()
    assert metric.of(class_index=ALL).combine(found) == pytest.approx(float(each.mean()), abs=1e-6)
    assert metric.of(class_index=2).combine(found) == pytest.approx(float(each[2]), abs=1e-6)
    two = {"logits": logits[:, :2], "target": (y > 0).long()}
    if name in RANKED:
        oracles = {"auroc": binary_auroc, "average_precision": binary_average_precision}
        q = two["logits"].double().softmax(1)
        for index in (0, 1):
            expected = oracles[name](q[:, index], (two["target"] == index).long())
            value = metric.of(class_index=index).combine(two)
            assert value == pytest.approx(float(expected), abs=1e-6)


def test_a_report_of_the_mean_of_all_classes_has_the_settings_that_it_had():
    assert METRICS.get("auroc").of().given == {}
    assert METRICS.get("auroc").of(class_index=3).given == {"class_index": 3}
    assert METRICS.get("recall").of().given == {"class_index": 1, "threshold": 0.5}
