"""Parts of networks, each (N, C, H, W) → (N, C', H, W), and networks drawn from them."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(nn.Module):
    """A layer norm over the channels of an image, as ConvNeXt has it."""

    def __init__(self, width: int, affine: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class OwnRmsNorm(nn.Module):
    """A root-mean-square norm written by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, width).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5) * self.scale


class Excite(nn.Module):
    """Squeeze-and-excitation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, 4), nn.Linear(4, width)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class Residual(nn.Module):
    """A block of two convolutions beside an identity, with a layer scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(width, 6, 3, padding=1), nn.Conv2d(6, width, 1)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.two(torch.relu(self.one(x)))


class Beside(nn.Module):
    """Two branches, one after the other along the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(width, 4, 1), nn.Conv2d(width, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.two(x)], 1)


class Gate(nn.Module):
    """A gated linear unit: one half of the channels gates the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.both = nn.Conv2d(width, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.both(x).chunk(2, 1)
        return value * torch.sigmoid(gate)


class Does(nn.Module):
    """A function as a module."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


PARTS = {  # a part by name: from the width that comes in, the module and the width that goes out
    "convolution": lambda w: (nn.Conv2d(w, 10, 3, padding=1), 10),
    "strided": lambda w: (nn.Conv2d(w, 8, 3, 2, 1), 8),
    "grouped": lambda w: (nn.Conv2d(w, 8, 3, padding=1, groups=2), 8),
    "depthwise": lambda w: (nn.Conv2d(w, 2 * w, 3, padding=1, groups=w), 2 * w),
    "transposed": lambda w: (nn.ConvTranspose2d(w, 8, 3, padding=1), 8),
    "batch norm": lambda w: (nn.BatchNorm2d(w), w),
    "group norm": lambda w: (nn.GroupNorm(2, w), w),
    "instance norm": lambda w: (nn.InstanceNorm2d(w, affine=True), w),
    "layer norm": lambda w: (ChannelNorm(w), w),
    "plain layer norm": lambda w: (ChannelNorm(w, affine=False), w),
    "own norm": lambda w: (OwnRmsNorm(w), w),
    "prelu": lambda w: (nn.PReLU(w), w),
    "excite": lambda w: (Excite(w), w),
    "residual": lambda w: (Residual(w), w),
    "beside": lambda w: (Beside(w), 12),
    "gate": lambda w: (Gate(w), 6),
    "shuffle": lambda w: (nn.ChannelShuffle(2), w),
    "centred": lambda w: (Does(lambda x: x - x.mean(1, keepdim=True)), w),
    "softmax": lambda w: (Does(lambda x: x.softmax(1) * 4), w),
    "padded": lambda w: (Does(lambda x: F.pad(x, (0, 0, 0, 0, 1, 1))), w + 2),
    "rolled": lambda w: (Does(lambda x: x.roll(1, 1)), w),
}


class Drawn(nn.Module):
    """Parts one after another, between a first and a last layer."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.first, width, parts = nn.Conv2d(3, 8, 3, padding=1), 8, []
        for name in names:
            part, width = PARTS[name](width)
            parts += [part, nn.ReLU()]
        self.parts, self.head = nn.Sequential(*parts), nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.parts(torch.relu(self.first(x)) + 0.1).mean((2, 3)))


drawn = st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=5)
