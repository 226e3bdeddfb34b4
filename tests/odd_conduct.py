"""Networks that do more than answer: they write to themselves as they do, or draw at random."""

import random
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    """Two layers; `between` is what each network does with what lies between them."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 10), nn.Linear(10, 3)
        self.register_buffer("kept", torch.ones(10), persistent=False)

    def between(self, h):
        return h

    def forward(self, x):
        return self.b(self.between(torch.relu(self.a(x))))


class Counts(Net):
    def between(self, h):
        self.kept += 1
        return h * self.kept


class Running(Net):
    def between(self, h):
        self.kept = 0.5 * self.kept + 0.5 * h.detach().mean(0)
        return h - self.kept


class PowerIteration(Net):
    def between(self, h):
        with torch.no_grad():
            left = F.normalize(self.b.weight @ self.kept, dim=0)
            self.kept.copy_(F.normalize(self.b.weight.t() @ left, dim=0))
        return h / (left @ self.b.weight @ self.kept)


class Attribute(Net):
    calls = 0

    def between(self, h):
        self.calls = self.calls + 1
        return h / self.calls


class Remembers(Net):
    def __init__(self):
        super().__init__()
        self.seen, self.last = [], None

    def between(self, h):
        self.seen.append(h.mean())
        before, self.last = self.last, h.detach()
        return h + len(self.seen) + (0 if before is None else before.mean())


class Projects(Net):
    def between(self, h):
        self.b.weight.data = F.normalize(self.b.weight.data, dim=1)
        self.a.weight.data.clamp_(min=0)
        return h


class Embeds(Net):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(8, 10, max_norm=1.0)

    def between(self, h):
        return h + self.table((h.detach().sum(1).long()).clamp(0, 7))


class Drops(Net):
    def between(self, h):
        return F.dropout(h, 0.5)


class Seldom(Net):
    """Draws for each input, and seldom does anything with it."""

    def between(self, h):
        return h * (torch.rand(len(h), 1) > 0.01)


class Late(Net):
    """Draws at a few inputs alone, which come last."""

    def between(self, h):
        return h * torch.rand(10) if bool((h > 20).any()) else h


class Numpy(Net):
    def between(self, h):
        return h * torch.from_numpy(np.random.rand(10).astype(np.float32))


class Python(Net):
    def between(self, h):
        return h * random.random()


class Generator(Net):
    def __init__(self):
        super().__init__()
        self.own = np.random.default_rng()

    def between(self, h):
        return h * float(self.own.uniform())


class Clock(Net):
    def between(self, h):
        return h * (time.perf_counter() % 1)


class Unused(Net):
    """Draws, and throws away what it drew."""

    def between(self, h):
        return h + 0.0 * torch.rand_like(h)


WRITING = [Counts, Running, PowerIteration, Attribute, Remembers, Projects, Embeds]
DRAWING = [Drops, Seldom, Numpy, Python, Generator, Clock]
FIXED = [Net, Unused, *WRITING]


def factory(kind):
    torch.manual_seed(0)
    return kind()


for _kind in {*DRAWING, *FIXED, Late}:
    globals()[f"make_{_kind.__name__}"] = lambda kind=_kind: factory(kind)
