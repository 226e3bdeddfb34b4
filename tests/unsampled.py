"""Small networks of the tasks that no sample is of, one factory each, called as the task is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.subjects import Subject, subject_of
from pruneviz.tasks import IGNORED

COUNT = 60


def seeded() -> torch.Generator:
    """Return the source of all that is drawn, the network's weights beside it."""
    torch.manual_seed(0)
    return torch.Generator().manual_seed(0)


def drawn_like(answered: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """Return class targets as answered, but for a fifth that are drawn and a tenth of none."""
    target = torch.randint(classes, answered.shape, generator=generator)
    luck = torch.rand(answered.shape, generator=generator)
    return target.where(luck < 0.2, answered).where(luck < 0.9, IGNORED)


class Tagger(nn.Module):
    """Texts (N, places) of 20 tokens to scores of 4 classes a token, (N, places, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.hidden, self.head = (
            nn.Embedding(20, 8),
            nn.Linear(8, 12),
            nn.Linear(12, 4),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scores."""
        scores: Tensor = self.head(torch.relu(self.hidden(self.tokens(tokens))))
        return scores


def multi_label() -> Subject:
    """Return a network of four labels, some of whose targets nobody knows."""
    generator = seeded()
    network = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 4))
    x = torch.randn(COUNT, 6, generator=generator)
    with torch.no_grad():
        scores = network(x)
    noise = 0.3 * torch.randn(scores.shape, generator=generator)
    target = (scores + noise > scores.mean(0)).float()
    target[::7, 1] = torch.nan
    return subject_of(network, "multi_label", inputs=x, targets=target)


def segmentation() -> Subject:
    """Return a network of three classes a pixel."""
    generator = seeded()
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1))
    x = torch.randn(COUNT, 3, 8, 8, generator=generator)
    with torch.no_grad():
        target = drawn_like(network(x).argmax(1), 3, generator)
    return subject_of(network, "segmentation", inputs=x, targets=target)


def token_classification() -> Subject:
    """Return a network of four classes a token."""
    generator, network = seeded(), Tagger()
    x = torch.randint(20, (COUNT, 7), generator=generator)
    with torch.no_grad():
        target = drawn_like(network(x).argmax(2), 4, generator)
    return subject_of(network, "token_classification", inputs=x, targets=target)


def multiple_choice() -> Subject:
    """Return a network that holds one of three choices of each of its questions the likeliest."""
    generator = seeded()
    network = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 20))
    questions = torch.arange(COUNT) // 3
    x = torch.randint(20, (COUNT, 7), generator=generator)
    tokens = torch.randint(20, (COUNT, 7), generator=generator)
    tokens[:, :3] = IGNORED
    with torch.no_grad():
        likely = network(x).log_softmax(2).gather(2, tokens.clamp_min(0)[..., None])[..., 0]
    best = likely[:, 3:].sum(1).view(-1, 3).argmax(1)
    drawn = torch.randint(3, best.shape, generator=generator)
    answer = torch.where(torch.rand(best.shape, generator=generator) < 0.4, drawn, best)
    choice = torch.arange(COUNT) % 3
    right = (choice == answer.repeat_interleave(3)).long()
    length = torch.randint(4, 9, (COUNT,), generator=generator)
    said = torch.stack([questions, choice, torch.full_like(choice, 3), right, length], 1)
    target = torch.cat([said, tokens], 1)
    return subject_of(network, "multiple_choice", inputs=x, targets=target)
