"""A scan's networks are those that the plan itself prunes, and one that fails stops no other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.criteria import CRITERIA, updates
from pruneviz.evaluate import predict
from pruneviz.measure.quality import accuracy_pair
from pruneviz.plan import Plan
from pruneviz.propose import Goal, propose
from pruneviz.subjects import load_subject
from pruneviz.wording import scanned
from tests.sensitivity.test_scan import finished

UPDATING = [name for name in CRITERIA.names() if updates(name)]

NETWORK = """
import torch
from torch import nn

class Brittle(nn.Module):
    \"\"\"Its answers are no numbers once two units of `b` or fewer are left.\"\"\"

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 6), nn.Linear(8, 2)
        nn.init.zeros_(self.b.weight)
        nn.init.ones_(self.b.bias)

    def forward(self, x):
        hidden = self.a(x).relu()
        return self.c(hidden) + (self.b(hidden).relu().sum(1, keepdim=True) - 2.5).log()
"""


@pytest.mark.parametrize("criterion", UPDATING)
def test_a_point_is_what_the_plan_loses_where_what_stays_gets_new_values(criterion):
    plan = Plan(model="sample:tumour-mlp", criterion=criterion, granularity="weight")
    prepared = run.prepare(load_subject(plan), plan)
    data = prepared.subject.data
    for point in finished(scans.scan(prepared, (0.6, 0.9))).rows:
        only = plan.changed(scope="layer", sparsity=0.0, layers={point.layer: point.sparsity})
        logits = predict(run.prune(prepared, only).model, data.x)
        pair = accuracy_pair(prepared.baseline.answers, logits, data.y)
        assert (point.accuracy, point.change) == (pair.pruned, pair.change), point.layer


@pytest.fixture
def brittle(tmp_path):
    (tmp_path / "net.py").write_text(NETWORK)
    x = np.random.default_rng(0).normal(1.0, 1.0, (90, 4)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=(x.sum(1) > 4).astype(np.int64))
    plan = Plan(model=f"python:{tmp_path}/net.py:Brittle", data=f"npz:{tmp_path}/data.npz")
    return run.prepare(load_subject(plan), plan)


@pytest.mark.parametrize("budget", [0, 2**28])
def test_a_layer_whose_network_gives_no_numbers_is_named_and_the_others_are_measured(
    brittle, budget
):
    scan = finished(scans.scan(brittle, (0.3, 1.0), budget_bytes=budget))
    numbers = {(row.layer, row.sparsity): row.accuracy for row in scan.rows}
    assert math.isnan(numbers["b", 1.0])
    assert not math.isnan(numbers["a", 0.3])
    (note,) = [str(note) for note in scan.notes if note in scanned.unmeasured]
    assert "layer b" in note
    assert "not finite" in note
    assert set(scan.classes()["layer"]) == {row.layer for row in scan.rows if row.class_correct}
    found = propose(brittle, brittle.plan, Goal("parameters", 0.9), scan.table())
    assert not found.plan.layers.get("b")


def test_a_search_takes_a_network_without_numbers_for_one_that_loses_too_much(brittle):
    search = finished(scans.search(brittle, 0.5, (0.3, 1.0)))
    row = search.table().set_index("layer").loc["b"]
    assert row.sparsity <= 1.0
    assert any("layer b" in note and "not finite" in note for note in map(str, search.notes))
    again = scans.search(brittle, 0.5, (0.3, 1.0))
    again.restore(search.state())
    assert any("layer b could not be measured" in note for note in map(str, again.notes))


def test_pairs_without_numbers_are_left_out_with_a_note(brittle):
    pairs = finished(scans.interactions(brittle, 1.0, 3))
    table = pairs.table()
    assert table[(table["first"] == "b") | (table["second"] == "b")].empty
    said = map(str, pairs.notes)
    assert any(note.startswith("b could") and "not finite" in note for note in said)
    again = scans.interactions(brittle, 1.0, 3)
    again.restore(pairs.state())
    assert any(note.startswith("b could not be measured") for note in map(str, again.notes))
