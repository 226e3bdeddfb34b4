"""The real subject of the recovery benchmark: a trained CIFAR ResNet-20 and real images.

The files lie outside the project, in a folder named on the command line (`--data`); without one the
sample `digits-resnet` stands in, and the section says so. They are
`cifar10-resnet20.safetensors` (weights by Y. Idelbayev, BSD 2-Clause) and `cifar10-subset.npz`
(4,660 images to train and calibrate, 446 to test; CIFAR-10, Krizhevsky 2009).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.plan import Plan

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHIFT_PIXELS = 4  # training padded by 4 black pixels, cut 32 × 32 out, and flipped
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


class Block(nn.Module):
    """Two 3 × 3 convolutions and a shortcut of "option A" (He et al. 2015, arXiv 1512.03385)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.padding = stride, (channels - channels_in) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, channels, H / stride, W / stride)."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.padding:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0) + (self.padding,) * 2)
        return F.relu(out + x)


class CifarResNet(nn.Module):
    """A residual network for 32 × 32 images: 3 stages of 16, 32 and 64 channels."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        for stage, (channels_in, channels) in enumerate(((16, 16), (16, 32), (32, 64)), 1):
            first = Block(channels_in, channels, 1 if stage == 1 else 2)
            rest = [Block(channels, channels, 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(first, *rest))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, 10) of images (N, 3, 32, 32)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def resnet20() -> nn.Module:
    """Return ResNet-20, untrained."""
    return CifarResNet(3)


def resnet56() -> nn.Module:
    """Return ResNet-56, untrained."""
    return CifarResNet(9)


def subject_title(data: Path | None) -> str:
    """Return what is measured, in words."""
    return "digits-resnet, the sample" if data is None else "ResNet-20, CIFAR-10"


def subject_plan(data: Path | None, folder: Path) -> Plan:
    """Return the plan of the trained ResNet-20 on the real images; writes the npz into `folder`.

    Without the images, the plan of the sample that stands in for it.
    """
    if data is None:
        return Plan(model="sample:digits-resnet")
    images = np.load(data / "cifar10-subset.npz")
    path = folder / "cifar10.npz"
    np.savez(
        path,
        x=images["test_x"],
        y=images["test_y"].astype(np.int64),
        train_x=images["train_x"],
        train_y=images["train_y"].astype(np.int64),
        train_flip=True,
        train_shift_pixels=SHIFT_PIXELS,
        mean=np.array(MEAN),
        std=np.array(STD),
        classes=np.array(CLASSES),
    )
    return Plan(
        model=f"python:{Path(__file__).resolve()}:resnet20",
        weights=str(data / "cifar10-resnet20.safetensors"),
        data=f"npz:{path}",
    )


def scratch() -> Path:
    """Return a new folder for what a benchmark writes."""
    return Path(tempfile.mkdtemp(prefix="pruneviz-bench-"))


if __name__ == "__main__":
    print(sum(p.numel() for p in resnet20().parameters()), torch.__version__)
