"""The curves of methods say what is to be seen, and hold what was measured."""

from __future__ import annotations

import pandas as pd
import torch

from pruneviz.figures import comparison, removal
from pruneviz.metrics import METRICS

ACCURACY = METRICS.get("accuracy")


def table(*accuracies):
    levels = [0.1 * (k + 1) for k in range(len(accuracies))]
    return pd.DataFrame(
        {"sparsity": levels, "accuracy": accuracies, "low": [a - 0.02 for a in accuracies],
         "high": [a + 0.01 for a in accuracies], "samples": 100}
    )  # fmt: skip


def test_the_title_names_the_best_at_the_last_amount_that_costs_little():
    tables = {"One": table(0.95, 0.93, 0.5), "Two": table(0.96, 0.91, 0.8)}
    assert comparison.what_to_see(tables, ACCURACY, 0.97).startswith("One keeps most: 93.0")
    assert "more than 5 points" in comparison.what_to_see({"One": table(0.5)}, ACCURACY, 0.97)
    assert comparison.what_to_see({}, ACCURACY, 0.97) == "Nothing is measured yet"
    assert "(so far, 1 of 3 methods)" in comparison.what_to_see(
        {"One": table(0.95)}, ACCURACY, 0.97, 3
    )


def test_curves_hold_points_and_intervals_and_leave_out_what_was_not_reached():
    figure = comparison.curves({"One": table(0.9, float("nan"), 0.7)}, ACCURACY, 0.95)
    (line,) = figure.data
    assert [round(y, 6) for y in line.y] == [95, 90, 70]
    assert [round(e, 6) for e in line.error_y.array] == [0, 1, 1]
    assert [round(e, 6) for e in line.error_y.arrayminus] == [0, 2, 2]


def test_pictures_show_what_stays():
    stays = torch.tensor([[True, False], [False, True]])
    figure = removal.examples([("A", stays), ("B", ~stays), ("C", stays)])
    assert [trace.name for trace in figure.data] == ["A", "B", "C"]
    assert figure.data[1].z.tolist() == [[0, 1], [1, 0]]
