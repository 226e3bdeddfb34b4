"""What a field of a plan may hold: numbers, settings, locks; each refusal names the value."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any, Literal

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import asked

MAX_LOCK_SPAN = 1_000_000

MAX_UNIT = 2**53  # beyond it JSON's readers disagree on whole numbers

Lock = Literal["all"] | tuple[int, ...]

Setting = bool | int | float | str


def checked_sparsity(value: Any, layer: str | None = None) -> float:
    """Return `value` as a sparsity, overall or of a layer; RefusedError names place and range."""
    number = _number(value)
    if not 0.0 <= number <= 1.0:
        got = shown(value)
        raise RefusedError(
            asked.no_sparsity(got)
            if layer is None
            else asked.no_sparsity_of_layer(shown(layer), got)
        )
    return number + 0.0  # -0.0 is 0.0, or equal plans would have two digests


def _number(value: Any) -> float:
    """Return a number, or the number that a text spells; NaN for everything else."""
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def shown(value: Any) -> str:
    """Return a value as a message shows it: in one line, and short however large it is."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python spells no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def checked_settings(value: Any, where: str) -> dict[str, Setting]:
    """Return a method's parameters; ValueError names the place and the value."""
    if not isinstance(value, Mapping):
        raise RefusedError(asked.no_settings(where, shown(value)))
    for name, given in value.items():
        if not isinstance(given, bool | str) and not math.isfinite(_number(given)):
            raise RefusedError(asked.no_setting(shown(name), where, shown(given)))
    return {str(name): _setting(given) for name, given in value.items()}


def _setting(given: Setting) -> Setting:
    """Return a parameter's value; a text that spells a number, such as YAML's 1e-3, becomes it."""
    if not isinstance(given, str) or not math.isfinite(_number(given)):
        return given
    return int(given) if given.strip().lstrip("+-").isdecimal() else float(given)


MOST_OUTPUTS = 1_000_000


def checked_lock(name: str, lock: Any) -> Any:
    """Return a lock; ValueError names the layer, and what a lock may be."""
    if lock == "all":
        return "all"
    if (
        not isinstance(lock, list | tuple)
        or not lock
        or not all(type(i) is int and 0 <= i < MAX_UNIT for i in lock)
    ):
        raise RefusedError(asked.no_lock(shown(name), shown(lock)))
    return tuple(sorted(set(lock)))


def checked_output(name: str, output: Any) -> int:
    """Return the number of an output; ValueError names the class and the value."""
    number = _number(output)
    if not (number.is_integer() and 0 <= number < MOST_OUTPUTS):
        raise RefusedError(asked.no_output(shown(name), shown(output)))
    return int(number)


def parse_lock(text: str) -> tuple[str, Lock]:
    """Read `NAME` (the whole layer) or `NAME:0,3,8-11` (single units) as a name and its lock."""
    name, colon, units = text.rpartition(":")
    if not colon:
        return text, "all"
    indices: set[int] = set()
    for part in units.split(","):
        first, dash, last = part.partition("-")
        try:
            span = range(int(first), int(last if dash else first) + 1)
        except ValueError as error:
            raise RefusedError(asked.no_lock_text(shown(text))) from error
        if not 0 < span.stop - span.start <= MAX_LOCK_SPAN:
            raise RefusedError(asked.no_lock_span(MAX_LOCK_SPAN, shown(part)))
        indices.update(span)
    return name, tuple(sorted(indices))
