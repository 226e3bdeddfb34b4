"""How training saw its inputs: what was done to each of them by chance."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


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

    def check(self, x: Tensor) -> Augmentation:
        """Return itself; ValueError where inputs like `x`, (N, …), cannot be changed so."""
        if x.dim() != 4 and (self.flip or self.shift_pixels):
            raise ValueError(
                f"flip and shift are for images (N, C, H, W), and the inputs are {list(x.shape)}; "
                "leave train_flip and train_shift_pixels out"
            )
        if self.shift_pixels < 0 or (self.shift_pixels and self.shift_pixels >= min(x.shape[2:])):
            raise ValueError(
                f"train_shift_pixels is {self.shift_pixels}; give 0 or more, and less than the "
                f"image's {' by '.join(map(str, x.shape[2:]))} pixels"
            )
        return self
