"""Boxes against what is written down by hand, and a single map against its formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.ops import box_iou, nms

from pruneviz.tasks import IGNORED, TASKS, detection
from pruneviz.tasks.detection import BOXES, Detection
from pruneviz.tasks.single_map import SingleMap
from pruneviz.wording import RefusedError, misfits

TASK = TASKS.get("detection").implementation()
LISTS = "boxes with their classes, (boxes, 5)"
NOTHING = [0.0, 0, 0, 0, IGNORED]


def listed(*rows):
    """Return one input's boxes from rows of corners, score and label."""
    numbers = torch.tensor(rows, dtype=torch.float64).reshape(-1, 6)
    return {"boxes": numbers[:, :4], "scores": numbers[:, 4], "labels": numbers[:, 5].long()}


FIRST = listed([0, 0, 10, 10, 0.2, 1], [20, 0, 30, 10, 0.9, 2], [0, 0, 10, 9, 0.6, 1])
SECOND = listed([0, 0, 10, 10, 0.5, 1], [20, 0, 30, 10, 0.4, 1])
Y = torch.tensor([[[0.0, 0, 10, 8, 1], [20, 0, 30, 10, 2]], [[20, 0, 30, 10, 1], NOTHING]])
MAP = SingleMap((48, 64))  # pixels: height and width
Z = torch.randn(3, 7, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_boxes_are_kept_from_the_highest_score_on_and_padded_and_none_that_is_no_number():
    odd = listed([0, 0, 1, 1, math.nan, 0], [0, math.inf, 1, 1, 0.9, 0], [0, 0, 4, 4, 0.3, 3])
    found = TASK.answers([FIRST, odd], Y)
    assert found.shape == (2, 100, 6)
    assert found[0, :3, 4].tolist() == pytest.approx([0.9, 0.6, 0.2])
    assert found[0, 0].tolist() == pytest.approx([20, 0, 30, 10, 0.9, 2])
    assert found[1, 0].tolist() == pytest.approx([0, 0, 4, 4, 0.3, 3])
    assert bool((found[0, 3:, 5] == IGNORED).all() & (found[1, 1:, 5] == IGNORED).all())
    many = listed(*[[0, 0, 1, 1, score / 500, 0] for score in range(150)])
    assert float(TASK.answers([many], Y)[0, :, 4].min()) == pytest.approx(50 / 500)


def test_torchvision_s_detectors_answer_so():
    torch.manual_seed(0)
    network = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    with torch.no_grad():
        output = network.eval()(torch.rand(2, 3, 320, 320))
    assert TASK.misfit(output, Y) is None
    answers = TASK.answers(output, Y)
    for rows, each in zip(answers, output, strict=True):
        best = each["scores"].sort(descending=True).values[:100]
        assert torch.equal(rows[: len(best), 4], best)
    assert len(TASK.tally(answers, Y)["hits"]) == 2


def test_what_is_right_and_what_is_found_is_counted():
    found = TASK.tally(TASK.answers([FIRST, SECOND], Y), Y)
    assert found["classes"][0, :4].tolist() == [2, 1, 1, IGNORED]
    assert found["hits"][0, :3].sum(1).tolist() == [10, 8, 0]  # 80 of 90; then it is taken
    assert found["hits"][1, :2].sum(1).tolist() == [0, 10]
    assert found["true_classes"].tolist() == [[1, 2], [1, IGNORED]]
    assert found["found"][:, :, 0].sum(2).tolist() == [[8, 10], [10, 0]]
    assert found["true_sizes"].sum(1).tolist() == [[2, 2, 0, 0], [1, 1, 0, 0]]


def test_an_answer_is_off_by_what_its_average_precision_lacks_of_1():
    late = listed([0, 0, 10, 8, 0.9, 1], [50, 50, 60, 60, 0.6, 2], [20, 0, 30, 10, 0.2, 2])
    truth = torch.cat([Y[:1]] * 3)
    found = TASK.fault(TASK.tally(TASK.answers([late, FIRST, listed()], truth), truth))
    assert found.tolist() == pytest.approx([1 - (1 + 2 / 3) / 2, 0.0, 1.0])
    none = torch.tensor([[NOTHING, NOTHING]] * 2)
    found = TASK.fault(TASK.tally(TASK.answers([FIRST, listed()], none), none))
    assert found.tolist() == pytest.approx([0.9, 0.0])  # the surest of what is not there


def test_without_an_objective_nothing_is_differentiated_and_it_is_told():
    with pytest.raises(RefusedError) as caught:
        TASK.loss([FIRST], Y[:1])
    assert caught.value.fact == misfits.no_objective()
    assert "magnitude_l1" in str(caught.value)


def test_listed_boxes_are_apart_by_the_scores_that_both_give_them():
    # boxes of FIRST: 0.6, 0.9, 0.6 by itself (two are one thing), 0.5, 0, 0.5 by the other;
    # boxes of SECOND: 0.5, 0.4 by itself, 0.6, 0 by the first
    squares = [0.1**2, 0.9**2, 0.1**2, 0.1**2, 0.4**2]
    expected = sum(squares) / 5
    found = TASK.distil([FIRST, SECOND], [SECOND, SECOND], reduction="none")
    assert found.tolist() == pytest.approx([expected, 0])
    halved = TASK.distil([SECOND], [FIRST], 2.0)
    assert float(halved) == pytest.approx(expected / 4)
    none = listed()
    assert float(TASK.distil([none], [none])) == 0


def test_maps_are_apart_by_their_squared_distance():
    task = Detection(MAP.decode, MAP.objective)
    expected = (Z - Z.flip(0)).square().sum((1, 2, 3)) / (7 * 2 * 4)
    assert torch.allclose(task.distil(Z, Z.flip(0), reduction="none"), expected, rtol=1e-12)


def test_what_can_be_explained_is_the_score_of_the_box_that_is_the_same_thing():
    true, *boxes = TASK.explained([FIRST], Y[:1])
    assert [each.name for each in boxes] == ["box 0, class 2", "box 1, class 1", "box 2, class 1"]
    assert [float(each.of([FIRST])) for each in boxes] == pytest.approx([0.9, 0.6, 0.6])
    assert [float(each.of([SECOND])) for each in boxes] == pytest.approx([0, 0.5, 0.5])
    assert float(true.of([FIRST])) == pytest.approx(0.6 + 0.9)
    assert float(true.of([SECOND])) == pytest.approx(0.5)
    assert float(true.of([listed()])) == 0
    assert len(TASK.explained([listed()])) == 0


def test_every_true_box_is_explained_by_itself_however_many_are_found():
    places = torch.arange(13)[:, None] * 10.0
    boxes = torch.cat([places, places, places + 5, places + 5], 1)
    scores = 1 - torch.arange(13) / 20
    labels = torch.zeros(13, dtype=torch.int64)
    found = {"boxes": boxes[:12], "scores": scores[:12], "labels": labels[:12]}
    true = torch.cat([boxes, labels[:, None].float()], 1)[None]
    _, *each = TASK.explained([found], true)
    names = [f"box {i}, class 0" for i in range(10)]
    names += ["true box 0, class 0", "true box 1, class 0", "missed box 0, class 0"]
    assert [box.name for box in each] == names
    given = [float(box.of([found])) for box in each]
    assert given == pytest.approx([*scores[:12].tolist(), 0.0])
    assert [box.box for box in each] == [tuple(row) for row in boxes.tolist()]


def test_a_fair_split_divides_each_set_of_classes():
    other = torch.tensor([[[0.0, 0, 1, 1, 2], [5, 5, 7, 7, 1]], [NOTHING, NOTHING]])
    a, b, c, d, e, f = TASK.strata(torch.cat([Y, other, Y[1:], other[1:]])).tolist()
    assert (a, b, d) == (c, e, f)
    assert len({a, b, d}) == 3


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ([FIRST, SECOND], Y, None),
        ([FIRST], Y, None),
        ([FIRST], Y[:, :0], None),
        (Z, Y, misfits.answers_otherwise((3, 7, 2, 4), BOXES)),
        ([{"boxes": Z}], Y, misfits.answers_otherwise("list", BOXES)),
        ([FIRST], Y[..., 0], misfits.targets_otherwise((2,), LISTS)),
        ([FIRST], Y * math.nan, misfits.targets_not_finite()),
        ([FIRST], Y - torch.tensor([0, 0, 0, 0, 3]), misfits.no_class_of_a_box(-103.0)),
        ([FIRST], Y + torch.tensor([0, 0, 0, 0, 0.5]), misfits.no_class_of_a_box(-99.5)),
        ([FIRST], Y * torch.tensor([1.0, 1, 0, 1, 1]), misfits.boxes_without_area(3)),
    ],
)  # fmt: skip
def test_outputs_and_boxes_of_another_task_are_told(output, target, expected):
    assert TASK.misfit(output, target) == expected


def test_a_task_with_a_map_is_told_that_it_is_none():
    task = Detection(MAP.decode, MAP.objective)
    assert task.misfit(Z, Y) is None
    assert task.misfit([FIRST], Y) == misfits.answers_otherwise("list", "one map for each input")


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def cells(image: int):
    """Yield each cell of a map: its number, objectness, box in pixels and class probabilities."""
    for row in range(2):
        for column in range(4):
            sure, *b = Z[image, :5, row, column].tolist()
            x, y = (math.tanh(b[0]) + column) / 4 * 64, (math.tanh(b[1]) + row) / 2 * 48
            wide, high = sigmoid(b[2]) * 64, sigmoid(b[3]) * 48
            corners = [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2]
            powers = [math.exp(z) for z in Z[image, 5:, row, column].tolist()]
            yield 4 * row + column, sure, corners, [each / sum(powers) for each in powers]


@pytest.mark.parametrize("image", range(3))
def test_a_map_is_read_cell_by_cell(image):
    each = [
        (sigmoid(sure) ** 0.6 * max(p) ** 0.4, p.index(max(p)), box)
        for _, sure, box, p in cells(image)
    ]
    expected = []
    for label in (0, 1):
        mine = [(score, box) for score, kind, box in each if kind == label]
        scores, boxes = (torch.tensor(part) for part in zip(*mine, strict=True))
        for index in nms(boxes, scores, 0.45).tolist():
            expected.append([*mine[index][1], mine[index][0], label])
    boxes, scores, classes = MAP.decode(Z)[image]
    found = torch.cat([boxes, scores[:, None], classes[:, None]], 1).tolist()
    for mine, theirs in zip(found, sorted(expected, key=lambda e: -e[4]), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-6)


def test_the_loss_of_a_map_is_that_of_its_formula():
    target = torch.tensor([
        [[1.0, 1, 12, 20, 1], [0, 0, 30, 40, 0], [2, 2, 8, 8, 0], [40, 10, 60, 44, 1]],
        [[50, 25, 70, 60, 0], NOTHING, NOTHING, NOTHING], [NOTHING] * 4,
    ])  # fmt: skip
    # centres in cells of 16 by 24 pixels; of the three in cell 0 the smallest is asked for
    asked = [{0: 2, 7: 3}, {7: 0}, {}]
    found = MAP.objective(Z, target).tolist()
    for image in range(3):
        total = 0.0
        for cell, sure, box, p in cells(image):
            there = cell in asked[image]
            chance = sigmoid(sure) if there else 1 - sigmoid(sure)
            total -= (1 - chance) ** 2 * math.log(chance)
            if there:
                wanted = target[image, asked[image][cell]]
                shared = float(box_iou(torch.tensor([box]), wanted[None, :4].double()))
                total += 2 * (1 - shared) - math.log(p[int(wanted[4])])
        assert found[image] == pytest.approx(total / max(1, len(asked[image])), rel=1e-6)


def test_boxes_are_matched_a_few_inputs_at_a_time_and_to_the_same_end(monkeypatch):
    answers = TASK.answers([FIRST, SECOND], Y)
    whole = TASK.tally(answers, Y)
    monkeypatch.setattr(detection, "PAIRS", 1)
    assert all(torch.equal(each, whole[name]) for name, each in TASK.tally(answers, Y).items())
