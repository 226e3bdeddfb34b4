"""A cut network is a network: smaller tensors, true attributes, the original untouched."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.apply import apply
from pruneviz.granularity import GRANULARITIES
from pruneviz.network.masks import check, masked, with_parameters
from pruneviz.proof import find_units
from pruneviz.pruned.surgery import Cut, Size, Surgery, cut, expand
from tests.networks import ALL_NETWORKS, Shared, build


def halved(kind):
    model, example = build(kind)
    units, _ = find_units(model, example, "channel")
    keep = {u.name: torch.arange(u.count) % 2 == 0 for u in units}
    return model, example, apply(model, units, keep)


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_a_cut_network_trains_copies_and_can_be_cut_again(kind):
    _, example, applied = halved(kind)
    small = copy.deepcopy(applied.model).train()
    for parameter in small.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.SGD(small.parameters(), 0.1)
    before = [p.clone() for p in small.parameters()]
    small(example).square().sum().backward()
    optimiser.step()
    assert any(not torch.equal(a, b) for a, b in zip(before, small.parameters(), strict=True))
    units, _ = find_units(small.eval(), example, "channel")
    again = apply(small, units, {u.name: torch.arange(u.count) > 0 for u in units})
    assert again.max_relative_error(example) <= 1e-5


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_a_cut_network_goes_back_into_the_full_one(kind):
    model, example, applied = halved(kind)
    trained = copy.deepcopy(applied.model)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(torch.rand_like(parameter))
    full = expand(model, trained, applied.cuts)
    assert [p.shape for p in full.parameters()] == [p.shape for p in model.parameters()]
    again = cut(full, applied.cuts).state_dict()
    assert all(torch.equal(again[name], t) for name, t in trained.state_dict().items())
    alike = replace(applied, original=full, model=trained)
    assert alike.max_relative_error(example) <= 1e-4
    assert all(torch.equal(p, masked(full, applied.masks).get_parameter(name))
               for name, p in full.named_parameters())  # fmt: skip


def test_a_network_of_other_cuts_is_refused():
    model, _, applied = halved(Shared)
    with pytest.raises(ValueError, match="give the cuts it was made by"):
        expand(model, applied.model, applied.cuts[:-1])


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_attributes_agree_with_tensors(kind):
    _, _, applied = halved(kind)
    for module in applied.model.modules():
        if isinstance(module, nn.Linear):
            assert tuple(module.weight.shape) == (module.out_features, module.in_features)
        if isinstance(module, nn.Conv2d):
            shape = (module.out_channels, module.in_channels // module.groups)
            assert tuple(module.weight.shape[:2]) == shape
            rebuilt = nn.Conv2d(module.in_channels, module.out_channels, 1, groups=module.groups)
            assert rebuilt.weight.shape[:2] == module.weight.shape[:2]
        if isinstance(module, nn.BatchNorm2d):
            assert module.num_features == len(module.running_mean) == len(module.weight)


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_the_original_is_left_alone(kind):
    model, example = build(kind)
    before, output = copy.deepcopy(model.state_dict()), model(example)
    units, _ = find_units(model, example, "channel")
    applied = apply(model, units, {u.name: torch.arange(u.count) > 0 for u in units})
    for parameter in applied.model.parameters():
        parameter.data.fill_(7.0)
    assert torch.equal(model(example), output)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_tied_weights_stay_tied():
    _, _, applied = halved(Shared)
    assert applied.model.tied.weight is applied.model.first.weight


def test_nothing_removed_changes_nothing():
    model, example = build(Shared)
    units, _ = find_units(model, example, "weight")
    applied = apply(model, units, {u.name: torch.ones(u.count, dtype=torch.bool) for u in units})
    assert torch.equal(applied.model(example), model(example))
    assert not applied.is_cut


def test_masked_weights_are_exactly_zero_and_counted():
    model, example = build(Shared)
    units, _ = find_units(model, example, "weight")
    keep = {u.name: torch.arange(u.count) >= u.count // 2 for u in units}
    applied = apply(model, units, keep)
    for name, parameter in applied.model.named_parameters():
        if name in applied.masks:
            assert bool((parameter[~applied.masks[name]] == 0).all())
            assert int((~applied.masks[name]).sum()) == parameter.numel() // 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Cut("nope.weight", 0, (0,)), "names 'nope.weight'"),
        (Cut("head.weight", 3, (0,)), "of axis 3 of 'head.weight'"),
        (Cut("head.weight", 0, (99,)), "keeps index 99 of axis 0"),
        (Cut("head.weight", 1, (0, 0, 5)), "index 0 stands after 0: each index once"),
        (Cut("head.weight", 1, (5, 1)), "index 1 stands after 5: .* in rising order"),
        (Cut("head.weight", 1, (0, 1), 7), "axis 1 of 'head.weight' had 7 entries, and here"),
    ],
)
def test_a_cut_that_does_not_fit_is_refused(wrong, words):
    model, _ = build(Shared)
    with pytest.raises(ValueError, match=words):
        cut(model, [wrong])


def test_masks_that_do_not_fit_are_refused():
    model, _ = build(Shared)
    with pytest.raises(ValueError, match="belongs to no parameter"):
        check(model, {"x": torch.ones(1, dtype=torch.bool)})
    with pytest.raises(ValueError, match=r"the parameter needs torch.bool of shape \(4, 10\)"):
        masked(model, {"head.weight": torch.ones(3)})


def test_an_output_with_nothing_in_it_proves_nothing():
    class Empty(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 4)

        def forward(self, x):
            return self.two(torch.relu(self.one(x)))[:0]

    model, example = Empty().eval(), torch.randn(2, 8)
    units, _ = GRANULARITIES.get("channel").implementation(model, example)
    applied = apply(model, units, {u.name: torch.arange(u.count) > 0 for u in units})
    with pytest.raises(ValueError, match="nothing that can be compared"):
        applied.max_relative_error(example)


def test_with_parameters_shares_nothing_with_the_original():
    model, _ = build(Shared)
    other = with_parameters(model, {"head.weight": torch.zeros(4, 10)})
    ours = {p.data_ptr() for p in model.parameters()}
    assert ours.isdisjoint({p.data_ptr() for p in other.parameters()})


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_a_surgery_is_saved_and_repeated_on_other_weights_without_a_trace(kind):
    _, example, applied = halved(kind)
    surgery = Surgery.from_json(applied.surgery.model_dump_json())
    assert surgery == applied.surgery
    fresh, _ = build(kind, seed=7)
    small = surgery.perform(fresh)
    assert {n: p.shape for n, p in small.named_parameters()} == {
        n: p.shape for n, p in applied.model.named_parameters()
    }
    alike = replace(applied, original=fresh, model=small)
    assert alike.max_relative_error(example) <= 1e-4
    for each in surgery.cuts:
        before, after = fresh.state_dict()[each.parameter], small.state_dict()[each.parameter]
        origins = surgery.origins(each.parameter, each.axis, before.shape[each.axis])
        assert len(origins) == after.shape[each.axis]
    assert surgery.origins("no.such", 0, 3) == (0, 1, 2)


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"cuts": [{"parameter": "a", "axis": 0, "kept": []}]}',
     '{"cuts": [{"parameter": "a", "axis": -1, "kept": [0]}]}', '{"cuts": [], "more": 1}',
     '{"cuts": [{"parameter": "a", "axis": 0, "kept": [0, 0]}]}',
     '{"cuts": [{"parameter": "a", "axis": 0, "kept": [5, 1]}]}'],
)  # fmt: skip
def test_a_broken_surgery_is_refused(text):
    with pytest.raises(ValueError, match="this is no surgery"):
        Surgery.from_json(text)


def wide(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2)).eval()


def test_a_surgery_is_for_networks_of_the_sizes_that_it_was_made_on():
    model = wide(16)
    units, _ = find_units(model, torch.randn(2, 4), "channel")
    applied = apply(model, units, {u.name: torch.arange(u.count) % 2 == 0 for u in units})
    surgery = Surgery.from_json(applied.surgery.model_dump_json())
    assert surgery.perform(wide(16))[0].out_features == 8
    for other in (wide(64), applied.model):
        with pytest.raises(ValueError, match=r"a cut was made where axis . of .* had 16 entries"):
            surgery.perform(other)


def test_a_surgery_without_the_sizes_is_read_and_repeated():
    rows = [{"parameter": f"0.{name}", "axis": 0, "kept": [1, 3]} for name in ("weight", "bias")]
    rows.append({"parameter": "2.weight", "axis": 1, "kept": [1, 3]})
    model = wide(16)
    small = Surgery.from_json(json.dumps({"cuts": rows})).perform(model)
    assert torch.equal(small[0].weight, model[0].weight[[1, 3]])
    assert torch.equal(small[2].weight, model[2].weight[:, [1, 3]])


def test_an_axis_is_cut_once():
    with pytest.raises(ValueError, match=r"axis 0 of '0.weight' is cut twice"):
        cut(wide(16), [Cut("0.weight", 0, (0, 1, 2)), Cut("0.weight", 0, (0, 1))])


class Remembers(nn.Linear):
    def __init__(self) -> None:
        super().__init__(4, 4)
        self.width, self.sizes, self.name, self.flag = 4, (4, 5), "four", True


@pytest.mark.parametrize(
    ("attribute", "place"),
    [("0.nonsense", -1), ("0.training", -1), ("0.forward", -1), ("0.weight", -1), ("0.flag", -1),
     ("0.name", -1), ("0.name", 0), ("0.width", 0), ("0.sizes", -1), ("0.sizes", 2), ("9.h", -1),
     ("h", -1), ("", -1), ("0._parameters", 0)],
)  # fmt: skip
def test_a_size_is_written_only_where_one_stands(attribute, place):
    surgery = Surgery(cuts=(), sizes=(Size(attribute, place, 3),))
    with pytest.raises(ValueError, match=r"writes 3 into .* and this model has no"):
        surgery.perform(nn.Sequential(Remembers()))


def test_sizes_that_stand_there_are_written():
    sizes = (Size("0.width", -1, 3), Size("0.sizes", 1, 2))
    module = Surgery(cuts=(), sizes=sizes).perform(nn.Sequential(Remembers()))[0]
    assert (module.width, module.sizes) == (3, (4, 2))
