"""How PruneViz writes numbers: 98.2 %, 1.2 M, 4.7 ms, −38 %; never 0.98214285."""

from __future__ import annotations

import math

from pruneviz.measure.milliseconds import milliseconds as milliseconds  # written as elsewhere
from pruneviz.measure.milliseconds import time_decimals as time_decimals
from pruneviz.metrics import Metric
from pruneviz.plan import Plan

MINUS = "−"
ABOUT = "≈"
OF_NOUNS = {"log-likelihood": "nats"}


def signed(text: str) -> str:
    """Return a number's text with a true minus sign, and `+` in front of what is above zero."""
    if text.startswith("-"):
        return MINUS + text[1:]
    return text if not any(digit in text for digit in "123456789") else f"+{text}"


def units_of(noun: str) -> str:
    """Return the units of what attributions add up to: `logit units`, `nats`."""
    return OF_NOUNS.get(noun, f"{noun} units")


def percent(fraction: float, decimals: int = 1) -> str:
    """Return a fraction in [0, 1] as `98.2 %`."""
    return f"{100 * fraction:.{decimals}f} %".replace("-", MINUS)


def share(fraction: float) -> str:
    """Return a fraction as a whole percentage; 0 % and 100 % only when it is exactly so."""
    if 0 < fraction < 0.005:
        return "< 1 %"
    if 0.995 <= fraction < 1:
        return "> 99 %"
    return percent(fraction, 0)


def points(difference: float, decimals: int = 1) -> str:
    """Return a difference of two fractions as percentage points with its sign: `−2.1 points`."""
    return f"{points_alone(difference, decimals)} points"


def points_alone(difference: float, decimals: int = 1) -> str:
    """Return the same without its unit, for intervals and tables: `−2.1`."""
    return signed(f"{_round(100 * difference, decimals):.{decimals}f}")


def points_apart(difference: float) -> str:
    """Return how large a difference of two fractions is, without its sign: `2.1 points`."""
    return f"{_round(100 * abs(difference), 1):.1f} points"


def points_lost(value: float) -> str:
    """Return how many points are lost, without a sign: `0.7 points`, `< 0.1 points`, `1.0 point`.

    What is above 0 is never written as 0.
    """
    shown = f"{_round(value, 1):.1f}".replace("-", MINUS)
    if 0 < value < 0.05:
        return "< 0.1 points"
    return f"{shown} point{'' if shown == '1.0' else 's'}"


def spread(low: float, high: float, decimals: int = 1) -> str:
    """Return an interval of fractions as half its width in percentage points: `± 1.1`."""
    return f"± {100 * (high - low) / 2:.{decimals}f}"


def metric_value(metric: Metric, value: float) -> str:
    """Return a metric's value with its unit: `98.2 %`, `38.67`."""
    return metric.written(value).replace("-", MINUS)


def metric_spread(metric: Metric, low: float, high: float) -> str:
    """Return an interval of a metric as half its width: `± 1.1`; `± ?` where nothing is known."""
    if not math.isfinite(high - low):
        return "± ?"
    return f"± {metric.written_width((high - low) / 2)}"


def metric_change(metric: Metric, change: float) -> str:
    """Return how much larger a metric is, with its sign and unit: `−2.1 points`, `+1.204`."""
    return f"{metric_change_alone(metric, change)}{metric.symbol_of_changes}"


def metric_change_alone(metric: Metric, change: float) -> str:
    """Return the same without its unit, for intervals and tables."""
    alone = metric.written_alone(change)
    return signed(alone.lstrip("-") if float(alone) == 0 else alone)


def metric_apart(metric: Metric, change: float) -> str:
    """Return how large a change of a metric is, without its sign: `2.1 points`, `1.204`."""
    return f"{metric.written_alone(abs(change))}{metric.symbol_of_changes}"


def plus_minus(half_width: float, decimals: int) -> str:
    """Return half an interval's width as `± 0.02`, or `± < 0.01` where it rounds to nothing."""
    smallest = 10**-decimals
    if 0 < half_width < smallest / 2:
        return f"± < {smallest:.{decimals}f}"
    return f"± {half_width:.{decimals}f}"


def change(original: float, pruned: float) -> str:
    """Return how much smaller or larger `pruned` is: `−38 %`, `±0 %` when nothing changed."""
    if original == pruned:
        return "±0 %"
    if original == 0:
        return "new"
    fraction = (pruned - original) / original
    text = share(abs(fraction))
    sign = MINUS if fraction < 0 else "+"
    return f"{text[:2]}{sign}{text[2:]}" if text[0] in "<>" else f"{sign}{text}"


def count(number: float) -> str:
    """Return a count as `950`, `12.4 k`, `1.2 M` or `4.1 G`."""
    return _scaled(number, ((1e9, " G"), (1e6, " M"), (1e3, " k")), "")


def size(number_of_bytes: float) -> str:
    """Return a size in decimal units: `950 B`, `12.4 kB`, `1.2 MB`."""
    return _scaled(number_of_bytes, ((1e9, " GB"), (1e6, " MB"), (1e3, " kB")), " B")


def seconds(value: float) -> str:
    """Return a waiting time as a person would say it: `8 s`, `2 min 5 s`, `1 h 10 min`."""
    whole = max(0, math.ceil(value))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def unbroken(text: str) -> str:
    """Return a text that stays on one line: its spaces do not break."""
    return text.replace(" ", "\u00a0")


def plural(number: int, noun: str) -> str:
    """Return `1 lock`, `3 locks`, `1,024 channels`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def inputs(number: int, held_out: bool, noun: str = "input") -> str:
    """Return how many inputs were evaluated, held out only where that is known."""
    return plural(number, f"held-out {noun}") if held_out else f"{number:,} of your {noun}s"


def inputs_of(number: int, plan: Plan) -> str:
    """Return how many inputs of a plan's data were evaluated; those of samples are held out."""
    return inputs(number, (plan.data or plan.model).startswith("sample:"))


def _round(value: float, decimals: int) -> float:
    return round(value, decimals) + 0.0


def _scaled(number: float, scales: tuple[tuple[float, str], ...], unit: str) -> str:
    for scale, name in scales:
        if abs(number) >= scale * 0.99995:
            scaled = number / scale
            return f"{scaled:.0f}{name}" if abs(scaled) >= 99.95 else f"{scaled:.1f}{name}"
    return f"{number:.0f}{unit}"
