"""A network that answers three questions about a handwritten digit at once, as a factory."""

from __future__ import annotations

import math
from functools import cache

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from pruneviz.subjects import Subject, subject_of

NAMES = ("even", "greater than 4", "prime", "no digit")
PRIMES = torch.tensor([2, 3, 5, 7])


def asked(digits: Tensor) -> Tensor:
    """Return the labels of digits, (N, 4): no input has the last; some are not known."""
    prime = (digits[:, None] == PRIMES).any(1)
    rows = torch.stack([digits % 2 == 0, digits > 4, prime, digits > 9], 1).float()
    rows[::5, 2] = math.nan
    return rows


@cache
def _weights() -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    torch.manual_seed(0)
    bunch = load_digits()
    x, y = torch.from_numpy(bunch.data).float() / 16, asked(torch.from_numpy(bunch.target))
    network = _network().double()  # or the number of threads shows in the trained weights
    adam, known = torch.optim.Adam(network.parameters(), 0.01), ~y.isnan()
    for _ in range(60):
        adam.zero_grad()
        nn.functional.binary_cross_entropy(network(x.double())[known], y[known].double()).backward()
        adam.step()
    return x[-400:], y[-400:], network.float().state_dict()


def _network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 4), nn.Sigmoid())


def build() -> Subject:
    """Return the network with 400 of the digits; the same at each call."""
    x, y, weights = _weights()
    network = _network()
    network.load_state_dict(weights)
    return subject_of(network, "multi_label", inputs=x, targets=y, classes=NAMES)
