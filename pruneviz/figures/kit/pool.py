"""Fewer cells, same message: matrices are pooled before they travel to the browser."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT = 500  # cells along a side; a larger heatmap takes seconds to draw
Matrix = NDArray[Any]


def block_sizes(rows: int, columns: int, limit: int = LIMIT) -> tuple[int, int]:
    """Return how many rows and columns go into one cell so that at most `limit` remain."""
    return -(-rows // limit), -(-columns // limit)


def strongest(matrix: Matrix, limit: int = LIMIT) -> Matrix:
    """Return (rows, columns) with at most `limit` a side: of each block the value furthest from 0.

    NaN means "nothing here"; a block of nothing but NaN stays NaN.
    """
    blocks = _blocks(matrix, limit)
    magnitude = np.where(np.isnan(blocks), -1.0, np.abs(blocks))
    best = magnitude.argmax(axis=-1)[..., None]
    chosen: Matrix = np.take_along_axis(blocks, best, axis=-1)
    return chosen[..., 0]


def mean(matrix: Matrix, limit: int = LIMIT) -> Matrix:
    """Return (rows, columns) with at most `limit` a side: the mean of each block, without NaN."""
    blocks = _blocks(matrix, limit)
    there = ~np.isnan(blocks)
    count = there.sum(axis=-1)
    total = np.where(there, blocks, 0.0).sum(axis=-1)
    means: Matrix = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return means


def _blocks(matrix: Matrix, limit: int) -> Matrix:
    """Return the matrix as (block rows, block columns, values in the block), padded with NaN."""
    rows, columns = matrix.shape
    high, wide = block_sizes(rows, columns, limit)
    padding = ((0, -rows % high), (0, -columns % wide))
    padded = np.pad(np.asarray(matrix, dtype=float), padding, constant_values=np.nan)
    split = padded.reshape(padded.shape[0] // high, high, padded.shape[1] // wide, wide)
    return split.swapaxes(1, 2).reshape(split.shape[0], split.shape[2], high * wide)
