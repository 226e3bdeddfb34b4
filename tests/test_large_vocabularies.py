"""Of texts so many run through a network together as their logits fit, whatever asks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz import evaluate, run
from pruneviz.analyses import scans
from pruneviz.evaluate import answers, joined, taken
from pruneviz.metrics import METRICS
from pruneviz.network.duplicate import duplicate
from pruneviz.plan import Plan
from pruneviz.statistics import gradients
from pruneviz.stepwise import complete
from pruneviz.subjects.samples.small_llama import SmallLlama
from pruneviz.subjects.split import make_data
from pruneviz.subjects.subject import Subject, freeze
from pruneviz.tasks import TASKS
from pruneviz.ui.engine.shared import Shared
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

TOKENS, PLACES, TOGETHER = 2003, 6, 8
TASK = TASKS.get("language_modelling").implementation()


@pytest.fixture
def sizes() -> list[int]:
    """Return how many texts each pass of the subject's network had, and of its copies."""
    return []


@pytest.fixture
def subject(monkeypatch, sizes):
    monkeypatch.setattr(evaluate, "MOST_LOGITS", TOGETHER * PLACES * TOKENS)
    torch.manual_seed(0)
    model = SmallLlama(tokens=TOKENS, width=16, blocks=2, heads=2, groups=1, size=8, hidden=12)
    model.register_forward_hook(lambda module, given, output: sizes.append(len(output)))
    x = torch.randint(TOKENS, (30, PLACES))
    parts = (x[:12], x[:12].roll(-1, 1)), (x[12:], x[12:].roll(-1, 1))
    data = make_data("python:", *parts, classes=(), note="", mean=(), std=())
    return Subject(
        reference="python:", title="", sentence="", model=freeze(model), example=x[:2], data=data,
        weights_label="", sha256="0" * 64, task=TASK,
    )  # fmt: skip


@pytest.mark.parametrize("criterion", ["wanda", "taylor"])
def test_what_ranks_weights_bounds_its_logits(subject, sizes, criterion):
    run.prepare(subject, Plan(model="python:", granularity="weight", criterion=criterion))
    assert max(sizes) == TOGETHER


def test_what_scans_bounds_its_logits_and_a_point_is_what_a_run_says(subject, sizes):
    plan = Plan(model="python:", granularity="depth", criterion="ablation", sparsity=0.5)
    prepared = run.prepare(subject, plan)
    scan = complete(scans.scan(prepared, (0.5,)))
    shared = Shared(subject, prepared.baseline, 2**28)
    list(shared.answers(subject.model, 0, reuse=False))
    assert max(sizes) == TOGETHER
    assert shared.total == len(subject.data.x)
    for evaluator in (scan.evaluator, shared.evaluator):  # they hold the scores several times
        assert {len(part) for part in evaluator.parts} == {2}
    assert scan.evaluator.why_plain is None
    (row,) = scan.table().to_dict("records")
    data, pruned = subject.data, run.prune(prepared, plan).model
    tally = TASK.tally(answers(pruned, data.x, data.y, TASK), data.y)
    assert row["perplexity"] == pytest.approx(METRICS.get("perplexity").combine(tally), rel=1e-6)


def test_each_block_left_out_alone_has_the_very_numbers_of_a_plain_pass(subject):
    plan = Plan(model="python:", granularity="depth", criterion="block_influence")
    prepared = run.prepare(subject, plan)
    scan = complete(scans.scan_of_blocks(prepared, budget_bytes=2**14))
    assert [row.layer for row in scan.rows] == ["blocks.0", "blocks.1"]
    evaluator, y = scan.evaluator, subject.data.y
    assert evaluator.why_plain is None
    assert evaluator.fell_back == 0
    order = torch.argsort(evaluator.order)
    for number, row in enumerate(scan.rows):
        network = duplicate(subject.model)
        network.blocks[number] = nn.Identity()
        with torch.inference_mode():
            found = [TASK.answers(network(subject.data.x[p]), y[p]) for p in evaluator.parts]
        tally = TASK.tally(taken(joined(found), order), y)
        assert dict(row.others)["perplexity"] == METRICS.get("perplexity").combine(tally)
    widths = run.prepare(subject, plan.changed(granularity="weight", criterion="magnitude_l1"))
    with pytest.raises(RefusedError) as caught:
        scans.scan_of_blocks(widths)
    assert caught.value.fact == analysing.no_blocks("weight")


def test_the_gradient_of_a_batch_is_that_of_its_parts_together(subject):
    x, y = subject.data.calibration_x, subject.data.calibration_y
    (whole,), (parts,) = (list(gradients(TASK, subject.model, x, y, size)) for size in (64, 5))
    assert whole.keys() == parts.keys()
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-4, atol=1e-9)
    alone = replace(subject.data, calibration_x=x[:1])  # another gradient, or nothing is shown
    (one,) = gradients(TASK, subject.model, alone.calibration_x, y[:1])
    assert not torch.allclose(one["head.weight"], whole["head.weight"], rtol=1e-4, atol=1e-9)
