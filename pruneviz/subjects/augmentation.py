"""How training saw its inputs: what was done to each of them by chance."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pruneviz.network.inputs import Batch
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import array_files


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of training inputs; `known` says whether the data's source told them.

    `flip`: half of the images are mirrored left to right. `shift_pixels`: every image is moved by
    up to so many pixels along both axes, and black (raw 0) moves in. Tables have neither.
    """

    flip: bool = False
    shift_pixels: int = 0
    known: bool = False

    def __str__(self) -> str:
        """Return it in words, such as "flip and 4-pixel shift"."""
        parts = ["flip"] * self.flip + [f"{self.shift_pixels}-pixel shift"] * (
            self.shift_pixels > 0
        )
        return " and ".join(parts) or "no augmentation"

    def check(self, x: Batch) -> Augmentation:
        """Return itself; ValueError where inputs like `x`, (N, …), cannot be changed so."""
        if not self.flip and not self.shift_pixels:
            return self
        if not isinstance(x, Tensor):
            raise RefusedError(array_files.changes_one_tensor())
        if x.dim() != 4:
            raise RefusedError(array_files.changes_no_images(tuple(x.shape)))
        if self.shift_pixels < 0 or self.shift_pixels >= min(x.shape[2:]):
            raise RefusedError(array_files.no_shift(self.shift_pixels, tuple(x.shape[2:])))
        return self
