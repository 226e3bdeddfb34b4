"""Boxes are drawn where they lie, and lines and names tell right from wrong and missed ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from pruneviz.compare.boxes import Found, found_boxes
from pruneviz.compare.objects import changes
from pruneviz.figures.inputs.boxes import (
    DASHED,
    DOTTED,
    MIXED,
    SOLID,
    TRUE,
    answered_boxes,
    changed_boxes,
    crop,
    true_boxes,
)
from pruneviz.figures.kit.style import ORIGINAL, ORIGINAL_ON_DARK, PRUNED, describe, on_dark
from pruneviz.tasks import IGNORED

CLASSES = ("cat", "dog", "bird")
TRUE_BOXES = torch.tensor([[0.0, 0, 10, 10, 1], [20, 20, 30, 32, 2], [IGNORED] * 5])
ANSWERED = torch.tensor([
    [0.0, 1, 10, 10, 0.9, 1],  # right
    [0, 0, 10, 9, 0.8, 1],  # the same thing once more
    [20, 20, 30, 31, 0.7, 0],  # of another class
    [21, 20, 30, 31, 0.1, 2],  # right, and hardly believed in
    [0, 0, 0, 0, 0, IGNORED],
])  # fmt: skip
NOTHING = torch.zeros(0, 6)


def test_each_answered_box_is_right_or_wrong_and_each_true_one_found_or_missed():
    found = found_boxes(ANSWERED, TRUE_BOXES, 0.3)
    assert found.right.tolist() == ANSWERED[:1].tolist()
    assert found.wrong.tolist() == ANSWERED[1:3].tolist()
    assert found.missed.tolist() == TRUE_BOXES[1:2].tolist()
    all_of_them = found_boxes(ANSWERED, TRUE_BOXES, 0.05)
    assert len(all_of_them.right) == 2
    assert not len(all_of_them.missed)


def test_nothing_answered_and_nothing_there():
    none = found_boxes(NOTHING, TRUE_BOXES, 0.0)
    assert (len(none.right), len(none.wrong), len(none.missed)) == (0, 0, 2)
    empty = found_boxes(ANSWERED, TRUE_BOXES[2:], 0.0)
    assert (len(empty.right), len(empty.wrong), len(empty.missed)) == (0, 4, 0)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_right_overlaps_a_thing_of_its_class_by_half(seed):
    generator = torch.Generator().manual_seed(seed)
    low = torch.randint(0, 40, (12, 2), generator=generator).float()
    high = low + torch.randint(6, 12, (12, 2), generator=generator)
    kinds = torch.randint(0, 2, (12, 1), generator=generator).float()
    true = torch.cat([low, high, kinds], 1)
    near = true[:, :4] + torch.randint(-1, 2, (12, 4), generator=generator)
    boxes = torch.cat([near, true[:, :4] + 5])
    scores = torch.rand(24, 1, generator=generator).sort(0, descending=True).values
    answered = torch.cat([boxes, scores, kinds.repeat(2, 1)], 1)
    found = found_boxes(answered, true, 0.2)
    shared = box_iou(found.right[:, :4], true[:, :4]) * (found.right[:, 5:] == true[:, 4])
    assert bool((shared.amax(1) >= 0.5).all())
    assert len(found.right)
    assert len(found.right) + len(found.missed) == len(true)
    assert len(found.right) + len(found.wrong) == int((scores >= 0.2).sum())


def drawn(found=None, classes=CLASSES, colour=ORIGINAL):
    found = found_boxes(ANSWERED, TRUE_BOXES, 0.3) if found is None else found
    return answered_boxes(torch.rand(3, 40, 50), found, classes, "original", colour)


def lines(figure) -> list[tuple[str, str, str]]:
    return [
        (line.line.color, line.line.dash, line.name)
        for line in figure.data
        if line.type == "scatter" and line.hoverinfo == "name"
    ]


def told(figure) -> list[str]:
    return [each.text for each in figure.layout.annotations]


def test_lines_and_names_say_what_is_right_wrong_and_missed():
    figure = drawn(colour=PRUNED)
    assert lines(figure) == [
        (PRUNED, DASHED, "wrong dog (80 %)"), (PRUNED, DASHED, "wrong cat (70 %)"),
        (TRUE, DOTTED, "missed bird"),
        (PRUNED, SOLID, "dog (90 %)"),
    ]  # fmt: skip
    assert told(figure) == [name for _, _, name in lines(figure)]
    assert len({SOLID, DASHED, DOTTED}) == 3
    assert {line[0] for line in lines(on_dark(drawn()))} == {ORIGINAL_ON_DARK, TRUE}


def test_true_boxes_lie_on_the_picture_whose_first_pixel_is_around_0():
    figure = true_boxes(torch.rand(1, 40, 50), TRUE_BOXES[:2], CLASSES)
    assert lines(figure) == [(TRUE, SOLID, "dog"), (TRUE, SOLID, "bird")]
    image = figure.data[0]
    edge = image.x0 - image.dx / 2, image.y0 - image.dy / 2
    assert edge == pytest.approx((-0.5, -0.5))
    last = next(line for line in figure.data if line.name == "bird")
    assert (min(last.x), max(last.x)) == (19.5, 29.5)
    assert (min(last.y), max(last.y)) == (19.5, 31.5)
    assert list(figure.layout.xaxis.range) == [-0.5, 49.5]
    assert list(figure.layout.yaxis.range) == [39.5, -0.5], "rows are counted from above"


def test_names_stay_inside_the_picture():
    beyond = torch.tensor([[-9.0, -9, 60, 60, 0.9, 0], [45, 36, 70, 80, 0.8, 0]])
    for note in drawn(Found(beyond[:1], beyond[1:], TRUE_BOXES[:0])).layout.annotations:
        assert 0 <= note.x <= 49
        assert 0 <= note.y <= 39


def test_of_many_boxes_the_surest_are_named():
    scores = torch.linspace(0.9, 0.4, 20)[:, None]
    many = torch.cat([torch.rand(20, 4) + torch.tensor([0.0, 0, 9, 9]), scores, scores * 0], 1)
    figure = drawn(Found(many[:0], many, TRUE_BOXES[:0]))
    assert len(lines(figure)) == 20
    assert told(figure) == [f"wrong cat ({score} %)" for score in (90, 87, 85, 82, 79, 77)]


def test_a_class_s_name_is_text_and_no_markup():
    nothing = found_boxes(NOTHING, TRUE_BOXES[:1], 0.0)
    assert told(drawn(nothing, ("", "a<b>"))) == ["missed a&lt;b&gt;"]


def test_the_title_says_how_many_are_found_and_how_many_are_wrong():
    assert "The original finds 1 of 2, 2 wrong." in describe(drawn())
    for count, said in ((0, "0 boxes"), (1, "1 box"), (2, "2 boxes")):
        figure = true_boxes(torch.rand(1, 40, 50), TRUE_BOXES[:count], CLASSES)
        assert describe(figure) == f"The truth: {said}."


def test_what_changed_is_told_by_lines_colours_names_and_a_legend_with_counts():
    before = torch.tensor([[0.0, 0, 10, 10, 0.9, 1], [20, 20, 30, 32, 0.8, 2]])
    after = torch.tensor([[0.0, 0, 10, 10, 0.7, 1], [40, 20, 50, 30, 0.6, 0]])
    became = changes(before, after, TRUE_BOXES, 0.3)
    figure = changed_boxes(torch.rand(3, 40, 50), became, CLASSES)
    assert lines(figure) == [
        (TRUE, SOLID, "kept dog (70 %)"), (ORIGINAL, DOTTED, "lost bird (80 %)"),
        (PRUNED, DASHED, "newly wrong cat (60 %)"),
    ]  # fmt: skip
    scatters = [each for each in figure.data if each.type == "scatter"]
    legend = [line.name for line in scatters if line.showlegend is None]
    assert legend == ["kept: 1", "lost: 1", "new: 0", "newly wrong: 1"]
    assert figure.layout.showlegend
    assert figure.layout.title.text == "Of 2: 1 kept, 1 lost, 0 new"
    assert len({SOLID, DASHED, DOTTED, MIXED}) == 4


@pytest.mark.parametrize("box", [[12, 14, 20, 30], [0, 0, 6, 8], [44, 30, 60, 50], [0, 0, 50, 40]])
def test_a_crop_holds_the_box_and_marks_its_outline(box):
    raw = torch.full((3, 40, 50), 0.5)
    shown = crop(raw, box, 144)
    assert shown.shape[0] >= 144
    marked = (shown != shown[..., :1]).any(2)  # the outline alone is no grey
    assert marked.any()
    x1, y1, x2, y2 = (min(max(e, 0), most) for e, most in zip(box, (50, 40, 50, 40), strict=True))
    high, wide = (np.ptp(np.flatnonzero(marked.any(axis))) for axis in (1, 0))
    assert high / wide == pytest.approx((y2 - y1) / (x2 - x1), rel=0.1)
