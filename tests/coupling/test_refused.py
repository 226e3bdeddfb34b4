"""Networks that cannot be looked into: a sentence with the remedy, and the model untouched."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from pruneviz.proof import check, find_units
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import tracing


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))


class Compiled(nn.Module):
    """What torch.compile returns, without the compiler."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._orig_mod = model


class Kept(nn.Linear):
    """Keeps a weight that it computed, as the older weight_norm does."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.kept = self.weight * 2


class Locked(nn.Linear):
    """Holds what there is only one of."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.lock = threading.Lock()


class Holding(nn.Linear):
    """Holds one more tensor, which may lie anyhow."""

    def __init__(self, tensor: torch.Tensor, way: str) -> None:
        super().__init__(4, 2)
        if way == "parameter":
            self.held = nn.Parameter(tensor)
        elif way in ("buffer", "other buffer"):
            self.register_buffer("held", tensor, persistent=way == "buffer")
        else:
            self.held = tensor if way == "attribute" else {"graphs": [tensor]}


NOT_DENSE = {
    "sparse_coo": (torch.eye(4).to_sparse(), "sparse", "to_sparse"),
    "sparse_csr": (torch.eye(4).to_sparse_csr(), "sparse", "to_sparse"),
    "sparse_bsc": (torch.eye(4).to_sparse_bsc((2, 2)), "sparse", "to_sparse"),
    "_mkldnn": (torch.eye(4).to_mkldnn(), "oneDNN", "to_dense"),
    "jagged": (
        torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
        "nested",
        "to_padded_tensor",
    ),
}
HOLDING = [(layout, "buffer") for layout in NOT_DENSE] + [
    ("sparse_coo", way) for way in ("parameter", "other buffer", "attribute", "inside")
]


@pytest.mark.parametrize(("layout", "way"), HOLDING)
def test_tensors_that_are_not_dense_are_named_with_the_remedy(layout, way):
    tensor, form, remedy = NOT_DENSE[layout]
    model = nn.Sequential(nn.Linear(4, 4), Holding(tensor, way))
    with pytest.raises(RefusedError, match=remedy) as refusal:
        check(model, torch.randn(2, 4), 0.5)
    assert refusal.value.fact == tracing.not_dense("1.held", form, layout)


class Graph(nn.Module):
    """Makes a sparse matrix of a dense one as it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("adjacency", torch.eye(6) + torch.eye(6).roll(1, 0))
        self.first, self.second, self.last = nn.Linear(4, 6), nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, x):
        mixed = torch.sparse.mm(self.adjacency.to_sparse(), self.first(x).T).T
        return self.last(self.second(mixed).relu())


def test_what_the_remedy_makes_of_a_sparse_network_is_cut():
    result = check(Graph(), torch.randn(2, 4), 0.5)
    assert (result["groups"], result["units"]) == (1, 8)
    assert result["max_relative_error"] < 1e-5


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Compiled(small()), "give the one from before torch.compile"),
        (small().to("meta"), r"'0.weight' is on the device 'meta'"),
        (nn.Sequential(nn.LazyLinear(8)), r"'0.weight' has no shape yet"),
        (
            nn.Sequential(nn.Linear(5, 2)),
            r"does not run on its example: .*'0' \(Linear\) says: .*mat1.*given 2 inputs",
        ),
        (nn.Sequential(Kept(4, 2)), r"'0.kept' is a tensor computed with gradients and kept"),
        (Kept(4, 2), r"'kept' is a tensor computed with gradients and kept"),
        (nn.Sequential(small(), Compiled(nn.Linear(2, 2))), r"'1' is compiled: give the one from"),
        (nn.Sequential(nn.Sequential(Locked(4, 2))), r"'0.0.lock' cannot be copied .*_thread.lock"),
    ],
)
def test_it_is_refused_in_a_sentence(model, words):
    with pytest.raises(ValueError, match=words):
        check(model, torch.randn(2, 4), 0.5)
    with pytest.raises(ValueError, match=words):
        find_units(model, torch.randn(2, 4), "channel")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_is_refused():
    with pytest.raises(ValueError, match="a script cannot be cut"):
        check(torch.jit.script(small()), torch.randn(2, 4), 0.5)
    with pytest.raises(ValueError, match=r"'1.0' is scripted"):
        check(
            nn.Sequential(small(), nn.Sequential(torch.jit.script(small()))), torch.randn(2, 4), 0.5
        )


def test_a_model_in_training_mode_is_looked_at_in_eval_mode_and_left_in_training():
    model = small().train()
    result = check(model, torch.randn(2, 4), 0.5)
    assert result["groups"] == 1
    assert result["max_relative_error"] <= 1e-5
    assert all(module.training for module in model.modules())


def test_frozen_whole_and_complex_parameters_are_no_trouble():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 6)
            self.turn = nn.Parameter(torch.randn(8, dtype=torch.cfloat))
            self.steps = nn.Parameter(torch.arange(8), requires_grad=False)
            self.free, self.head = nn.Linear(6, 5), nn.Linear(5, 2)

        def forward(self, x):
            x = (self.one(x) * self.turn).real + self.steps
            return self.head(torch.relu(self.free(torch.relu(self.two(x)))))

    model = Odd().eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    result = check(model, torch.randn(2, 4), 0.5)
    assert result["groups"] >= 2
    assert result["max_relative_error"] <= 1e-5
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("shape", [(0, 4), (2, 0)])
def test_an_example_without_values_is_refused(shape):
    with pytest.raises(ValueError, match="an input without a single value"):
        find_units(
            nn.Sequential(nn.Linear(shape[1], 8), nn.Linear(8, 2)), torch.ones(shape), "channel"
        )


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_network_is_refused():
    quantised = torch.ao.quantization.quantize_dynamic(small().eval())
    with pytest.raises(ValueError, match=r"'0' is quantised.* before quantisation"):
        find_units(quantised, torch.randn(2, 4), "channel")
