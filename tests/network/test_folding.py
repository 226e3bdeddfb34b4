"""Weights that are computed from others: what they come to is ranked, counted, cut and kept."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.overrides import TorchFunctionMode

from pruneviz.apply import apply
from pruneviz.granularity import GRANULARITIES as EVERY_GRANULARITY
from pruneviz.measure.cost import macs_by_parameter, parameters_by_name
from pruneviz.network.folding import computed, fold_notes, folded, unfolded
from pruneviz.network.masks import masked
from pruneviz.proof import find_units
from pruneviz.pruned.surgery import Surgery, expand
from tests.computed_weights import LAYERS, WRAPS, Mixed, by_hand, network, with_parametrization
from tests.scoring import scored

GRANULARITIES = ("channel", "weight", "n_m", "block", "vector")
CRITERIA = ("magnitude_l1", "magnitude_l2", "taylor")
# every way with one layer, and every layer with one way
PAIRS = [("Linear", wrap) for wrap in WRAPS] + [
    (layer, wrap)
    for number, layer in enumerate(LAYERS)
    for wrap in [*WRAPS][number::4]
    if layer != "Linear"
]


def snapshot(model: nn.Module) -> list[object]:
    state = [(name, tensor.clone()) for name, tensor in model.state_dict().items()]
    modules = [(type(m), m.training, len(m._forward_pre_hooks)) for m in model.modules()]
    grads = [(name, p.requires_grad, id(p)) for name, p in model.named_parameters()]
    return [[n for n, _ in state], [t.tolist() for _, t in state], modules, grads]


@pytest.mark.parametrize(("layer", "wrap"), PAIRS)
def test_a_folded_network_is_the_plain_one_and_the_model_stays(layer, wrap):
    model, x = network(layer, wrap)
    before = snapshot(model)
    plain, _ = by_hand(layer, wrap)
    made = folded(model)
    assert snapshot(model) == before
    assert folded(made) is made
    assert not computed(made)
    assert [n for n, _ in made.named_parameters()] == [n for n, _ in plain.named_parameters()]
    assert [*made.state_dict()] == [*plain.state_dict()]
    assert [type(m) for m in made.modules()] == [type(m) for m in plain.modules()]
    with torch.no_grad():
        assert torch.equal(made(x), model(x))


@pytest.mark.parametrize(("layer", "wrap"), PAIRS)
def test_cutting_dead_units_changes_nothing(layer, wrap):
    model, x = network(layer, wrap)
    with torch.no_grad():
        for name in ("first", "second"):
            if not parametrize.is_parametrized(model.get_submodule(name), "bias"):
                model.get_submodule(name).bias[:4] = -1e3
    before = snapshot(model)
    units, skipped = find_units(model, x[:2], "channel")
    assert [u.name for u in units] == ["first", "second"]
    assert [item.name for item in skipped] == ["head"]
    alive = {u.name: torch.arange(8) >= (0 if wrap == "with bias" else 4) for u in units}
    applied = apply(model, units, alive)
    with torch.no_grad():
        answer, cut = model(x), applied.model(x)
        preview = masked(model, applied.masks)(x)
    assert torch.allclose(cut, answer, rtol=0, atol=2e-6 * float(answer.abs().max()))
    assert torch.allclose(preview, answer, rtol=0, atol=2e-6 * float(answer.abs().max()))
    assert applied.max_relative_error(x) < 1e-5
    again = Surgery.from_json(applied.surgery.model_dump_json()).perform(model)
    with torch.no_grad():
        assert torch.equal(again(x), cut)
        full = expand(model, applied.model, applied.cuts)(x)
    assert torch.allclose(full, cut, rtol=0, atol=2e-6 * float(answer.abs().max()))
    assert snapshot(model) == before


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("wrap", WRAPS)
def test_ranks_and_counts_are_those_of_the_plain_network(granularity, wrap):
    model, x = network("Conv2d", wrap)
    plain, _ = by_hand("Conv2d", wrap)
    assert parameters_by_name(model) == parameters_by_name(plain)
    assert macs_by_parameter(model, x) == macs_by_parameter(plain, x)
    labels = torch.arange(16) % 3
    for criterion in CRITERIA:
        settings = {"x": x, "criterion": criterion, "granularity": granularity, "labels": labels}
        units, mine = scored(model, **settings)
        others, theirs = scored(plain, **settings)
        assert [(u.name, u.layers, u.count) for u in units] == [
            (u.name, u.layers, u.count) for u in others
        ]
        for name, scores in theirs.items():
            assert torch.allclose(mine[name], scores, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("wrap", ["weight_norm", "old weight_norm", "mixed"])
def test_recurrent_layers_and_embeddings_are_folded(kind, wrap):
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = parametrizations.weight_norm(nn.Embedding(9, 6))
            self.body = kind(6, 8, 2, batch_first=True)
            name = "weight_hh_l0"
            if wrap == "mixed":
                with_parametrization(Mixed, name)(self.body)
            elif wrap == "weight_norm":
                parametrizations.weight_norm(self.body, name)
            else:
                torch.nn.utils.weight_norm(self.body, name)
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.body(self.table(x))[0][:, -1])

    torch.manual_seed(0)
    model, tokens = Tokens().eval(), torch.arange(24).view(4, 6) % 9
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    names = [name for name, _ in kind(6, 8, 2).named_parameters()]
    model(tokens)  # what the hooks keep now belongs to a graph
    made = folded(model)
    assert [name for name, _ in made.body.named_parameters()] == names
    with torch.no_grad():
        assert torch.equal(made(tokens), model(tokens))
    units, _ = find_units(model, tokens, "channel")
    assert {"table", "body"} <= {layer for u in units for layer in u.layers}
    keep = {u.name: torch.arange(u.count) % 2 == 0 for u in units}
    assert apply(model, units, keep).max_relative_error(tokens) < 1e-5


def test_a_shared_weight_stays_shared_and_a_shared_parametrization_folds_twice():
    torch.manual_seed(0)
    one, other, third = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 5)
    other.weight = one.weight
    mixed = Mixed()
    for layer in (one, other, third):
        parametrize.register_parametrization(layer, "weight", mixed)
    made = folded(nn.Sequential(one, other, third).eval())
    assert made[0].weight is made[1].weight
    assert made[2].weight is not made[0].weight
    assert torch.equal(made[2].weight, third.weight)


def test_what_is_frozen_stays_frozen():
    model, _ = network("Linear", "weight_norm")
    model.first.requires_grad_(False)
    made = folded(model)
    assert not made.first.weight.requires_grad
    assert made.second.weight.requires_grad


def test_the_note_names_what_is_folded():
    model, _ = network("Linear", "nested")
    (note,) = map(str, fold_notes(model))
    assert note.startswith("first.weight, second.weight are computed from other tensors (")
    assert "(weight_norm and Mixed)" in note
    assert "plain weight" in note
    assert fold_notes(folded(model)) == ()
    masks = [*map(str, fold_notes(network("Linear", "mask")[0]))]
    assert "training moves them" in masks[1]


@pytest.mark.parametrize("wrap", [parametrizations.weight_norm, torch.nn.utils.weight_norm])
def test_a_weight_that_is_frozen_in_part_is_said_to_be_trained_whole(wrap):
    model = nn.Sequential(nn.Linear(4, 3), wrap(nn.Linear(3, 2)))
    assert len(fold_notes(model)) == 1
    length, direction = (p for n, p in model[1].named_parameters() if n != "bias")
    direction.requires_grad_(False)
    assert "A part of what 1.weight comes from is frozen" in str(fold_notes(model)[1])
    length.requires_grad_(False)
    assert len(fold_notes(model)) == 1


def test_a_weight_that_is_random_in_eval_mode_is_refused():
    class Noisy(nn.Module):
        def forward(self, weight):
            return weight + torch.randn_like(weight)

    model = nn.Sequential(with_parametrization(Noisy)(nn.Linear(4, 6)), nn.ReLU(), nn.Linear(6, 2))
    with pytest.raises(ValueError, match=r"'0\.weight' is computed by Noisy, which gives another"):
        find_units(model.eval(), torch.randn(2, 4), "channel")


def test_what_only_training_adds_is_not_in_the_weight():
    class Dropped(nn.Module):
        def forward(self, weight):
            return nn.functional.dropout(weight, 0.5, self.training)

    model = nn.Sequential(with_parametrization(Dropped)(nn.Linear(4, 6)), nn.ReLU())
    assert torch.equal(folded(model)[0].weight, model[0].parametrizations.weight.original)
    assert model[0].parametrizations.weight.training


def test_code_that_reads_the_parts_of_a_weight_is_refused():
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = parametrizations.weight_norm(nn.Linear(4, 6)), nn.Linear(6, 2)

        def forward(self, x):
            lengths = self.body.parametrizations.weight.original0.flatten()
            return self.head(self.body(x) * lengths)

    with pytest.raises(ValueError, match="reads more of its computed weights than their values"):
        find_units(Reads().eval(), torch.randn(2, 4), "channel")


def test_a_computed_weight_with_a_copy_of_its_class_leaves_other_copies_alone():
    model, x = network("Linear", "positive")
    other = copy.deepcopy(model)
    folded(other)
    with torch.no_grad():
        assert torch.equal(other(x), model(x))
    assert parametrize.is_parametrized(other.first, "weight")


class Standardised(nn.Conv2d):
    """Weights with mean 0 and deviation 1 by output, with a gain."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.gain = nn.Parameter(torch.rand(sizes[1], 1, 1, 1) + 0.5)

    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        weight = self.gain * weight / (weight.std((1, 2, 3), keepdim=True) + 1e-5)
        return self._conv_forward(x, weight, self.bias)


class Positive(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, nn.functional.softplus(self.weight), self.bias)


class LowRank(nn.Linear):
    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.a = nn.Parameter(torch.randn(sizes[1], 2))
        self.b = nn.Parameter(torch.randn(2, sizes[0]))

    def forward(self, x):
        return nn.functional.linear(x, self.weight + self.a @ self.b, self.bias)


class Rounded(nn.Linear):
    def forward(self, x):
        step = self.weight.abs().max() / 7
        return nn.functional.linear(x, (self.weight / step).round() * step, self.bias)


class Activated(Positive):
    """Is more than a plain layer."""

    def forward(self, x):
        return torch.tanh(super().forward(x))


class OfInputs(nn.Linear):
    """Its weight follows from what comes in."""

    def forward(self, x):
        return nn.functional.linear(x, self.weight * x.mean(0), self.bias)


class Normalised(nn.Module):
    """No subclass of a layer: a direction and a length."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.randn(outputs, inputs))
        self.g = nn.Parameter(torch.rand(1) + 1)

    def forward(self, x):
        return nn.functional.linear(x, self.g * self.v / self.v.norm())


class OfOthers(nn.Module):
    """Makes the weight by a layer of its own, which is more than a product."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.codes, self.make = nn.Parameter(torch.randn(outputs, 4)), nn.Linear(4, inputs)

    def forward(self, x):
        weight = self.make(self.codes)
        return nn.functional.linear(x, weight / weight.norm())


class Plainly(nn.Module):
    """A class by itself whose weight is a plain tensor, turned."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(torch.randn(inputs, outputs)), nn.Parameter(torch.ones(1))

    def forward(self, x):
        return nn.functional.linear(x, self.w.t()) + self.b


class OwnConvolution(nn.Module):
    """No subclass of a layer, and settings of its own."""

    def __init__(self, inputs: int, outputs: int, size: int, groups: int = 1) -> None:
        super().__init__()
        self.groups = groups
        self.v = nn.Parameter(torch.randn(outputs, inputs // groups, size, size))
        self.g, self.b = nn.Parameter(torch.rand(outputs) + 0.1), nn.Parameter(torch.ones(outputs))

    def forward(self, x):
        length = self.v.flatten(1).norm(dim=1)
        weight = self.v * (self.g / length)[:, None, None, None]
        return nn.functional.conv2d(x, weight, self.b, 2, padding=1, groups=self.groups)


class Property(nn.Linear):
    """Has no parameter of the usual name."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.raw = nn.Parameter(self.weight.detach() * torch.linspace(3, 0.1, sizes[1])[:, None])
        del self._parameters["weight"]

    @property
    def weight(self):
        return torch.tanh(self.raw).flip(0)


class Around(nn.Module):
    """Sets the weight of the layer inside, by a power iteration that goes on in eval mode."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.inner = nn.Linear(*sizes)
        self.bar = nn.Parameter(self.inner.weight.detach() * 5)
        self.register_buffer("u", torch.ones(sizes[1]))
        del self.inner._parameters["weight"]
        self.inner.weight = self.bar.detach()

    def forward(self, x):
        v = nn.functional.normalize(self.bar.t() @ self.u, dim=0).detach()
        self.u.copy_(nn.functional.normalize(self.bar @ v, dim=0))
        self.inner.weight = self.bar / (self.u @ self.bar @ v)
        return self.inner(x)


class Constrained(nn.Linear):
    """Shortens its weights when it is asked, as EEGNet's layers do."""

    def forward(self, x):
        self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=0.3)
        return super().forward(x)


class Hooked(nn.Linear):
    """A plain layer whose weight a hook computes."""

    def __new__(cls, *sizes: int):
        layer = nn.Linear(*sizes)
        layer.scale = nn.Parameter(torch.linspace(3, 0.1, sizes[1])[:, None])
        layer.raw = nn.Parameter(layer.weight.detach().clone())
        del layer._parameters["weight"]
        layer.register_forward_pre_hook(lambda m, _: setattr(m, "weight", m.raw * m.scale))
        return layer


def around(layer: type[nn.Module]) -> tuple[nn.Module, torch.Tensor]:
    """Return a network whose second of three layers is given, its first four units dead."""
    torch.manual_seed(0)
    if issubclass(layer, nn.Conv2d | OwnConvolution):
        parts = nn.Conv2d(3, 8, 3), nn.ReLU(), layer(8, 6, 3), nn.ReLU(), nn.Conv2d(6, 2, 1)
        x = torch.randn(8, 3, 7, 7)
    else:
        parts = nn.Linear(5, 8), nn.ReLU(), layer(8, 6), nn.ReLU(), nn.Linear(6, 2)
        x = torch.randn(8, 5)
    model = nn.Sequential(*parts).eval()
    with torch.no_grad():
        model[0].bias[:4] = -1e3
    return model, x


OWN_WAYS = [
    Standardised, Positive, LowRank, Rounded,
    Normalised, OwnConvolution, Property, Around, Constrained, Hooked,
]  # fmt: skip


@pytest.mark.parametrize("layer", OWN_WAYS)
def test_a_layer_that_computes_its_weight_itself_becomes_a_plain_one(layer):
    model, x = around(layer)
    made = folded(model)
    assert type(made[2]) in (nn.Conv2d, nn.Linear)
    given = nn.Linear if layer is Hooked else layer
    assert type(model[2]) is given
    names = {f"{n}.{p}" for n in "024" for p in ("bias", "weight")}
    assert set(made.state_dict()) == names - ({"2.bias"} if layer is Normalised else set())
    effective = effective_weight(model, x)
    assert torch.equal(made[2].weight, effective)
    ranked = EVERY_GRANULARITY.get("weight").implementation(model, x[:2])[0]
    assert [u.name for u in ranked] == ["0", "2", "4"]
    units, skipped = find_units(model, x[:2], "channel")
    assert ([u.name for u in units], [s.name for s in skipped]) == (["0", "2"], ["4"])
    keep = {"0": torch.arange(8) >= 4, "2": torch.ones(6, dtype=torch.bool)}
    applied = apply(model, units, keep)
    expected = unfolded(model)
    with torch.no_grad():
        answers = expected(x)
        assert torch.allclose(applied.model(x), answers, rtol=0, atol=1e-5)
        assert torch.allclose(made(x), answers, rtol=0, atol=1e-6)
    word = "a hook of its own" if layer is Hooked else layer.__name__
    assert str(fold_notes(model)[0]).startswith(f"2.weight is computed from other tensors ({word})")


def test_a_class_by_itself_may_have_groups():
    torch.manual_seed(0)
    model, x = nn.Sequential(OwnConvolution(8, 6, 3, groups=2)), torch.randn(3, 8, 9, 9)
    made = folded(model)
    assert (type(made[0]), made[0].groups, made[0].stride) == (nn.Conv2d, 2, (2, 2))
    with torch.no_grad():
        assert torch.equal(made(x), model(x))


def effective_weight(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return what the second product of a copy is taken with, by watching torch."""
    seen = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func in (nn.functional.linear, torch.conv2d, nn.functional.conv2d):
                seen.append(args[1].detach().clone())
            return func(*args, **(kwargs or {}))

    with Watch(), torch.no_grad():
        unfolded(model)(x)
    return seen[1]


@pytest.mark.parametrize("layer", [Activated, OfInputs, OfOthers, Plainly, nn.Linear])
def test_what_is_more_than_a_layer_stays_and_is_cut_right_or_held(layer):
    model, x = around(layer)
    assert folded(model) is model
    units, skipped = find_units(model, x[:2], "channel")
    if layer is OfOthers:
        assert "weights are computed over all of them" in {s.name: s.reason for s in skipped}["0"]
    for unit in units:
        keep = {u.name: torch.ones(u.count, dtype=torch.bool) for u in units}
        if unit.name == "0":
            keep["0"] = torch.arange(8) >= 4
        with torch.no_grad():
            assert torch.allclose(apply(model, units, keep).model(x), model(x), rtol=0, atol=1e-5)
