"""What holds a proposal where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pruneviz.metrics import Metric
from pruneviz.propose import losses
from pruneviz.propose.curves import Curve
from pruneviz.propose.layers import Layers
from pruneviz.propose.paths import Counts
from pruneviz.wording import Fact, offers

MORE = 0.1  # of a layer: what the sentence about the one that gives way first asks
LEAST = 0.0005  # what is written as 0.1 points, and of other metrics as 0.001


def binding(
    layers: Layers, curves: Mapping[str, Curve], counts: Counts, metric: Metric
) -> tuple[Fact, ...]:
    """Return which layer gives way first, and what is locked, at its end, or unknown."""
    found = [*_first_to_give_way(curves, counts, metric), *_at_their_end(layers, curves, counts)]
    if layers.locked:
        found.append(offers.locked(tuple(layers.locked)))
    unknown = [name for name in layers.counts if name not in curves and name not in layers.locked]
    if unknown:
        found.append(offers.not_scanned(tuple(unknown)))
    return tuple(found)


def _first_to_give_way(
    curves: Mapping[str, Curve], counts: Counts, metric: Metric
) -> Iterator[Fact]:
    """Yield the layer of which more costs most, by its own curve, where anything costs any."""
    costs = {}
    for name, curve in curves.items():
        level = counts.get(name, 0) / curve.units
        if curve.stops and counts.get(name, 0) < curve.stops[-1]:
            ahead = min(level + MORE, curve.last)
            costs[name] = (curve.lost_at(ahead) - curve.lost_at(level), ahead - level)
    name = max(costs, key=lambda name: costs[name], default="")
    lost, more = costs.get(name, (0.0, 0.0))
    if lost >= LEAST:
        yield offers.gives_way_first(name, more, losses.costs(metric, lost))


def _at_their_end(layers: Layers, curves: Mapping[str, Curve], counts: Counts) -> list[Fact]:
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
    found = [offers.at_the_scan_s_end(tuple(names), level) for level, names in sorted(ends.items())]
    if held:
        found.append(offers.can_lose_no_more(tuple(held)))
    return found
