"""Values kept between passes, under a budget of bytes."""

from __future__ import annotations

from pruneviz.reuse.trace import Values


class Store:
    """The values kept of each batch; together they never take more than `budget_bytes`."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.peak_bytes = 0
        self.refused = 0  # how often values did not fit
        self._values: dict[int, Values] = {}
        self._bytes: dict[int, int] = {}

    def of(self, batch: int) -> Values:
        """Return what is kept of a batch."""
        return self._values.get(batch, {})

    def replace(self, batch: int, values: Values, alone: bool = False) -> bool:
        """Keep these values of a batch in place of those before, where they fit; else those stay.

        With `alone`, values of other batches make room for them. Returns whether they fit.
        """
        needed = sum(storage.nbytes() for storage in values.values())
        if alone and needed <= self.budget_bytes:
            self._make_room(batch, needed)
        others = sum(self._bytes.values()) - self._bytes.get(batch, 0)
        if others + needed > self.budget_bytes:
            self.refused += 1
            return False
        self._values[batch], self._bytes[batch] = values, needed
        self.peak_bytes = max(self.peak_bytes, others + needed)
        return True

    def _make_room(self, batch: int, needed: int) -> None:
        for other in [key for key in self._values if key != batch]:
            if sum(self._bytes.values()) - self._bytes.get(batch, 0) + needed <= self.budget_bytes:
                return
            del self._values[other], self._bytes[other]
