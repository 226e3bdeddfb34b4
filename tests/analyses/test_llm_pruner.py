"""LLM-Pruner's way as a plan: what is ranked, what stays, what is trained afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pruneviz import run
from pruneviz.analyses.llm_pruner import blocks_of, llm_pruner
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing
from tests.scoring import asked, perceptron, scored

MODEL = Plan(model="sample:stdlib-lm")


@pytest.fixture(scope="module")
def subject():
    return load_subject(MODEL)


def test_only_what_lies_in_one_middle_block_goes(subject):
    plan = llm_pruner(subject, MODEL)
    assert (plan.criterion, plan.granularity, plan.sparsity) == ("taylor_group", "channel", 0.25)
    assert [step.method for step in plan.recovery] == ["lora"]
    data = subject.data
    few = replace(data, calibration_x=data.calibration_x[:4], calibration_y=data.calibration_y[:4],
                  x=data.x[:4], y=data.y[:4])  # fmt: skip
    small = replace(subject, data=few)
    pruned = run.prune(run.prepare(small, plan), plan)
    changed = {name for name, keep in pruned.keep.items() if not bool(keep.all())}
    assert changed
    assert all(name.startswith("blocks.1.") for name in changed)
    assert pruned.error < 1e-5
    before = dict(subject.model.named_parameters())
    for name, parameter in pruned.model.named_parameters():
        assert parameter.shape == before[name].shape or name.startswith("blocks.1."), name


class Step(nn.Module):
    """A residual block of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 9), nn.Linear(9, 6)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(torch.relu(self.one(x)))


def test_ends_are_a_share_of_the_blocks_and_may_be_said(subject):
    torch.manual_seed(0)
    steps = [Step() for _ in range(16)]
    model = nn.Sequential(nn.Linear(5, 6), *steps, nn.Linear(6, 3)).eval()
    large = replace(subject, model=model, example=torch.randn(2, 5))
    assert len(blocks_of(large)) == 16

    def free(**ends: int) -> set[int]:
        plan = llm_pruner(large, MODEL, **ends)
        found = {f"{n + 1}.one": n for n in range(16)}
        return {n for name, n in found.items() if name not in plan.locks}

    assert free() == set(range(2, 15))  # 4 and 2 of 32
    assert free(first=5, last=6) == set(range(5, 10))
    with pytest.raises(RefusedError) as refusal:
        llm_pruner(large, MODEL, first=8, last=8)
    assert refusal.value.fact == choosing.too_few_blocks(16, 16)


def test_what_the_plan_says_of_amount_and_adapters_stays(subject):
    asked_for = MODEL.changed(
        sparsity=0.5,
        locks={"blocks.1.feed_forward.gate": "all"},
        recovery=[{"method": "lora", "parameters": {"rank": 2, "epochs": 1}}],
    )
    plan = llm_pruner(subject, asked_for)
    assert plan.sparsity == 0.5
    assert plan.locks["blocks.1.feed_forward.gate"] == plan.locks["embedding"] == "all"
    assert plan.recovery[0].parameters["rank"] == 2
    assert plan.recovery[0].parameters["epochs"] == 1
    trained = MODEL.changed(recovery=[{"method": "finetune", "parameters": {"epochs": 9}}])
    assert llm_pruner(subject, trained).recovery[0].parameters["epochs"] == 2


def test_heads_may_go_and_nothing_else_is_taken_silently(subject, pruneviz):
    plan = llm_pruner(subject, MODEL.changed(granularity="head"))
    assert plan.granularity == "head"
    assert set(plan.locks) == {"blocks.0.attention.query", "blocks.2.attention.query"}
    with pytest.raises(RefusedError) as refusal:
        llm_pruner(subject, MODEL.changed(granularity="weight"))
    assert refusal.value.fact in choosing.not_of_this_preset
    for ignored in ("--criterion", "--scope-parameter", "--granularity-parameter"):
        code, _, err = pruneviz("preset", "--model", "sample:stdlib-lm", ignored, "a=1")
        assert code == 2, ignored
        assert ignored in err


def test_a_network_without_blocks_is_refused():
    mlp = load_subject(Plan(model="sample:tumour-mlp"))
    with pytest.raises(RefusedError) as refusal:
        llm_pruner(mlp, Plan(model="sample:tumour-mlp"))
    assert refusal.value.fact == choosing.too_few_blocks(0, 2)


def test_taylor_over_whole_groups_is_its_formula():
    model, x, y = perceptron(), torch.randn(6, 8), torch.tensor([0, 1, 2, 1, 0, 2])
    units, scores = scored(model, x, "taylor_group", "channel", y)
    nn.functional.cross_entropy(model(x), y).backward()
    products = {n: (p.grad * p.detach()).abs() for n, p in model.named_parameters()}
    first = next(each for each in units if each.name == "0")
    with_it = products["0.weight"].sum(1) + products["0.bias"] + products["1.weight"]
    expected = with_it + products["1.bias"] + products["3.weight"].sum(0)
    torch.testing.assert_close(scores[first.name], expected)
    assert asked(model, x, "taylor_group").units


def test_the_command_line_writes_the_plan(pruneviz, tmp_path):
    file = tmp_path / "plan.yaml"
    code, _, err = pruneviz("preset", "--model", "sample:stdlib-lm", "--sparsity", "0.4",
                            "--out", file)  # fmt: skip
    assert code == 0, err
    plan = Plan.from_text(file.read_text())
    assert (plan.criterion, plan.sparsity) == ("taylor_group", 0.4)
    assert plan.locks["embedding"] == "all"
    assert "blocks.1.feed_forward.gate" not in plan.locks
