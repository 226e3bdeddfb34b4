"""The pages for a detector: its mAP, and the boxes of the images that became worse by most."""

from __future__ import annotations

import json

import numpy as np

from pruneviz.compare import worsened
from pruneviz.compare.boxes import found_boxes
from pruneviz.compare.objects import changes, lost_objects
from pruneviz.plan import Plan
from pruneviz.ui.compare.boxes import SHOWN_FROM
from pruneviz.ui.engine import results
from tests.pages.test_attributions_of_tasks import labelled, opened
from tests.pages.test_later_pages import _open
from tests.pages.test_other_tasks import words

PLAN = Plan(model="sample:digits-detector", sparsity=0.3)


def pictures(at) -> list[list[dict]]:
    """Return the traces of each picture with boxes."""
    specs = [json.loads(chart.proto.spec)["data"] for chart in at.get("plotly_chart")]
    return [each for each in specs if each[0]["type"] == "image"]


def names(at) -> list[list[int]]:
    """Return how many boxes each picture of one network has: solid, missed, wrong."""
    found = []
    for data in pictures(at)[:3]:
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
    became = changes(judged.original[worst], judged.pruned[worst], true, SHOWN_FROM)
    assert [line["name"] for line in pictures(at)[3][-4:]] == [
        f"kept: {len(became.kept)}", f"lost: {len(became.lost)}", f"new: {len(became.new)}",
        f"newly wrong: {len(became.wrong)}",
    ]  # fmt: skip

    lost = lost_objects(judged.original, judged.pruned, judged.data.y, SHOWN_FROM)
    assert f"{len(lost)} things found before and missed now" in words(at)
    label = int(lost["class"].value_counts().index[-1])
    at = at.selectbox(key="compare-lost-class").set_value(label).run()
    assert not at.exception
    buttons = [each for each in at.button if str(each.key).startswith("compare-lost-")]
    assert len(buttons) == min(12, int((lost["class"] == label).sum()))
    assert "| 4 | 80 | 77.0 (73.8" in words(at)  # boxes of the class, and its recalls beside

    at = at.slider(key="compare-score").set_value(1.0).run()
    assert names(at) == [[there, 0, 0], [0, there, 0], [0, there, 0]]
    assert "0 things found before and missed now" in words(at)


def test_a_box_is_explained_and_drawn_in_both_pictures():
    judged = results.judged(PLAN)
    index = int((judged.original[:, 0, 4] > 0.4).nonzero()[0])
    at = opened(_open("attributions", PLAN, input=str(index)))
    row = judged.original[index, labelled(at, "Box to explain").value].tolist()
    (spec, *_) = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]
    inside = np.clip(row[:4], 0, judged.data.x.shape[-1])
    lines = [trace for trace in spec["data"] if trace.get("line", {}).get("width") == 2.5]
    assert len(lines) == 2
    for line in lines:
        found = [min(line["x"]), min(line["y"]), max(line["x"]), max(line["y"])]
        np.testing.assert_allclose(found, inside - 0.5, atol=1e-3)
    assert f"**{100 * row[4]:.1f}\u00a0%**" in words(at)
    assert "score units" in json.dumps(spec["layout"])
    assert "mostly for the box" in words(at)
