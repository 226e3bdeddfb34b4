"""What each layer is and costs, against the network that was cut and the run's own counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz import run
from pruneviz.apply import apply
from pruneviz.granularity import GRANULARITIES
from pruneviz.granularity.channel import ChannelUnits
from pruneviz.granularity.taken import parameters_taken, taken
from pruneviz.measure.by_layer import REST, by_layer, table
from pruneviz.measure.cost import macs_by_parameter, parameters_by_name
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from tests.networks import ALL_NETWORKS, Residual, build


def costs_of(plan: Plan):
    """Return a plan's layers, with what they were made of."""
    prepared = run.prepare(load_subject(plan), plan)
    pruned = run.prune(prepared, plan)
    parameters, macs = run.costs(prepared, pruned)
    before = prepared.baseline
    rows = by_layer(
        prepared.subject.model,
        prepared.units,
        prepared.skipped,
        pruned.keep,
        (before.parameters, parameters),
        (before.macs, macs),
    )
    return rows, prepared, pruned, (parameters, macs)


PLANS = [
    Plan(sparsity=0.5),
    Plan(model="sample:digits-resnet", sparsity=0.3),
    Plan(model="sample:tumour-mlp", sparsity=0.7),
    Plan(granularity="weight", sparsity=0.5),
    Plan(),
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda p: f"{p.model} {p.granularity} {p.sparsity}")
def test_the_layers_are_the_cut_network_and_sum_to_the_runs_counts(plan):
    rows, prepared, pruned, (parameters, macs) = costs_of(plan)
    assert sum(r.parameters.original for r in rows) == sum(prepared.baseline.parameters.values())
    assert sum(r.parameters.pruned for r in rows) == sum(parameters.values())
    assert sum(r.macs.original for r in rows) == sum(prepared.baseline.macs.values())
    assert sum(r.macs.pruned for r in rows) == sum(macs.values())
    layers = [row for row in rows if row.width is not None]
    for row in layers:
        before = prepared.subject.model.get_parameter(f"{row.name}.weight")
        after = pruned.model.get_parameter(f"{row.name}.weight")
        assert (row.width.original, row.width.pruned) == (len(before), len(after))
    assert [row.name for row in layers if row.macs.original] == [
        name.removesuffix(".weight") for name in prepared.baseline.macs
    ]


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_each_layer_knows_its_groups_and_what_it_takes_in(kind):
    model, example = build(kind)
    units, skipped = GRANULARITIES.get("channel").implementation(model, example)
    counts, macs = parameters_by_name(model), macs_by_parameter(model, example)
    rows = by_layer(model, units, skipped, {}, (counts, counts), (macs, macs))
    for number, each in enumerate(units, 1):
        assert {row.name for row in rows if number in row.groups} == set(each.layers)
        assert any(number in row.inputs for row in rows)
    held = {layer.name for layer in skipped}
    assert {row.name for row in rows if row.width and not row.groups} <= held
    assert {row.name for row in rows if row.reason} == held


def test_an_embedding_and_a_bare_parameter_have_their_place():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 6)
            self.table = nn.Embedding(10, 6)
            self.token = nn.Parameter(torch.randn(3, 6))
            self.last = nn.Linear(6, 2)

        def forward(self, x):
            return self.last(self.first(x) + self.table.weight[0] + self.token[0])

    model = Net().eval()
    counts, macs = parameters_by_name(model), macs_by_parameter(model, torch.randn(2, 4))
    rows = by_layer(model, (), (), {}, (counts, counts), (macs, macs))
    assert [row.name for row in rows] == ["token", "first", "table", "last"]
    assert [row.width.original for row in rows] == [6, 6, 6, 2]
    assert list(table(rows)["parameters"]) == [18, 30, 60, 14]


def test_the_table_holds_what_is_left_over_as_a_row():
    rows, *_ = costs_of(Plan(sparsity=0.5))
    shown = table(rows)
    assert list(shown["layer"])[-1] == REST
    assert shown["outputs"].isna().sum() == 1
    assert list(shown["groups"])[:2] == ["1", "2"]


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_what_goes_with_a_channel_is_what_a_cut_of_it_takes(kind):
    model, example = build(kind)
    units, _ = GRANULARITIES.get("channel").implementation(model, example)
    before = sum(parameters_by_name(model).values())
    for each in units:
        assert isinstance(each, ChannelUnits)
        channel = each.count - 1
        keep = torch.arange(each.count) != channel
        smaller = apply(model, (each,), {each.name: keep}).model
        after = sum(parameters_by_name(smaller).values())
        assert parameters_taken(each, channel) == before - after
        places = {(p, part.axis) for part in taken(model, each, channel) for p in part.parameters}
        assert places == set(each.axis_keep(keep))


def test_a_channel_that_is_not_there_is_refused():
    model, example = build(Residual)
    units, _ = GRANULARITIES.get("channel").implementation(model, example)
    with pytest.raises(ValueError, match="channels 0 to 7, not 8"):
        taken(model, units[0], 8)


def test_a_block_is_a_group_and_its_layers_end_with_it():
    plan = Plan(model="sample:digits-resnet", granularity="depth", sparsity=0.5)
    rows, prepared, pruned, (parameters, macs) = costs_of(plan)
    assert sum(r.parameters.pruned for r in rows) == sum(parameters.values())
    assert sum(r.macs.pruned for r in rows) == sum(macs.values())
    blocks = [block for units in prepared.units for block in units.blocks]
    assert len(pruned.bypassed) == 4
    for row in rows[:-1]:
        within = [n for n, block in enumerate(blocks, 1) if row.name.startswith(f"{block}.")]
        assert list(row.groups) == within
        gone = any(row.name.startswith(f"{path}.") for path in pruned.bypassed)
        assert (row.width.pruned == 0) == gone
        assert (row.macs.pruned == 0) == gone
        assert (row.parameters.pruned == 0) == gone
        assert bool(row.reason) == (not within)
