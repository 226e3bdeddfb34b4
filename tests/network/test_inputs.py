"""A batch is a tree of tensors with as many inputs in each; one function calls a model."""

from __future__ import annotations

import math
from collections import UserDict
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._pytree import register_pytree_node, tree_leaves

from pruneviz.evaluate import predict
from pruneviz.network.answers import logits_of, mark_probabilities
from pruneviz.network.inputs import Inputs, batches, call, first_input
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import tracing

DTYPES = (torch.float32, torch.float64, torch.float16, torch.int64, torch.bool, torch.complex64)
NAMES = st.sampled_from(("mask", "left", "right", "ids"))
# A busy machine draws slowly, which is no fault of the examples.
few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Encoded:
    """Known to torch as a tree, as `transformers` makes its own outputs known."""

    ids: Tensor
    mask: Tensor | None = None


register_pytree_node(
    Encoded, lambda e: ([e.ids, e.mask], None), lambda children, _: Encoded(*children)
)


def tensors(count: int) -> st.SearchStrategy[Tensor]:
    """Draw tensors of so many inputs, each value another number."""

    def made(dtype: torch.dtype, rest: list[int]) -> Tensor:
        shape = (count, *rest)
        return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)

    return st.builds(made, st.sampled_from(DTYPES), st.lists(st.integers(1, 3), max_size=2))


def trees(count: int) -> st.SearchStrategy[object]:
    other = st.sampled_from((None, "words", 3, torch.tensor(0.5)))
    parts = tensors(count) | other
    return st.recursive(
        parts,
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.tuples(inner, inner)
            | st.dictionaries(NAMES, inner, max_size=2)
            | st.builds(Encoded, tensors(count), parts)
        ),
        max_leaves=4,
    )


@st.composite
def generated(draw: st.DrawFn) -> Inputs:
    count = draw(st.integers(0, 7))
    args = draw(st.lists(trees(count), max_size=2))
    kwargs = draw(st.dictionaries(NAMES, trees(count), max_size=2))
    return Inputs((*args, draw(tensors(count))), kwargs)


def leaves(inputs: Inputs) -> list[object]:
    return tree_leaves((inputs.args, inputs.kwargs))


def batched(inputs: Inputs) -> list[Tensor]:
    return [leaf for leaf in leaves(inputs) if isinstance(leaf, Tensor) and leaf.ndim]


def same(one: Inputs, other: Inputs) -> bool:
    return all(
        torch.equal(a, b) and a.dtype == b.dtype if isinstance(a, Tensor) else a == b
        for a, b in zip(leaves(one), leaves(other), strict=True)
    )


@few
@given(generated(), st.integers(1, 9))
def test_batches_joined_are_the_whole(inputs, size):
    parts = list(inputs.batches(size))
    assert [len(part) for part in parts] == [len(p) for p in torch.empty(len(inputs)).split(size)]
    assert same(Inputs.joined(parts), inputs)


@few
@given(generated())
def test_there_are_as_many_inputs_as_each_tensor_has_along_its_first_axis(inputs):
    assert {len(leaf) for leaf in batched(inputs)} == {len(inputs)}


@few
@given(generated(), st.data())
def test_what_is_taken_is_taken_of_each_tensor(inputs, data):
    chosen = data.draw(st.lists(st.integers(0, len(inputs) - 1), max_size=5) if len(inputs) else
                       st.just([]))  # fmt: skip
    numbers = torch.tensor(chosen, dtype=torch.long)
    found = inputs.take(chosen)
    for leaf, taken in zip(batched(inputs), batched(found), strict=True):
        assert torch.equal(taken, leaf.index_select(0, numbers))
    assert same(inputs.take(numbers), found)
    mask = torch.zeros(len(inputs), dtype=torch.bool).index_fill_(0, numbers, True)
    assert same(inputs.take(mask), inputs.take(sorted(set(chosen))))


@few
@given(generated())
def test_another_precision_is_of_what_has_fractions_alone(inputs):
    for leaf, moved in zip(leaves(inputs), leaves(inputs.to(torch.float64)), strict=True):
        if isinstance(leaf, Tensor) and leaf.is_floating_point():
            assert moved.dtype == torch.float64
            assert torch.equal(moved, leaf.double())
        else:
            assert moved is leaf


@few
@given(generated())
def test_all_tensors_move_to_a_device(inputs):
    moved = [t for t in leaves(inputs.to("meta")) if isinstance(t, Tensor)]
    assert len(moved) == sum(isinstance(leaf, Tensor) for leaf in leaves(inputs))
    assert all(tensor.is_meta for tensor in moved)


@few
@given(generated())
def test_names_stay_in_the_order_given_and_are_joined_by_name(inputs):
    other = Inputs(inputs.args, dict(reversed(inputs.kwargs.items())))
    assert list(other.kwargs) == [*reversed(inputs.kwargs)]
    assert same(Inputs.joined([inputs, other]), Inputs.joined([inputs, inputs]))


X, Y = torch.arange(12.0).reshape(4, 3), torch.arange(4)


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda: Inputs(), tracing.no_batch()),
        (lambda: Inputs((torch.tensor(1.0), "words")), tracing.no_batch()),
        (lambda: Inputs.joined([]), tracing.no_batch()),
        (
            lambda: Inputs((X,), {"mask": {"left": X[:3]}}),
            tracing.uneven_batch(("args[0]: 4", "mask['left']: 3")),
        ),
        (
            lambda: Inputs(([X], Encoded(X[:2])), {"y": (Y, {"a": 1})}),
            tracing.uneven_batch(("args[0][0]: 4", "args[1][0]: 2", "y[0]: 4")),
        ),
        (
            lambda: Inputs((X,), {"batch": UserDict({"ids": X})}),
            tracing.hidden_tensors("batch", "UserDict"),
        ),
        (
            lambda: Inputs((X, [SimpleNamespace(ids=X)])),
            tracing.hidden_tensors("args[1][0]", "SimpleNamespace"),
        ),
        (lambda: list(Inputs((X,)).batches(0)), tracing.no_batch_size(0)),
    ],
)
def test_what_is_no_batch_is_refused(make, fact):
    with pytest.raises(RefusedError) as caught:
        make()
    assert caught.value.fact == fact


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Inputs((X,)), Inputs((X, Y))),
        (Inputs((X,), {"scale": 2}), Inputs((X,), {"scale": 3})),
        (Inputs((X, torch.tensor(1.0))), Inputs((X, torch.tensor(2.0)))),
        (Inputs((X,)), Inputs((X[:, :2],))),
        (Inputs(kwargs={"x": X}), Inputs(kwargs={"y": X})),
    ],
)
def test_batches_of_other_forms_are_not_joined(one, other):
    with pytest.raises(RefusedError) as caught:
        Inputs.joined([one, other])
    assert caught.value.fact in tracing.other_batches


def test_a_batch_is_made_of_what_models_are_given():
    batch = Inputs((X,), {"y": Y})
    assert Inputs.of(batch) is batch
    assert Inputs.of((X, Y)).args == (X, Y)
    assert Inputs.of(X).args == (X,)


def test_one_input_is_the_first_of_every_form():
    assert torch.equal(first_input(X), X[:1])
    assert [part.tolist() for part in first_input((X, Y))] == [X[:1].tolist(), [0]]
    assert same(first_input(Inputs((X,), {"y": {"a": Y}})), Inputs((X[:1],), {"y": {"a": Y[:1]}}))


class Sum(nn.Module):
    """Two inputs, the second by place or by name, a dictionary, and a number of all inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x, y=None, *, more=None, scale=1.0):
        x = x if y is None else x + y[:, None]
        return self.linear(x if more is None else x + more["extra"]) * scale


MODEL = Sum().eval()
NAMED = Inputs((X,), {"more": {"extra": X + 1}, "scale": 0.5})


def test_one_input_of_several_arguments_is_the_first_in_every_tree():
    example = (X, {"y": Y, "scale": 2.0, "pair": [X, torch.tensor(1.0)]})
    x, named = first_input(example)
    found = Inputs((x, named["y"], *named["pair"]))
    assert same(found, Inputs((X[:1], Y[:1], X[:1], torch.tensor(1.0))))
    assert named["scale"] == 2.0


def test_values_that_are_the_same_for_all_inputs_are_joined_by_what_they_are():
    rows = torch.eye(3).to_sparse()
    for value in (math.nan, torch.tensor(math.nan), rows, None, "mean"):
        joined = Inputs.joined([Inputs((X, value)), Inputs((X[:1], value))])
        assert len(joined) == 5
    for one, two in ((torch.tensor(1.0), None), (2.0, torch.tensor(2.0)), (rows, 2 * rows)):
        with pytest.raises(RefusedError):
            Inputs.joined([Inputs((X, one)), Inputs((X, two))])


def test_a_mask_is_a_mask_in_whatever_form():
    mask = [True, False, True, False]
    for form in (mask, np.array(mask), torch.tensor(mask)):
        assert same(Inputs((X,)).take(form), Inputs((X[[0, 2]],)))
    assert len(Inputs((X,)).take([])) == 0


def test_a_model_is_called_with_what_it_is_given():
    with torch.no_grad():
        assert torch.equal(call(MODEL, X), MODEL(X))
        assert torch.equal(call(MODEL, (X, Y)), MODEL(X, Y))
        assert torch.equal(call(MODEL, NAMED), MODEL(X, more={"extra": X + 1}, scale=0.5))


def test_other_weights_stand_in_a_models_place():
    weights = {name: torch.ones_like(p) for name, p in MODEL.named_parameters()}
    expected = ((X + X + 1).sum(1, keepdim=True) + 1) * 0.5
    assert torch.equal(call(MODEL, NAMED, weights), expected.expand(4, 2))
    assert not any(bool((p == 1).all()) for p in MODEL.parameters())


@pytest.mark.parametrize("given", [X, (X, Y), NAMED, Inputs((X, Y))], ids=range(4))
def test_answers_of_batches_are_those_of_the_whole_to_the_bit(given):
    whole = torch.cat([call(MODEL, part) for part in Inputs.of(given).batches(3)])
    assert torch.equal(predict(MODEL, given, batch_size=3), whole)
    assert torch.equal(torch.cat([call(MODEL, part) for part in batches(given, 3)]), whole)


def test_the_input_that_a_model_fails_on_is_found_among_batches_of_several():
    class Picky(nn.Module):
        def forward(self, x, *, y):
            if bool((y == 2).any()):
                raise RuntimeError("no two")
            return x

    told = r"no two.* it was given 1 input of shape \[3\].* and y: 1 input of shape \[\]"
    with pytest.raises(ValueError, match=told):
        predict(Picky(), Inputs((X,), {"y": Y}))


class Ends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Sum()

    def forward(self, x, *, more):
        return self.body(x, more=more).softmax(1)


def test_logits_are_found_before_probabilities_whatever_is_given():
    network, inputs = Ends().eval(), Inputs((X,), {"more": {"extra": X + 1}})
    vars(network)["answers_with"] = "softmax"
    with torch.no_grad():
        assert torch.equal(logits_of(network, inputs), call(network.body, inputs))
    assert mark_probabilities(nn.Sequential(nn.Linear(3, 2), nn.Softmax(1)), X) is not None
