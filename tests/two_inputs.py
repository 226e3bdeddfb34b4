"""The same network of numbers given in two tensors, and in one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Two(nn.Module):
    """Two rows of numbers, (N, 4) and (N, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.norm, self.right = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(3, 6)
        self.middle, self.head = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        met = torch.tanh(self.norm(self.left(left))) + torch.tanh(self.right(right))
        return self.head(torch.tanh(self.middle(met)))


class One(Two):
    """Both in one tensor, (N, 7)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, :4], x[:, 4:])


def made(kind: type[Two]) -> Two:
    torch.manual_seed(0)
    model = kind().eval()
    nn.init.normal_(model.norm.weight)
    return model


def two() -> Two:
    return made(Two)


def one() -> Two:
    return made(One)
