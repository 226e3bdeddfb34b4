"""Scans whose BatchNorm statistics are taken anew, and notes that a scan leaves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz import run
from pruneviz.allocate import Ranking, allocate
from pruneviz.analyses import scans
from pruneviz.apply import apply
from pruneviz.criteria import Evidence, score
from pruneviz.history.folder import RunFolder
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.recovery import RecoveryRequest
from pruneviz.sensitivity import Pairs, Scan, Search, read_notes
from pruneviz.sensitivity.points import measured
from pruneviz.sensitivity.refit import inputs_per_refit, recalibration
from pruneviz.subjects import load_subject
from pruneviz.wording import scanned
from tests.recovering import begin, finish
from tests.reuse.reusing import plain
from tests.sensitivity.test_scan import finished

NETWORK = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8), nn.BatchNorm1d(8),
        nn.ReLU(), nn.Linear(8, 2))

def draws():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + 0.01 * torch.randn_like(x)
    return nn.Sequential(nn.Linear(4, 16), Noisy(), nn.Linear(16, 2))
"""


@pytest.fixture
def prepare(tmp_path):
    """Return what prepares a network of the file on 90 inputs, of which some are held out."""
    (tmp_path / "net.py").write_text(NETWORK)
    x = np.random.default_rng(0).normal(1.0, 2.0, (90, 4)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=(x.sum(1) > 0).astype(np.int64))

    def prepared(factory="build", granularity="channel"):
        plan = Plan(model=f"python:{tmp_path}/net.py:{factory}", data=f"npz:{tmp_path}/data.npz",
                    granularity=granularity)  # fmt: skip
        return run.prepare(load_subject(plan), plan)

    return prepared


@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_each_network_and_the_original_have_their_own_statistics(prepare, granularity):
    prepared = prepare(granularity=granularity)
    subject = prepared.subject
    scan = finished(scans.scan(prepared, (0.25, 0.5), recalibrate=True, seed=5))

    def refitted(network):
        task = RecoveryRequest(
            model=network, masks={}, cuts=(), teacher=network, data=subject.data, seed=5
        )
        return finish(begin(task, "recalibrate", keep_better=False)).model

    control = plain(scan.evaluator, refitted(subject.model))
    assert not torch.equal(control, plain(scan.evaluator, subject.model))
    y, names = subject.data.y, subject.data.classes
    assert scan.baseline == measured("", 0.0, control, control, y, names)
    for point in scan.rows:
        layer = next(units for units in prepared.units if units.name == point.layer)
        plan = Plan(scope="layer", layers={layer.name: point.sparsity})
        keep = allocate((layer,), prepared.ranking, plan).keep
        logits = plain(scan.evaluator, refitted(apply(subject.model, (layer,), keep).model))
        assert point == measured(layer.name, point.sparsity, logits, control, y, names)
    assert scan.notes == (scanned.refitted(),)
    right = control.argmax(1) == y
    by_class = scan.original_classes()
    assert by_class["layer"].tolist() == [""] * len(names)
    for number, accuracy in enumerate(by_class["accuracy"]):
        assert accuracy == pytest.approx(float(right[y == number].double().mean()))


def test_searches_and_pairs_are_those_of_a_recalibrated_scan(prepare):
    prepared = prepare(granularity="weight")
    curve = finished(scans.scan(prepared, recalibrate=True, seed=5))
    changes = {(point.layer, point.sparsity): point.change for point in curve.rows}
    search = finished(scans.search(prepared, 0.1, recalibrate=True, seed=5))
    for probe in search.rows:
        change = changes[probe.layer, probe.sparsity]
        assert probe.loses is (change <= -0.1 + 1e-12)
        assert math.isnan(probe.change) or probe.change == change
    assert {probe.loses for probe in search.rows} == {True, False}
    pairs = finished(scans.interactions(prepared, 0.8, 3, seed=5, recalibrate=True))
    plainly = finished(scans.interactions(prepared, 0.8, 3, seed=5))
    for pair in pairs.rows:
        assert pair.change_first == changes[pair.first, 0.8]
        assert pair.change_second == changes[pair.second, 0.8]
        network = pairs._alone.together({pair.first: 0.8, pair.second: 0.8})
        refit = recalibration(prepared.subject.model, prepared.subject.data, 5)
        y = prepared.subject.data.y
        right = (plain(pairs.evaluator, refit(network)).argmax(1) == y).sum()
        assert pair.change_together == pytest.approx(int(right) / len(y) - curve.baseline.accuracy)
    assert pairs.rows != plainly.rows
    for work in (search, pairs):
        assert work.notes[:2] == (work.promise, scanned.refitted())
    assert scanned.refitted() not in plainly.notes


def test_each_network_sees_as_many_training_inputs_as_are_counted(prepare, monkeypatch):
    subject = prepare().subject
    seen = []
    subject.model[0].register_forward_hook(lambda layer, given, out: seen.append(len(out)))
    recalibration(subject.model, subject.data)(subject.model)
    assert sum(seen) - 1 == inputs_per_refit(subject.data)  # the last look is at one input


def test_what_the_pruned_layer_does_not_reach_is_reused(prepare):
    scan = finished(scans.scan(prepare(), (0.5,), recalibrate=True))
    assert scan.evaluator.fell_back == 0
    assert scan.evaluator.why_plain is None


def test_a_network_without_batch_norm_gets_a_sentence(prepare):
    with pytest.raises(ValueError, match="no BatchNorm layer with running statistics; leave 'reca"):
        scans.scan(prepare("draws", "weight"), recalibrate=True)
    for begun in (scans.search, scans.interactions):
        with pytest.raises(ValueError, match="no BatchNorm layer"):
            begun(prepare("draws", "weight"), recalibrate=True)


def test_the_point_of_a_prepared_original_is_its_scans(prepare):
    prepared = prepare()
    scan, point = scans.scan(prepared), scans.baseline_point(prepared)
    assert (point.accuracy, point.samples) == (scan.baseline.accuracy, scan.baseline.samples)
    assert point.loss == pytest.approx(scan.baseline.loss)
    assert point.worst_class in prepared.subject.data.classes


def test_a_network_that_draws_is_searched_and_paired_the_slow_way_and_says_so(prepare):
    prepared = prepare("draws", "weight")
    for work in (scans.search(prepared), scans.interactions(prepared)):
        assert "drawn at random" in str(finished(work).notes[0])
        assert work.promise not in work.notes
    steady = scans.search(prepare())
    assert steady.promise in steady.notes


def test_a_network_that_knows_one_class_is_scanned_in_every_way():
    model, x = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)).eval(), torch.randn(9, 4)
    units, _ = find_units(model.requires_grad_(False), x[:2], "weight")
    weights = dict(model.named_parameters())
    ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
    given = model, units, ranking, x, torch.zeros(9, dtype=torch.long)
    for point in finished(Scan(*given)).rows:
        assert (point.accuracy, point.loss, point.kl, point.worst_class) == (1, 0, 0, "0")
        assert math.isnan(point.auroc)
    assert finished(Search(*given)).table().kept.tolist() == [0.9, 0.9]
    assert [row.interaction for row in finished(Pairs(*given)).rows] == [0]


def test_without_labels_there_is_no_scan(tmp_path):
    (tmp_path / "net.py").write_text(NETWORK)
    plan = Plan(model=f"python:{tmp_path}/net.py:build", input_shape=(4,))
    prepared = run.prepare(load_subject(plan), plan)
    for begun in (scans.scan, scans.search, scans.interactions, scans.baseline_point):
        with pytest.raises(ValueError, match="name data with labels first"):
            begun(prepared)
    for begun in (scans.scan, scans.search, scans.interactions):
        with pytest.raises(ValueError, match="name data with labels first"):
            begun(prepared, recalibrate=True)


def test_a_budget_below_one_activation_gives_the_same_numbers_and_says_so(prepare):
    scan = finished(scans.scan(prepare(), budget_bytes=8))
    assert "does not hold all values" in str(scan.notes[0])
    assert scan.rows == finished(scans.scan(prepare())).rows


def test_notes_come_back_and_damaged_ones_are_named(tmp_path):
    folder = RunFolder(tmp_path)
    assert read_notes(folder) == ()
    folder.file("notes.json").write_text('["one", "two"]')
    assert read_notes(folder) == ("one", "two")
    for text in ("{", "{}", "[1]"):
        folder.file("notes.json").write_text(text)
        with pytest.raises(ValueError, match=r"'notes.json' .*scan again"):
            read_notes(folder)
