"""Inputs that occur twice: in a sample's training data, or in both parts of the user's own data."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from pruneviz.subjects.split import normalise
from pruneviz.subjects.subject import Data

# Of a normalised value: more than what rounding to bytes or four digits moves, and less than what
# tells two measurements apart.
SAME = 0.02
ROWS = 512  # compared at a time


def overlap_notes(data: Data, trained: Data | None) -> tuple[str, ...]:
    """Return a sentence for each kind of evaluated input that is not new; `data` are the user's.

    `trained` is the data that the model is known to have been trained on, None where it is unknown.
    """
    notes = []
    total = f"{len(data.x):,}"
    if trained is not None:
        seen = _seen(data, trained)
        if seen:
            notes.append(
                f"{seen:,} of the {total} evaluated inputs are among those that this model was "
                "trained on: the accuracy there says little about new inputs."
            )
    twice = repeated(data.x, data.train_x)
    if twice:
        part = "its training part" if data.held_out else "what calibrates"
        notes.append(
            f"{twice:,} of the {total} evaluated inputs are in {part}, too: they are not new to "
            "what was calibrated or trained there."
        )
    return tuple(notes)


def repeated(x: Tensor, other: Tensor) -> int:
    """Return how many inputs of `x` (N, …) occur in `other` (M, …), to the bit."""
    known = {_digest(row) for row in other}
    return sum(_digest(row) in known for row in x)


def near(x: Tensor, other: Tensor) -> int:
    """Return how many inputs of `x` (N, …) are in `other` (M, …) but for rounding."""
    if x.shape[1:] != other.shape[1:]:
        return 0
    rows, known = x.flatten(1), other.flatten(1)
    apart = (torch.cdist(part, known, p=torch.inf).amin(1) for part in rows.split(ROWS))
    return sum(int((distance <= SAME).sum()) for distance in apart)


def _seen(data: Data, trained: Data) -> int:
    """Return how many inputs the model was trained on, whether they are given raw or normalised."""
    known = torch.cat([trained.train_x, trained.calibration_x])
    raw = data.raw(data.x)
    seen = near(data.x, known)
    if raw.shape[1] != len(trained.mean):
        return seen
    return max(seen, near(normalise(raw, trained.mean, trained.std), known))


def _digest(row: Tensor) -> bytes:
    return hashlib.blake2b(row.contiguous().numpy().tobytes(), digest_size=16).digest()
