"""Scenes: several of scikit-learn's handwritten digits in an image, and what finds them."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.split import Training, channel_statistics, make_data, spread, stratified
from pruneviz.subjects.subject import Data
from pruneviz.tasks import IGNORED
from pruneviz.tasks.detection import Detection
from pruneviz.tasks.single_map import SingleMap

NAME = "scenes"
DIGITS = tuple(map(str, range(10)))
TEST_FRACTION, SPLIT_SEED = 1 / 3, 0  # of the digits, as the samples that read one digit have it
TRAINING, TESTED = 1200, 300  # scenes
SIDE = 64  # pixels of a scene, both ways
MOST = 5  # digits in a scene, one at least
SIDES = (14, 30)  # pixels of a digit's square
INK = 0.1  # of white, from which a pixel is the digit's
BESIDE = 0.1  # of the smaller box, which another may cover
TRIES = 20  # places looked at for a digit; one that fits nowhere is left out
Part = tuple[Tensor, Tensor]


class DigitsDetector(nn.Module):
    """Five convolutions with BatchNorm and a head: (B, 1, 64, 64) to one map (B, 15, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = _layer(1, 16)
        self.stage2 = _layer(16, 32)
        self.stage3 = _layer(32, 48)
        self.stage4 = _layer(48, 48)
        self.stage5 = _layer(48, 48)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(48, 5 + len(DIGITS), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map (B, 15, 8, 8) of images (B, 1, 64, 64), as `SingleMap` reads it."""
        x = self.pool(self.stage1(x))  # (B, 16, 32, 32)
        x = self.pool(self.stage2(x))  # (B, 32, 16, 16)
        x = self.pool(self.stage3(x))  # (B, 48, 8, 8)
        found: Tensor = self.head(self.stage5(self.stage4(x)))
        return found


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def task() -> Detection:
    """Return what the detector is for."""
    read = SingleMap((SIDE, SIDE))
    return Detection(read.decode, read.objective, len(DIGITS))


@lru_cache(maxsize=1)
def parts() -> tuple[Part, Part]:
    """Return raw scenes and boxes to train on, and to test on, of digits that the others lack."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = torch.from_numpy(bunch.images).float().unsqueeze(1) / 16.0
    y = torch.from_numpy(bunch.target).long()
    test, train = stratified(y.numpy(), TEST_FRACTION, SPLIT_SEED)
    return compose(x[train], y[train], TRAINING, seed=0), compose(x[test], y[test], TESTED, seed=1)


def load() -> Data:
    """Return the Data: scenes of held-out digits to evaluate, others to train and calibrate."""
    (x, y), held_out = parts()
    mean, std = channel_statistics(x)
    chosen = spread(len(y))
    return make_data(
        f"sample:{NAME}",
        held_out,
        (x[chosen], y[chosen]),
        classes=DIGITS,
        mean=mean,
        std=std,
        note=(
            f"Evaluated on {len(held_out[1]):,} scenes of digits that no training saw; "
            f"calibrated on {len(chosen):,} of the {len(y):,} training scenes."
        ),
        names=tuple(f"test scene {i}" for i in range(len(held_out[1]))),
        train=Training(x=x, y=y, augmentation=Augmentation(known=True), fingerprinted=False),
    )


def compose(digits: Tensor, labels: Tensor, count: int, seed: int) -> Part:
    """Return scenes (count, 1, 64, 64) in steps of 1/255, and their boxes (count, 5, 5).

    Digits (N, 1, 8, 8) in [0, 1] are drawn, scaled and placed by the seed, light over dark. A box
    is tight around the ink: x1, y1, x2, y2 in pixels and the label, `IGNORED` in rows that pad.
    """
    generator = torch.Generator().manual_seed(seed)
    wanted = torch.randint(1, MOST + 1, (count, 1), generator=generator)
    chosen = torch.randint(len(digits), (count, MOST), generator=generator)
    sides = torch.randint(SIDES[0], SIDES[1] + 1, (count, MOST), generator=generator)
    tries = torch.rand(count, MOST, TRIES, 2, generator=generator)
    corners = (tries * (SIDE - sides[..., None, None])).floor()  # of a digit's square
    ink = _ink(digits[:, 0])[chosen] * sides[..., None] / digits.shape[-1]
    boxes = torch.zeros(count, MOST, 5)
    there, places = torch.zeros(count, MOST, dtype=torch.bool), torch.zeros(count, MOST, 2).long()
    for index in range(MOST):
        each = corners[:, index].repeat(1, 1, 2) + ink[:, index, None]  # (count, tries, 4)
        fits = _covers_little(each, boxes[:, :index, :4])
        first = fits.int().argmax(1)[:, None, None]
        there[:, index] = fits.any(1) & (index < wanted[:, 0])
        places[:, index] = corners[:, index].gather(1, first.expand(-1, 1, 2))[:, 0].long()
        placed = each.gather(1, first.expand(-1, 1, 4))[:, 0]
        boxes[:, index, :4] = placed.where(there[:, index, None], 0.0)
    boxes[..., 4] = labels[chosen]
    boxes[~there] = float(IGNORED)
    drawn = _drawn(digits[chosen[there]], sides[there], places[there], there.nonzero()[:, 0], count)
    order = there.int().argsort(dim=1, descending=True, stable=True)[..., None].expand(-1, -1, 5)
    return (drawn * 255).round() / 255, boxes.gather(1, order)


def _ink(digits: Tensor) -> Tensor:
    """Return the corners of what is drawn in each digit (N, 8, 8), in its pixels, (N, 4)."""
    ends = []
    for inked in ((digits > INK).any(1), (digits > INK).any(2)):  # columns, rows
        ends.append((inked.int().argmax(1), 8 - inked.flip(1).int().argmax(1)))
    (left, right), (top, bottom) = ends
    return torch.stack([left, top, right, bottom], 1).float()


def _covers_little(boxes: Tensor, others: Tensor) -> Tensor:
    """Return which boxes (N, tries, 4) cover none of others (N, k, 4) by much, (N, tries)."""
    low = torch.maximum(boxes[:, :, None, :2], others[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], others[:, None, :, 2:])
    both = (high - low).clamp_min(0).prod(3)  # (N, tries, k)
    areas = [(each[..., 2:] - each[..., :2]).prod(2) for each in (boxes, others)]
    return (both <= BESIDE * torch.minimum(areas[0][:, :, None], areas[1][:, None])).all(2)


def _drawn(digits: Tensor, sides: Tensor, places: Tensor, scene: Tensor, count: int) -> Tensor:
    """Return scenes (count, 1, 64, 64) with each digit (K, 1, 8, 8) at its place x, y."""
    scenes = torch.zeros(count, 1, SIDE, SIDE)
    for side in sides.unique().tolist():
        mine = sides == side
        scaled = interpolate(digits[mine], (side, side), mode="bilinear")
        for image, (x, y), index in zip(
            scaled, places[mine].tolist(), scene[mine].tolist(), strict=True
        ):
            part = scenes[index, :, y : y + side, x : x + side]
            part.copy_(torch.maximum(part, image))
    return scenes
