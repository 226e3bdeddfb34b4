"""The pages that judge and explain, for a network that answers with a number."""

from __future__ import annotations

import json

import pytest
import torch

from pruneviz import evaluate, run
from pruneviz.compare import worsened
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from tests.pages.test_later_pages import _open, _titles

PLAN = Plan(model="sample:diabetes-mlp", sparsity=0.5)


def words(at) -> str:
    shown = (*at.markdown, *at.caption, *at.subheader)
    return "\n".join(str(element.value) for element in shown).replace("\\", "")


@pytest.fixture(scope="module")
def known():
    prepared = run.prepare(load_subject(PLAN), PLAN)
    data, task = prepared.subject.data, prepared.subject.task
    after = evaluate.answers(run.prune(prepared, PLAN).model, data.x, data.y, task)
    return prepared, after


@pytest.mark.parametrize("page", ["home", "tune", "weights", "attributions", "compare", "export"])
def test_a_page_opens_for_a_regression_and_says_nothing_of_accuracy(page):
    at = _open(page, PLAN)
    assert not at.exception
    assert not at.error
    assert not at.warning
    assert "Mean absolute error" in words(at)
    assert "Accuracy" not in "\n".join(str(m.value) for m in at.markdown[:6])


def test_compare_shows_each_metric_and_where_the_answers_became_worse(known):
    prepared, after = known
    before, y = prepared.baseline.answers, prepared.subject.data.y
    errors = [(each.double() - y).abs() for each in (before, after)]
    at = _open("compare", PLAN)
    said = words(at)
    assert f"**{errors[1].mean():.2f}**" in said
    assert f"**{errors[0].mean():.2f}**" in said
    assert "which is worse" in said
    assert "| R² |" in said
    lost = int((errors[1] > errors[0]).sum())
    assert f"{lost} answers became worse" in said
    spec = json.loads(next(c for c in at.get("plotly_chart")).proto.spec)
    assert [trace["name"] for trace in spec["data"]] == ["original", "pruned", "right"]
    assert any("farther from the truth" in title.replace("<br>", " ") for title in _titles(at))


def test_the_input_that_became_worse_by_most_comes_first(known):
    prepared, after = known
    before, y = prepared.baseline.answers, prepared.subject.data.y
    gap = ((after.double() - y).abs() - (before.double() - y).abs())[:, 0]
    table = worsened(prepared.subject.task, before, after, y)
    assert int(table["index"][0]) == int(gap.argmax())
    torch.testing.assert_close(
        torch.tensor(table.sort_values("index")["change"].to_numpy()), gap, rtol=0, atol=1e-9
    )
    at = _open("attributions", PLAN)
    assert at.number_input(key="attributions-input").value == int(gap.argmax())
    assert f"The truth of test row {int(gap.argmax())} is **{float(y[gap.argmax()]):.4g}**" in (
        words(at)
    )


def test_another_metric_of_a_classification_is_what_the_pages_show():
    plan = Plan(model="sample:tumour-mlp", sparsity=0.7, metric="average_precision")
    for page in ("tune", "compare", "export"):
        at = _open(page, plan)
        assert not at.exception
        assert not at.error
        assert "Average precision" in words(at)


def test_export_asks_the_network_for_its_answers_and_no_probabilities():
    shown = "\n".join(block.value for block in _open("export", PLAN).code)
    assert "answers = network(x)" in shown
    assert "softmax" not in shown
