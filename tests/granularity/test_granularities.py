"""Laws for every granularity × scope, and what each granularity says of its units."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pruneviz.allocate import SCOPES, Ranking, allocate, decides_amount, exact_count
from pruneviz.criteria import Evidence, score
from pruneviz.granularity import GRANULARITIES, noun
from pruneviz.granularity.matrix import axes
from pruneviz.granularity.pattern import frequent
from pruneviz.granularity.tiles import TiledUnits
from pruneviz.granularity.units import rule_of
from pruneviz.measure.cost import macs_by_parameter
from pruneviz.plan import Plan
from pruneviz.stages.counting import Counting
from tests.mixtures import Mixture
from tests.networks import Attentive, Grouped, build
from tests.pairwise import pairwise

FINE = [name for name in GRANULARITIES.names() if GRANULARITIES.get(name).family != "structured"]
EXACT = [n for n in SCOPES.names() if not decides_amount(n) and n != "percentile"]
NESTED = [name for name in SCOPES.names() if name not in {"uniform", "erk", "owl"}]
LEVELS = (0.0, 0.13, 0.37, 0.5, 0.8, 1.0)


class Convolutions(nn.Module):
    """Kernels of 3 × 3, 1 × 1 and 2 × 3 with groups, transposed and plain, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 8, 3, padding=1)
        self.split = nn.Conv2d(8, 12, (2, 3), groups=2)
        self.point = nn.Conv2d(12, 8, 1)
        self.up = nn.ConvTranspose2d(8, 12, 3, groups=2)
        self.head = nn.Linear(12, 8)

    def forward(self, x):
        x = torch.relu(self.split(torch.relu(self.first(x))))
        return self.head(torch.relu(self.up(torch.relu(self.point(x)))).mean((2, 3)))


def model_and_example(granularity="channel"):
    if granularity in {"head", "depth"}:
        return build(Attentive)
    torch.manual_seed(0)
    if granularity == "expert":
        return Mixture(inputs=8, experts=8).eval(), torch.randn(2, 8)
    return Convolutions().eval(), torch.randn(2, 4, 6, 6)


def ranked(granularity, criterion="magnitude_l1", seed=0, **parameters):
    model, example = model_and_example(granularity)
    units, _ = GRANULARITIES.get(granularity).implementation(model, example, **parameters)
    weights = {n: p.detach() for n, p in model.named_parameters()}
    scores = score(criterion, {}, units, Evidence(weights, {}, seed))
    costs = Counting(model, example, units, macs_by_parameter(model, example))
    return units, Ranking.of(units, scores), costs


def within(left, granularity, scope):
    """Return a plan's fields for a budget that can be met: heads are a small part of a network."""
    share = 0.95 if granularity == "head" else left
    return {"scope_parameters": {"left": share}} if scope == "budget" else {}


def kept(problem, **fields):
    units, ranking, costs = problem
    return allocate(units, ranking, Plan(**fields), costs).keep


PAIRS = list(itertools.product(GRANULARITIES.names(), SCOPES.names()))
SCORED = pairwise(GRANULARITIES.names(), SCOPES.names(), ["magnitude_l1", "random"])


@pytest.mark.parametrize(("granularity", "scope", "criterion"), SCORED)
def test_counts_are_exact_masks_nest_and_the_same_seed_gives_the_same(
    granularity, scope, criterion
):
    units, ranking, costs = ranked(granularity, criterion)
    again = ranked(granularity, criterion)
    total, before = sum(u.count for u in units), None
    limit = sum(u.count - u.least for u in units)
    extra = within(0.7, granularity, scope)
    for sparsity in LEVELS:
        allocation = allocate(units, ranking, Plan(scope=scope, sparsity=sparsity, **extra), costs)
        keep = allocation.keep
        gone = {u.name: int((~keep[u.name]).sum()) for u in units}
        if scope == "layer":
            expected = [min(exact_count(sparsity, u.count), u.count - u.least) for u in units]
            assert list(gone.values()) == expected
        elif scope in EXACT:
            assert sum(gone.values()) == min(exact_count(sparsity, total), limit)
            if exact_count(sparsity, total) > limit:
                assert allocation.notes
        assert all(gone[u.name] <= u.count - u.least for u in units)
        if scope in NESTED and before is not None:
            assert all(bool((before[name] | ~keep[name]).all()) for name in keep)
        before = keep
        same = kept(again, scope=scope, sparsity=sparsity, **extra)
        assert all(torch.equal(keep[name], same[name]) for name in keep)


@pytest.mark.parametrize(("granularity", "scope"), PAIRS)
def test_locked_units_stay_and_the_rest_makes_up_for_it(granularity, scope):
    problem = units, _, _ = ranked(granularity)
    extra = within(0.8, granularity, scope)
    free = kept(problem, scope=scope, sparsity=0.3, **extra)
    going = {n: (~k).nonzero().flatten()[:3].tolist() for n, k in free.items()}
    locks = {name: tuple(indices) for name, indices in going.items() if indices}
    keep = kept(problem, scope=scope, sparsity=0.3, locks=locks, **extra)
    for name, indices in locks.items():
        assert bool(keep[name][list(indices)].all())
    if scope in EXACT:
        total = sum(u.count for u in units)
        assert sum(int((~k).sum()) for k in keep.values()) == (
            sum(exact_count(0.3, u.count) for u in units)
            if scope == "layer"
            else exact_count(0.3, total)
        )
    _rules_hold(units, keep, locks)


@pytest.mark.parametrize("granularity", FINE)
def test_units_partition_the_tensor_and_masks_come_back(granularity):
    units, _, _ = ranked(granularity)
    for layer in units:
        sizes = layer.sizes().expand(layer.count)
        assert int(sizes.sum()) == math.prod(layer.shape)
        numbers = layer.view.spread(torch.arange(layer.count))  # the unit of every weight
        assert numbers.shape == layer.shape
        assert torch.equal(numbers.flatten().bincount(minlength=layer.count), sizes)
        values = torch.rand(layer.shape, dtype=torch.float64)
        by_hand = torch.zeros(layer.count, dtype=torch.float64)
        by_hand.index_add_(0, numbers.flatten(), values.flatten())
        torch.testing.assert_close(layer.sum(lambda name, values=values: values), by_hand)
        keep = torch.rand(layer.count) > 0.5
        mask = layer.masks(keep)[layer.parameter]
        assert torch.equal(mask, keep[numbers])
        back = layer.view.sum(mask.double()) == sizes
        assert torch.equal(back, keep)


def _rules_hold(units, keep, locks=None):
    """In a pruned group exactly so many stay; at most one group is begun and not done."""
    begun = 0
    for layer in units:
        rule = rule_of(layer)
        if rule is None:
            continue
        groups = keep[layer.name].reshape(-1, rule.of)
        left = groups.sum(1)
        assert bool((left >= rule.stay).all())
        begun += int(((left > rule.stay) & (left < rule.of)).sum())
        if locks is None and hasattr(rule, "patterns"):
            done = groups[left == rule.stay]
            assert bool((done[:, None] == rule.patterns).all(2).any(1).all())
    assert begun <= len(units)


@pytest.mark.parametrize("scope", SCOPES.names())
@pytest.mark.parametrize(
    "granularity", [g for g in FINE if "together" in GRANULARITIES.get(g).formula]
)
def test_the_rule_of_groups_holds_at_every_amount(granularity, scope):
    problem = units, ranking, _ = ranked(granularity)
    extra = {"scope_parameters": {"left": 0.7}} if scope == "budget" else {}
    assert units
    for sparsity in LEVELS:
        _rules_hold(units, kept(problem, scope=scope, sparsity=sparsity, **extra))
    if scope == "layer":
        whole = kept(problem, sparsity=1.0)
        assert {u.name: int(k.sum()) for u, k in zip(units, whole.values(), strict=True)} == {
            u.name: u.least for u in units
        }
        for layer in units:
            rule, scores = rule_of(layer), ranking.scores[layer.name]
            groups = scores.reshape(-1, rule.of)
            assert torch.equal(whole[layer.name].reshape(groups.shape), rule.spared(groups))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([(1, 2), (2, 4), (3, 4), (1, 4), (4, 8)]), st.integers(0, 99))
def test_n_of_every_m_inputs_stay_the_largest_of_them(n_m, seed):
    n, m = n_m
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(16, 8, (2, 3), groups=2), nn.Flatten(), nn.Linear(8, 4)).eval()
    units, _ = GRANULARITIES.get("n_m").implementation(model, torch.randn(1, 16, 2, 3), n=n, m=m)
    weights = {name: p.detach() for name, p in model.named_parameters()}
    ranking = Ranking.of(units, score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
    keep = allocate(units, ranking, Plan(sparsity=1 - n / m)).keep
    for layer in units:
        mask, weight = layer.masks(keep[layer.name])[layer.parameter], weights[layer.parameter]
        along = mask.movedim(1, -1).reshape(-1, m)  # m consecutive inputs at one kernel place
        assert bool((along.sum(1) == n).all())
        sizes = weight.abs().movedim(1, -1).reshape(-1, m)
        top = torch.zeros_like(along).scatter_(1, sizes.topk(n, dim=1).indices, True)
        assert torch.equal(along, top)


def test_locks_take_the_places_of_what_a_group_keeps():
    units, ranking, costs = ranked("n_m")
    layer = units[0]
    free = kept((units, ranking, costs), sparsity=0.5)[layer.name].reshape(-1, 4)
    lock = int((~free[0]).nonzero()[0])
    keep = kept((units, ranking, costs), sparsity=0.5, locks={layer.name: [lock]})[layer.name]
    groups = keep.reshape(-1, 4)
    assert bool(groups[0, lock])
    assert bool((groups.sum(1) == 2).all())
    assert torch.equal(groups[1:], free[1:])
    with pytest.raises(ValueError, match=r"its lock lets at most \d+ go"):
        kept((units, ranking, costs), sparsity=0.5, locks={layer.name: [0, 1, 2]})


def test_a_groups_order_is_the_mean_of_what_goes_of_it():
    _, ranking, _ = ranked("n_m")
    scores, order = ranking.scores["first"].double(), ranking.order("first").double()
    groups = scores.reshape(-1, 4).sort(1).values
    expected = groups[:, :2].mean(1)
    finite = order.reshape(-1, 4)
    assert torch.equal(finite.isinf().sum(1), torch.full((len(groups),), 2))
    torch.testing.assert_close(finite.min(1).values, expected, rtol=1e-6, atol=0)


def test_a_group_that_is_begun_is_finished_before_others_are():
    units, ranking, costs = ranked("n_m", "random")
    first = kept((units, ranking, costs), scope="global", sparsity=0.2)
    gone = {
        n: s.masked_fill(~first[n], -torch.inf)
        for n, s in ranked("n_m", "random", 5)[1].scores.items()
    }
    again = Ranking.of(units, gone)
    for sparsity in (0.2, 0.2001, 0.35):
        keep = kept((units, again, costs), scope="global", sparsity=sparsity)
        assert all(bool((first[name] | ~keep[name]).all()) for name in keep)
        _rules_hold(units, keep)


def test_natural_patterns_are_the_most_frequent_of_the_largest_with_the_centre():
    torch.manual_seed(1)
    kernels = torch.randn(400, 9)
    found = frequent([kernels[:100], kernels[100:]], (3, 3), entries=4, most=6)
    counted: dict[tuple[int, ...], int] = {}
    for kernel in kernels.tolist():
        others = sorted((i for i in range(9) if i != 4), key=lambda i: -abs(kernel[i]))[:3]
        key = tuple(sorted([4, *others]))
        counted[key] = counted.get(key, 0) + 1
    expected = sorted(counted, key=lambda key: (-counted[key], key))[:6]
    assert [tuple(row.nonzero().flatten().tolist()) for row in found] == expected
    assert bool(found[:, 4].all())


def test_every_kernel_takes_the_pattern_that_keeps_most():
    units, ranking, _ = ranked("pattern", patterns=3)
    keep = allocate(units, ranking, Plan(sparsity=1.0)).keep
    for layer in units:
        sizes = ranking.scores[layer.name].double().reshape(-1, layer.rule.of)
        reached = (sizes * keep[layer.name].reshape(sizes.shape)).sum(1)
        best = torch.stack([(sizes * p).sum(1) for p in layer.rule.patterns]).max(0).values
        torch.testing.assert_close(reached, best)
        assert len(layer.rule.patterns) <= 3


def test_blocks_and_vectors_are_rectangles_of_the_matrix():
    units, _, _ = ranked("block", rows=5, columns=7)
    weight = torch.rand(8, 36, dtype=torch.float64)
    first = next(u for u in units if u.name == "first")
    by_hand = [weight[i : i + 5, j : j + 7].sum() for i in (0, 5) for j in range(0, 36, 7)]
    torch.testing.assert_close(
        first.sum(lambda _: weight.reshape(8, 4, 3, 3)), torch.stack(by_hand)
    )
    kernels = weight.reshape(8, 4, 3, 3)
    for of, direction, expected in (
        ("matrix", "row", weight.sum(1)),
        ("matrix", "column", weight.sum(0)),
        ("kernel", "row", kernels.sum(3).flatten()),
        ("kernel", "column", kernels.sum(2).flatten()),
    ):
        found, _, _ = ranked("vector", of=of, direction=direction)
        torch.testing.assert_close(found[0].sum(lambda _: kernels), expected)


def test_a_transposed_layers_rows_are_its_outputs():
    layer = nn.ConvTranspose2d(8, 12, 3, groups=2)
    seen = axes(layer)
    view = seen.view(seen.columns, (1, seen.columns))
    x = torch.zeros(1, 8, 1, 1)
    for output in range(12):
        keep = torch.ones(12, dtype=torch.bool)
        keep[output] = False
        with torch.no_grad():
            pruned = nn.functional.conv_transpose2d(
                x + 1, layer.weight * view.spread(keep), layer.bias, groups=2
            )
        bias = layer.bias.detach()[output]
        assert bool((pruned[0, output] == bias).all())
        assert sum(bool((pruned[0, i] == layer.bias[i]).all()) for i in range(12)) == 1


@pytest.mark.parametrize(
    ("granularity", "parameters", "layer", "words"),
    [
        ("n_m", {"m": 8}, "first", "reads 4 inputs, which 8 does not divide: choose another M"),
        ("block", {"rows": 64, "columns": 64}, "head", "one block of 64 × 64 covers its matrix"),
        ("kernel", {}, "head", "a linear layer has no kernels: prune it by"),
        ("pattern", {}, "point", "its kernels have 1 weight, and a pattern keeps 4"),
        ("pattern", {"entries": 6}, "split", "its kernels have 6 weights, and a pattern keeps 6"),
        ("vector", {}, "head", "a linear layer has no kernels"),
    ],
)
def test_a_layer_without_such_units_is_skipped_with_the_remedy(
    granularity, parameters, layer, words
):
    model, example = model_and_example()
    units, skipped = GRANULARITIES.get(granularity).implementation(model, example, **parameters)
    assert layer not in {u.name for u in units}
    assert words in {s.name: s.reason for s in skipped}[layer]


def test_a_layer_whose_weight_is_no_parameter_is_skipped_with_the_reason():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    weight = model[0].weight.detach()
    del model[0].weight
    model[0].register_buffer("weight", weight)
    units, skipped = GRANULARITIES.get("weight").implementation(model, torch.randn(2, 4))
    assert [u.name for u in units] == ["2"]
    assert {s.name: s.reason for s in skipped}["0"].startswith("its weight is no parameter")


def test_n_must_be_less_than_m():
    with pytest.raises(ValueError, match="got 4:4: make n less than m"):
        ranked("n_m", n=4, m=4)


@pytest.mark.parametrize("granularity", FINE)
def test_every_layer_has_units_or_a_reason(granularity):
    model, example = build(Grouped)
    units, skipped = GRANULARITIES.get(granularity).implementation(model, example)
    layers = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    named = {u.name for u in units} | {s.name for s in skipped}
    assert set(layers) <= named
    assert all(isinstance(u, TiledUnits) for u in units)


def test_units_have_names_for_people():
    assert noun("channel") == "channel"
    assert noun("n_m") == "weight"
    assert noun("from a later version") == "from a later version"
