"""Minitron's order as plans: blocks, then widths, each distilled; and presets as methods."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pruneviz.analyses import llm_pruner
from pruneviz.analyses.minitron import depth, width
from pruneviz.analyses.presets import PRESETS, is_for, preset_plan
from pruneviz.criteria import CRITERIA
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from pruneviz.recovery import RECOVERIES
from pruneviz.subjects import load_subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing
from tests.analyses.test_llm_pruner import Step

MODEL = Plan(model="sample:stdlib-lm")
ALONE = {"temperature": 1.0, "teacher_weight": 1.0}  # the original's probabilities alone


def blocks(count: int, training: int = 0):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), *(Step() for _ in range(count)), nn.Linear(6, 3))
    data = SimpleNamespace(train_y=torch.zeros(training)) if training else None
    return SimpleNamespace(model=model.eval(), example=torch.randn(2, 5), data=data)


def test_first_blocks_go_by_their_influence_then_widths_by_activation_and_both_distil():
    first, second = depth(blocks(2), MODEL), width(blocks(2), MODEL)
    assert (first.granularity, first.criterion) == ("depth", "block_influence")
    assert (second.granularity, second.criterion) == ("channel", "activation_l2")
    for plan in (first, second):
        (step,) = plan.recovery
        assert step.method == "distill"
        settings = RECOVERIES.get("distill").settings(step.parameters)
        assert settings.items() >= ALONE.items()
        assert plan.sparsity == 0.25
        assert CRITERIA.get(plan.criterion).fits(plan.granularity)


def test_amount_and_training_that_a_plan_says_stay():
    recovery = [{"method": "distill", "parameters": {"epochs": 7, "temperature": 2.0}}]
    said = MODEL.changed(sparsity=0.4, locks={"blocks.1.feed_forward.gate": "all"},
                         recovery=recovery)  # fmt: skip
    first, second = depth(blocks(2), said), width(blocks(2), said)
    assert (first.sparsity, first.locks) == (0.4, {})  # stages of blocks have other names
    assert second.locks == said.locks
    for plan in (first, second):
        assert plan.recovery[0].parameters["epochs"] == 7
        assert plan.recovery[0].parameters["temperature"] == 2.0


@pytest.mark.parametrize(("inputs", "batch"), [(29, 29), (640, 64)])
def test_batches_are_no_larger_than_what_there_is_to_train_on(inputs, batch):
    for entry in PRESETS:
        (step,) = preset_plan(entry.name, blocks(4, inputs), MODEL).recovery
        assert step.parameters["batch_size"] == batch


def test_what_a_step_does_not_take_is_refused():
    with pytest.raises(RefusedError) as refusal:
        depth(blocks(1), MODEL)
    assert refusal.value.fact == choosing.no_blocks_to_leave_out(1)
    for step in (depth, width):
        with pytest.raises(RefusedError) as refusal:
            step(blocks(2), MODEL.changed(granularity="weight"))
        assert refusal.value.fact in choosing.not_of_this_preset


def test_presets_are_methods_whose_plan_can_be_made_of_any(monkeypatch):
    network = blocks(4)
    for entry in PRESETS:
        plan = preset_plan(entry.name, network, MODEL.changed(granularity="weight", sparsity=0.3))
        assert plan.granularity in GRANULARITIES.names()
        assert plan.sparsity == 0.3
        assert plan.recovery
    asked_for = MODEL.changed(granularity="channel")
    same = preset_plan("llm_pruner", network, asked_for)
    assert same == llm_pruner.llm_pruner(network, asked_for)
    assert is_for(load_subject(MODEL))
    assert not is_for(load_subject(Plan(model="sample:tumour-mlp")))


def test_the_command_line_knows_the_ways(pruneviz):
    code, out, err = pruneviz("preset", "--model", "sample:stdlib-lm", "--way", "minitron_depth")
    assert code == 0, err
    assert Plan.from_text(out).granularity == "depth"
    code, _, err = pruneviz("preset", "--model", "sample:stdlib-lm", "--way", "nobody")
    assert code == 1
    assert "choose from llm_pruner, minitron_depth, minitron_width" in " ".join(err.split())
    code, _, err = pruneviz("preset", "--way", "minitron_width", "--first", "2")
    assert code == 1
    assert "--way minitron_width" in " ".join(err.split())
