"""What each block changes, along the depth: numbers, figure and page."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pruneviz.analyses.influence import BlockInfluence, block_influences
from pruneviz.figures.sensitivity.influence import influence, what_to_see
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing
from tests.ui.test_depth_pages import start, titles, words

RESNET = Plan(model="sample:digits-resnet")
FOUND = [BlockInfluence(f"layers.{i}", "layers", v) for i, v in enumerate((0.5, 0.1, 0.2, 0.3))]


def test_the_influence_of_each_block_is_one_less_the_mean_cosine():
    subject = load_subject(RESNET)
    found = block_influences(subject, 8)
    data = subject.data
    x = data.calibration_x[torch.linspace(0, len(data.calibration_y) - 1, 8).round().long()]
    seen = {}
    hooks = [
        subject.model.get_submodule(each.block).register_forward_hook(
            lambda _m, given, out, name=each.block: seen.update({name: (given[0], out)})
        )
        for each in found
    ]
    with torch.no_grad():
        subject.model(x)
    for hook in hooks:
        hook.remove()
    assert [each.block for each in found] == list(seen)
    for each in found:
        before, after = (t.double() for t in seen[each.block])
        cosine = torch.cosine_similarity(before, after, dim=1, eps=1e-30)
        zero = (before.abs().amax(1) == 0) & (after.abs().amax(1) == 0)
        expected = 1 - torch.where(zero, 1.0, cosine).mean()
        assert each.influence == pytest.approx(float(expected), abs=1e-6)


def test_no_block_and_no_data():
    assert block_influences(load_subject(Plan(model="sample:tumour-mlp")), 8) == ()
    with pytest.raises(RefusedError) as refusal:
        block_influences(replace(load_subject(RESNET), data=None))
    assert refusal.value.fact in analysing.influence_without_data


def test_the_figure_marks_what_goes_by_more_than_colour():
    stays, gone = influence(FOUND, {"layers.1", "layers.3"}).data
    assert list(stays.customdata) == ["layers.0", "layers.2"]
    assert list(gone.customdata) == ["layers.1", "layers.3"]
    assert gone.marker.pattern.shape
    assert not stays.marker.pattern.shape
    assert list(gone.text) == ["removed", "removed"]
    assert list(gone.y) == [0.1, 0.3]


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ((), "layers.1 changes what passes through it least (0.10), layers.0 most (0.50)"),
        (("layers.1",), "The plan removes 1 block of 4: the one that changes least"),
        (("layers.0",), "The plan removes 1 block of 4: not the one that changes least"),
        (("layers.1", "layers.2"), "The plan removes 2 blocks of 4: those 2 that change least"),
        (("layers.1", "layers.0"), "The plan removes 2 blocks of 4: 1 of the 2 that change least"),
    ],
)
def test_the_title_says_how_the_plan_stands_to_it(removed, said):
    assert what_to_see(FOUND, removed) == said


def test_the_page_shows_it_and_ranks_blocks_so():
    at = start("sensitivity", RESNET.changed(sparsity=0.3))
    at.segmented_control(key="question").set_value("influence").run()
    if not titles(at):  # a busy machine: it is asked for
        at.button(key="influence-go").click().run()
    assert "changes what passes through it least" in titles(at)[0].replace("<br>", " ")
    assert "on 64 calibration inputs" in words(at)
    at.button(key="influence-rank").click().run()
    assert not at.exception
    assert "The plan removes 3 blocks of 7" in titles(at)[0].replace("<br>", " ")
    assert "residual blocks, Block influence" in words(at)
    assert at.button(key="influence-rank").disabled
