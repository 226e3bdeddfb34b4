"""Blocks that are left out: found by a law, cut exactly, and all of a stage may go."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import pytest
import torch
import torchvision
import transformers
from torch import Tensor, nn

from pruneviz.allocate import SCOPES, Ranking, allocate, decides_amount
from pruneviz.apply import apply
from pruneviz.criteria import Evidence, score
from pruneviz.measure.cost import macs_by_parameter
from pruneviz.network.masks import masked
from pruneviz.plan import Plan
from pruneviz.proof import find_units, prove
from pruneviz.proof.perturb import perturbed
from pruneviz.pruned.bypass import Bypass
from pruneviz.pruned.surgery import Surgery, cut, expand
from pruneviz.stages.counting import Counting
from pruneviz.wording import stays, unseen
from tests.networks import ALL_NETWORKS, Stacked, build

IMAGE, WORDS = (2, 3, 64, 64), (2, 5, 16)


class NeXt(nn.Module):
    """A block of the ConvNeXt kind: depthwise, LayerNorm over channels, scaled by a vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x).permute(0, 2, 3, 1))
        return x + self.scale * self.narrow(torch.relu(self.wide(y))).permute(0, 3, 1, 2)


def convnext() -> nn.Module:
    blocks = nn.Sequential(NeXt(8), NeXt(8))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    return nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), blocks, head)


def encoder(norm_first: bool = True) -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True, norm_first=norm_first)
    return nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)


MODELS = {
    "stacked": (Stacked, (2, 3, 16, 16), {"one": 3, "two": 1}),
    "resnet18": (
        torchvision.models.resnet18, IMAGE, {"layer1": 2, "layer2": 1, "layer3": 1, "layer4": 1}
    ),
    "mobilenet_v3_small": (torchvision.models.mobilenet_v3_small, IMAGE, {"features": 6}),
    "convnext": (convnext, (2, 3, 16, 16), {"1": 2}),
    "encoder": (encoder, WORDS, {"layers": 3}),
}  # fmt: skip


def made(name, seed=0):
    build_one, shape, stages = MODELS[name]
    torch.manual_seed(seed)
    return perturbed(build_one().eval(), torch.randn(shape)), torch.randn(shape), stages


def kept(units, which):
    """Return keeps: `which` is "all", "half", or the number of one unit of the network."""
    number, keep = 0, {}
    for layer in units:
        here = torch.arange(layer.count)
        numbers = here + number
        number += layer.count
        gone = {"all": numbers >= 0, "half": here % 2 == 0}.get(which, numbers == which)
        keep[layer.name] = ~gone
    return keep


@pytest.mark.parametrize("name", MODELS)
def test_blocks_are_found_in_order_and_a_bypass_is_the_mask_exactly(name):
    model, example, stages = made(name)
    units, skipped = find_units(model, example, "depth")
    assert {layer.name: layer.count for layer in units} == stages
    assert all(item.reason for item in skipped)
    before = sum(p.numel() for p in model.parameters())
    state, answer = copy.deepcopy(model.state_dict()), model(example)
    for which in ("all", "half", *range(sum(stages.values()))):
        keep = kept(units, which)
        applied = apply(model, units, keep)
        assert applied.is_cut
        assert applied.max_relative_error(example) == 0
        with torch.no_grad():
            assert not torch.equal(applied.model(example), answer)
        gone = [layer.sizes()[~keep[layer.name]] for layer in units]
        after = sum(p.numel() for p in applied.model.parameters())
        assert before - after == int(torch.cat(gone).sum())
        assert sum(int((~m).sum()) for m in applied.masks.values()) == before - after
        assert sum(isinstance(m, Bypass) for m in applied.model.modules()) >= len(applied.bypassed)
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_networks_without_blocks_have_none(kind):
    assert find_units(*build(kind), "depth")[0] == ()


def linear(width: int = 8) -> nn.Module:
    return nn.Linear(width, width)


class Around(nn.Module):
    """A stem, a part that may be a block, and a head; it says how the part is used."""

    def __init__(self, part: nn.Module, use=lambda part, x: part(x)) -> None:
        super().__init__()
        self.stem, self.part, self.head = linear(), part, nn.Linear(8, 4)
        self.use = use

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.use(self.part, self.stem(x)))


class Beside(nn.Module):
    """What is computed beside an identity, then treated by `after`."""

    def __init__(self, inner: nn.Module, after=lambda x: x) -> None:
        super().__init__()
        self.inner, self.after = inner, after

    def forward(self, x: Tensor, **more: object) -> Tensor:
        return self.after(x + self.inner(x))


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.norm = linear(), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.inner(x))


class Ties(nn.Module):
    """A block whose weight the head of its owner reads as well."""

    def __init__(self) -> None:
        super().__init__()
        self.part, self.head = Beside(linear()), nn.Linear(8, 8)
        self.head.weight = self.part.inner.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.part(x))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Around(nn.Linear(8, 8)), "without its weights it does not return"),
        (Around(Normed()), "without its weights it does not return"),
        (Around(Beside(linear(), torch.relu)), "without its weights it does not return"),
        (Around(Beside(linear(), lambda x: x.reshape(-1, 1, 8)),
                lambda p, x: p(x).flatten(1)), "it turns 8 numbers into 1×8"),
        (Around(Beside(linear()), lambda p, x: p(p(x) + 1)), "called 2 times"),
        (Around(Beside(linear()), lambda p, x: p(0 * x) + x), "is 0 everywhere"),
        (Around(Beside(linear(), lambda x: {"x": x}), lambda p, x: p(x)["x"]), "returns a dict"),
        (Around(Beside(linear()), lambda p, x: p(x) @ p.inner.weight), "holds a fixed|no attr"),
        (Ties(), "shares 'part.inner.weight'"),
    ],
    ids=["linear", "post-norm", "relu", "shape", "twice", "zeros", "dict", "read", "tied"],
)  # fmt: skip
def test_what_is_no_block_says_why(model, words):
    units, skipped = find_units(model.eval(), torch.randn(2, 8), "depth")
    assert units == ()
    reasons = " ".join(item.reason for item in skipped)
    assert re.search(words, reasons), reasons


def test_a_block_may_return_its_input_first_in_a_tuple_where_nobody_reads_the_rest():
    alone = Around(Beside(linear(), lambda x: (x, x.sum())), lambda p, x: p(x)[0]).eval()
    units, skipped = find_units(alone, torch.randn(2, 8), "depth")
    assert units[0].blocks == ("part",)
    applied = apply(alone, units, {units[0].name: torch.tensor([False])})
    assert applied.bypassed == ("part..2",)
    assert applied.max_relative_error(torch.randn(3, 8)) == 0
    x = torch.randn(3, 8)
    assert applied.model.part(x) == (x, None)
    torch.testing.assert_close(applied.model(x), alone.head(alone.stem(x)))
    again = Surgery.from_json(applied.surgery.model_dump_json()).perform(alone)
    assert torch.equal(again(x), applied.model(x))
    assert torch.equal(applied.full_size()(x), applied.model(x))
    read = Around(Beside(linear(), lambda x: (x, x.sum())), lambda p, x: sum(p(x)))
    units, skipped = find_units(read.eval(), torch.randn(2, 8), "depth")
    assert units == ()
    assert "blocks" in {item.name for item in skipped}


def test_blooms_blocks_are_bypassed_and_their_influence_is_known():
    torch.manual_seed(0)
    config = transformers.BloomConfig(vocab_size=29, hidden_size=16, n_layer=3, n_head=2)
    network = transformers.BloomForCausalLM(config).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0, 0.2)
    config.use_cache = False
    tokens = torch.randint(0, 29, (3, 7))
    units, _ = find_units(network, tokens, "depth")
    assert units[0].blocks == tuple(f"transformer.h.{n}" for n in range(3))
    applied = apply(network, units, {units[0].name: torch.tensor([True, False, True])})
    assert applied.max_relative_error(tokens) < 1e-6
    del network.transformer.h[1]
    torch.testing.assert_close(applied.model(tokens).logits, network(tokens).logits)


def test_blocks_that_normalise_after_they_add_are_named_as_what_they_are():
    sizes = {"vocab_size": 29, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    network = transformers.BertForMaskedLM(transformers.BertConfig(**sizes, intermediate_size=8))
    units, skipped = find_units(network.eval(), torch.randint(0, 29, (2, 5)), "depth")
    assert units == ()
    why = {item.name: item.why for item in skipped}["bert.encoder.layer.1.output.dense"]
    assert why == (stays.part_of("bert.encoder.layer.1", unseen.changes_its_input()),)


def test_the_innermost_block_counts_and_one_called_twice_gives_way_to_what_is_around_it():
    inner = Beside(linear())
    units, _ = find_units(Around(nn.Sequential(inner, nn.Identity())), torch.randn(2, 8), "depth")
    assert [(u.name, u.blocks) for u in units] == [("part", ("part.0",))]
    nested = Around(Beside(nn.Sequential(linear(), Beside(linear()))))
    units, _ = find_units(nested, torch.randn(2, 8), "depth")
    assert units[0].blocks == ("part.inner.1",)

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.again = Beside(linear())

        def forward(self, x):
            return self.again(self.again(x))

    units, _ = find_units(Around(Twice()), torch.randn(2, 8), "depth")
    assert [(u.name, u.blocks) for u in units] == [("blocks", ("part",))]


def test_what_a_block_is_given_by_name_and_writes_into_goes_on():
    class Adds(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = linear()

        def forward(self, *, x, scale):
            x += scale * self.inner(x)
            return x

    model = Around(Adds(), lambda p, x: p(x=x, scale=2.0))
    example = torch.randn(2, 8)
    units, _ = find_units(model.eval(), example, "depth")
    applied = apply(model, units, {"blocks": torch.tensor([False])})
    torch.testing.assert_close(applied.model(example), model.head(model.stem(example)))


def test_the_code_around_a_block_still_reads_its_settings():
    model, example, _ = made("encoder")
    units, _ = find_units(model, example, "depth")
    applied = apply(model, units, {"layers": torch.tensor([False, True, True])})
    assert applied.model.layers[0].self_attn.batch_first is True
    assert not list(applied.model.layers[0].parameters())
    assert repr(applied.model.layers[0]) == "Bypass(TransformerEncoderLayer)"
    by_hand = model.layers[2](model.layers[1](example))
    torch.testing.assert_close(applied.model(example), by_hand)


def test_a_buffer_that_blocks_share_stays_with_those_that_stay():
    class Turned(Beside):
        def forward(self, x):
            return x + self.inner(x * self.turn)

    parts = nn.Sequential(*(Turned(linear()) for _ in range(3)))
    turn = torch.rand(8)
    for part in parts:
        part.register_buffer("turn", turn)
    model, example = Around(parts).eval(), torch.randn(2, 8)
    units, _ = find_units(model, example, "depth")
    applied = apply(model, units, {"part": torch.tensor([False, True, False])})
    assert applied.max_relative_error(example) == 0
    full = expand(model, applied.model, (), applied.bypassed)
    assert all(part.turn is full.part[0].turn for part in full.part)
    assert torch.equal(full.part[0].turn, turn)


def test_what_blocks_decide_plays_no_part_in_the_comparison():
    class Routed(Beside):
        def forward(self, x):
            best = self.inner(x).topk(3).indices
            return x + torch.zeros_like(x).scatter(1, best, 1.0) * self.inner(x)

    model = Around(nn.Sequential(*(Routed(linear()) for _ in range(3)))).eval()
    example = torch.randn(2, 8)
    units, _ = find_units(model, example, "depth")
    assert [layer.count for layer in units] == [3]
    for keep in ([False, True, True], [True, False, False]):
        assert prove(apply(model, units, {"part": torch.tensor(keep)}), example) == 0


# "stacked" has the blocks of the largest, with fewer weights
@pytest.mark.parametrize("name", [name for name in MODELS if name != "resnet18"])
def test_a_surgery_is_repeated_on_other_weights_and_goes_back_into_the_full_network(name):
    model, example, _ = made(name)
    units, _ = find_units(model, example, "depth")
    applied = apply(model, units, kept(units, "half"))
    surgery = Surgery.from_json(applied.surgery.model_dump_json())
    assert surgery == applied.surgery
    assert surgery.bypassed
    other, _, _ = made(name, seed=7)
    alike = replace(applied, original=other, model=surgery.perform(other))
    assert alike.max_relative_error(example) == 0

    trained = copy.deepcopy(applied.model)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(torch.rand_like(parameter), alpha=0.01)
    full = expand(model, trained, applied.cuts, applied.bypassed)
    again = cut(full, applied.cuts, (), applied.bypassed).state_dict()
    assert list(again) == list(trained.state_dict())
    assert all(torch.equal(again[key], value) for key, value in trained.state_dict().items())
    assert replace(applied, original=full, model=trained).max_relative_error(example) == 0
    assert torch.equal(full(example), trained(example))
    assert all(torch.equal(p, masked(full, applied.masks).get_parameter(key))
               for key, p in full.named_parameters())  # fmt: skip


def test_channels_and_blocks_compose_in_one_surgery_and_one_after_the_other():
    model, example, _ = made("stacked")
    channels, _ = find_units(model, example, "channel")
    thin = apply(model, channels, {u.name: torch.arange(u.count) % 2 == 1 for u in channels})
    blocks, _ = find_units(thin.model, example, "depth")
    assert {layer.name: layer.count for layer in blocks} == {"one": 3, "two": 1}
    short = apply(thin.model, blocks, kept(blocks, "half"))
    assert short.max_relative_error(example) == 0
    both = thin.surgery.model_copy(update={"bypassed": short.bypassed})
    one = Surgery.from_json(both.model_dump_json()).perform(model)
    assert torch.equal(one(example), short.model(example))
    assert list(one.state_dict()) == list(short.model.state_dict())
    again, _ = find_units(short.model, example, "channel")
    narrow = apply(short.model, again, {u.name: torch.arange(u.count) > 0 for u in again})
    assert narrow.max_relative_error(example) <= 1e-5


def test_a_bypass_of_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="a bypass names 'three', which this model does not have"):
        Surgery(cuts=(), bypassed=("three",)).perform(Stacked())


def ranked(model, example):
    units, _ = find_units(model, example, "depth")
    weights = {name: p.detach() for name, p in model.named_parameters()}
    return units, Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))


@pytest.mark.parametrize("scope", [n for n in SCOPES.names() if not decides_amount(n)])
@pytest.mark.parametrize(("sparsity", "removed"), [(0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_counts_are_exact_and_all_of_a_stage_may_go(scope, sparsity, removed):
    model, example, _ = made("stacked")
    allocation = allocate(*ranked(model, example), Plan(scope=scope, sparsity=sparsity))
    gone = {name: int((~keep).sum()) for name, keep in allocation.keep.items()}
    by_layer = {0.25: 1, 0.5: 3, 0.75: 3, 1.0: 4}[sparsity]  # halves are rounded up in each stage
    assert sum(gone.values()) == (by_layer if scope == "layer" else removed)
    assert not any("never" in note or "stays" in note for note in map(str, allocation.notes))


@pytest.mark.parametrize("of", ["parameters", "macs", "bytes"])
def test_a_budget_takes_the_fewest_blocks_that_meet_it(of):
    model, example, _ = made("stacked")
    units, ranking = ranked(model, example)
    count = Counting(model, example, units, macs_by_parameter(model, example))
    lowest = sorted((float(s), name, i) for name in ranking.scores
                    for i, s in enumerate(ranking.scores[name]))  # fmt: skip
    keep = {u.name: torch.ones(u.count, dtype=torch.bool) for u in units}
    left = [count(of, keep)]
    for _, name, i in lowest:
        keep[name][i] = False
        left.append(count(of, keep))
    assert left == sorted(left, reverse=True)
    for removed, budget in enumerate(left):
        settings = {"of": of, "at_most": budget}
        found = allocate(units, ranking, Plan(scope="budget", scope_parameters=settings), count)
        assert sum(int((~stays).sum()) for stays in found.keep.values()) == removed
    settings = {"of": of, "at_most": left[-1] - 1}
    with pytest.raises(ValueError, match=f"at least {left[-1]:,} of {left[0]:,} are left; ask for"):
        allocate(units, ranking, Plan(scope="budget", scope_parameters=settings), count)


def test_a_threshold_may_take_every_block_and_widths_keep_some():
    model, example, _ = made("stacked")
    units, ranking = ranked(model, example)
    high = {"value": 1e9, "relative": False}
    allocation = allocate(units, ranking, Plan(scope="threshold", scope_parameters=high))
    assert not any(bool(keep.any()) for keep in allocation.keep.values())
    assert allocation.notes == ()
    width = Plan(scope="global", sparsity=1.0, scope_parameters={"minimum_width": 1})
    kept = allocate(units, ranking, width).keep
    assert [int(keep.sum()) for keep in kept.values()] == [1, 1]
    pairs = Plan(scope="global", sparsity=0.75, scope_parameters={"multiple_of": 2})
    kept = allocate(units, ranking, pairs).keep
    assert all(int(keep.sum()) in (0, 2, keep.numel()) for keep in kept.values())


def test_the_lowest_block_goes_even_where_it_is_its_stages_last():
    model, example, _ = made("stacked")
    units, ranking = ranked(model, example)
    low = Ranking({"one": torch.tensor([2.0, 3.0, 4.0]), "two": torch.tensor([1.0])})
    keep = allocate(units, low, Plan(scope="global", sparsity=0.25)).keep
    assert keep["one"].all()
    assert not keep["two"].any()
    one = Plan(scope="global", sparsity=1.0, layers={"one": 1 / 3})
    notes = tuple(map(str, allocate(units, ranking, one).notes))
    assert notes == ("the layers set by hand leave at most 2 of the 4 units asked for overall",)


@pytest.mark.parametrize(
    "locks",
    [{"one": (1,)}, {"one.1": "all"}, {"one.1.a.0": "all"}, {"one.1.b.1": "all", "one": (1,)}],
)
def test_a_lock_of_a_block_or_of_a_part_of_it_locks_it_alone(locks):
    model, example, _ = made("stacked")
    keep = allocate(*ranked(model, example), Plan(sparsity=2 / 3, locks=locks)).keep
    assert keep["one"].tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"locks": {"one.1": (0,)}}, "'one.1' belongs to unit 1 of 'one' and has no units"),
        ({"locks": {"one": (3,)}}, "its units are 0 to 2"),
        ({"layers": {"one.1.a.0": 0.5}}, "belongs to one unit of 'one' and stays or goes whole"),
        ({"locks": {"one": "all"}, "sparsity": 1.0, "scope": "global"}, "cannot be reached"),
        ({"layers": {"stem.0": 0.5}}, "cannot be pruned here"),
    ],
)
def test_what_cannot_be_is_said(plan, words):
    model, example, _ = made("stacked")
    with pytest.raises(ValueError, match=words):
        allocate(*ranked(model, example), Plan(**plan))
