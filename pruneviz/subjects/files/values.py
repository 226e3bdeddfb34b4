"""The units in which a file holds its numbers: told by their range, whatever their type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isqrt, prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.network.inputs import only_tensor
from pruneviz.subjects.files.raw import RawData
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import scaling

BYTE, WORD = 255.0, 65_535.0
WHITES = {BYTE: 8, 1_023.0: 10, 4_095.0: 12, 16_383.0: 14, WORD: 16}  # and their bits
LEVELS = 16  # images of so few grey levels are no bytes: scikit-learn's digits run from 0 to 16
SMALLEST_SIDE = 7  # of an image that lies in a row
OVERSHOOT = 0.05  # what resizing with a bicubic filter adds to the range
CHUNK = 4_000_000
Moments = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Span:
    """The least and the largest finite value, and whether all values are whole numbers.

    `widened` says that these are bytes moved to 16 bits, times 256 or 257.
    """

    low: float
    high: float
    whole: bool
    widened: bool = False

    def within(self, low: float, high: float) -> bool:
        """Say whether all values lie in [low, high]."""
        return low <= self.low and self.high <= high

    def __str__(self) -> str:
        """Return it in words, such as "from 0 to 255"."""
        low, high = (f"{v:,.0f}" if v == round(v) else f"{v:,.3g}" for v in (self.low, self.high))
        return f"from {low} to {high}".replace("-", "−")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What values are divided by; `unit` says that images lie in [0, 1] then."""

    divisor: float
    unit: bool
    span: Span

    @property
    def sentence(self) -> str:
        """Return what was decided."""
        done = (
            "were taken as they are"
            if self.divisor == 1
            else f"were divided by {self.divisor:,.0f}"
        )
        return f"Values run {self.span} and {done}."

    @property
    def notes(self) -> tuple[Fact, ...]:
        """Return what a user must know of it: white was told by the largest of all values."""
        if self.divisor not in WHITES or self.divisor in (BYTE, WORD):
            return ()
        return (opened.fewer_bits(WHITES[self.divisor], self.span.high, self.divisor),)


def find_scale(
    parts: Sequence[tuple[str, NDArray[Any]]], series: bool = False, known_unit: bool = False
) -> Scale:
    """Return the one scale of all parts of a file, (N, …) each, named for messages.

    Whole numbers up to 255 are bytes, up to 65,535 words of 16 bits, whatever type holds them, of
    which as many are used as the largest value of all parts needs: 10, 12, 14 or 16. Fractions that
    use the range of bytes are bytes too. All else is left as it is, and so are tables and series,
    but for those as large as a square image. With `known_unit` the model is made for images from 0
    to 1, and whole numbers up to 16 exactly are their grey levels. ValueError where the parts
    differ in units.
    """
    spans = {name: span_of(values) for name, values in parts}
    span = joined(list(spans.values()))
    shape = parts[0][1].shape
    measured = len(shape) == 2 or series
    if measured and not _is_flat_image(span, prod(shape[1:])):
        return Scale(divisor=1.0, unit=False, span=span)
    large = [name for name, own in spans.items() if _divisor(own) > 1]
    small = [name for name, own in spans.items() if not own.whole and own.high <= LEVELS]
    if large and small:
        differing = (small[0], str(spans[small[0]]), large[0], str(spans[large[0]]))
        raise RefusedError(scaling.parts_in_two_units(*differing))
    if known_unit and span.whole and span.low == 0 and span.high == LEVELS:
        return Scale(divisor=LEVELS, unit=True, span=span)
    return scale_of(span)


def joined(spans: Sequence[Span]) -> Span:
    """Return the span of all values of several spans."""
    return Span(
        low=min(s.low for s in spans),
        high=max(s.high for s in spans),
        whole=all(s.whole for s in spans),
        widened=all(s.widened for s in spans),
    )


def scale_of(span: Span) -> Scale:
    """Return the scale of images whose values have this span."""
    divisor = _divisor(span)
    unit = divisor > 1 or span.within(-OVERSHOOT, 1 + OVERSHOOT)
    return Scale(divisor=divisor, unit=unit, span=span)


def scale_of_words(span: Span) -> Scale:
    """Return the scale of images whose files hold 16 bits, of which they may use fewer."""
    return Scale(divisor=_divisor(span) if span.high > LEVELS else WORD, unit=True, span=span)


def white_above_bytes(scales: Sequence[Scale]) -> float:
    """Return the white of images of more than 8 bits: 65,535 where none tells another."""
    return max((s.divisor for s in scales if s.divisor > BYTE), default=WORD)


def _divisor(span: Span) -> float:
    """Return what turns an image's values of this span into [0, 1], or 1 where nothing is known."""
    if span.whole and span.low >= 0 and span.high > LEVELS:
        whites = (BYTE, WORD) if span.widened else WHITES
        return next((white for white in whites if span.high <= white), 1.0)
    room = OVERSHOOT * BYTE
    is_bytes = span.high > BYTE / 2 and span.within(-room, BYTE + room)
    return BYTE if is_bytes and not span.whole else 1.0


def _is_flat_image(span: Span, length: int) -> bool:
    """Say whether rows, or series, of so many values are square images, in bytes."""
    square = any(
        n * channels == length and isqrt(n) ** 2 == n and isqrt(n) >= SMALLEST_SIDE
        for channels in (1, 3)
        for n in (length // channels,)
    )
    return square and span.whole and BYTE / 2 < span.high <= BYTE and span.low >= 0


def scaled(values: NDArray[Any], scale: Scale, name: str) -> Tensor:
    """Return values as float32 divided by the scale; ValueError where single precision ends."""
    largest = max(abs(scale.span.low), abs(scale.span.high))
    if largest > float(np.finfo(np.float32).max):
        raise RefusedError(scaling.beyond_single_precision(name, largest))
    return torch.from_numpy(values.astype(np.float32)) / scale.divisor


def statistics_in_unit(mean: Moments, std: Moments, scale: Scale) -> tuple[Moments, Moments, str]:
    """Return mean and std in the units of scaled values, and a sentence where they were converted.

    Of images in [0, 1], a mean or std above 1 is in the units of pixels. ValueError where one is
    and the other cannot be.
    """
    highest = max(*map(abs, mean), *std)
    if not scale.unit or highest <= 1:
        return mean, std, ""
    if max(std) > 1 and 0 < max(map(abs, mean)) <= 1:
        raise RefusedError(scaling.statistics_in_two_units(max(mean), max(std)))
    divisor = scale.divisor if scale.divisor > BYTE and highest > BYTE + 1 else BYTE
    words = f"Mean and std are in units of pixels and were divided by {divisor:,.0f}."
    return tuple(m / divisor for m in mean), tuple(s / divisor for s in std), words


def with_statistics(raw: RawData, mean: Moments, std: Moments, scale: Scale) -> RawData:
    """Return raw data with a mean and std for each channel, all in one unit.

    Images that were normalised by them before are turned back into [0, 1].
    """
    before = _undone(raw, mean, std) if only_tensor(raw.x).dim() == 4 and not scale.unit else None
    if before is not None:
        note = f"{raw.note} They are normalised by mean and std already."
        return replace(before, note=note, recorded=True)
    mean, std, converted = statistics_in_unit(mean, std, scale)
    return replace(raw, mean=mean, std=std, note=f"{raw.note} {converted}".strip())


def _undone(raw: RawData, mean: Moments, std: Moments) -> RawData | None:
    """Return images without their normalisation, or None where they are not in [0, 1] then.

    Mean and std above those of bytes are in units of deeper pixels, of the first white that fits.
    """
    highest = max(*map(abs, mean), *std)
    whites = [1.0] if highest <= 1 else [BYTE] if highest <= BYTE + 1 else list(WHITES)
    found = (_undone_by(raw, mean, std, white) for white in whites)
    return next((each for each in found if each is not None), None)


def _undone_by(raw: RawData, mean: Moments, std: Moments, divisor: float) -> RawData | None:
    m, s = (torch.tensor(values).view(1, -1, 1, 1) / divisor for values in (mean, std))
    x = only_tensor(raw.x) * s + m
    train = only_tensor(raw.train.x) * s + m if raw.train.x is not None else None
    for part in (x, train):
        if part is not None and not (part.min() >= -OVERSHOOT and part.max() <= 1 + OVERSHOOT):
            return None
    return replace(
        raw,
        x=x,
        train=replace(raw.train, x=train),
        mean=tuple(m.flatten().tolist()),
        std=tuple(s.flatten().tolist()),
    )


def span_of(values: NDArray[Any]) -> Span:
    """Return the span of finite values, a chunk at a time so that memory holds."""
    flat = values.ravel(order="K")
    if values.size and not np.issubdtype(values.dtype, np.floating):
        span = Span(low=float(values.min()), high=float(values.max()), whole=True)
    else:
        span = _finite_span(flat)
    deep = span.whole and span.low >= 0 and BYTE < span.high < WORD
    return replace(span, widened=_widened(flat)) if deep else span


def _widened(flat: NDArray[Any]) -> bool:
    """Say whether whole numbers are all multiples of 256, or of 257."""
    return any(
        all(not (chunk[np.isfinite(chunk)] % step).any() for chunk in _chunks(flat))
        for step in (256, 257)
    )


def _finite_span(flat: NDArray[Any]) -> Span:
    lows, highs, whole = [], [], True
    for chunk in _chunks(flat):
        finite = chunk[np.isfinite(chunk)]
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
            whole = whole and bool((finite == np.rint(finite)).all())
    return Span(low=min(lows, default=0.0), high=max(highs, default=0.0), whole=whole)


def _chunks(flat: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for start in range(0, len(flat), CHUNK):
        yield flat[start : start + CHUNK]
