"""A metric by group is that of the group's inputs alone, with its interval; few say little."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from pruneviz.figures import groups as figures
from pruneviz.measure.by_group import by_group
from pruneviz.metrics import METRICS
from pruneviz.metrics.statistics import paired_change, wilson
from pruneviz.tasks import CLASSIFICATION, TASKS
from pruneviz.ui.compare import groups as page

N = 240
RANDOM = torch.Generator().manual_seed(0)
Y = torch.randint(2, (N,), generator=RANDOM)
BEFORE = torch.randn((N, 2), generator=RANDOM) + 2 * torch.nn.functional.one_hot(Y, 2)
AFTER = BEFORE + torch.randn((N, 2), generator=RANDOM)
PLACE = np.array([2] + [0, 1, 1] * 79 + [0, 1], dtype=np.int64)  # one input alone is of group 2
GROUPS = {"sex": (("m", "f", "x", "nobody"), PLACE)}


def table(metric, groups=GROUPS):
    before, after = (CLASSIFICATION.tally(logits, Y) for logits in (BEFORE, AFTER))
    return by_group(metric, before, after, groups)


def test_accuracy_of_a_group_is_that_of_its_inputs():
    found = table(METRICS.get("accuracy"))
    assert found["group"].tolist() == ["m", "f", "x"]
    for row, place in zip(found.to_dict("records"), range(3), strict=True):
        here = torch.from_numpy(place == PLACE)
        first, second = (logits[here].argmax(1) == Y[here] for logits in (BEFORE, AFTER))
        count = int(here.sum())
        assert row["samples"] == count
        assert row["original"] == pytest.approx(first.double().mean().item())
        assert row["pruned"] == pytest.approx(second.double().mean().item())
        assert (row["pruned_low"], row["pruned_high"]) == wilson(int(second.sum()), count)
        change = paired_change(int((second & ~first).sum()), int((first & ~second).sum()), count)
        assert (row["change"], (row["change_low"], row["change_high"])) == change


def test_average_precision_of_a_group_is_scikit_learns():
    found = table(METRICS.get("average_precision"))
    for row, place in zip(found.to_dict("records")[:2], range(2), strict=True):
        here = place == PLACE
        for name, logits in (("original", BEFORE), ("pruned", AFTER)):
            score = (logits[:, 1] - logits[:, 0]).numpy()[here]
            expected = average_precision_score(Y.numpy()[here], score)
            assert row[name] == pytest.approx(expected, abs=1e-6)
            assert row[f"{name}_low"] < expected < row[f"{name}_high"]


def test_a_group_of_one_has_the_widest_interval_and_is_never_the_worst():
    for name in ("average_precision", "loss", "mae"):
        metric = METRICS.get(name)
        if name == "mae":
            task = TASKS.get("regression").implementation()
            before, after = task.tally(Y[:, None].float(), Y), task.tally(BEFORE[:, 1:], Y)
            found = by_group(metric, before, after, GROUPS)
        else:
            found = table(metric)
        one = found[found["group"] == "x"].iloc[0]
        assert (one["original_low"], one["original_high"]) == (metric.least, metric.most)
        widest = metric.most - metric.least
        assert (one["change_low"], one["change_high"]) == (-widest, widest)
        assert not one["worst"]


def test_the_worst_group_loses_most_and_surely_where_one_does():
    y = torch.zeros(440, dtype=torch.long)
    before = torch.tensor([[1.0, 0.0]]).repeat(440, 1)
    after = before.clone()
    after[:40] = after[:40].flip(1)  # 40 of the 400 of "many", surely
    after[400:402] = after[400:402].flip(1)  # 2 of the 10 of "few", within chance
    index = np.array([0] * 400 + [1] * 10 + [2] * 30, dtype=np.int64)
    groups = {"size": (("many", "few", "same"), index)}

    def worst(metric, pruned, groups=groups):
        tallies = [CLASSIFICATION.tally(logits, y) for logits in (before, pruned)]
        found = by_group(METRICS.get(metric), *tallies, groups)
        return found[found["worst"]]["group"].tolist()

    assert worst("accuracy", after) == ["many"]
    assert worst("loss", after) == ["many"]
    after[:40] = before[:40]
    assert worst("accuracy", after) == ["few"]
    assert worst("accuracy", before) == []


def test_the_figure_and_the_table_say_it():
    metric = METRICS.get("accuracy")
    found = table(metric)
    worst = found[found["worst"]].iloc[0]
    figure = figures.by_group(found, metric)
    points = f"{100 * abs(worst['change']):.1f} points"
    assert figure.layout.title.text.startswith(f"sex “{worst['group']}” loses most: {points}")
    np.testing.assert_allclose(figure.data[0].x, 100 * found["original"])
    assert page.headings(found, metric) == (
        "sex", "Inputs", "Original (%)", "Pruned (%)", "Change (points)"
    )  # fmt: skip
    rows = page.in_numbers(found, metric)
    assert rows[0][2].startswith(f"{100 * found['original'][0]:.1f} (")
    assert sum(row[0].endswith("(loses most)") for row in rows) == 1
    empty = page.in_numbers(table(METRICS.get("average_precision")), metric)[2]
    assert empty[2].startswith("– (")
