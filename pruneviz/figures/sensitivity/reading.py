"""A measure as the figures of a scan show it: its values, its unit, and what the original has."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import Metric

QUOTED_LEVEL = 0.7
ALONE = "each layer pruned alone, the others whole"
PERCENT, NATS, POINTS = "%", "nats", "points"


@dataclass(frozen=True)
class Reading:
    """What is read off a scan. Tables of it have the columns layer, sparsity, value, low, high.

    And `of`, in words, where each value is of another group of inputs, "" where of none.
    `sparsity` is a fraction removed; `value`, its 95 % interval and `original` are in `unit` ("%",
    "nats", …, or "" for none). `falls` says whether less is worse. `of` is what is lost or
    added in words, "" for accuracy, of which points are spoken as they are.
    `called` is what the value is called that all are compared with. `scale` is what counts as much
    as all of a fraction does. `metric` writes values that have no bounds, so that each has digits
    enough; None where three decimals do. `changes` says that values are changes against the
    original, whose own is 0; those of fractions are in points.
    """

    title: str
    unit: str
    original: float
    falls: bool = True
    of: str = ""
    called: str = "original"
    scale: float = 1.0
    metric: Metric | None = None
    changes: bool = False

    @property
    def axis(self) -> str:
        """Return the axis title, with the unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def in_points(self) -> bool:
        """Return whether damage is counted in points."""
        return self.unit in (PERCENT, POINTS)

    @property
    def span(self) -> float:
        """Return the least that an axis of damage spans, so that noise does not fill a figure."""
        return 5.0 if self.in_points else 0.05 * self.scale

    @property
    def smallest(self) -> float:
        """Return the damage below which none is spoken of."""
        return 0.5 if self.in_points else 0.005 * self.scale

    @property
    def noticed(self) -> float:
        """Return the damage from which on a layer is worth a title, if it is surely there."""
        return 2.0 if self.in_points else 0.02 * self.scale

    @property
    def little(self) -> str:
        """Return a small damage in words, which no layer may reach."""
        return "a whole point" if self.in_points else self.amount(0.01 * self.scale)

    def damage(self, value: float) -> float:
        """Return how much worse than the original a value is; below 0 where it is better."""
        return self.original - value if self.falls else value - self.original

    def amount(self, damage: float) -> str:
        """Return a damage in words: `12 points`, `0.42 nats of loss`."""
        of = f" of {self.of}" if self.of else ""
        if self.in_points:
            return fmt.plural(round(damage), "point") + of
        unit = f" {self.unit}" if self.unit else ""
        return self.alone(damage) + unit + of

    def alone(self, damage: float) -> str:
        """Return a damage that is not in percent, without its unit: `0.42`, `17.38`."""
        text = f"{damage:.2f}" if self.metric is None else self.metric.written_alone(damage)
        return text.replace("-", fmt.MINUS)

    def value(self, value: float) -> str:
        """Return a value with its unit: `93.2 %`, `0.421 nats`; a change as `−2.1 points`."""
        if self.unit == PERCENT:
            return f"{value:.1f} %"
        digits = 1 if self.unit == POINTS else 3
        text = f"{value:.{digits}f}" if self.metric is None else self.metric.written_alone(value)
        return f"{fmt.signed(text) if self.changes else text} {self.unit}".rstrip()

    @property
    def hover(self) -> str:
        """Return a value with its unit as Plotly's hover text writes it."""
        digits = ".3f" if self.metric is None else ".4g"
        return "%{y:.1f} %" if self.unit == PERCENT else f"%{{y:{digits}}} {self.unit}".rstrip()

    @property
    def loses(self) -> str:
        """Return what a layer does to this measure: it loses some of it, or adds some to it."""
        return "loses" if self.falls else "adds"


def in_words(row: pd.Series, reading: Reading) -> str:
    """Return a point as it is read under the mouse: layer, level, value, its interval, of what."""
    level = f"{row['layer']} at {100 * row['sparsity']:.0f} %"
    interval = f"{reading.value(row['low'])} to {reading.value(row['high'])}"
    known = "" if pd.isna(row["low"]) else f" (95 %: {interval})"
    of = f"<br>{html.escape(row['of'], quote=False)}" if row.get("of") else ""
    return f"{level}: {reading.value(row['value'])}{known}{of}"


def hovered(name: str, rows: pd.DataFrame, reading: Reading) -> dict[str, Any]:
    """Return what a layer's points, the original's before them, say under the mouse."""
    if "of" not in rows:
        return {"hovertemplate": f"{name}: {reading.hover} at %{{x:.0f}} %<extra></extra>"}
    texts = [in_words(row, reading) for _, row in rows.iterrows()]
    return {"hovertemplate": "%{hovertext}<extra></extra>", "hovertext": [reading.called, *texts]}


@dataclass(frozen=True)
class Worst:
    """The layer that costs most with `sparsity` of it removed alone, and how much."""

    layer: str
    sparsity: float
    damage: float


def most_sensitive(table: pd.DataFrame, reading: Reading) -> Worst | None:
    """Return the layer that costs most where layers first differ from the original beyond noise.

    Where none does, at the level nearest to QUOTED_LEVEL; None while nothing is measured.
    """
    return _worst(table, first_noticed(table, reading), reading)


def first_noticed(table: pd.DataFrame, reading: Reading) -> float | None:
    """Return the smallest level at which some layer is surely and noticeably worse, None if none.

    Surely: the original's value lies outside of its 95 % interval, where it has one.
    """
    known = table.dropna(subset="value")
    worse = known["value"].map(reading.damage) >= reading.noticed
    best_case = known["high" if reading.falls else "low"].fillna(known["value"])
    levels = known.loc[worse & (best_case.map(reading.damage) > 0), "sparsity"]
    return float(levels.min()) if len(levels) else None


def what_to_see(table: pd.DataFrame, reading: Reading, chosen: str = "", wanted: int = 0) -> str:
    """Return a figure's title: which layer loses noticeably first, and which most further on.

    Of a `chosen` layer it says first what that one loses. `wanted` layers are measured in the end;
    while fewer are, it says so. What is shown is the network with one layer pruned, and said.
    """
    worst = most_sensitive(table, reading)
    if worst is None:
        return "What each layer can lose: no point is measured yet"
    at_level = _at(table, worst.sparsity)
    far = f" (so far, {len(at_level)} of {wanted} layers)" if len(at_level) < wanted else ""
    return f"{_finding(table, reading, worst, chosen)}{far}; {ALONE}"


def _finding(table: pd.DataFrame, reading: Reading, worst: Worst, chosen: str) -> str:
    """Return what the worst layer at the level to quote loses, a chosen one before it."""
    level, most = fmt.share(worst.sparsity), _amount(table, reading, worst)
    at_level = _at(table, worst.sparsity)
    own = at_level.loc[at_level["layer"] == chosen, "value"]
    if len(own) and chosen != worst.layer:
        loss = max(0.0, reading.damage(float(own.iloc[0])))
        its = f"{chosen} {reading.loses} {reading.amount(loss)} at {level}"
        if worst.damage < reading.smallest:
            return its
        return f"{its}; {worst.layer} {reading.loses} most, {most}"
    if worst.damage < reading.smallest:
        return f"No layer {reading.loses} {reading.little} at {level}"
    later = _worst(table, _quoted(table), reading)
    if first_noticed(table, reading) is None:
        amount = reading.amount(worst.damage)
        return f"At {level}, {worst.layer} {reading.loses} most: {amount}, within chance"
    if later is None or later.sparsity <= worst.sparsity:
        return f"At {level}, {worst.layer} {reading.loses} most: {most}"
    further = f"at {fmt.share(later.sparsity)}, {later.layer} {reading.loses} most"
    return (
        f"{worst.layer} already {reading.loses} {most} at {level}; {further}: "
        f"{_amount(table, reading, later)}"
    )


def _amount(table: pd.DataFrame, reading: Reading, worst: Worst) -> str:
    """Return how much a layer costs; of changes, each of other inputs, whether it may be chance."""
    amount = reading.amount(worst.damage)
    if not reading.changes:
        return amount
    at_level = _at(table, worst.sparsity)
    row = at_level.loc[at_level["layer"] == worst.layer].iloc[0]
    surely = reading.damage(float(row["high" if reading.falls else "low"])) > 0
    return amount if surely else f"{amount} (within chance)"


def _worst(table: pd.DataFrame, level: float | None, reading: Reading) -> Worst | None:
    """Return the layer that costs most at a level, at the one to quote where that is None."""
    level = _quoted(table) if level is None else level
    if level is None:
        return None
    worst = _at(table, level).sort_values("value", ascending=reading.falls, kind="stable").iloc[0]
    return Worst(str(worst["layer"]), level, reading.damage(float(worst["value"])))


def _quoted(table: pd.DataFrame) -> float | None:
    """Return the measured level nearest to QUOTED_LEVEL, None while nothing is measured."""
    levels = sorted(set(table.dropna(subset="value")["sparsity"]))
    return min(levels, key=lambda value: abs(value - QUOTED_LEVEL), default=None)


def _at(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return one row a layer, from the layers that are measured at a level."""
    known = table.dropna(subset="value")
    chosen: pd.DataFrame = known.loc[known["sparsity"] == level]
    return chosen


def ranked(table: pd.DataFrame, reading: Reading) -> list[str]:
    """Return the layers, the one that costs most on average first."""
    means = table.groupby("layer")["value"].mean().sort_values(ascending=reading.falls)
    return [str(name) for name in means.index]
