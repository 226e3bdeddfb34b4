"""Scenes hold the digits that their boxes say, and their test part none of those trained on."""

from __future__ import annotations

import torch

from pruneviz.subjects.sample_data import load_split
from pruneviz.subjects.samples import scenes
from pruneviz.tasks import IGNORED

WHITE = torch.ones(3, 1, 8, 8)
WHITE[1, :, :, :4] = 0  # the right half alone is drawn
WHITE[2, :, 2:] = 0  # the two upper rows alone
LABELS = torch.tensor([4, 7, 9])


def test_the_same_seed_composes_the_same_scenes():
    first, again, other = (scenes.compose(WHITE, LABELS, 5, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_box_is_around_the_ink_of_its_digit():
    x, y = scenes.compose(WHITE[:1], LABELS[:1], 200, 0)
    for scene, rows in zip(x[:, 0], y, strict=True):
        covered = torch.zeros(scenes.SIDE, scenes.SIDE)
        for x1, y1, x2, y2 in rows[rows[:, 4] != IGNORED, :4].int().tolist():
            covered[y1:y2, x1:x2] = 1
        assert torch.equal(scene, covered)
    for digit, (across, down) in ((1, (0.5, 1)), (2, (1, 0.25))):
        rows = scenes.compose(WHITE[digit : digit + 1], LABELS[:1], 50, 0)[1]
        rows = rows[rows[..., 4] != IGNORED]
        whole = (rows[:, 2] - rows[:, 0]) / across
        assert torch.allclose(whole, (rows[:, 3] - rows[:, 1]) / down)
        assert bool(((whole >= 14) & (whole <= 30)).all())


def test_boxes_lie_inside_cover_little_of_one_another_and_are_of_drawn_labels():
    y = scenes.compose(WHITE, LABELS, 300, 1)[1]
    there = y[..., 4] != IGNORED
    assert {*y[there][:, 4].int().tolist()} == {4, 7, 9}
    assert {*there.sum(1).tolist()} == {1, 2, 3, 4, 5}
    assert bool((there.int().diff(dim=1) <= 0).all()), "rows that pad come last"
    assert 0 <= float(y[there][:, :4].min()) < float(y[there][:, :4].max()) <= scenes.SIDE
    for rows in y:
        boxes = rows[rows[:, 4] != IGNORED, :4].tolist()
        for index, (a, b, c, d) in enumerate(boxes):
            for e, f, g, h in boxes[:index]:
                both = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
                smaller = min((c - a) * (d - b), (g - e) * (h - f))
                assert both <= 0.1 * smaller + 1e-3


def test_scenes_are_of_digits_as_the_other_samples_split_them():
    (x, y), (held_out, _) = scenes.parts()
    split, digits = load_split(scenes.NAME), load_split("digits")
    assert torch.equal(split.train_x, x)
    assert torch.equal(split.test_x, held_out)
    again = scenes.compose(digits.test_x, digits.test_y, len(held_out), seed=1)[0]
    assert torch.equal(again, held_out)
    assert len(x) == len(y) == scenes.TRAINING
