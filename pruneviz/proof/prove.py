"""Masked and cut network side by side: they answer alike, or it is said how far they do not."""

from __future__ import annotations

from typing import Any

from pruneviz.apply import Applied
from pruneviz.coupling.accept import answer
from pruneviz.network.steady import draws
from pruneviz.wording import passes

TOLERANCE = 1e-4  # of the largest output: above it, preview and cut are not the same thing


class CutError(ValueError):
    """A cut that does not hold; `owner` is the path of the module in which it failed, if known."""

    def __init__(self, sentence: str, owner: str | None = None) -> None:
        super().__init__(sentence)
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
        raise CutError(
            "the cut network does not run, perhaps because its code holds a fixed size: "
            f"{(str(failure).splitlines() or [type(failure).__name__])[0]}",
            owners[0] if owners else None,
        ) from failure
    if not error <= TOLERANCE:
        if draws(lambda: answer(applied.original, example)):
            raise CutError(f"masked and cut network cannot be compared: {passes.drawn()}")
        raise CutError(
            f"the cut network differs from the masked one by {error:.2g} of its output: its code "
            "depends on how many units there are, on their order, or on weights that are zero"
        )
    return error
