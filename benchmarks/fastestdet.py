"""FastestDet, a real detector of 80 classes with a single map (X. Ma, BSD 3-Clause).

Weights and photographs lie outside the project, in `DATA`: a file `fastestdet.safetensors` and a
folder `coco` with images, `train.json` and `val.json`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pruneviz.subjects import Subject, subject_of
from pruneviz.tasks.detection import Detection
from pruneviz.tasks.single_map import SingleMap

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIDE, CLASSES = 352, 80
STAGES = ((2, 24, 48, 4), (3, 48, 96, 8), (4, 96, 192, 4))  # name, channels in and out, blocks


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Module, nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return conv, nn.BatchNorm2d(outputs)


class Block(nn.Module):
    """A block of ShuffleNetV2 (Ma et al. 2018, arXiv 1807.11164); of stride 1 it shuffles first."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.branch_main = nn.Sequential(
            *_conv(inputs, inputs, 1), nn.ReLU(),
            *_conv(inputs, inputs, 3, stride, inputs),
            *_conv(inputs, outputs - inputs, 1), nn.ReLU(),
        )  # fmt: skip
        if stride == 2:
            self.branch_proj = nn.Sequential(
                *_conv(inputs, inputs, 3, 2, inputs), *_conv(inputs, inputs, 1), nn.ReLU()
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, H / stride, W / stride)."""
        if self.stride == 2:
            return torch.cat([self.branch_proj(x), self.branch_main(x)], 1)
        return torch.cat([x[:, ::2], self.branch_main(x[:, 1::2])], 1)


class Backbone(nn.Module):
    """Three stages; answers with the maps of all three."""

    def __init__(self) -> None:
        super().__init__()
        self.first_conv = nn.Sequential(*_conv(3, 24, 3, 2), nn.ReLU())
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        for name, inputs, outputs, blocks in STAGES:
            rest = [Block(outputs // 2, outputs, 1) for _ in range(blocks - 1)]
            setattr(self, f"stage{name}", nn.Sequential(Block(inputs, outputs, 2), *rest))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return maps of 48, 96 and 192 channels, an eighth to a 32nd of the image's side."""
        first = self.stage2(self.maxpool(self.first_conv(x)))
        second = self.stage3(first)
        return first, second, self.stage4(second)


class Wrapped(nn.Module):
    """A sequence under a name, as the published weights have it."""

    def __init__(self, name: str, *layers: nn.Module) -> None:
        super().__init__()
        setattr(self, name, nn.Sequential(*layers))
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Return what the sequence gives."""
        return getattr(self, self.name)(x)


def _deep(times: int) -> nn.Sequential:
    layers = [layer for _ in range(times) for layer in (*_conv(96, 96, 5, 1, 96), nn.ReLU())]
    return nn.Sequential(*layers)


class SPP(nn.Module):
    """Views of three sizes, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv1x1 = Wrapped("conv1x1", *_conv(48 + 96 + 192, 96, 1), nn.ReLU())
        self.S1, self.S2, self.S3 = _deep(1), _deep(2), _deep(3)
        self.output = nn.Sequential(*_conv(3 * 96, 96, 1))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 96, H, W)."""
        x = self.Conv1x1(x)
        return self.relu(x + self.output(torch.cat([self.S1(x), self.S2(x), self.S3(x)], 1)))


class Head(nn.Module):
    """Objectness, box and class of each cell, as logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1x1 = Wrapped("conv1x1", *_conv(96, 96, 1), nn.ReLU())
        for name, outputs in (("obj", 1), ("reg", 4), ("cls", CLASSES)):
            last = (*_conv(96, 96, 5, 1, 96), nn.ReLU(), *_conv(96, outputs, 1))
            setattr(self, f"{name}_layers", Wrapped("conv5x5", *last))

    def forward(self, x: Tensor) -> Tensor:
        """Return the map (N, 85, H, W)."""
        x = self.conv1x1(x)
        return torch.cat([self.obj_layers(x), self.reg_layers(x), self.cls_layers(x)], 1)


class FastestDet(nn.Module):
    """Images (N, 3, 352, 352), blue first, in [0, 1] to one map (N, 85, 22, 22) of logits."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.SPP, self.detect_head = Backbone(), SPP(), Head()
        self.pool = nn.AvgPool2d(3, 2, 1)
        self.upsample = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map."""
        first, second, third = self.backbone(x)
        x = torch.cat([self.pool(first), second, self.upsample(third)], 1)
        return self.detect_head(self.SPP(x))


def build() -> Subject:
    """Return the trained network with what it is for, as `python:fastestdet.py:build` opens it."""
    network = FastestDet()
    network.load_state_dict(load_file(DATA / "fastestdet.safetensors"))
    read = SingleMap((SIDE, SIDE))
    example = torch.zeros(2, 3, SIDE, SIDE)
    task = Detection(read.decode, read.objective, CLASSES)
    return subject_of(network.eval(), task, example=example)
