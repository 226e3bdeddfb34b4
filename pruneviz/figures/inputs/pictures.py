"""Small pictures of real inputs, as arrays of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Picture = NDArray[np.uint8]
COLUMNS = 5
WIDTH = 600  # pixels of a picture, or a little less
LOW, MIDDLE, HIGH = (0, 114, 178), (245, 245, 245), (213, 94, 0)


def montage(images: Sequence[ArrayLike], columns: int = COLUMNS) -> Picture:
    """Return grey images (N, H, W) in [0, 1] side by side, enlarged, as (height, width) uint8."""
    tiles = np.asarray(images, dtype=np.float32)
    count, height, width = tiles.shape
    columns = min(columns, count)
    scale = max(1, WIDTH // (columns * (width + 2)))
    rows = -(-count // columns)
    sheet = np.zeros((rows * (height + 2), columns * (width + 2)), np.float32)
    for index, tile in enumerate(tiles):
        top = index // columns * (height + 2) + 1
        left = index % columns * (width + 2) + 1
        sheet[top : top + height, left : left + width] = tile
    pixels = (255 * sheet.clip(0, 1)).astype(np.uint8)
    enlarged: Picture = pixels.repeat(scale, 0).repeat(scale, 1)
    return enlarged


def profiles(rows: Sequence[ArrayLike], width: int = WIDTH, height: int = 240) -> Picture:
    """Return standardised features (N, F) as coloured cells, blue below the mean, red above it.

    The picture is (height, width, 3) uint8; a cell is full in colour at two standard deviations.
    """
    values = np.asarray(rows, dtype=np.float32).clip(-2, 2) / 2
    ends = np.where(values[..., None] < 0, np.asarray(LOW), np.asarray(HIGH))
    strength = np.abs(values)[..., None]
    cells = strength * ends + (1 - strength) * np.asarray(MIDDLE)
    down = np.arange(height) * len(values) // height
    across = np.arange(width) * values.shape[1] // width
    picture: Picture = cells.astype(np.uint8)[down][:, across]
    return picture
