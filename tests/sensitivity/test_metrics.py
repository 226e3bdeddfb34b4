"""The metrics of a point against scikit-learn, loops and formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest, norm, t
from sklearn.metrics import roc_auc_score

from pruneviz.metrics.areas import auroc, score_interval
from pruneviz.metrics.resampling import mean_intervals, resampled
from pruneviz.metrics.statistics import wilson, wilsons
from pruneviz.sensitivity import (
    CLASS_COLUMNS,
    COLUMNS,
    METRICS,
    Judge,
    Point,
    metric,
    read_classes,
    read_points,
)
from pruneviz.sensitivity.classes import class_table
from pruneviz.sensitivity.points import CHANGES, METRIC_COLUMNS, measured, table_of


def answers(samples=83, classes=4, seed=0, different=None):
    """Return logits and labels in which every class occurs; only so many inputs are `different`."""
    generator = np.random.default_rng(seed)
    y = generator.permutation(np.arange(samples) % classes)
    logits = generator.normal(size=(samples, classes))
    logits[np.arange(samples), y] += 0.7
    if different:
        logits = logits[generator.integers(0, different, samples)]
    return torch.tensor(logits).float(), torch.tensor(y)


def area(logits, y, weights=None):
    """Return what scikit-learn finds; of weighted inputs, some of each class."""
    p, labels = logits.double().softmax(1).numpy(), y.numpy()
    if p.shape[1] == 2:
        return roc_auc_score(labels, p[:, 1], sample_weight=weights)
    if weights is None:
        return roc_auc_score(labels, p, multi_class="ovr", average="macro")
    each = range(p.shape[1])
    return np.mean([roc_auc_score(labels == c, p[:, c], sample_weight=weights) for c in each])


def pair_by_pair(logits, y, weights):
    """Return the area of each resample, (resamples,): every pair of inputs is compared."""
    p, labels, found = logits.double().softmax(1).numpy(), y.numpy(), []
    for c in range(p.shape[1]):
        above = p[labels == c, c][:, None] - p[labels != c, c]
        right = np.where(above > 0, 1, np.where(above == 0, 0.5, 0))
        own, rest = weights[labels == c], weights[labels != c]
        with np.errstate(invalid="ignore"):  # a resample may lack a class
            found.append(((right @ rest) * own).sum(0) / (own.sum(0) * rest.sum(0)))
    return np.nanmean(found, 0)


@pytest.mark.parametrize("different", [None, 9])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_auroc_is_scikit_learns_also_of_each_resample(classes, different):
    logits, y = answers(classes=classes, different=different)
    found, (low, high) = auroc(logits, y)
    assert found == pytest.approx(area(logits, y), abs=1e-12)
    assert low < found < high
    if classes == 2:
        return
    weights = resampled(len(y)).double().numpy()
    drawn = pair_by_pair(logits, y, weights)
    for b in range(5):
        assert drawn[b] == pytest.approx(area(logits, y, weights[:, b]), abs=1e-12)
    tail = 100 * norm.sf(t.isf(0.025, 82) * (83 / 82) ** 0.5)
    assert tail < 2.5
    assert [low, high] == pytest.approx(np.percentile(drawn, [tail, 100 - tail]).tolist(), abs=1e-6)


def test_a_resample_draws_as_many_inputs_as_there_are():
    weights = resampled(57)
    assert (weights.sum(0) == 57).all()
    assert torch.equal(weights, resampled.__wrapped__(57))
    assert weights.var(0).mean() == pytest.approx(1, abs=0.1)  # about Poisson's


def test_the_intervals_of_means_are_those_of_resamples_drawn_one_by_one():
    values = np.random.default_rng(1).exponential(size=(2, 41))
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(41, (41, 500), generator=generator).numpy()
    for row, found in zip(values, mean_intervals(torch.tensor(values)), strict=True):
        some = [row[drawn[:, b]] for b in range(500)]
        ratios = sorted((each.mean() - row.mean()) / each.std() for each in some)
        least, most = ratios[12], ratios[487]  # outside lie 2.5 % of 499 steps, rounded outwards
        expected = row.mean() - most * row.std(), row.mean() - least * row.std()
        assert found == pytest.approx(expected)


def losses(generator, shape):
    """Return cross-entropies of a network that is mostly sure and right."""
    return np.logaddexp(0, -generator.normal(2, 2, size=shape))


def mean_of_losses():
    """Return their mean by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    return weights @ np.logaddexp(0, -(2 + 2 * points)) / weights.sum()


EXPECTED = {"normal": 0.0, "exponential": 1.0, "losses": mean_of_losses()}


@pytest.mark.parametrize(("samples", "share"), [(10, 0.92), (30, 0.94), (120, 0.945)])
@pytest.mark.parametrize("name", EXPECTED)
def test_the_interval_of_a_mean_covers_it_nearly_as_often_as_it_says(name, samples, share):
    """Ten skewed inputs seldom hold a large one: there 95 % are 92 %, and percentiles' are 80 %."""
    generator = np.random.default_rng(2)
    shape = (600, samples)
    drawn = losses(generator, shape) if name == "losses" else getattr(generator, name)(size=shape)
    found = mean_intervals(torch.tensor(drawn))
    covered = sum(low <= EXPECTED[name] <= high for low, high in found)
    assert binomtest(int(covered), 600, share, "less").pvalue > 0.01


def test_few_inputs_have_no_interval_and_no_interval_leaves_what_was_seen():
    generator = np.random.default_rng(3)
    for samples in (1, 2, 9):
        ((low, high),) = mean_intervals(torch.tensor(generator.exponential(size=(1, samples))))
        assert math.isnan(low)
        assert math.isnan(high)
    rare = torch.zeros(1, 30)
    rare[0, 4] = 3.0  # most resamples do not draw it, and say nothing of how large it is
    ((low, high),) = mean_intervals(rare)
    assert low == 0
    assert 0.1 < high <= 3
    assert mean_intervals(torch.full((1, 30), 0.1)) == [(pytest.approx(0.1), pytest.approx(0.1))]


@pytest.mark.parametrize(("positives", "negatives"), [(4, 4), (5, 45), (25, 25), (10, 200)])
@pytest.mark.parametrize("true", [0.6, 0.95, 0.99])
def test_the_interval_of_an_area_covers_it_as_often_as_it_says(true, positives, negatives):
    generator = np.random.default_rng(4)
    mean, y = 2**0.5 * norm.ppf(true), torch.arange(positives + negatives) < positives
    covered = 0
    for _ in range(200):
        score = torch.tensor(generator.normal(size=len(y))) + mean * y
        low, high = auroc(torch.stack([torch.zeros(len(y)), score], 1), y.long())[1]
        assert high - low > 0
        covered += low <= true <= high
    assert covered >= 0.9 * 200


@pytest.mark.parametrize("area", [0.0, 0.3, 0.5, 0.97, 1.0])
def test_the_ends_of_an_area_are_two_deviations_of_their_own_away(area):
    m, n = 7, 12
    for end in score_interval(area, m, n):
        if end in (0.0, 1.0):
            assert end == area
            continue
        q1, q2 = end / (2 - end), 2 * end**2 / (1 + end)  # as Hanley and McNeil write it
        alike = (m + n) / 2 - 1
        variance = (end * (1 - end) + alike * (q1 - end**2 + q2 - end**2)) / (m * n)
        assert abs(area - end) == pytest.approx(norm.ppf(0.975) * variance**0.5, rel=1e-6)


def test_classes_that_are_apart_are_not_surely_apart():
    y = torch.arange(12) % 3
    logits = 5.0 * torch.nn.functional.one_hot(y, 3)
    for sign, sure in ((1, 1.0), (-1, 0.0)):
        found, (low, high) = auroc(sign * logits, y)
        assert found == sure
        assert high - low > 0.2
    few, (low, high) = auroc(torch.randn(6, 3), torch.arange(6) % 3)
    assert 0 < few < 1
    assert math.isnan(low)
    assert math.isnan(high)


@pytest.mark.parametrize(
    ("logits", "y"),
    [
        (torch.randn(9, 1), torch.zeros(9, dtype=torch.long)),  # a network that knows one class
        (torch.randn(9, 3), torch.arange(9) % 2),  # a class without inputs
        (torch.randn(9, 2), torch.ones(9, dtype=torch.long)),  # labels of one class
        (torch.randn(1, 4), torch.tensor([2])),  # one input
        (torch.full((9, 3), math.nan), torch.arange(9) % 3),
    ],
)
def test_where_there_is_no_roc_curve_there_is_no_area(logits, y):
    point = measured("a", 0.5, logits, logits, y)
    assert [math.isnan(v) for v in (point.auroc, point.auroc_low, point.auroc_high)] == [True] * 3
    assert 0 <= point.low <= point.accuracy <= point.high <= 1
    assert 0 <= point.worst_class_low <= point.worst_class_accuracy <= point.worst_class_high <= 1


def test_the_change_of_the_loss_is_paired_with_the_original_on_the_same_inputs():
    logits, y = answers(samples=200)
    other = logits + 0.05 * torch.randn(logits.shape)
    point, before = measured("a", 0.5, other, logits, y), Judge(logits, y).baseline
    assert point.loss_change == pytest.approx(point.loss - before.loss)
    entropy = [torch.nn.functional.cross_entropy(each.double(), y, reduction="none")
               for each in (other, logits)]  # fmt: skip
    ((low, high),) = mean_intervals((entropy[0] - entropy[1])[None])
    assert (point.loss_change_low, point.loss_change_high) == (low, high)
    assert high - low < (point.loss_high - point.loss_low) / 3, "what both share cancels"
    assert (before.loss_change, before.loss_change_low, before.loss_change_high) == (0, 0, 0)
    few = measured("a", 0.5, other[:9], logits[:9], y[:9])
    assert math.isnan(few.loss_change_low)


def test_each_metric_lies_in_its_interval_and_in_its_columns():
    logits, y = answers()
    other, _ = answers(seed=1)
    point = vars(measured("a", 0.5, logits, other, y))
    for name, each in METRICS.items():
        assert name == each.metric.name
        assert {each.value, each.low, each.high} <= set(COLUMNS)
        assert point[each.low] < point[each.value] < point[each.high]
    with pytest.raises(ValueError, match="choose from accuracy, loss, kl, auroc, worst_class"):
        metric("f1")


def test_better_answers_are_better_by_every_metric():
    logits, y = answers()
    right = 4 * torch.nn.functional.one_hot(y, 4) + 0.1 * logits
    good, bad = (vars(measured("a", 0.5, each, right, y)) for each in (right, -right))
    for each in METRICS.values():
        gain = good[each.value] - bad[each.value]
        assert each.metric.gain(gain) > 0


def test_the_worst_class_is_the_one_answered_worst():
    y = torch.tensor([0, 0, 0, 1, 1, 1, 3, 3])
    answered = torch.tensor([0, 0, 1, 0, 0, 1, 3, 3])
    logits = torch.nn.functional.one_hot(answered, 4).float()
    point = measured("a", 0.5, logits, logits, y, ["cat", "dog", "cow", "pig"])
    assert (point.worst_class, point.worst_class_accuracy) == ("dog", 1 / 3)
    assert (point.worst_class_low, point.worst_class_high) == wilson(1, 3)
    assert measured("a", 0.5, logits, logits, y).worst_class == "1"


def test_the_intervals_of_many_proportions_are_scipys():
    n = np.array([0, 1, 1, 7, 60, 446, 10_000])
    k = np.array([0, 0, 1, 3, 60, 0, 9_999])
    low, high = wilsons(k, n)
    assert (low[0], high[0]) == (0, 1)
    for i in range(1, len(n)):
        found = binomtest(k[i], n[i]).proportion_ci(0.95, "wilson")
        assert (low[i], high[i]) == pytest.approx((found.low, found.high), abs=1e-15)


def test_the_originals_point_changes_nothing():
    logits, y = answers()
    point = Judge(logits, y).baseline
    assert (point.sparsity, point.change, point.kl, point.kl_low, point.kl_high) == (0, 0, 0, 0, 0)
    assert point.accuracy == measured("a", 0.3, logits, logits, y).accuracy


def test_classes_come_back_from_a_file(tmp_path):
    logits, y = answers()
    rows = [measured(name, 0.5, logits, logits, y) for name in ("NA", "1")]
    table = class_table(rows, y, ["0", "null", "c", "nan"])
    assert list(table.columns) == CLASS_COLUMNS
    assert len(table) == 8
    for row in table.itertuples():
        assert (row.low, row.high) == wilson(round(row.accuracy * row.samples), row.samples)
    table.to_csv(tmp_path / "classes.csv", index=False)
    pd.testing.assert_frame_equal(read_classes(tmp_path / "classes.csv"), table)
    assert read_classes(tmp_path / "none.csv").empty
    table.drop(columns="low").to_csv(tmp_path / "classes.csv", index=False)
    with pytest.raises(ValueError, match="lacks columns; scan again"):
        read_classes(tmp_path / "classes.csv")


def test_points_of_a_scan_before_there_were_metrics_are_read(tmp_path):
    logits, y = answers()
    table = table_of([measured("a", 0.5, logits, logits, y, ["a", "b", "c", "d"])])
    table.to_csv(tmp_path / "new.csv", index=False)
    pd.testing.assert_frame_equal(read_points(tmp_path / "new.csv"), table)
    for columns in (CHANGES, METRIC_COLUMNS):
        table[columns].to_csv(tmp_path / "old.csv", index=False)
        found = read_points(tmp_path / "old.csv")
        assert list(found.columns) == COLUMNS
        pd.testing.assert_frame_equal(found[columns], table[columns])
        assert found[COLUMNS[len(columns) :]].isna().all(axis=None)
    assert Point("a", 0.5, 0.5, 0.4, 0.6, 9).worst_class == ""
