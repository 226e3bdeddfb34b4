"""A measure as the figures of a scan show it: its values, its unit, and what the original has."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pruneviz.figures import format as fmt

QUOTED_LEVEL = 0.7
PERCENT, NATS = "%", "nats"


@dataclass(frozen=True)
class Reading:
    """What is read off a scan. Tables of it have the columns layer, sparsity, value, low, high.

    `sparsity` is a fraction removed; `value`, its 95 % interval and `original` are in `unit` ("%",
    "nats", or "" for a fraction of 1). `falls` says whether less is worse. `of` is what is lost or
    added in words, "" for accuracy, of which points are spoken as they are.
    `called` is what the value is called that all are compared with.
    """

    title: str
    unit: str
    original: float
    falls: bool = True
    of: str = ""
    called: str = "original"

    @property
    def axis(self) -> str:
        """Return the axis title, with the unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def span(self) -> float:
        """Return the least that an axis of damage spans, so that noise does not fill a figure."""
        return 5.0 if self.unit == PERCENT else 0.05

    @property
    def smallest(self) -> float:
        """Return the damage below which none is spoken of."""
        return 0.5 if self.unit == PERCENT else 0.005

    def damage(self, value: float) -> float:
        """Return how much worse than the original a value is; below 0 where it is better."""
        return self.original - value if self.falls else value - self.original

    def amount(self, damage: float) -> str:
        """Return a damage in words: `12 points`, `0.42 nats of loss`."""
        of = f" of {self.of}" if self.of else ""
        if self.unit == PERCENT:
            return fmt.plural(round(damage), "point") + of
        unit = f" {self.unit}" if self.unit else ""
        return f"{damage:.2f}".replace("-", fmt.MINUS) + unit + of

    def value(self, value: float) -> str:
        """Return a value with its unit: `93.2 %`, `0.421 nats`."""
        if self.unit == PERCENT:
            return f"{value:.1f} %"
        return f"{value:.3f} {self.unit}".rstrip()

    @property
    def hover(self) -> str:
        """Return a value with its unit as Plotly's hover text writes it."""
        return "%{y:.1f} %" if self.unit == PERCENT else f"%{{y:.3f}} {self.unit}".rstrip()

    @property
    def loses(self) -> str:
        """Return what a layer does to this measure: it loses some of it, or adds some to it."""
        return "loses" if self.falls else "adds"


@dataclass(frozen=True)
class Worst:
    """The layer that costs most with `sparsity` of it removed alone, and how much."""

    layer: str
    sparsity: float
    damage: float


def most_sensitive(table: pd.DataFrame, reading: Reading) -> Worst | None:
    """Return the layer that costs most at the level to quote, None while nothing is measured."""
    at_level = at_common_level(table)
    if at_level.empty:
        return None
    worst = at_level.sort_values("value", ascending=reading.falls, kind="stable").iloc[0]
    value = float(worst["value"])
    return Worst(str(worst["layer"]), float(worst["sparsity"]), reading.damage(value))


def what_to_see(table: pd.DataFrame, reading: Reading, chosen: str = "", wanted: int = 0) -> str:
    """Return a figure's title: which layer loses most, how much, at which level.

    Of a `chosen` layer it says first what that one loses. `wanted` layers are measured in the end;
    while fewer are, it says so.
    """
    worst = most_sensitive(table, reading)
    if worst is None:
        return "What each layer can lose: no point is measured yet"
    at_level = at_common_level(table)
    far = f" (so far, {len(at_level)} of {wanted} layers)" if len(at_level) < wanted else ""
    level, most = fmt.share(worst.sparsity), reading.amount(worst.damage)
    own = at_level.loc[at_level["layer"] == chosen, "value"]
    if len(own) and chosen != worst.layer:
        loss = max(0.0, reading.damage(float(own.iloc[0])))
        its = f"{chosen} {reading.loses} {reading.amount(loss)} at {level}"
        if worst.damage < reading.smallest:
            return f"{its}{far}"
        return f"{its}; {worst.layer} {reading.loses} most, {most}{far}"
    if worst.damage < reading.smallest:
        little = "a whole point" if reading.unit == "%" else reading.amount(0.01)
        return f"No layer {reading.loses} {little}, each pruned alone to {level}{far}"
    return f"At {level}, {worst.layer} {reading.loses} most: {most}{far}"


def at_common_level(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a layer at the level to quote, from the layers that are measured there."""
    known = table.dropna(subset="value")
    levels = sorted(set(known["sparsity"]))
    if not levels:
        return known
    level = min(levels, key=lambda value: abs(value - QUOTED_LEVEL))
    chosen: pd.DataFrame = known.loc[known["sparsity"] == level]
    return chosen


def ranked(table: pd.DataFrame, reading: Reading) -> list[str]:
    """Return the layers, the one that costs most on average first."""
    means = table.groupby("layer")["value"].mean().sort_values(ascending=reading.falls)
    return [str(name) for name in means.index]
