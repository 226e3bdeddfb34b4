"""One weight tensor as a matrix in tiles: its axes in some order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.network.plain_layers import inputs_first
from pruneviz.wording import RefusedError, unseen


@dataclass(frozen=True)
class Axes:
    """A layer's weights: reshaped to `split`, which axes are outputs, inputs and kernel places."""

    shape: tuple[int, ...]
    split: tuple[int, ...]
    outputs: tuple[int, ...]
    inputs: int
    places: tuple[int, ...]

    @property
    def kernel(self) -> tuple[int, ...]:
        """Return the shape of one kernel; () for a linear layer."""
        return tuple(self.split[axis] for axis in self.places)

    @property
    def width(self) -> int:
        """Return how many inputs each output reads."""
        return self.split[self.inputs]

    @property
    def rows(self) -> int:
        """Return the number of outputs."""
        return math.prod(self.split[axis] for axis in self.outputs)

    @property
    def columns(self) -> int:
        """Return how many weights make one output."""
        return self.width * math.prod(self.kernel)

    def view(
        self, columns: int, tile: tuple[int, int], lines: int = 0, *, inputs_last: bool = False
    ) -> MatrixView:
        """Return the weights, output by output, as rows of `columns`, cut into tiles.

        `lines` is after how many columns a picture of (outputs, rest) parts the groups, 0 nowhere.
        """
        rest = (*self.places, self.inputs) if inputs_last else (self.inputs, *self.places)
        order = (*self.outputs, *rest)
        return MatrixView(self.shape, self.split, order, columns, tile, self.rows, lines)


def axes(module: nn.Module) -> Axes:
    """Return how a convolution's or linear layer's weights lie: transposed ones inputs first."""
    shape = tuple(module.get_parameter("weight").shape)
    if inputs_first(module):
        return Axes(shape, shape, (1,), 0, ())
    if not getattr(module, "transposed", False):
        return Axes(shape, shape, (0,), 1, tuple(range(2, len(shape))))
    groups = int(module.groups)  # type: ignore[arg-type]
    split = (groups, shape[0] // groups, *shape[1:])
    return Axes(shape, split, (0, 2), 1, tuple(range(3, len(split))))


@dataclass(frozen=True)
class MatrixView:
    """A tensor of `shape` as a matrix in tiles: reshaped to `split`, its axes put in `order`.

    Unit u is the u-th tile, row by row; the tiles at the last row and column may be smaller.
    """

    shape: tuple[int, ...]
    split: tuple[int, ...]
    order: tuple[int, ...]
    columns: int
    tile: tuple[int, int]
    outputs: int
    lines: int = 0

    @property
    def rows(self) -> int:
        """Return the number of rows of the matrix."""
        return math.prod(self.shape) // self.columns

    @property
    def inputs_last(self) -> bool:
        """Return whether the columns go through the inputs before the places of the kernel."""
        return self.order[-1] < len(self.order) - 1

    @property
    def parting(self) -> tuple[int, int]:
        """Return after how many rows and columns a picture parts the groups; 0: nowhere."""
        high = self.tile[0] if self.rows == self.outputs else 0  # else its rows are no outputs
        return high if 1 < high < self.outputs else 0, self.lines

    @property
    def grid(self) -> tuple[int, int]:
        """Return how many tiles lie below and beside one another."""
        return -(-self.rows // self.tile[0]), -(-self.columns // self.tile[1])

    @property
    def count(self) -> int:
        """Return the number of tiles."""
        return math.prod(self.grid)

    def matrix(self, tensor: Tensor) -> Tensor:
        """Return a tensor of `shape` as (rows, columns)."""
        return tensor.reshape(self.split).permute(self.order).reshape(self.rows, self.columns)

    def picture(self, tensor: Tensor) -> Tensor:
        """Return a tensor of `shape` as (outputs, rest), its columns in this view's order."""
        return self.matrix(tensor).reshape(self.outputs, -1)

    def back(self, matrix: Tensor) -> Tensor:
        """Return what `matrix` made (rows, columns) in its own shape again."""
        inverse = sorted(range(len(self.order)), key=self.order.__getitem__)
        moved = matrix.reshape([self.split[axis] for axis in self.order])
        return moved.permute(inverse).reshape(self.shape)

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over each tile, shape (count,)."""
        if self.tile == (1, 1):
            return self.matrix(tensor).reshape(-1)
        return self._tiles(tensor, 0).sum((1, 3)).reshape(-1)

    def max(self, tensor: Tensor) -> Tensor:
        """Return the largest value of each tile, shape (count,)."""
        if self.tile == (1, 1):
            return self.matrix(tensor).reshape(-1)
        return self._tiles(tensor, -math.inf).amax((1, 3)).reshape(-1)

    def _tiles(self, tensor: Tensor, beyond: float) -> Tensor:
        """Return a tensor as (tiles below, rows, tiles beside, columns), filled up at the ends."""
        matrix = self.matrix(tensor)
        (high, wide), (r, c) = self.grid, self.tile
        missing = (0, wide * c - self.columns, 0, high * r - self.rows)
        if any(missing):
            matrix = nn.functional.pad(matrix, missing, value=beyond)
        return matrix.reshape(high, r, wide, c)

    def sizes(self) -> Tensor:
        """Return the number of weights in each tile, shape (count,), or (1,) where all have one."""
        if self.tile == (1, 1):
            return torch.ones(1, dtype=torch.long)
        heights, widths = (
            (whole - step * torch.arange(tiles)).clamp_max(step)
            for tiles, step, whole in zip(
                self.grid, self.tile, (self.rows, self.columns), strict=True
            )
        )
        return torch.outer(heights, widths).reshape(-1)

    def spread(self, keep: Tensor) -> Tensor:
        """Return one value a tile, (count,), at every weight of the tile, of the tensor's shape."""
        if self.tile == (1, 1):
            return self.back(keep)
        (high, wide), (r, c) = self.grid, self.tile
        tiles = keep.reshape(high, 1, wide, 1).expand(high, r, wide, c)
        return self.back(tiles.reshape(high * r, wide * c)[: self.rows, : self.columns])


class LeftOutError(RefusedError):
    """A layer that has no units of a granularity, with the reason."""


def kernel_size(layer: Axes) -> int:
    """Return how many weights a kernel has; LeftOutError where a layer has no kernels."""
    if not layer.kernel:
        raise LeftOutError(unseen.no_kernels())
    return math.prod(layer.kernel)
