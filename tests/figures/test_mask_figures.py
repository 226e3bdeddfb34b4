"""Masks lie over their image, each class in a colour and a pattern, with the true outline."""

from __future__ import annotations

import io
import math
from base64 import b64decode
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz.compare.masks import NO_CLASS, largest_class, worsened_masks
from pruneviz.figures.inputs import masks
from pruneviz.figures.inputs.images import pale
from pruneviz.figures.inputs.masks import OUTLINE, PATTERNS, SHOWN, TINT, four_pictures, look_of
from pruneviz.figures.kit.style import ORIGINAL, ORIGINAL_ON_DARK, PRUNED
from pruneviz.tasks import IGNORED, TASKS

TASK = TASKS.get("segmentation").implementation()
SIDE = 6
STEP = SHOWN // SIDE
TRUE = torch.zeros(SIDE, SIDE, dtype=torch.long)
TRUE[:, 3:] = 1
TRUE[0] = IGNORED
WORSE = torch.zeros(SIDE, SIDE, dtype=torch.long)
WORSE[5, 5] = 2
RAW = torch.full((3, SIDE, SIDE), 0.5)
NAMES = ("ground", "disc", "square")
SAID = ("93.0 % right", "71.2 % right")


def drawn(figure) -> list[np.ndarray]:
    """Return the pictures that a browser shows, (H, W, 3) each."""
    sources = [trace.source for trace in figure.data if trace.type == "image"]
    contents = [b64decode(source.partition("base64,")[2]) for source in sources]
    return [np.array(Image.open(io.BytesIO(content))) for content in contents]


def middle(row: int, column: int) -> tuple[slice, slice]:
    """Return a pixel of a mask as it is enlarged, without its edge."""
    return tuple(slice(place * STEP + 3, (place + 1) * STEP - 3) for place in (row, column))


def test_four_pictures_show_the_image_and_three_masks():
    figure = four_pictures(RAW, (TRUE, TRUE, WORSE), NAMES, 0, SAID, "a.png loses most")
    image, truth, original, pruned = drawn(figure)
    assert all(each.shape == (STEP * SIDE, STEP * SIDE, 3) for each in (image, truth, pruned))
    assert (image == 128).all()
    grey = pale(RAW)[0, 0].astype(float)
    assert (truth[middle(3, 1)] == grey).all(), "the clear class lets the image through"
    look = look_of(1)
    tinted = np.round((1 - TINT) * grey + TINT * look.rgb).astype(int)
    colours = {tuple(pixel) for pixel in truth[middle(3, 4)].reshape(-1, 3).tolist()}
    assert colours == {tuple(tinted.tolist()), tuple(look.ink.astype(int).tolist())}
    assert np.array_equal(truth, original)
    assert (pruned[middle(3, 4)] == grey).all(), "what is answered, and not what is true"
    assert not (pruned[middle(5, 5)] == grey).all()
    for each in (truth, original, pruned):
        edge = each[3 * STEP + 9, [3 * STEP - 1, 3 * STEP]]
        assert (edge == OUTLINE).all(), "the true outline stands in all three"
        assert {tuple(p) for p in each[middle(0, 4)].reshape(-1, 3).tolist()} == {
            (255, 255, 255), (128, 128, 128),
        }, "what is not judged"  # fmt: skip
    entries = [trace.name for trace in figure.data if trace.type == "bar"]
    assert entries == ["ground (left grey)", "disc", "square", "not judged"]
    titles = [each.text for each in figure.layout.annotations]
    assert titles == ["image", "truth", f"original<br>{SAID[0]}", f"pruned<br>{SAID[1]}"]
    assert figure.layout.title.text == "a.png loses most"


def test_each_class_has_its_look_and_no_networks_colour():
    looks = [look_of(label) for label in range(35)]
    assert len(set(looks)) == 35
    assert not {ORIGINAL, ORIGINAL_ON_DARK, PRUNED} & {look.colour for look in looks}
    # next to each other neither colour nor pattern is the same
    for one, other in pairwise(looks):
        assert one.colour != other.colour
        assert one.pattern != other.pattern
    down, across = np.arange(48)[:, None], np.arange(48)[None]
    shapes = {np.broadcast_to(p(down, across), (48, 48)).tobytes() for p in PATTERNS.values()}
    assert len(shapes) == len(PATTERNS)


@pytest.mark.parametrize("shape", [(1, 5, 9), (3, 700, 400), (3, 360, 360), (1, 1, 2000)])
def test_pictures_of_any_size_keep_their_form_and_stay_small(shape):
    truth = torch.zeros(shape[1:], dtype=torch.long)
    figure = four_pictures(torch.rand(shape), (truth, truth, truth), (), 1, SAID, "alike")
    sizes = {each.shape[:2] for each in drawn(figure)}
    ((height, width),) = sizes
    assert SHOWN / 2 < max(height, width) <= SHOWN
    assert height / width == pytest.approx(shape[1] / shape[2], abs=1 / min(height, width))
    assert [trace.name for trace in figure.data if trace.type == "bar"] == ["class 0"]
    assert len(figure.to_json()) < 2_000_000, "of noise, which packs worst"


def test_answers_that_are_no_numbers_are_black_points():
    nowhere = torch.full((SIDE, SIDE), -1)
    figure = four_pictures(RAW, (TRUE, TRUE, nowhere), NAMES, 0, SAID, "")
    assert (0, 0, 0) in {tuple(p) for p in drawn(figure)[3][middle(4, 1)].reshape(-1, 3).tolist()}
    assert [t.name for t in figure.data if t.type == "bar"][-1] == masks.NOTHING


def test_images_are_ordered_by_the_right_pixels_that_they_lose():
    drawn_by = torch.Generator().manual_seed(3)
    z = torch.randn(5, 3, 4, 6, generator=drawn_by)
    other = z + torch.randn(5, 3, 4, 6, generator=drawn_by)
    y = torch.randint(0, 3, (5, 4, 6), generator=drawn_by)
    y[:, 0, :2] = IGNORED
    y[3] = IGNORED
    table = worsened_masks(TASK.answers(z, y), TASK.answers(other, y), y)
    assert sorted(table["index"]) == list(range(5))
    judged = table["change"].dropna()
    assert judged.is_monotonic_increasing
    assert list(judged) != [0.0] * len(judged)
    for row in table.itertuples():
        truth = y[row.index].flatten().tolist()
        places = [at for at, label in enumerate(truth) if label != IGNORED]
        assert (not places) == math.isnan(row.change)
        if not places:
            continue
        found = [each[row.index].argmax(0).flatten().tolist() for each in (z, other)]
        right = [[at for at in places if each[at] == truth[at]] for each in found]
        assert row.original == pytest.approx(len(right[0]) / len(places))
        assert row.pruned == pytest.approx(len(right[1]) / len(places))
        shares = []
        for label in range(3):
            of, said = ({at for at in places if each[at] == label} for each in (truth, found[1]))
            shares += [len(of & said) / len(of | said)] if of | said else []
        assert row.pruned_iou == pytest.approx(sum(shares) / len(shares))
        lost = [
            sum(truth[at] == label for at in right[0]) - sum(truth[at] == label for at in right[1])
            for label in range(3)
        ]
        assert row.most_lost == (lost.index(max(lost)) if max(lost) > 0 else NO_CLASS)
    counts = torch.bincount(y[y != IGNORED], minlength=3)
    assert largest_class(TASK.answers(z, y)) == int(counts.argmax())


def test_many_classes_leave_room_for_the_pictures():
    many = torch.arange(150).reshape(10, 15)
    figure = four_pictures(torch.zeros(3, 10, 15), (many, many, many), (), 0, SAID, "a.png")
    margin = figure.layout.margin
    assert figure.layout.height - margin.t - margin.b >= 250
