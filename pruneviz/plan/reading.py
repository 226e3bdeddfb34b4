"""How inputs of one's own are read: normalisation, size and colours, where the plan says them."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import asked

SQUEEZE = "squeeze"
CROP = re.compile(r"crop:(\d{1,5})")
Numbers = Annotated[tuple[float, ...], Field(min_length=1)]


class Reading(BaseModel):
    """What the plan says of reading inputs; None leaves it to the file and to the model.

    `mean` and `std` are one number, or one for each channel or feature, in units of the values or
    of pixels. `resize` is "squeeze", or "crop:256", where the shorter side gets 256 pixels before
    the centre is cut out. `colour` is the order of the channels, or "grey".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: Numbers | None = None
    std: Numbers | None = None
    resize: str | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic"] | None = None
    colour: Literal["rgb", "bgr", "grey"] | None = None

    @field_validator("resize")
    @classmethod
    def _check_resize(cls, value: str | None) -> str | None:
        if value is not None and value != SQUEEZE and not CROP.fullmatch(value):
            raise RefusedError(asked.no_resize(repr(value)))
        return value

    @model_validator(mode="after")
    def _check_statistics(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise RefusedError(asked.half_a_normalisation())
        numbers = (*(self.mean or ()), *(self.std or ()))
        if not all(map(math.isfinite, numbers)) or min(self.std or (1.0,)) <= 0:
            raise RefusedError(asked.no_normalisation())
        return self

    @property
    def says_nothing(self) -> bool:
        """Return whether everything is left to the file and to the model."""
        return self == Reading()

    @property
    def shorter_side(self) -> int | None:
        """Return the pixels of the shorter side before the centre is cut out; None to squeeze."""
        found = CROP.fullmatch(self.resize or "")
        return int(found[1]) if found else None
