"""Images of a few depths on one scale: what is white in each, and all of them as numbers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.subjects.files.pixels import Pixels
from pruneviz.subjects.files.values import BYTE, WORD, Scale, joined, scale_of, scale_of_words
from pruneviz.subjects.stored.images import WHITE, InMemory, StoredImages
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import image_files

DARK = 63  # of 255: what 14 of 16 bits come to


def narrowed(pixels: list[Pixels]) -> tuple[Fact, ...]:
    """Return a note where colours of 16 bits, read with 8, are so dark that fewer may be used."""
    largest = [p.values.max() for p in pixels if p.narrowed]
    brightest = int(max(largest, default=BYTE))
    return () if brightest > DARK else (opened.narrowed_colours(len(largest), brightest),)


def whites_of(pixels: list[Pixels], name: str, notes: list[str]) -> tuple[list[float], list[Scale]]:
    """Return what divides each image into [0, 1], all of one depth on one scale; these scales."""
    scales: dict[float | None, Scale] = {}
    spans = [p.span for p in pixels if p.span is not None and p.full is None]
    if spans:
        scale = scales[None] = scale_of(joined(spans))
        if not scale.unit:
            raise RefusedError(image_files.white_not_known(name, str(scale.span)))
        notes.append(scale.sentence)
    words = [p.span for p in pixels if p.span is not None and p.full is not None]
    if words:
        scales[WORD] = scale_of_words(joined(words))
    whites = [p.full or 1.0 if p.span is None else scales[p.full].divisor for p in pixels]
    deep = Counter(white for p, white in zip(pixels, whites, strict=True) if p.full == WORD)
    notes += [
        f"Of the images, {count:,} with 16 bits were divided by {white:,.0f}."
        for white, count in deep.items()
    ]
    return whites, list(scales.values())


def divided(
    pixels: list[Pixels],
    whites: list[float],
    chosen: NDArray[np.int64],
    room: Tensor | None = None,
) -> Tensor:
    """Return the chosen images (N, C, H, W) in [0, 1], stored where `room` has all their bytes."""
    rows = [pixels[i].row for i in chosen.tolist() if whites[i] == WHITE]
    if room is not None and len(rows) == len(chosen) and None not in rows:
        return StoredImages(InMemory(room)).taken(torch.tensor(rows))
    images = torch.empty(len(chosen), *pixels[0].values.shape)
    for image, i in zip(images, chosen.tolist(), strict=True):
        torch.div(pixels[i].values, whites[i], out=image)
    return images
