"""Bias correction: what is left answers on average what it answered in the original."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.evaluate import predict
from pruneviz.plan import Plan
from pruneviz.recovery.correct_biases import mean_answers
from tests.recovering import begin, finish, same
from tests.recovery.conftest import make_task


@pytest.fixture(scope="module")
def cut():
    """A network that lost half its neurons."""
    return make_task(Plan(model="sample:tumour-mlp", sparsity=0.5))


@pytest.fixture(scope="module")
def convolutional():
    """A network with BatchNorm that lost half its channels."""
    return make_task(Plan(model="sample:digits-resnet", sparsity=0.5))


@pytest.mark.parametrize("kind", ["cut", "convolutional", "digits"])
def test_the_means_are_those_of_the_original(kind, request):
    task = request.getfixturevalue(kind)
    work = finish(begin(task, "correct_biases", keep_better=False, inputs=200))
    x = task.data.calibration_x[:200]
    wanted, found = mean_answers(task.teacher, x), mean_answers(work.model, x)
    kept = {c.parameter: list(c.kept) for c in task.cuts if c.axis == 0}
    assert found
    for path, mean in found.items():
        target = wanted[path]
        target = target[kept[f"{path}.bias"]] if f"{path}.bias" in kept else target
        free = task.masks.get(f"{path}.bias", torch.ones(len(mean), dtype=torch.bool))
        scale = 1e-5 * (1 + target.abs().max())
        assert bool(((mean - target).abs() <= scale)[free].all()), path


def test_in_one_linear_layer_it_is_the_formula(cut):
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(30, 2)).eval()
    x = cut.data.calibration_x
    model, mask = copy.deepcopy(teacher), torch.rand(2, 30) > 0.6
    with torch.no_grad():
        model[0].weight.mul_(mask)
    task = replace(cut, model=model, teacher=teacher, masks={"0.weight": mask}, cuts=())
    work = finish(begin(task, "correct_biases", keep_better=False, inputs=10_000 // 4))
    gone = (teacher[0].weight.double() * ~mask) @ x.double().mean(0)
    expected = teacher[0].bias.double() + gone
    torch.testing.assert_close(work.model[0].bias.double(), expected, rtol=1e-5, atol=1e-6)


def test_a_masked_bias_stays_zero_and_no_weight_changes(digits):
    name = next(n for n, p in digits.model.named_parameters() if n.endswith(".bias"))
    gone = torch.zeros_like(digits.model.get_parameter(name), dtype=torch.bool)
    model = copy.deepcopy(digits.model)
    with torch.no_grad():
        model.get_parameter(name).zero_()
    task = replace(digits, model=model, masks={**digits.masks, name: gone})
    work = finish(begin(task, "correct_biases", keep_better=False))
    for each, tensor in work.model.named_parameters():
        if each == name or not each.endswith(".bias"):
            assert torch.equal(tensor, model.get_parameter(each)), each
    assert any(
        not torch.equal(tensor, model.get_parameter(each))
        for each, tensor in work.model.named_parameters()
    )


def test_it_wins_back_what_shifted_means_lost(digits):
    model = copy.deepcopy(digits.teacher)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.sub_(1.5)
    broken = replace(digits, model=model, masks={})
    work = finish(begin(broken, "correct_biases"))
    before = float((predict(model, digits.data.x).argmax(1) == digits.data.y).double().mean())
    assert before < 0.6
    assert work.curve[-1].value > 0.97


def test_worse_biases_are_not_kept_and_it_is_said(digits):
    wrong = copy.deepcopy(digits.teacher)
    with torch.no_grad():
        for parameter in wrong.parameters():
            parameter.neg_()
    work = finish(begin(replace(digits, model=digits.teacher, masks={}, teacher=wrong),
                        "correct_biases"))  # fmt: skip
    assert same(work.model, digits.teacher)
    assert "The biases were left as they were" in str(work.notes[-1])


def test_a_layer_that_is_called_twice_is_left():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.two(self.one(self.one(x)))

    assert set(mean_answers(Twice(), torch.rand(3, 4))) == {"two"}


def test_without_biases_there_is_nothing_to_do(cut):
    model = nn.Sequential(nn.Linear(30, 2, bias=False))
    with pytest.raises(ValueError, match="there is no bias to correct"):
        begin(replace(cut, model=model), "correct_biases")


def test_a_state_is_taken_up_again(cut):
    work = finish(begin(cut, "correct_biases"))
    again = begin(cut, "correct_biases")
    again.restore(work.state())
    assert again.finished
    assert same(again.model, work.model)
