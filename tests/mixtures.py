"""A small mixture of experts, in the form in which transformers has them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Router(nn.Module):
    """Chooses the two experts that serve each token, and how much each counts."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(experts, width))
        self.top_k, self.num_experts = 2, experts

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = x @ self.weight.mT
        weights, chosen = scores.softmax(-1).topk(self.top_k, dim=-1)
        return scores, weights / weights.sum(-1, keepdim=True), chosen


class Experts(nn.Module):
    """Experts' weights, one behind the other; all of them answer, and those chosen count."""

    def __init__(self, width: int, inner: int, experts: int) -> None:
        super().__init__()
        self.num_experts = experts
        self.up = nn.Parameter(torch.randn(experts, inner, width))
        self.down = nn.Parameter(torch.randn(experts, width, inner))

    def forward(self, x: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        inside = torch.einsum("nw,eiw->nei", x, self.up).tanh()
        answers = torch.einsum("nei,ewi->new", inside, self.down)
        served = answers.gather(1, chosen[..., None].expand(-1, -1, x.shape[-1]))
        return (served * weights[..., None]).sum(1)


class Mixture(nn.Module):
    """Experts between two layers, for inputs of as many numbers as are said, and 3 classes."""

    def __init__(self, inputs: int = 48, width: int = 6, experts: int = 5) -> None:
        super().__init__()
        self.before, self.head = nn.Linear(inputs, width), nn.Linear(width, 3)
        self.gate, self.experts = Router(width, experts), Experts(width, 4, experts)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x.flatten(1))
        _, weights, chosen = self.gate(x)
        return self.head(x + self.experts(x, chosen, weights))
