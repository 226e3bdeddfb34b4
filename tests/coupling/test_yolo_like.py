"""Structures of YOLO's detectors: parts of one convolution's output, binned boxes, kept anchors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pruneviz.apply import apply
from pruneviz.proof import find_units, prove
from pruneviz.proof.perturb import perturbed
from pruneviz.wording import stays

CLASSES, BINS, HIDDEN, INNER = 3, 5, 6, 4


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    layers = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layers, nn.BatchNorm2d(outputs), nn.SiLU())


class Bottleneck(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = conv(width, INNER, 3), conv(INNER, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(self.one(x))


class Halves(nn.Module):
    """Two halves of a convolution's output, one goes through bottlenecks; all are laid together."""

    def __init__(self, inputs: int, outputs: int, taken: str, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.hidden, self.taken = hidden, taken
        self.first = conv(inputs, 2 * hidden)
        self.inner = nn.ModuleList(Bottleneck(hidden) for _ in range(2))
        self.last = conv(4 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        parts = [*x.chunk(2, 1)] if self.taken == "chunk" else [*x.split([self.hidden] * 2, 1)]
        for each in self.inner:
            parts.append(each(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Mean(nn.Module):
    """The mean over the bins of each side, (N, 4 · bins, places) to (N, 4, places)."""

    def __init__(self) -> None:
        super().__init__()
        self.bins, self.conv = BINS, nn.Conv2d(BINS, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data[:] = torch.arange(BINS).view(1, BINS, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, places = x.shape
        bins = x.view(n, 4, self.bins, places).transpose(2, 1).softmax(1)
        return self.conv(bins).view(n, 4, places)


class Head(nn.Module):
    """Boxes as means over bins around anchors, which are kept until inputs have another size."""

    shape: tuple[int, ...] | None = None
    anchors = torch.empty(0)

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.bins = BINS
        self.box = nn.ModuleList(
            nn.Sequential(conv(width, 8, 3), nn.Conv2d(8, 4 * BINS, 1)) for width in widths
        )
        self.kind = nn.ModuleList(
            nn.Sequential(conv(width, 8, 3), nn.Conv2d(8, CLASSES, 1)) for width in widths
        )
        self.mean = Mean()

    def forward(self, maps: list[Tensor]) -> Tensor:
        n = maps[0].shape[0]
        boxes, kinds = (
            torch.cat([one(x).view(n, outputs, -1) for one, x in zip(heads, maps, strict=True)], 2)
            for heads, outputs in ((self.box, 4 * self.bins), (self.kind, CLASSES))
        )
        if self.shape != maps[0].shape:
            self.anchors = torch.cat([self.places(x) for x in maps], 1)
            self.shape = maps[0].shape
        left, right = self.mean(boxes).chunk(2, 1)
        ends = self.anchors - left, self.anchors + right
        return torch.cat([*ends, kinds.sigmoid()], 1)

    @staticmethod
    def places(x: Tensor) -> Tensor:
        rows, columns = torch.meshgrid(*map(torch.arange, x.shape[2:]), indexing="ij")
        return torch.stack([columns.flatten(), rows.flatten()]) + 0.5


class Detector(nn.Module):
    """Images (N, 3, H, W), sides of whole fours, to (N, 4 + classes, places)."""

    def __init__(self, taken: str) -> None:
        super().__init__()
        self.stem, self.near = conv(3, 8, 3, 2), Halves(8, 10, taken)
        self.down, self.far = conv(10, 12, 3, 2), Halves(12, 14, taken)
        self.up, self.both = nn.Upsample(scale_factor=2), Halves(24, 10, taken)
        self.head = Head((10, 14))

    def forward(self, x: Tensor) -> Tensor:
        near = self.near(self.stem(x))
        far = self.far(self.down(near))
        return self.head([self.both(torch.cat([self.up(far), near], 1)), far])


@pytest.mark.parametrize("taken", ["chunk", "split"])
@torch.no_grad()
def test_halves_of_a_convolution_lose_the_same_channels_as_by_hand(taken):
    example = torch.rand(2, 5, 8, 8)
    model = perturbed(Halves(5, 7, taken).eval(), example)
    units, _ = find_units(model, example, "channel")
    layer = next(each for each in units if each.name == "first.0")
    assert layer.count == HIDDEN  # one of each half, and those of the bottlenecks it is added to
    keep = {each.name: torch.ones(each.count, dtype=torch.bool) for each in units}
    keep["first.0"] = torch.tensor([True, False, True, True, False, False])
    small = Halves(5, 7, taken, hidden=3).eval()
    for name, tensor in small.state_dict().items():
        found = model.state_dict()[name]
        for dim, (old, new) in enumerate(zip(found.shape, tensor.shape, strict=True)):
            if old != new:  # once for each part of the hidden width
                at = keep["first.0"].repeat(old // HIDDEN).nonzero()[:, 0]
                found = found.index_select(dim, at)
        tensor.copy_(found)
    torch.testing.assert_close(apply(model, units, keep).model(example), small(example))


@pytest.mark.parametrize("taken", ["chunk", "split"])
@torch.no_grad()
def test_a_detector_is_cut_by_half_and_keeps_its_answers_at_every_size(taken):
    example = torch.rand(2, 3, 32, 32)
    model = perturbed(Detector(taken).eval(), example)
    units, skipped = find_units(model, example, "channel")
    why = {each.name: each.why for each in skipped}
    for each in ("head.kind.0.1", "head.kind.1.1"):
        assert why[each] == (stays.answers(),)
    assert {*why} == {f"head.{kind}.{i}.1" for kind in ("box", "kind") for i in (0, 1)} | {
        "head.mean.conv"
    }
    keep = {each.name: torch.arange(each.count) % 2 == 0 for each in units}
    applied = apply(model, units, keep)
    before, after = (sum(p.numel() for p in m.parameters()) for m in (model, applied.model))
    assert after < 0.4 * before
    for height, width in ((32, 32), (16, 48), (32, 32)):  # anchors are made anew, and again
        assert prove(applied, torch.rand(3, 3, height, width)) < 1e-4
    assert applied.model.head.anchors.shape == (2, 16 * 16 + 8 * 8)
