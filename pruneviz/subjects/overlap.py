"""Inputs that occur twice: in a sample's training data, or in both parts of the user's own data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from pruneviz.network.inputs import Batch, batches, only_tensor, some, tensors
from pruneviz.subjects.rescaled import back, units_between
from pruneviz.subjects.split import at_once, normalise
from pruneviz.subjects.split import spread as spread_out
from pruneviz.subjects.stored.images import StoredImages
from pruneviz.subjects.subject import Data, along
from pruneviz.wording import Fact, opened

# Root mean square over normalised values: more than rounding, or a JPEG of quality 90, moves, and a
# third of what lies between the two most alike of different measurements in the samples' data.
SAME = 0.05
PICTURE, ROUNDED = 0.02, 0.005  # of the user's images, and of tables and series: they may be alike
SIDE = 16  # parts along an image's side
COMPARED = 500  # images of each part that are compared where each is decoded for it
FEWEST = 3  # values of an input: fewer come close by chance
TIGHT = 16  # values: fewer have to agree more closely
SKETCH = 16  # numbers by which one input is sought among many
SAMPLED = 256  # values that differ, but for a blank image, wherever inputs do
PAIRS = 1_000_000_000  # beyond so many, inputs are compared to the bit alone
MEASURED, PICTURES = 2**24, 64  # values of which the spread is measured, at least of so many
Pair = tuple[Tensor, Tensor]
CHUNK, ROWS = 10_000_000, 512  # pairs, and inputs, at a time


def overlap_notes(data: Data, trained: Data | None) -> tuple[Fact, ...]:
    """Return a note for each kind of evaluated input that is not new; `data` are the user's.

    `trained` is the data that the model is known to have been trained on, None where it is unknown.
    Images that are decoded when they are needed are the same where their files are; for others
    that are alike some are compared, which is said.
    """
    notes = []
    files = _same_files(data.x, data.train_x)
    if files:
        notes.append(opened.in_both_parts(files, len(data.x), 0, data.held_out))
    fewer = _some_of(data)
    if len(fewer.x) < len(data.x) or len(fewer.train_x) < len(data.train_x):
        notes.append(opened.some_compared(len(fewer.x), len(data.x), len(fewer.train_x)))
    data = fewer
    if trained is not None:
        seen = _seen(data, trained)
        if seen:
            notes.append(opened.known_from_training(seen, len(data.x)))
    small = _small_ones(data)
    exact = repeated(data.x, data.train_x, small)
    near_ones, rescaled_ones = _alike(data, exact, small)
    alike = near_ones & ~exact
    rounded = int(alike.sum())
    twice = rounded if files else rounded + int(exact.sum())  # files are counted already
    if twice:
        notes.append(opened.in_both_parts(twice, len(data.x), rounded, data.held_out))
    changed = rescaled_ones & ~exact & ~alike
    if changed.any():
        notes.append(opened.in_other_units(int(changed.sum()), len(data.x), data.held_out))
    return tuple(notes)


def _digests_of_files(x: Batch) -> Tensor | None:
    """Return by what images are known that are decoded when they are needed, None of others."""
    if not isinstance(x, StoredImages) or x.rows.digests is None:
        return None
    return x.rows.digests[x.chosen]


def _same_files(x: Batch, other: Batch) -> int:
    """Return how many inputs have a file that another has, too, 0 where files are not known."""
    one, two = _digests_of_files(x), _digests_of_files(other)
    if one is None or two is None:
        return 0
    known = {row.tobytes() for row in two.numpy()}
    return sum(row.tobytes() in known for row in one.numpy())


def _some_of(data: Data) -> Data:
    """Return data with few of the images that would be decoded for it, spread evenly."""
    x, train_x = (
        part if _digests_of_files(part) is None else some(part, spread_out(len(part), COMPARED))
        for part in (data.x, data.train_x)
    )
    return replace(data, x=x, train_x=train_x)


def repeated(x: Batch, other: Batch, small: Pair | None = None) -> Tensor:
    """Return which inputs of `x` (N, …) occur in `other` (M, …) to the bit, bool (N,).

    They are sought among some of their values, or where they are given, among `small` ones of both.
    """

    def among(x: Batch, other: Batch, sampled: bool = False) -> Tensor:
        seen = set(_digests(other, sampled))
        return torch.tensor([each in seen for each in _digests(x, sampled)], dtype=torch.bool)

    return _confirmed(among, x, other, among(*(small or (x, other)), sampled=True))


def _confirmed(
    alike: Callable[[Batch, Batch], Tensor], x: Batch, other: Batch, likely: Tensor
) -> Tensor:
    """Return which of the likely inputs, bool (N,), are alike when they are looked at in full."""
    found = likely.clone()
    if likely.any():
        found[likely] = alike(some(x, likely), other)
    return found


def _alike(data: Data, exact: Tensor, small: Pair | None) -> tuple[Tensor, Tensor]:
    """Return which inputs are in the training part but for rounding, which in other units.

    Of the evaluated inputs, bool (N,) each. Of images a lossy file of high quality counts as
    rounding too. Of inputs of several tensors, and of tokens, which have no scale, none is sought.
    """
    if not isinstance(data.x, Tensor) or not data.x.is_floating_point():
        none = torch.zeros(len(data.x), dtype=torch.bool)
        return none, none
    measure, x, other = _measure(data), data.x, only_tensor(data.train_x)

    def close(x: Batch, other: Batch) -> Tensor:
        return near(only_tensor(x), only_tensor(other), *measure)

    def in_other_units(x: Batch, other: Batch) -> Tensor:
        return rescaled(only_tensor(x), only_tensor(other), data.axis, *measure)

    if small is None:
        return close(x, other), in_other_units(x, other)
    found = [
        _confirmed(alike, x, other, alike(*small) & ~exact) for alike in (close, in_other_units)
    ]
    return found[0], found[1]


def _small_ones(data: Data) -> Pair | None:
    """Return stored images, and what trains, by means: what is alike is so, too, in these."""
    if not isinstance(data.x, StoredImages):
        return None
    return _small(data.x), _small(only_tensor(data.train_x))


def _small(x: Tensor) -> Tensor:
    """Return images (N, C, H, W) by the means of their parts, (N, C, 16, 16) at most."""
    form = min(SIDE, x.shape[2]), min(SIDE, x.shape[3])
    # at once: what is kept of a part would stand in the way of the next part's numbers in memory
    found = torch.empty(len(x), x.shape[1], *form, dtype=x.dtype, device=x.device)
    for place, part in zip(found.split(at_once(x)), x.split(at_once(x)), strict=True):
        place.copy_(adaptive_avg_pool2d(part, form))
    return found


def _measure(data: Data) -> tuple[float, Tensor, Tensor]:
    """Return how far apart the same inputs may be, in spreads, and centre and spread by channel."""
    whole = only_tensor(data.train_x)
    x = only_tensor(
        some(whole, spread_out(len(whole), max(PICTURES, MEASURED // whole[:1].numel())))
    )
    axes = [axis for axis in range(x.dim()) if axis != data.axis]
    spread, centre = torch.std_mean(x, axes, correction=0, keepdim=True)
    spread = torch.where(spread > 0, spread, 1.0)
    return PICTURE if data.kind == "image" else ROUNDED, centre, spread


def rescaled(
    x: Tensor, other: Tensor, axis: int, same: float, centre: Tensor, spread: Tensor
) -> Tensor:
    """Return which inputs of `x` (N, …) are in `other` (M, …) in other units, bool (N,).

    Distances are those of `near`. It is none where the units are the same.
    """
    none = torch.zeros(len(x), dtype=torch.bool)
    units = units_between(x, other, axis, same) if len(x) * len(other) <= PAIRS else None
    if units is None:
        return none
    moved = (back(centre, units, axis) - centre) / spread
    if bool((moved.abs() <= same).all()) and bool(((units[0] - 1).abs() <= same).all()):
        return none
    return near(back(x, units, axis), other, same, centre, spread)


def near(
    x: Tensor,
    other: Tensor,
    same: float = SAME,
    centre: Tensor | float = 0.0,
    spread: Tensor | float = 1.0,
) -> Tensor:
    """Return which inputs of `x` (N, …) lie within `same` of one in `other` (M, …), bool (N,).

    Distances are those of (x − centre) / spread. Of each input the nearest is sought by a few
    random sums of its values, and then compared in full.
    """
    found = torch.zeros(len(x), dtype=torch.bool)
    values = x[0].numel()
    if x.shape[1:] != other.shape[1:] or values < FEWEST or len(x) * len(other) > PAIRS:
        return found
    limit = values**0.5 * (same if values >= TIGHT else min(same, ROUNDED / 5))
    random = torch.Generator().manual_seed(0)
    sums = torch.randn(values, SKETCH, generator=random, dtype=torch.float64)

    def rows(part: Tensor) -> Tensor:
        return ((part.double() - centre) / spread).flatten(1)

    most = min(ROWS, at_once(other))
    sketch = torch.cat([rows(part) @ sums for part in other.split(most)])
    for part in torch.arange(len(x)).split(max(1, min(most, CHUNK // len(other)))):
        own = rows(x[part])
        place = torch.cdist(own @ sums, sketch).argmin(1)
        found[part] = (own - rows(other[place])).norm(dim=1) <= limit
    return found


def _seen(data: Data, trained: Data) -> int:
    """Return how many inputs the model was trained on, whether they are given raw or normalised."""
    known = torch.cat([only_tensor(trained.train_x), only_tensor(trained.calibration_x)])
    x = only_tensor(data.x)
    raw = data.raw(x)
    seen = near(x, known)
    if raw.shape[1] == len(trained.mean):
        seen |= near(normalise(raw, trained.mean, trained.std), known)
        shape = along(trained.axis, raw.dim())
        centre, spread = (torch.tensor(each).view(shape) for each in (trained.mean, trained.std))
        seen |= rescaled(raw, trained.raw(known), data.axis, SAME, centre, spread)
    return int(seen.sum())


def _digests(x: Batch, sampled: bool = False) -> Iterator[bytes]:
    """Yield a digest of each input, of all its tensors, or of some values of each of these."""
    for batch in batches(x, min(ROWS, *map(at_once, tensors(x)))):
        parts = [_sampled(each) if sampled else each for each in tensors(batch)]
        for rows in zip(*parts, strict=True):
            bytes_of_row = b"".join(row.contiguous().numpy().tobytes() for row in rows)
            yield hashlib.blake2b(bytes_of_row, digest_size=16).digest()


def _sampled(x: Tensor) -> Tensor:
    """Return some values of each input (N, …), (N, values): all of a small one."""
    flat = x.reshape(len(x), -1)
    return flat[:, :: max(1, flat.shape[1] // SAMPLED)]
