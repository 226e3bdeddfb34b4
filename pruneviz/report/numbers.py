"""A metric's numbers as JSON and tables hold them: what is no finite number is None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pruneviz.report.parts import MetricPair


@dataclass(frozen=True, slots=True)
class MetricNumbers:
    """A metric of both networks and its change, with 95 % intervals; None is not known."""

    metric: str
    settings: Mapping[str, str | int | float]
    original: float | None
    original_low: float | None
    original_high: float | None
    pruned: float | None
    pruned_low: float | None
    pruned_high: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
    samples: int

    @classmethod
    def of(cls, pair: MetricPair) -> MetricNumbers:
        """Return what a report says of a metric."""
        return cls(
            metric=pair.metric,
            settings={name: _setting(value) for name, value in pair.settings.items()},
            original=finite(pair.original),
            original_low=finite(pair.original_interval[0]),
            original_high=finite(pair.original_interval[1]),
            pruned=finite(pair.pruned),
            pruned_low=finite(pair.pruned_interval[0]),
            pruned_high=finite(pair.pruned_interval[1]),
            change=finite(pair.change),
            change_low=finite(pair.change_interval[0]),
            change_high=finite(pair.change_interval[1]),
            samples=pair.samples,
        )


def _setting(value: str | int | float) -> str | int | float:
    """Return a setting, as text where it is no number that JSON has."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def finite(number: float) -> float | None:
    """Return a number, None where it is NaN or infinite: SQLite and JSON know neither."""
    return number if math.isfinite(number) else None
