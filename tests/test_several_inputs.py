"""A model of several inputs, by place, by name or in a dictionary, is pruned as any other."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pruneviz import run as engine
from pruneviz.export.program import write_network
from pruneviz.measure.cost import macs_by_parameter
from pruneviz.network.inputs import Given, Inputs, call
from pruneviz.network.masks import masked
from pruneviz.plan import Plan
from pruneviz.subjects import Subject, freeze
from pruneviz.subjects.subject import weights_sha256
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting


class Towers(nn.Module):
    """An image (N, 1, 8, 8) and a row of a table (N, 5), by place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.row = nn.Conv2d(1, 6, 3, padding=1), nn.Linear(5, 10)
        self.head = nn.Linear(16, 3)

    def forward(self, image: Tensor, row: Tensor) -> Tensor:
        seen = torch.relu(self.conv(image)).mean((2, 3))
        return self.head(torch.cat([seen, torch.relu(self.row(row))], 1))


class Named(nn.Module):
    """Tokens (N, 4), and a dictionary of numbers and of a mask, by name alone."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.numbers = nn.Embedding(20, 8), nn.Linear(6, 8)
        self.inner, self.head = nn.Linear(8, 12), nn.Linear(12, 3)

    def forward(self, *, ids: Tensor, batch: dict[str, Tensor], scale: float = 1.0) -> Tensor:
        shown = (self.words(ids) * batch["mask"][..., None]).sum(1)
        inner = self.inner(torch.relu(shown + self.numbers(batch["numbers"])))
        return self.head(torch.relu(inner)) * scale


IMAGE, ROW = torch.randn(4, 1, 8, 8), torch.randn(4, 5)
MASK = torch.tensor([[True, True, True, False]]).repeat(4, 1)
TWO = Inputs((IMAGE, ROW))
NAMED = Inputs(
    kwargs={
        "ids": torch.arange(16).reshape(4, 4),
        "batch": {"numbers": torch.randn(4, 6), "mask": MASK},
        "scale": 0.5,
    }
)
CASES = {
    "by place": (Towers, TWO, {"conv": 6 * 9 * 64, "row": 5 * 10, "head": 16 * 3}),
    "by name": (Named, NAMED, {"numbers": 6 * 8, "inner": 8 * 12, "head": 12 * 3}),
}


def subject_of(kind: type[nn.Module], example: Given) -> Subject:
    torch.manual_seed(0)
    model = freeze(kind())
    return Subject(
        reference="python:model.py:build",
        title="Several inputs",
        sentence="",
        model=model,
        example=example,
        data=None,
        weights_label="drawn",
        sha256=weights_sha256(model),
    )


@pytest.mark.parametrize("criterion", ["magnitude_l2", "synflow"])
@pytest.mark.parametrize("case", CASES)
def test_it_is_traced_cut_proved_counted_and_timed(case, criterion):
    kind, example, expected = CASES[case]
    subject = subject_of(kind, example)
    plan = Plan(model=subject.reference, criterion=criterion, sparsity=0.5, scope="layer")
    prepared = engine.prepare(subject, plan)
    pruned = engine.prune(prepared, plan)
    assert pruned.is_cut
    assert pruned.error < 1e-6
    preview = masked(subject.model, pruned.masks)
    with torch.no_grad():
        answers = call(pruned.model, example)
        assert torch.allclose(answers, call(preview, example), atol=1e-6)
        assert not torch.allclose(answers, call(subject.model, example), atol=1e-3)
    found = {name.removesuffix(".weight"): n for name, n in prepared.baseline.macs.items() if n}
    assert found == expected
    report = engine.report(prepared, pruned, engine.time_models(prepared, pruned, 3).summary())
    assert report.macs.pruned == sum(macs_by_parameter(pruned.model, example).values())
    assert report.macs.original == sum(expected.values())
    assert report.latency_ms.batch_size == 1


@pytest.mark.parametrize("case", CASES)
def test_its_cut_is_proved_without_a_plan(case):
    kind, example, _ = CASES[case]
    found = engine.check(kind(), example, 0.5)
    assert found["max_relative_error"] < 1e-6
    assert found["parameters"]["pruned"] < found["parameters"]["original"]


def test_a_batch_of_one_tensor_is_the_tensor():
    plan = Plan(model="sample:tumour-mlp", sparsity=0.4)
    subject = engine.load_subject(plan)
    (name,) = subject.model.forward.__code__.co_varnames[1:2]
    x = subject.example
    given = (x, (x,), Inputs((x,)), Inputs(kwargs={name: x}))
    keeps = []
    for example in given:
        keep = engine.prune(engine.prepare(replace(subject, example=example), plan), plan).keep
        keeps.append({layer: stays.tolist() for layer, stays in keep.items()})
    assert keeps[1:] == keeps[:1] * 3


def test_a_recipe_is_of_one_tensor(tmp_path):
    with pytest.raises(RefusedError) as caught:
        write_network(tmp_path, Towers().eval(), TWO)
    assert caught.value.fact == exporting.several_inputs()
    assert not any(tmp_path.iterdir())
