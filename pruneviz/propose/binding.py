"""What holds a proposal where it is, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pruneviz.propose.curves import Curve
from pruneviz.propose.layers import Layers
from pruneviz.propose.paths import Counts

MORE = 0.1  # of a layer: what the sentence about the one that gives way first asks
MOST_NAMED = 3


def binding(layers: Layers, curves: Mapping[str, Curve], counts: Counts) -> tuple[str, ...]:
    """Return which layer gives way first, and what is locked, at its end, or unknown."""
    found = [_first_to_give_way(curves, counts), *_at_their_end(layers, curves, counts)]
    if layers.locked:
        found.append(f"{_named(layers.locked)} locked")
    unknown = [name for name in layers.counts if name not in curves and name not in layers.locked]
    if unknown:
        found.append(
            f"{_named(unknown)} not in the scan and {'keeps' if len(unknown) == 1 else 'keep'} "
            f"what {'it has' if len(unknown) == 1 else 'they have'}"
        )
    return tuple(sentence for sentence in found if sentence)


def _first_to_give_way(curves: Mapping[str, Curve], counts: Counts) -> str:
    """Return the layer of which more costs most, by its own curve; "" where nothing costs any."""
    costs = {}
    for name, curve in curves.items():
        level = counts.get(name, 0) / curve.units
        if curve.stops and counts.get(name, 0) < curve.stops[-1]:
            ahead = min(level + MORE, curve.last)
            costs[name] = (curve.lost_at(ahead) - curve.lost_at(level), ahead - level)
    name = max(costs, key=lambda name: costs[name], default="")
    if not name or costs[name][0] < 0.0005:  # less than what is written as 0.1 points
        return ""
    lost, more = costs[name]
    return f"{name} gives way first: {100 * more:.0f} % more of it, alone, costs {points(lost)}"


def _at_their_end(layers: Layers, curves: Mapping[str, Curve], counts: Counts) -> list[str]:
    """Return which layers are at the scan's last level, and which their locks or widths hold."""
    ends: dict[float, list[str]] = {}
    held = []
    for name, curve in curves.items():
        if not curve.stops or counts.get(name, 0) < curve.stops[-1]:
            continue
        removable = layers.request.removable(name)
        if curve.stops[-1] == removable and removable < int(curve.last * curve.units):
            held.append(name)
        else:
            ends.setdefault(curve.last, []).append(name)
    found = [
        f"{_named(names)} as far as the scan goes, {100 * level:.0f} % removed"
        for level, names in sorted(ends.items())
    ]
    if held:
        found.append(f"{_listed(held)} can lose no more: locks, widths or a rule keep the rest")
    return found


def _named(names: Sequence[str]) -> str:
    """Return `a is`, `a and b are`, or `7 layers are`."""
    return f"{_listed(names)} {'is' if len(names) == 1 else 'are'}"


def _listed(names: Sequence[str]) -> str:
    """Return `a`, `a and b`, or `7 layers`."""
    if len(names) > MOST_NAMED:
        return f"{len(names)} layers"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def points(fraction: float) -> str:
    """Return a loss of accuracy in points, one decimal; what is above 0 is never written as 0."""
    number = round(100 * fraction, 1)
    shown = "< 0.1" if fraction > 0 and not number else f"{number:g}"
    return f"{shown} point{'' if number == 1 else 's'}"
