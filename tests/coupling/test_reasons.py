"""Why a layer stays: what is said holds of that very layer, and no layer is passed over."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pruneviz.apply import apply
from pruneviz.proof import find_units

ANSWERS = "its outputs are the network's answers"
FACTORS = "its outputs are factors of the network's answers"
BESIDE = "its outputs are combined with values that cannot be cut with them"
FAILED = "every trial cut through `{}` fails: the cut network does not run, or does not answer as"


class Net(nn.Module):
    """Layers by name, and a function of them and of the input."""

    def __init__(self, run, **layers):
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.run(self, x)


def linear(*sizes):
    return nn.Linear(*sizes)


def keys_are_answers(net, x):
    keys = net.b(x)
    return (net.a(x) @ keys.transpose(1, 2)).softmax(-1).sum(1), keys


def ends_of_both_ways(net, x):
    out = net.layer(x)[0]
    return net.head(torch.cat([out[:, -1, :8], out[:, 0, 8:]], 1))


def tied(net, x):
    return F.linear(net.a(x).relu(), net.a.weight.t())


# name: the network, the shape of its input, the reasons by layer (their beginnings)
NETS = {
    "answers": (Net(lambda n, x: n.b(n.a(x)), a=linear(6, 8), b=linear(8, 3)), (2, 6),
                {"b": ANSWERS}),
    "a sum": (Net(lambda n, x: n.a(x) + n.b(n.a(x)), a=linear(6, 8), b=linear(8, 8)), (2, 6),
              {"a": ANSWERS, "b": ANSWERS}),
    "side by side": (Net(lambda n, x: torch.cat([n.a(x), n.b(x)], 1), a=linear(6, 4),
                         b=linear(6, 3)), (2, 6), {"a": ANSWERS, "b": ANSWERS}),
    "a gate": (Net(lambda n, x: n.b(x).sigmoid() * n.a(x), a=linear(6, 4), b=linear(6, 4)), (2, 6),
               {"a": FACTORS, "b": FACTORS}),
    "depthwise": (Net(lambda n, x: n.b(n.a(x).relu()), a=nn.Conv2d(3, 6, 3),
                      b=nn.Conv2d(6, 6, 3, groups=6)), (2, 3, 8, 8),
                  {"a": f"'b' goes together with it and stays: {ANSWERS}", "b": ANSWERS}),
    "keys": (Net(keys_are_answers, a=linear(6, 4), b=linear(6, 4)), (2, 5, 6),
             {"a": f"'b' goes together with it and stays: {ANSWERS}", "b": ANSWERS}),
    "accumulated": (Net(lambda n, x: n.c(n.b(n.a(x).cumsum(1))), a=nn.Conv2d(3, 6, 3),
                        b=nn.Conv2d(6, 6, 3, groups=6), c=nn.Conv2d(6, 2, 1)), (2, 3, 8, 8),
                    {"a": "`cumsum` runs over them", "c": ANSWERS,
                     "b": "'a' goes together with it and stays: `cumsum` runs over them"}),
    "the input": (Net(lambda n, x: n.b(x + n.a(x)), a=linear(6, 6), b=linear(6, 3)), (2, 6),
                  {"a": BESIDE, "b": ANSWERS}),
    "numbered": (Net(lambda n, x: n.b(n.a(x) * torch.arange(1.0, n.a(x).shape[1] + 1)),
                     a=linear(6, 8), b=linear(8, 3)), (2, 6), {"a": BESIDE, "b": ANSWERS}),
    "taken apart": (Net(lambda n, x: n.b(torch.stack(n.a(x).unbind(1)[::-1], 1)), a=linear(6, 4),
                        b=linear(4, 3)), (2, 6),
                    {"a": "`unbind` takes them apart, one by one", "b": ANSWERS}),
    "used again": (Net(tied, a=linear(6, 8)), (2, 6),
                   {"a": f"where its weights are used once more, {ANSWERS}"}),
    "a written size": (Net(lambda n, x: n.b(n.a(x).view(-1, 4, 2).mT.reshape(-1, 8)),
                           a=linear(6, 8), b=linear(8, 3)), (2, 6),
                       {"a": FAILED.format("view"), "b": ANSWERS}),
    "written ends": (Net(ends_of_both_ways, head=linear(16, 3),
                         layer=nn.GRU(6, 8, batch_first=True, bidirectional=True)), (2, 5, 6),
                     {"layer": FAILED.format("slice"), "head": ANSWERS}),
    "written parts": (Net(lambda n, x: n.b(torch.cat(n.a(x).split([3, 5], 1)[::-1], 1)),
                          a=linear(6, 8), b=linear(8, 3)), (2, 6),
                      {"a": "`split_with_sizes` takes some of them by numbers", "b": ANSWERS}),
    "beside a part": (Net(lambda n, x: n.c(F.relu(n.a(x))) + n.b(F.relu(n.a(x))[:, :3]),
                          a=linear(6, 8), b=linear(3, 2), c=linear(8, 2)), (2, 6),
                      {"a": "3 of 8 units: the cut network does not run, perhaps",
                       "b": ANSWERS, "c": ANSWERS}),
    "two in one": (Net(lambda n, x: n.c(n.a(x).relu() * n.b(n.a(x).relu().view(-1, 8)).sigmoid()),
                       a=linear(6, 8), b=linear(8, 8), c=linear(8, 2)), (2, 6),
                   {"a": "the cut network does not run, perhaps",
                    "b": "the cut network does not run, perhaps", "c": ANSWERS}),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_a_layer_stays_for_what_is_said_of_it(name):
    torch.manual_seed(0)
    net, shape, expected = NETS[name]
    units, skipped = find_units(net.eval(), torch.randn(*shape), "channel")
    reasons = {item.name: item.reason for item in skipped}
    assert {layer: why[: len(expected[layer])] for layer, why in reasons.items()} == expected
    every = {name for name, _ in net.named_children()}
    assert {layer for each in units for layer in each.layers} | set(reasons) == every


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (Net(lambda n, x: n.b(F.glu(n.a(x), 1)), a=linear(6, 16), b=linear(8, 3)), (4, 6)),
        (Net(lambda n, x: n.b(F.glu(n.a(x), 1)).mean((2, 3)), a=nn.Conv2d(3, 16, 3),
             b=nn.Conv2d(8, 3, 1)), (2, 3, 6, 6)),
    ],
)  # fmt: skip
def test_halves_of_a_gated_unit_go_together(net, shape):
    torch.manual_seed(0)
    example = torch.randn(*shape)
    (layer,), _ = find_units(net.eval(), example, "channel")
    keep = torch.tensor([True, False, True, True, False, True, False, True])
    small = apply(net, (layer,), {layer.name: keep}).model
    rows = torch.cat([keep, keep])
    assert torch.equal(small.a.weight, net.a.weight[rows])
    assert torch.equal(small.b.weight, net.b.weight[:, keep])
    with torch.no_grad():
        unread = net.b.weight * keep.view(1, -1, *[1] * (net.b.weight.ndim - 2))
        whole, net.b.weight.data = net.b.weight.data, unread
        assert torch.allclose(net(example), small(example), atol=1e-6)
        net.b.weight.data = whole


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("split", [torch.unsafe_split, torch.split])
def test_a_split_by_a_size_that_the_network_remembers_is_cut(remembers, split):
    torch.manual_seed(0)

    def run(net, x):
        one, other = split(net.a(x), net.half if remembers else 4, -1)
        return net.b(one * other.sigmoid())

    net = Net(run, a=linear(6, 8), b=linear(4, 3)).eval()
    net.half = 4
    units, skipped = find_units(net, torch.randn(2, 6), "channel")
    assert [(layer.name, layer.count) for layer in units] == [("a", 4)] * remembers
    assert ("a" in {item.name for item in skipped}) is not remembers
