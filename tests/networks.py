"""Small networks built by hand, each with one trait that surgery must survive."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Two blocks with an identity and a 1×1 shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.a = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.down = nn.Conv2d(8, 12, 1, stride=2)
        self.c = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.relu(x + self.b(self.a(x)))
        x = torch.relu(self.down(x) + self.c(x))
        return self.head(x.mean((2, 3)))


class ZeroPadded(nn.Module):
    """A shortcut of "option A": every second pixel, channels padded with zeros on both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        short = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        return self.head(torch.relu(self.second(x) + short).mean((2, 3)))


class Concatenated(nn.Module):
    """Branches joined by channel, then flattened with their pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, padding=1)
        self.two = nn.Conv2d(3, 6, 1)
        self.norm = nn.BatchNorm2d(10)
        self.prelu = nn.PReLU(10)
        self.head = nn.Linear(10 * 16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.norm(torch.cat([self.one(x), self.two(x)], 1)))
        return self.head(nn.functional.adaptive_avg_pool2d(x, 4).flatten(1))


class Grouped(nn.Module):
    """Depthwise, grouped and transposed convolutions with squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Hardswish())
        self.depthwise = nn.Conv2d(8, 16, 3, padding=1, groups=8)
        self.squeeze = nn.Conv2d(16, 4, 1)
        self.excite = nn.Conv2d(4, 16, 1)
        self.grouped = nn.Conv2d(16, 12, 3, padding=1, groups=4)
        self.up = nn.ConvTranspose2d(12, 6, 2, 2)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(self.expand(x))
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = self.up(self.grouped(x * gate))
        return self.head(x.amax((2, 3)))


class Shared(nn.Module):
    """One layer used twice, and a weight tied to another layer's."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(10, 10)
        self.first = nn.Linear(8, 10)
        self.tied = nn.Linear(8, 10)
        self.tied.weight = self.first.weight
        self.head = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first(x)) + torch.tanh(self.tied(x * 2))
        return self.head(torch.relu(self.inner(torch.relu(self.inner(y)))))


class FixedView(nn.Module):
    """Channels split by a view of a fixed size, beside a layer that is free."""

    def __init__(self) -> None:
        super().__init__()
        self.split = nn.Conv2d(3, 8, 1)
        self.free = nn.Conv2d(4, 6, 1)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        x = torch.relu(self.split(x)).view(n, 2, 4, *x.shape[2:]).sum(1)
        return self.head(torch.relu(self.free(x)).mean((2, 3)))


class Normalised(nn.Module):
    """A layer normalisation over one layer's units, then a layer that is free."""

    def __init__(self) -> None:
        super().__init__()
        self.normed = nn.Linear(8, 10)
        self.norm = nn.LayerNorm(10)
        self.free = nn.Linear(10, 7)
        self.head = nn.Linear(7, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.free(self.norm(self.normed(x)))))


class Block(nn.Module):
    """Two convolutions beside a shortcut, an identity unless the shape changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(inputs, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(6, outputs, 3, padding=1), nn.BatchNorm2d(outputs))
        self.short = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.b(self.a(x)) + self.short(x))


class Stacked(nn.Module):
    """Two stages of residual blocks; the first block of the second changes the shape."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.one = nn.Sequential(Block(8, 8), Block(8, 8), Block(8, 8))
        self.two = nn.Sequential(Block(8, 10), Block(10, 10))
        self.head = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.one(self.stem(x))).mean((2, 3)))


class Attentive(nn.Module):
    """Patches of an image through two layers of attention: it has channels, heads and blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 8, stride=8)
        layer = nn.TransformerEncoderLayer(12, 3, 16, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.stem(x).flatten(2).mT).mean(1))


IMAGE_NETWORKS = [Residual, ZeroPadded, Concatenated, Grouped, FixedView]
VECTOR_NETWORKS = [Shared, Normalised]
ALL_NETWORKS = IMAGE_NETWORKS + VECTOR_NETWORKS


def build(kind: type[nn.Module], seed: int = 0) -> tuple[nn.Module, Tensor]:
    """Return a network in eval mode with lively weights, and an example of two inputs."""
    from pruneviz.proof.perturb import perturbed

    torch.manual_seed(seed)
    example = torch.randn((2, 8) if kind in VECTOR_NETWORKS else (2, 3, 16, 16))
    return perturbed(kind().eval(), example, seed), example
