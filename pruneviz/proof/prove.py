"""Masked and cut network side by side: they answer alike, or it is said how far they do not."""

from __future__ import annotations

from typing import Any

from pruneviz.apply import Applied
from pruneviz.coupling.accept import answer
from pruneviz.network.steady import draws
from pruneviz.wording import Fact, RefusedError, passes
from pruneviz.wording.refusals import cutting

TOLERANCE = 1e-4  # of the largest output: above it, preview and cut are not the same thing


class CutError(RefusedError):
    """A cut that does not hold; `owner` is the path of the module in which it failed, if known."""

    def __init__(self, fact: Fact, owner: str | None = None) -> None:
        super().__init__(fact)
        self.owner = owner


def prove(applied: Applied, example: Any) -> float:
    """Return the masked-to-cut error on `example`, (B, …); ValueError if the cut does not hold."""
    owners: list[str] = []
    try:
        error = applied.max_relative_error(example, owners)
    # Any code of any user: whatever its forward pass raises says that it cannot be cut so.
    except Exception as failure:
        if isinstance(failure, ValueError) and not owners:
            raise
        line = (str(failure).splitlines() or [type(failure).__name__])[0]
        owner = owners[0] if owners else None
        raise CutError(cutting.cut_does_not_run(line), owner) from failure
    if not error <= TOLERANCE:
        if draws(lambda: answer(applied.original, example)):
            raise CutError(cutting.not_comparable(passes.drawn()))
        raise CutError(cutting.cut_differs(error))
    return error
