"""Boxes judged beside torchmetrics, whose numbers are faster-coco-eval's."""

from __future__ import annotations

import pytest
import torch
from torchmetrics.detection import MeanAveragePrecision

from pruneviz.metrics import METRICS, detection
from pruneviz.metrics.boxes import SIZES, matched, overlaps
from pruneviz.metrics.statistics import wilson
from pruneviz.tasks import IGNORED
from pruneviz.tasks.detection import Detection

TASK = Detection()


def images(whole: bool, classes: int = 3, count: int = 30, seed: int = 0):
    """Draw images with crowded boxes, whole pixels or not; some have none, some answers are none's.

    Of whole pixels overlaps are often exactly 0.5, areas exactly 32². The last class is answered
    and nowhere.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(*shape, generator=generator)

    answers, targets = [], []
    for _ in range(count):
        many = int(9 * draw(1))
        low, size = 40 * draw(many, 2), torch.tensor([16.0, 32.0, 64.0, 128.0])
        sides = size[(4 * draw(many, 2)).long()] + (0 if whole else draw(many, 2))
        kinds = (classes * draw(many)).long()
        true = torch.cat([low, low + sides], 1)
        answered = true.repeat(3, 1)
        answered = answered + 8 * (draw(*answered.shape) - 0.5) * (draw(len(answered), 1) > 0.3)
        labels = torch.where(draw(3 * many) < 0.8, kinds.repeat(3), (4 * draw(3 * many)).long())
        if whole:
            true, answered = true.round(), answered.round()
        targets.append({"boxes": true, "labels": kinds})
        answers.append({"boxes": answered, "scores": draw(3 * many), "labels": labels})
    return answers, targets


def padded(targets):
    most = max(len(each["labels"]) for each in targets)
    rows = torch.full((len(targets), most, 5), float(IGNORED))
    for row, each in zip(rows, targets, strict=True):
        row[: len(each["labels"])] = torch.cat([each["boxes"], each["labels"][:, None]], 1)
    return rows


def counted(answers, targets):
    rows = padded(targets)
    assert TASK.misfit(answers, rows) is None
    return TASK.tally(TASK.answers(answers, rows), rows)


def judged(answers, targets):
    metric = MeanAveragePrecision(backend="faster_coco_eval", class_metrics=True)
    metric.update(answers, targets)
    return metric.compute()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_boxes_are_judged_as_coco_judges_them(whole, seed):
    answers, targets = images(whole, seed=seed)
    found, expected = counted(answers, targets), judged(answers, targets)
    for name in ("map_50", "map"):
        assert METRICS.get(name).combine(found) == pytest.approx(float(expected[name]), abs=1e-6)
    recall, known = METRICS.get("box_recall"), expected["mar_100_per_class"].tolist()
    for label in range(3):
        value = recall.of(class_index=label).combine(found)
        assert value == pytest.approx(known[label], abs=1e-6)


@pytest.mark.parametrize("whole", [False, True])
def test_boxes_of_a_size_are_found_as_coco_finds_them(whole):
    answers, targets = images(whole, classes=1)
    found, expected = counted(answers, targets), judged(answers, targets)
    for size in ("small", "medium", "large"):
        value = METRICS.get("box_recall").of(size=size).combine(found)
        assert value == pytest.approx(float(expected[f"mar_{size}"]), abs=1e-6)
    if whole:
        assert bool(found["true_sizes"][..., 1:3].all(2).any()), "one is small and medium"


def test_the_100_of_the_highest_scores_count():
    many = 130
    corners = torch.arange(many)[:, None] * torch.tensor([10.0, 0, 10, 0]) + torch.tensor(
        [0.0, 0, 8, 8]
    )
    answer = {"boxes": corners, "scores": torch.linspace(0.1, 0.9, many),
              "labels": torch.zeros(many, dtype=torch.long)}  # fmt: skip
    truth = {"boxes": corners, "labels": answer["labels"]}
    found, expected = counted([answer], [truth]), judged([answer], [truth])
    assert METRICS.get("box_recall").combine(found) == pytest.approx(100 / many)
    assert METRICS.get("map").combine(found) == pytest.approx(float(expected["map"]), abs=1e-6)


def test_a_resample_is_judged_as_its_images_one_by_one():
    answers, targets = images(False, count=12)
    found = counted(answers, targets)
    drawn = torch.randint(12, (12,), generator=torch.Generator().manual_seed(0))
    weights = torch.bincount(drawn, minlength=12)[:, None].float()
    again = {name: rows[drawn.sort().values] for name, rows in found.items()}
    for name, settings in (("map_50", {}), ("map", {}),
                           ("box_recall", {"class_index": 1, "size": "any"})):  # fmt: skip
        metric = METRICS.get(name)
        value = float(metric.implementation.drawn(found, weights, **settings))
        assert value == pytest.approx(metric.of(**settings).combine(again), rel=1e-9)


@pytest.mark.parametrize("changed", ["hits", "scores", "classes", "true_classes"])
def test_resamples_that_are_kept_are_those_of_the_same_boxes(changed, monkeypatch):
    metric, drawn = METRICS.get("map_50"), []
    real = detection.Ranked.drawn
    monkeypatch.setattr(
        detection.Ranked, "drawn", lambda *given: drawn.append(given[1].shape[1]) or real(*given)
    )
    before, after = counted(*images(True, seed=1)), counted(*images(True, seed=1))
    change, alone = metric.paired(before, after), metric.interval(after)
    resampled = sum(count > 1 for count in drawn)
    assert resampled == 2  # of both networks once
    another = counted(*images(True, seed=2)) | {"true_classes": after["true_classes"]}
    of_others = {**after, changed: another[changed]}
    if changed != "true_classes":
        fresh = {name: column.clone() for name, column in of_others.items()}
        assert metric.interval(of_others) == metric.interval(fresh) != alone
    else:
        of_others[changed] = after[changed].clone()
        assert metric.interval(of_others) == alone
        assert sum(count > 1 for count in drawn) == resampled + 1
    assert metric.paired(before, after) == change


def test_two_answers_of_one_thing_are_one_hit_and_a_free_box_is_taken_before_a_better_taken_one():
    true = torch.tensor([[[0.0, 0, 10, 10, 1], [0, 0, 10, 6, 1], [0, 0, 0, 0, IGNORED]]])
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10]]])
    hits, found = matched(boxes, torch.tensor([[1, 1, 2]]), true)
    assert hits[0, :, 0].tolist() == [True, True, False]
    assert hits[0, 1].tolist() == [*[True] * 4, *[False] * 6]  # 60 of 90 with the other
    assert found[0, :, 0, 0].tolist() == [True, True, False]
    assert found[0, :, 1, 0].tolist() == [True, True, False]
    assert not found[0, :, 2:].any()


def test_overlaps_are_shares_of_both():
    boxes = torch.tensor([[0.0, 0, 2, 2], [5, 5, 5, 5]])
    assert overlaps(boxes, boxes).tolist() == [[1, 0], [0, 0]]
    moved = torch.tensor([[1.0, 0, 3, 2]])
    assert float(overlaps(boxes[:1], moved)) == pytest.approx(1 / 3)


def test_without_boxes_there_is_no_number_and_without_answers_it_is_0():
    answers, targets = images(False)
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    unlabelled = counted(answers, [*[nothing] * 29, {**nothing, **targets[0]}][::-1])
    silent = counted([{**nothing, "scores": torch.zeros(0)}] * 30, targets)
    boxes = sum(len(each["labels"]) for each in targets)
    for name in ("map_50", "map", "box_recall"):
        metric = METRICS.get(name)
        assert metric.combine(silent) == 0
        if name != "box_recall":
            assert metric.interval(silent) == wilson(0, boxes)
    none = {name: rows[1:] for name, rows in unlabelled.items()}
    for name in ("map_50", "map", "box_recall"):
        assert METRICS.get(name).combine(none) != METRICS.get(name).combine(none)
        assert METRICS.get(name).interval(none) == (0, 1)


def test_all_found_is_not_certain():
    _, targets = images(False, classes=1)
    sure = [{**each, "scores": torch.ones(len(each["labels"]))} for each in targets]
    found = counted(sure, targets)
    boxes = sum(len(each["labels"]) for each in targets)
    for name in ("map_50", "map", "box_recall"):
        assert METRICS.get(name).combine(found) == pytest.approx(1)
        assert METRICS.get(name).interval(found) == pytest.approx(wilson(boxes, boxes))


def test_networks_on_other_boxes_are_not_compared():
    answers, targets = images(False)
    first = counted(answers, targets)
    second = {**first, "true_classes": first["true_classes"].flip(0)}
    with pytest.raises(ValueError, match="other targets"):
        METRICS.get("map").paired(first, second)


def test_every_size_is_told():
    assert [*SIZES] == ["any", "small", "medium", "large"]
