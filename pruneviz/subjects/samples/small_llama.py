"""A small language model of Llama's parts, whose sizes are read off its tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-5
BASE = 10_000.0  # of the angles: how slowly the slowest pair of a head turns


class RootMeanSquare(nn.Module):
    """A norm by the root of the mean square: (…, width) to the same (arXiv 1910.07467)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return values of mean square 1, scaled."""
        return self.weight * x * (x.square().mean(-1, keepdim=True) + EPSILON).rsqrt()


def rotated(x: Tensor) -> Tensor:
    """Return queries or keys (B, heads, places, size), turned by their place (arXiv 2104.09864).

    The first half of a head's values are pairs with the second half.
    """
    half = x.shape[3] // 2
    turns = BASE ** (-torch.arange(half, device=x.device) / half)
    angles = torch.arange(x.shape[2], device=x.device)[:, None] * turns  # (places, half)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, 3)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], 3)


class GroupedAttention(nn.Module):
    """Causal attention in which several heads of queries share one of keys and values.

    (B, places, width) to the same (Ainslie et al. 2023, arXiv 2305.13245).
    """

    def __init__(self, width: int, heads: int, groups: int, size: int) -> None:
        super().__init__()
        self.size, self.shared = size, heads // groups
        self.query = nn.Linear(width, heads * size, bias=False)
        self.key = nn.Linear(width, groups * size, bias=False)
        self.value = nn.Linear(width, groups * size, bias=False)
        self.out = nn.Linear(heads * size, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return what each place gathers from itself and those before it."""
        by_head = (*x.shape[:2], -1, self.size)
        query, key, value = (
            layer(x).view(by_head).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )  # (B, heads or groups, places, size)
        key, value = (each.repeat_interleave(self.shared, 1) for each in (rotated(key), value))
        mixed = F.scaled_dot_product_attention(rotated(query), key, value, is_causal=True)
        found: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return found


class GatedFeedForward(nn.Module):
    """SwiGLU: (B, places, width) to the same (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return each place's own change."""
        found: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return found


class Block(nn.Module):
    """Attention and a feed-forward part, each beside a shortcut and after its norm."""

    def __init__(self, width: int, heads: int, groups: int, size: int, hidden: int) -> None:
        super().__init__()
        self.attention_norm = RootMeanSquare(width)
        self.attention = GroupedAttention(width, heads, groups, size)
        self.feed_forward_norm = RootMeanSquare(width)
        self.feed_forward = GatedFeedForward(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Return the stream (B, places, width) with what the block adds."""
        x = x + self.attention(self.attention_norm(x))
        total: Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return total


class SmallLlama(nn.Module):
    """Tokens (B, places) int64 to logits (B, places, tokens) of what comes after each place."""

    def __init__(
        self, *, tokens: int = 2048, width: int = 128, blocks: int = 3, heads: int = 8,
        groups: int = 4, size: int = 16, hidden: int = 352,
    ) -> None:  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.blocks = nn.Sequential(
            *(Block(width, heads, groups, size, hidden) for _ in range(blocks))
        )
        self.norm = RootMeanSquare(width)
        self.head = nn.Linear(width, tokens, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits; a place is told by none after it."""
        logits: Tensor = self.head(self.norm(self.blocks(self.embedding(tokens))))
        return logits
