"""The exact scan against the plain way, and its metrics against formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import apply
from pruneviz.criteria import Evidence, score
from pruneviz.evaluate import predict
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.sensitivity import COLUMNS, LEVELS, Point, Scan, layers, read_points
from pruneviz.sensitivity.classes import no_area
from pruneviz.sensitivity.points import measured
from pruneviz.wording import scanned
from tests.networks import Residual
from tests.reuse.reusing import plain


def subject(granularity="weight", samples=37):
    model, x = Residual().eval().requires_grad_(False), torch.randn(samples, 3, 8, 8)
    units, _ = find_units(model, x[:2], granularity)
    weights = dict(model.named_parameters())
    ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
    return model, units, ranking, x, predict(model, x).argmax(1)


def finished(scan):
    while not scan.finished:
        scan.step()
    return scan


@pytest.mark.parametrize("budget", [2**28, 20_000])
def test_every_number_is_that_of_the_plain_way(budget):
    model, units, ranking, x, y = subject()
    scan = finished(Scan(model, units, ranking, x, y, budget_bytes=budget))
    original = plain(scan.evaluator, model)
    expected = [(layer, level) for layer in units for level in LEVELS]
    for point, (layer, level) in zip(scan.rows, expected, strict=True):
        assert (point.layer, point.sparsity) == (layer.name, level)
        plan = Plan(scope="layer", layers={layer.name: point.sparsity})
        mask = allocate((layer,), ranking, plan).keep[layer.name].view(layer.shape)
        module = model.get_submodule(layer.name)
        before = module.weight.clone()
        prune.custom_from_mask(module, "weight", mask)
        logits = plain(scan.evaluator, model)
        prune.remove(module, "weight")
        module.weight = nn.Parameter(before, requires_grad=False)
        assert point == measured(layer.name, point.sparsity, logits, original, y)
    assert (scan.evaluator.notes == ()) == (budget == 2**28)


def test_channels_are_cut_and_each_cut_is_proved_once(monkeypatch):
    model, units, ranking, x, y = subject("channel")
    proved = []
    real = layers.prove
    monkeypatch.setattr(layers, "prove", lambda a, e: proved.append(a) or real(a, e))
    scan = finished(Scan(model, units, ranking, x, y, (0.25, 0.5)))
    assert len(proved) == len(units)
    assert all(applied.is_cut for applied in proved)
    for layer in units:
        plan = Plan(scope="layer", layers={layer.name: 0.5})
        cut = apply(model, units, allocate(units, ranking, plan).keep).model
        point = next(p for p in scan.rows if (p.layer, p.sparsity) == (layer.name, 0.5))
        evaluator = scan.evaluator
        expected = measured(layer.name, 0.5, plain(evaluator, cut), plain(evaluator, model), y)
        assert point == expected


def test_the_metrics_are_the_formulas_written_out():
    generator = np.random.default_rng(0)
    logits, original = (torch.tensor(generator.normal(size=(9, 3)) * 3).float() for _ in range(2))
    y = torch.tensor(generator.integers(0, 3, 9))
    point = measured("a", 0.5, logits, original, y)
    p, q = (np.exp(t.double().numpy()) for t in (original, logits))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    assert point.loss == pytest.approx(-np.log(q[np.arange(9), y]).mean(), rel=1e-12)
    assert point.kl == pytest.approx((p * np.log(p / q)).sum(1).mean(), rel=1e-12)
    right, before = q.argmax(1) == y.numpy(), p.argmax(1) == y.numpy()
    assert point.accuracy == right.mean()
    assert point.change == pytest.approx(right.mean() - before.mean())
    # Agresti and Min 2005: half a sample to each of the four outcomes
    n, b, c = 11, (right & ~before).sum() + 0.5, (~right & before).sum() + 0.5
    half = 1.959963984540054 * math.sqrt((b + c) - (b - c) ** 2 / n) / n
    assert point.change_low == pytest.approx((b - c) / n - half)
    assert point.change_high == pytest.approx((b - c) / n + half)
    assert point.class_correct == tuple(int((right & (y.numpy() == k)).sum()) for k in range(3))


def test_a_network_compared_with_itself_changes_nothing():
    logits = torch.randn(20, 4)
    point = measured("a", 0.1, logits, logits, torch.arange(20) % 4)
    assert (point.change, point.kl) == (0.0, 0.0)
    assert point.change_low < 0 < point.change_high


def test_what_was_measured_is_taken_over_and_gone_on_with():
    model, units, ranking, x, y = subject()
    whole = finished(Scan(model, units, ranking, x, y, (0.3, 0.6)))
    again = Scan(model, units, ranking, x, y, (0.3, 0.6))
    again.restore({"points": whole.state()["points"][:5]})
    assert (again.done, again.sentence) == (5, f"layer {whole.rows[4].layer}")
    assert finished(again).rows == whole.rows
    with pytest.raises(ValueError, match="another scan"):
        Scan(model, units, ranking, x, y, (0.2, 0.6)).restore(whole.state())


def test_points_that_a_state_holds_without_names_are_taken_over():
    model, units, ranking, x, y = subject()
    whole = finished(Scan(model, units, ranking, x, y, (0.3, 0.6)))
    again = Scan(model, units, ranking, x, y, (0.3, 0.6))
    again.restore({"points": [list(vars(row).values()) for row in whole.rows]})
    assert again.rows == whole.rows


def test_accuracy_by_class_adds_up():
    model, units, ranking, x, y = subject()
    scan = finished(Scan(model, units, ranking, x, y, (0.5, 0.9)))
    table = scan.classes(["a", "b", "c", "d"])
    assert len(table) == scan.total * 4
    seen = table[table.samples > 0]
    right = (seen.accuracy * seen.samples).groupby([seen.layer, seen.sparsity], sort=False).sum()
    assert right.tolist() == pytest.approx([p.accuracy * len(y) for p in scan.rows])
    assert table[table.samples == 0].accuracy.isna().all()


@pytest.mark.parametrize(
    "levels", [(), (0.5, 0.2), (0.2, 0.2), (0.0, 0.5), (0.5, 1.5), (float("nan"),)]
)
def test_levels_that_do_not_rise_get_a_sentence(levels):
    with pytest.raises(ValueError, match="each larger than the one before"):
        Scan(*subject(), levels)


def test_one_sample_is_enough():
    scan = finished(Scan(*subject(samples=1), (0.5,)))
    assert all(p.samples == 1 and p.low <= p.accuracy <= p.high for p in scan.rows)


def test_a_network_that_draws_is_scanned_in_full_and_says_so():
    _, _, _, x, y = subject()
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), Noisy(), nn.Linear(8, 4)).eval()
    units, _ = find_units(model, x[:2], "weight")
    weights = {name: p.detach() for name, p in model.named_parameters()}
    ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
    scan = finished(Scan(model, units, ranking, x, y, (0.5,)))
    assert "drawn at random" in str(scan.evaluator.notes[0])


class Noisy(nn.Module):
    def forward(self, x):
        return x + 0.01 * torch.randn_like(x)


def test_points_come_back_from_a_file_also_from_an_older_one(tmp_path):
    rows = [Point("NA", 0.1, 0.5, 0.4, 0.6, 10, -0.1, -0.2, 0.0, 1.5, float("nan"))]
    table = pd.DataFrame([vars(p) for p in rows], columns=COLUMNS)
    table.to_csv(tmp_path / "new.csv", index=False)
    pd.testing.assert_frame_equal(read_points(tmp_path / "new.csv"), table)
    old = table[COLUMNS[:6]]
    old.to_csv(tmp_path / "old.csv", index=False)
    found = read_points(tmp_path / "old.csv")
    assert list(found.columns) == COLUMNS
    pd.testing.assert_frame_equal(found[COLUMNS[:6]], old)
    assert found.loc[:, "change":].isna().all(axis=None)
    table.drop(columns="kl").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(ValueError, match="lacks columns"):
        read_points(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ((0, 1, 2, 3), ""),
        ((0, 1, 3), "no input is of class c,"),
        ((1, 3), "no input is of classes a and c,"),
        ((2,), "all inputs are of class c,"),
    ],
)
def test_a_class_without_inputs_leaves_no_area_and_is_named(kept, words):
    model, units, ranking, x, _ = subject()
    outputs = predict(model, x).shape[1]
    y = torch.tensor([*kept, *range(4, outputs)] if len(kept) > 1 else kept)
    y = y.repeat(len(x))[: len(x)]
    scan = Scan(model, units, ranking, x, y, (0.5,), classes="abcdefghijkl"[:outputs])
    said = [str(note) for note in scan.notes if note in scanned.no_auroc]
    assert [words in note for note in said] == [True] * bool(words)
    assert math.isnan(scan.baseline.auroc) == bool(words)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ((3, 0), "all inputs are of class no"),
        ((1, 0, 4, 0), "no input is of classes yes and 3,"),
        ((1, 0, 0, 0, 2), "no input is of classes yes, 2 and 3,"),
        ((1, 0, 0, 0, 0, 0, 2), "no input is of classes yes, 2, 3 and 2 more,"),
    ],
)
def test_of_many_classes_without_inputs_some_are_named(samples, words):
    assert no_area(samples, ("no", "yes")).startswith(words)


def test_few_inputs_are_spoken_of():
    for samples, said in ((9, True), (10, False)):
        scan = Scan(*subject(samples=samples), (0.5,))
        assert any(note in scanned.no_interval for note in scan.notes) == said
