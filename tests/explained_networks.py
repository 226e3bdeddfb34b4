"""Small networks whose answers have places, as factories: classes of pixels, and of tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.subjects import Subject, subject_of

PLACES, WORDS = 6, 9


class Tagger(nn.Module):
    """Tokens (N, places) to logits of three classes each, as a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.mixed = nn.Embedding(WORDS, 8), nn.Linear(8, 12)
        self.head = nn.Linear(12, 3)

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        own = torch.tanh(self.mixed(self.words(tokens)))
        return {"logits": self.head(own + own.roll(1, 1))}  # a token knows the one before it


def masks() -> Subject:
    """Return a network that gives bright pixels one class and dark ones another, after a blur."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 2, 1))
    x = torch.rand(12, 1, 6, 9)
    return subject_of(
        network, "segmentation", inputs=x, targets=(x[:, 0] > 0.5).long(), classes=("dark", "light")
    )


def tags() -> Subject:
    """Return a network that labels tokens."""
    torch.manual_seed(0)
    x = torch.randint(WORDS, (12, PLACES))
    return subject_of(
        Tagger(), "token_classification", inputs=x, targets=x % 3, classes=("a", "b", "c")
    )
