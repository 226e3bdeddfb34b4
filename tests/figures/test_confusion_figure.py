"""The confusion figure shows every count, and its title says which confusion grew most."""

from __future__ import annotations

import numpy as np
import torch

from pruneviz.figures.confusion import MOST_CLASSES, confusions
from pruneviz.measure.answers import confusion_table


def test_counts_shares_and_title() -> None:
    original = torch.tensor([[8, 2, 0], [0, 10, 0], [1, 0, 9]])
    pruned = torch.tensor([[8, 2, 0], [0, 3, 7], [0, 0, 10]])
    figure = confusions(original, pruned, ["ash", "elm", "oak"])
    assert figure.layout.title.text == "“elm” is taken for “oak” 7 times, 0 before"
    for trace, table in zip(figure.data, (original, pruned), strict=True):
        assert np.allclose(trace.z, table.numpy() / 10)
        assert trace.customdata[:, :, 2].astype(int).tolist() == table.tolist()
    same = confusions(original, original, ["ash", "elm", "oak"])
    assert same.layout.title.text.startswith("No confusion becomes more frequent; “ash”")
    right = confusions(torch.eye(3).long(), torch.eye(3).long(), ["ash", "elm", "oak"])
    assert right.layout.title.text == "The pruned network takes no class for another"


def test_of_many_classes_those_that_change_are_shown() -> None:
    original = 5 * torch.eye(40).long()
    pruned = original.clone()
    pruned[31, 31], pruned[31, 2] = 0, 5
    figure = confusions(original, pruned, [f"class {i}" for i in range(40)])
    shown = list(figure.layout.yaxis.ticktext)
    assert len(shown) == MOST_CLASSES
    assert {"class 31", "class 2"} <= set(shown)
    assert "(the 20 classes that change most)" in figure.layout.title.text.replace("<br>", " ")


def test_the_table_holds_what_occurs_in_either_network() -> None:
    y = torch.tensor([0, 0, 1, 2])
    first, second = torch.eye(3)[[0, 1, 1, 2]], torch.eye(3)[[0, 0, 1, 1]]
    table = confusion_table(first, second, y, ["a", "b", "c"])
    assert table.to_dict("records") == [
        {"class": "a", "answer": "a", "original": 1, "pruned": 2},
        {"class": "a", "answer": "b", "original": 1, "pruned": 0},
        {"class": "b", "answer": "b", "original": 1, "pruned": 1},
        {"class": "c", "answer": "b", "original": 0, "pruned": 1},
        {"class": "c", "answer": "c", "original": 1, "pruned": 0},
    ]
