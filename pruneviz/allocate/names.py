"""Names in a plan: which units a layer's own sparsity and its lock mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NoReturn

import numpy as np

from pruneviz.granularity.units import Units
from pruneviz.plan import Plan
from pruneviz.wording import RefusedError, named


def own_sparsities(units: tuple[Units, ...], plan: Plan) -> dict[str, float]:
    """Return the sparsities set by hand; a name of units means them, a layer's all it is in."""
    aliases, single = _aliases(units), {place: each.name for each in units for place in each.places}
    own: dict[str, float] = {}
    for layer, value in plan.layers.items():
        names = _resolve(layer, aliases, "a sparsity")
        if layer not in names and layer in single:
            raise RefusedError(named.part_of_one_unit(layer, single[layer]))
        for name in (layer,) if layer in names else names:
            if own.setdefault(name, value) != value:
                raise RefusedError(named.two_sparsities(layer, name, value, own[name]))
    return own


def set_by_hand(units: tuple[Units, ...], plan: Plan) -> frozenset[str]:
    """Return the names of the units whose sparsity a plan gives itself, whatever its scope."""
    return frozenset(own_sparsities(units, plan))


def locked_units(units: tuple[Units, ...], plan: Plan) -> dict[str, np.ndarray]:
    """Return the locked units of each layer, by units name; ValueError where there are no such.

    A whole layer's lock holds wherever its outputs belong, that of a part of one unit for the unit.
    """
    aliases, by_name = _aliases(units), {layer.name: layer for layer in units}
    locked = {name: np.zeros(0, np.int64) for name in by_name}
    for layer, lock in plan.locks.items():
        names = _resolve(layer, aliases, "a lock")
        if lock == "all":
            chosen = {name: _all_of(by_name[name], layer) for name in names}
        else:
            name = _only(layer, names)
            chosen = {name: _numbered(by_name[name], layer, lock)}
        for name, indices in chosen.items():
            locked[name] = np.union1d(locked[name], indices)
    return locked


def strangers(units: tuple[Units, ...], plan: Plan) -> tuple[str, ...]:
    """Return the layers that a plan gives an amount or a lock and that have no units here."""
    known = _aliases(units)
    return tuple(name for name in sorted({*plan.layers, *plan.locks}) if name not in known)


def _aliases(units: tuple[Units, ...]) -> dict[str, tuple[str, ...]]:
    """Return, for every layer, the names of the units that its outputs belong to."""
    found: dict[str, tuple[str, ...]] = {}
    for each in units:
        for layer in dict.fromkeys((each.name, *each.layers, *each.places)):
            found[layer] = (*found.get(layer, ()), each.name)
    return found


def _resolve(name: str, aliases: dict[str, tuple[str, ...]], what: str) -> tuple[str, ...]:
    if name not in aliases:
        refuse_unknown(name, aliases, what)
    return aliases[name]


def refuse_unknown(name: str, known: Iterable[str], what: str) -> NoReturn:
    """Raise RefusedError for a layer that a plan names and that is not there, with close ones."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 3) or names[:5]
    raise RefusedError(named.unknown_layer(what, name, ", ".join(close)))


def _all_of(units: Units, layer: str) -> np.ndarray:
    """Return the units that a layer's name means: all, or the one that it is or is a part of."""
    place = None if layer == units.name else units.places.get(layer)
    return np.arange(units.count) if place is None else np.asarray([place])


def _only(layer: str, names: tuple[str, ...]) -> str:
    """Return the one group of units whose numbers are meant; ValueError where there are several."""
    if layer not in names and len(names) > 1:
        raise RefusedError(named.several_groups(layer, ", ".join(names)))
    return layer if layer in names else names[0]


def _numbered(units: Units, layer: str, lock: tuple[int, ...]) -> np.ndarray:
    """Return the units of these numbers."""
    if layer != units.name and layer in units.places:
        raise RefusedError(named.no_units_of_its_own(layer, units.places[layer], units.name))
    if max(lock) >= units.count:
        raise RefusedError(named.no_such_unit(layer, max(lock), units.count - 1))
    return np.asarray(lock)


__all__ = ["locked_units", "own_sparsities", "refuse_unknown", "set_by_hand", "strangers"]
