"""The pages for a detector: its mAP, and the boxes of the images that became worse by most."""

from __future__ import annotations

import json

from pruneviz.compare import worsened
from pruneviz.compare.boxes import found_boxes
from pruneviz.plan import Plan
from pruneviz.ui.compare.boxes import SHOWN_FROM
from pruneviz.ui.engine import results
from tests.pages.test_later_pages import _open
from tests.pages.test_other_tasks import words

PLAN = Plan(model="sample:digits-detector", sparsity=0.3)


def names(at) -> list[list[int]]:
    """Return how many boxes each picture has: solid, missed, wrong."""
    specs = [json.loads(chart.proto.spec)["data"] for chart in at.get("plotly_chart")]
    found = []
    for data in (each for each in specs if each[0]["type"] == "image"):
        words = [line["name"].split()[0] for line in data if line.get("hoverinfo") == "name"]
        missed, wrong = words.count("missed"), words.count("wrong")
        found.append([len(words) - missed - wrong, missed, wrong])
    return found


def test_compare_draws_the_boxes_of_the_image_that_became_worse_by_most():
    at = _open("compare", PLAN)
    assert not at.exception
    assert not at.error
    assert "| mAP |" in words(at)
    assert "Accuracy" not in "\n".join(str(m.value) for m in at.markdown[:6])
    assert "Explain one of them" not in words(at), "Attributions explains no boxes"
    judged = results.judged(PLAN)
    table = worsened(judged.task, judged.original, judged.pruned, judged.data.y)
    worst = int(table["index"][0])
    assert at.selectbox(key="compare-image").value == worst

    true = judged.data.y[worst]
    both = judged.original, judged.pruned
    first, second = (found_boxes(each[worst], true, SHOWN_FROM) for each in both)
    assert len(second.missed) + len(second.wrong), "it became worse"
    there = int((true[:, 4] >= 0).sum())
    assert names(at) == [
        [there, 0, 0],
        [len(first.right), len(first.missed), len(first.wrong)],
        [len(second.right), len(second.missed), len(second.wrong)],
    ]
    at = at.slider(key="compare-score").set_value(1.0).run()
    assert names(at) == [[there, 0, 0], [0, there, 0], [0, there, 0]]
