"""What becomes of each true box, and how many each class loses, against what is counted by hand."""

from __future__ import annotations

import pytest
import torch

from pruneviz.compare.objects import changes, lost_objects, seen
from pruneviz.compare.recalls import recall_by_class, recall_by_size
from pruneviz.tasks import IGNORED
from pruneviz.tasks.detection import Detection

PADDED = [0.0, 0, 0, 0, 0, IGNORED]
TRUE = torch.tensor([
    [[0.0, 0, 10, 10, 1], [20, 20, 60, 60, 2], [70, 0, 80, 10, 1], [0, 70, 10, 80, 2]],
    [[0, 0, 10, 10, 1], [IGNORED] * 5, [IGNORED] * 5, [IGNORED] * 5],
])  # fmt: skip
BEFORE = torch.tensor([
    [[0.0, 0, 10, 10, 0.9, 1], [20, 20, 60, 58, 0.8, 2], [40, 70, 50, 80, 0.7, 1], PADDED],
    [[0, 0, 10, 10, 0.6, 1], PADDED, PADDED, PADDED],
])  # fmt: skip
AFTER = torch.tensor([
    [[0.0, 0, 10, 9, 0.7, 1], [70, 0, 80, 10, 0.6, 1], [40, 70, 50, 79, 0.5, 1],
     [40, 20, 50, 30, 0.45, 0]],
    [[0, 0, 10, 10, 0.3, 1], PADDED, PADDED, PADDED],
])  # fmt: skip


def rounded(boxes) -> list[list[float]]:
    return [[round(each, 4) for each in row] for row in boxes.tolist()]


def test_each_true_box_is_kept_lost_new_or_never_found():
    became = changes(BEFORE[0], AFTER[0], TRUE[0], 0.4)
    assert rounded(became.kept) == [[0, 0, 10, 10, 0.7, 1]]
    assert rounded(became.lost) == [[20, 20, 60, 60, 0.8, 2]]
    assert rounded(became.new) == [[70, 0, 80, 10, 0.6, 1]]
    assert rounded(became.wrong) == [[40, 20, 50, 30, 0.45, 0]]  # the other was wrong before
    assert became.unseen == 1


def test_a_score_too_low_finds_nothing():
    became = changes(BEFORE[0], AFTER[0], TRUE[0], 0.95)
    assert [len(each) for each in (became.kept, became.lost, became.new, became.wrong)] == [0] * 4
    assert became.unseen == 4
    for found in seen(BEFORE, AFTER, TRUE, 0.95):
        assert not found.any()


def test_what_is_lost_is_listed_with_both_scores_the_surest_first():
    table = lost_objects(BEFORE, AFTER, TRUE, 0.4)
    assert table["index"].tolist() == [0, 1]
    assert table["class"].tolist() == [2, 1]
    assert table["size"].tolist() == ["medium", "small"]
    assert table["area"].tolist() == [1600.0, 100.0]
    assert table["original"].tolist() == pytest.approx([0.8, 0.6])
    assert table["pruned"].tolist() == pytest.approx([0.0, 0.3])
    assert lost_objects(AFTER, AFTER, TRUE, 0.4).empty


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_of_the_same_answers_nothing_changes(least):
    became = changes(BEFORE[0], BEFORE[0], TRUE[0], least)
    assert not len(became.lost) + len(became.new) + len(became.wrong)


def test_recalls_are_those_counted_by_hand_class_by_class_and_size_by_size():
    before, after = (Detection().tally(each, TRUE) for each in (BEFORE, AFTER))
    table = recall_by_class(before, after, ("cat", "dog", "bird")).set_index("group")
    assert table["boxes"].to_dict() == {"dog": 3, "bird": 2}
    # Boxes that agree are found at all ten overlaps, one of 38 in 40 rows at nine or ten of them.
    at = sum(overlap <= 38 / 40 for overlap in (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9))
    assert table.loc["dog", "original"] == pytest.approx(2 / 3)
    assert at / 20 <= table.loc["bird", "original"] <= 0.5
    assert table.loc["bird", "pruned"] == 0
    assert table.loc["dog", "change"] == pytest.approx(
        table.loc["dog", "pruned"] - table.loc["dog", "original"]
    )
    assert (table["original_low"] <= table["original"]).all()
    assert (table["original"] <= table["original_high"]).all()
    sizes = recall_by_size(before, after, 2).set_index("group")
    assert sizes["boxes"].to_dict() == {"small": 1, "medium": 1}
    assert sizes.loc["small", "original"] == 0
    assert at / 10 <= sizes.loc["medium", "original"] <= 1


def test_classes_of_one_name_are_told_apart_by_their_numbers():
    before, after = (Detection().tally(each, TRUE) for each in (BEFORE, AFTER))
    table = recall_by_class(before, after, ("cat", "dog", "dog")).set_index("group")
    assert table["boxes"].to_dict() == {"dog (1)": 3, "dog (2)": 2}
