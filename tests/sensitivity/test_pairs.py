"""Pairs of layers: what they lose beyond each alone, on networks in which that is known."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import apply
from pruneviz.evaluate import predict
from pruneviz.metrics.bounded import mean_interval
from pruneviz.metrics.statistics import paired_change
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.sensitivity import PAIR_COLUMNS, Pair, Pairs, read_pairs
from pruneviz.sensitivity.pairs import interaction, named_pairs, number_asked, sampled_pairs
from tests.reuse.reusing import plain
from tests.sensitivity.test_scan import finished, subject


class Branches(nn.Module):
    """Layers that each look at the input and add to the same two logits, by heads of their own."""

    def __init__(self, weights: list[list[list[float]]]) -> None:
        super().__init__()
        for number, weight in enumerate(weights):
            layer, head = nn.Linear(len(weight[0]), len(weight)), nn.Linear(len(weight), 2)
            layer.weight.data, head.weight.data = torch.tensor(weight), torch.zeros(2, len(weight))
            layer.bias.data.zero_()
            head.bias.data.zero_()
            head.weight.data[1, 0] = 1.0  # the first unit speaks for class 1, the others for none
            self.add_module(f"layer{number}", layer)
            self.add_module(f"head{number}", head)
        self.branches = len(weights)

    def forward(self, x):
        return sum(
            self.get_submodule(f"head{n}")(torch.relu(self.get_submodule(f"layer{n}")(x)))
            for n in range(self.branches)
        )


def first_unit_goes(model, x):
    """Return a model's units, and a ranking that removes the first unit of each layer."""
    units, _ = find_units(model, x[:2], "channel")
    scores = {layer.name: torch.arange(layer.count).float() for layer in units}
    return units, Ranking(scores)


def scanned(weights, x, y, **more):
    model = Branches(weights).eval().requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(model(x).argmax(1), y), "the original gets all right"
    units, ranking = first_unit_goes(model, x)
    return finished(Pairs(model, units, ranking, x, y, 0.5, 99, **more))


def test_two_copies_of_a_layer_are_found():
    """Either of the two copies is enough for the answer, the third layer has no part in it."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(40, 1)
    y = torch.tensor([1, 0]).repeat(40)
    same, idle = [[1.0, 0.0], [0.0, 0.1]], [[-1.0, -1.0], [0.0, 1.0]]
    scan = scanned([same, idle, same], x, y)
    table = scan.table()
    assert (table["first"][0], table["second"][0]) == ("layer0", "layer2")
    assert table.interaction[0] == table.change_together[0] == -0.5
    assert table.interaction_high[0] < 0
    others = table[1:]
    assert (others.interaction == 0).all()
    assert ((others.interaction_low < 0) & (others.interaction_high > 0)).all()


def test_layers_for_different_inputs_do_not_interact():
    """Each layer decides a third of the inputs alone: what they lose together is the sum."""
    x = torch.eye(3).repeat(30, 1)
    y = torch.ones(90, dtype=torch.long)
    rows = [[[*torch.eye(3)[n].tolist()], [0.0] * 3] for n in range(3)]
    scan = scanned(rows, x, y)
    assert len(scan.rows) == 3
    for row in scan.rows:
        assert row.change_first == row.change_second == pytest.approx(-1 / 3)
        assert row.change_together == pytest.approx(-2 / 3)
        assert row.interaction_low < row.interaction == 0 < row.interaction_high


@pytest.mark.parametrize("granularity", ["weight", "channel"])
def test_every_number_is_that_of_the_plain_way(granularity):
    model, units, ranking, x, _ = subject(granularity)
    model.head.bias -= predict(model, x).mean(0)  # or it would answer alike whatever is pruned
    y = predict(model, x).argmax(1)
    levels = {layer.name: 0.6 + 0.05 * n for n, layer in enumerate(units)}
    scan = finished(Pairs(model, units, ranking, x, y, levels, 3, seed=3))
    before = plain(scan.evaluator, model).argmax(1) == y

    def right(*names):
        chosen = tuple(layer for layer in units if layer.name in names)
        plan = Plan(scope="layer", layers={name: levels[name] for name in names})
        network = apply(model, chosen, allocate(chosen, ranking, plan).keep).model
        return (plain(scan.evaluator, network).argmax(1) == y).double()

    assert len(scan.rows) == 3
    assert any(row.change_together for row in scan.rows)
    for row in scan.rows:
        a, b = row.first, row.second
        d = right(a, b) - right(a) - right(b) + before.double()
        assert row.interaction == pytest.approx(float(d.mean()))
        assert row.interaction == pytest.approx(
            row.change_together - row.change_first - row.change_second
        )
        assert row.change_together == pytest.approx(float((right(a, b) - before.double()).mean()))
        assert (row.level_first, row.level_second) == (levels[a], levels[b])


def test_the_order_of_a_pair_does_not_matter():
    given = subject()
    names = [layer.name for layer in given[1]]
    pairs = [(names[2], names[0]), (names[1], names[3])]
    turned = [(b, a) for a, b in reversed(pairs)]
    one, other = (finished(Pairs(*given, 0.5, p)) for p in (pairs, [*turned, *pairs]))
    assert one.rows == other.rows
    assert [(row.first, row.second) for row in one.rows] == [
        (names[0], names[2]),
        (names[1], names[3]),
    ]


@pytest.mark.parametrize(
    ("layers", "count"), [(2, 1), (5, 10), (12, 20), (12, 60), (40, 7), (3, 1)]
)
def test_the_same_seed_gives_the_same_pairs_and_half_are_neighbours(layers, count):
    names = [f"l{n}" for n in range(layers)]
    found = sampled_pairs(names, count, seed=1)
    assert found == sampled_pairs(names, count, seed=1)
    every = list(itertools.combinations(names, 2))
    assert len(found) == len(set(found)) == min(count, len(every))
    assert [every.index(pair) for pair in found] == sorted(every.index(pair) for pair in found)
    near = sum(pair in set(itertools.pairwise(names)) for pair in found)
    if count < len(every):
        assert near >= min(layers - 1, count // 2)
        assert found != sampled_pairs(names, count, seed=2) or count > len(every) - 2 or layers < 4


def test_more_looks_have_wider_intervals_around_the_change():
    each = torch.tensor([1] * 7 + [-1] * 15 + [0] * 60)
    value, one = interaction(each, 1)
    expected, interval = paired_change(7, 15, 82)
    assert value == expected
    assert one[0] < interval[0] < expected < interval[1] < one[1]
    widths = [np.diff(interaction(each, looks)[1])[0] for looks in (1, 5, 60)]
    assert widths == sorted(widths)
    none, (low, high) = interaction(torch.zeros(30, dtype=torch.int), 60)
    assert none == 0
    assert low < 0 < high


def test_no_pair_stands_out_by_chance_among_many():
    """Of 150 scans of 20 independent pairs, 5 % at most have any interval that misses 0."""
    generator = np.random.default_rng(0)
    missed = 0
    for _ in range(150):
        right = generator.random((4, 20, 300)) < np.array([0.95, 0.9, 0.9, 0.85])[:, None, None]
        each = right[3].astype(int) - right[1] - right[2] + right[0]
        low, high = mean_interval([np.bincount(row + 2, minlength=5) for row in each], 20)
        missed += bool(((low > 0) | (high < 0)).any())
    assert missed <= 0.05 * 150


def test_a_scan_goes_on_where_it_was_stopped():
    given = subject()
    whole = finished(Pairs(*given, pairs=5))
    for stop in (0, 2, 6, whole.total):
        begun = Pairs(*given, pairs=5)
        for _ in range(stop):
            begun.step()
        again = Pairs(*given, pairs=5)
        again.restore(begun.state())
        assert again.done == stop
        assert finished(again).rows == whole.rows
    for other in (Pairs(*given, 0.4, 5), Pairs(*given, pairs=5, seed=1)):
        with pytest.raises(ValueError, match="another scan"):
            other.restore(whole.state())


def test_pairs_come_back_from_a_file(tmp_path):
    rows = [Pair("NA", "0", 0.5, 0.5, -0.1, -0.2, -0.4, -0.1, -0.2, 0.0, 9)]
    table = pd.DataFrame([vars(row) for row in rows], columns=PAIR_COLUMNS)
    table.to_csv(tmp_path / "pairs.csv", index=False)
    pd.testing.assert_frame_equal(read_pairs(tmp_path / "pairs.csv"), table)
    assert read_pairs(tmp_path / "none.csv").empty


def test_the_promise_says_how_many_were_looked_at():
    given = subject()
    assert str(Pairs(*given, pairs=4).promise).startswith(
        "4 of 15 pairs of layers were looked at, neigh"
    )
    assert str(Pairs(*given, pairs=99).promise).startswith(
        "15 of 15 pairs of layers were looked at. The"
    )


def test_what_is_no_pair_and_no_level_gets_a_sentence():
    given = subject()
    for pairs, words in (
        (0, "must be 1 or more"),
        ([], "there is no pair"),
        ([("a.0", "a.0")], "two different layers"),
        ([("a.0", "nowhere")], "two different layers"),
    ):
        with pytest.raises(ValueError, match=words):
            Pairs(*given, 0.5, pairs)
    with pytest.raises(ValueError, match="levels are fractions"):
        Pairs(*given, 1.5)
    with pytest.raises(ValueError, match="no level is given for"):
        Pairs(*given, {"a.0": 0.5})
    with pytest.raises(ValueError, match="pairs need two layers or more"):
        Pairs(given[0], given[1][:1], *given[2:])
    assert named_pairs(["a", "b"], [("b", "a")]) == (("a", "b"),)


@pytest.mark.parametrize(
    ("pairs", "there_are", "asked"), [(6, 6, 60), (5, 6, 5), (60, 100, 60), (100, 100, 100)]
)
def test_all_pairs_are_one_request(pairs, there_are, asked):
    assert number_asked(pairs, there_are) == asked


def test_one_sample_is_enough():
    scan = finished(Pairs(*subject(samples=1), pairs=3))
    assert all(row.interaction_low <= row.interaction <= row.interaction_high for row in scan.rows)
