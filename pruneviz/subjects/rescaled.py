"""Inputs that occur in another part in other units: a·x + b, of one a and b for all of them."""

from __future__ import annotations

import torch
from torch import Tensor

from pruneviz.subjects.split import at_once
from pruneviz.subjects.split import spread as spread_out
from pruneviz.subjects.subject import along

PROBES = 1024  # inputs among which a change of units is looked for
EVIDENCE = 3  # pairs that agree on it
AGREE = 0.01  # of a, and of an input's own spread
DIFFERENT = 5  # values of an input: with fewer, another one is like it by chance
LOOKED_AT = 1024  # values of it
EXACT = 1e-4  # of its own spread: what is left where a row of a table was written in other units
SKETCH = 16  # numbers by which one input is sought among many
CHUNK, ROWS = 10_000_000, 512  # pairs, and inputs, at a time
Units = tuple[Tensor, Tensor]


def units_between(x: Tensor, other: Tensor, axis: int, same: float) -> Units | None:
    """Return a > 0 and b, (channels,), of inputs in `x` (N, …) that are a·o + b of others (M, …).

    They are one pair for a row of a table, and one for each channel, on `axis`, of images and
    series. Each input is compared without its own mean and spread, to within `same`, and of rows to
    rounding. None where too few agree.
    """
    if x.shape[1:] != other.shape[1:] or x[0].numel() < DIFFERENT:
        return None
    random = torch.Generator().manual_seed(0)
    sums = torch.randn(x[0].numel(), SKETCH, generator=random)
    most = min(ROWS, at_once(other))
    sketch = torch.cat([_own(_by_channel(o, axis)).flatten(1) @ sums for o in other.split(most)])
    pairs: list[Tensor] = []
    patterns: list[Tensor] = []
    for chosen in spread_out(len(x), PROBES).split(max(1, min(most, CHUNK // len(other)))):
        part = _by_channel(x[chosen], axis)
        own = _own(part)
        sought = own.flatten(1) @ sums
        match = _by_channel(other[torch.cdist(sought, sketch).argmin(1)], axis)
        apart = (own - _own(match)).square().mean((1, 2)).sqrt()
        limit = EXACT if x.dim() == 2 else same
        good = (apart <= limit) & (own != 0).any(2).all(1)
        rich = [i for i in good.nonzero().flatten().tolist() if _is_rich(part[i])]
        pairs += [torch.stack(_units(part[i], match[i])) for i in rich]
        patterns += [sought[i] for i in rich]
    return _agreed(torch.stack(pairs), torch.stack(patterns)) if pairs else None


def back(x: Tensor, units: Units, axis: int) -> Tensor:
    """Return inputs (N, …) in the units of the others: (x − b) / a."""
    shape = along(axis, x.dim()) if x.dim() > 2 else (1, 1)
    a, b = (each.view(shape) for each in units)
    return (x.double() - b) / a


def _by_channel(x: Tensor, axis: int) -> Tensor:
    """Return inputs as (N, channels, values), a row as one channel."""
    return (x.unsqueeze(1) if x.dim() == 2 else x.movedim(axis, 1).flatten(2)).float()


def _own(x: Tensor) -> Tensor:
    """Return inputs (N, channels, values) without their own mean and spread; 0 for a constant."""
    spread, mean = torch.std_mean(x, 2, correction=0, keepdim=True)
    varies = spread > 1e-5 * x.abs().amax(2, keepdim=True)
    return torch.where(varies, (x - mean) / torch.where(varies, spread, 1.0), 0.0)


def _units(x: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a, b and the spread of one input (channels, values) beside another of its pattern."""
    (s, m), (t, n) = (torch.std_mean(each.double(), 1, correction=0) for each in (x, other))
    return s / t, m - s / t * n, s


def _is_rich(x: Tensor) -> bool:
    flat = x.flatten()
    return len(flat[spread_out(len(flat), LOOKED_AT)].unique()) >= DIFFERENT


def _agreed(pairs: Tensor, patterns: Tensor) -> Units | None:
    """Return the a and b on which most of the pairs (K, 3, channels) agree, None for too few.

    `patterns` (K, numbers) are by what inputs were sought: of those that are alike one counts.
    """
    a, b, spread = pairs.mean(2).T
    alike = ((a / a[:, None]).log().abs() <= AGREE) & ((b - b[:, None]).abs() <= AGREE * spread)
    most = alike[alike.sum(1).argmax()]
    near = torch.cdist(patterns[most], patterns[most]) <= AGREE * patterns.norm(dim=1).max()
    again = near.tril(-1).any(1)
    if int((~again).sum()) < EVIDENCE:
        return None
    found = pairs[most].median(0).values
    return found[0], found[1]
