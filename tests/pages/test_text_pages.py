"""The pages for a language model: its perplexity, and what was lost on each token."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pruneviz.compare import worsened
from pruneviz.compare.next_tokens import apart_by_token, apart_metrics
from pruneviz.plan import Plan
from pruneviz.tasks import IGNORED
from pruneviz.ui.engine import results
from tests.pages.test_attributions_of_tasks import decoded, drawn, labelled, opened
from tests.pages.test_later_pages import _open, _titles
from tests.pages.test_other_tasks import words

PLAN = Plan(model="sample:stdlib-lm", sparsity=0.3, granularity="head")


@pytest.mark.parametrize("page", ["home", "tune", "compare", "export"])
def test_a_page_opens_for_a_language_model_and_says_nothing_of_accuracy(page):
    at = _open(page, PLAN)
    assert not at.exception
    assert not at.error
    assert "Perplexity" in words(at)
    assert "Accuracy" not in "\n".join(str(m.value) for m in at.markdown[:6])


def test_compare_draws_the_text_that_lost_most_token_by_token():
    at = _open("compare", PLAN)
    assert "Bits per byte" in words(at)
    assert "Top-5 token accuracy" in words(at)
    apart = apart_by_token(
        *(results.network(PLAN, which) for which in ("original", "pruned")), *(
            getattr(results.cache.subject(PLAN).data, name) for name in ("x", "y")
        )
    )  # fmt: skip
    kl, agreement = apart_metrics()
    assert f"**{kl.combine(apart):.3f} nats** apart" in words(at).replace("\u00a0", " ")
    assert f"**{100 * agreement.combine(apart):.1f} %** of 8," in words(at).replace("\u00a0", " ")
    judged = results.judged(PLAN)
    table = worsened(judged.task, judged.original, judged.pruned, judged.data.y)
    worst = int(table["index"][0])
    assert at.selectbox(key="compare-text").value == worst
    (chart,) = [
        spec for spec in (json.loads(c.proto.spec) for c in at.get("plotly_chart"))
        if spec["data"][0]["type"] == "heatmap"
    ]  # fmt: skip
    hovers = [text for row in chart["data"][0]["customdata"] for text in row]
    target = judged.data.y[worst]
    assert sum("original" in text for text in hovers) >= int((target != IGNORED).sum())
    assert "nats" in chart["layout"]["title"]["text"]


def test_the_next_token_that_lost_most_is_explained_by_those_before_it():
    at = opened(_open("attributions", PLAN, input="0"))
    judged = results.judged(PLAN)
    lost = judged.original["log_likelihood"][0] - judged.pruned["log_likelihood"][0]
    place = int(lost.masked_fill(judged.data.y[0] == IGNORED, -torch.inf).argmax())
    chosen = labelled(at, "Next token to explain")
    assert chosen.options[chosen.index].startswith(f"{place + 1}: ")
    shown = [each.size - int(np.isnan(each).sum()) for each in drawn(at, "heatmap")]
    assert shown == [place + 1] * 2
    assert not any("class" in title for title in _titles(at))
    specs = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]
    (heads,) = [each for each in specs if "heads are removed" in each["layout"]["title"]["text"]]
    assert "blocks.2.attention: 2 of 8 heads" in heads["layout"]["title"]["text"]
    squares = [decoded(each["z"]) for each in heads["data"] if each["type"] == "heatmap"]
    assert len(squares) == 8 + 6
    assert sum(each.get("text") == ["<b>removed</b>"] for each in heads["data"]) == 2
    tokens = judged.data.x.shape[1]
    for each in squares:
        assert each.shape == (tokens, tokens)
        assert np.isnan(each[np.triu_indices(tokens, 1)]).all()
