"""Scores, a budget and locks in; which units stay out, by exact, stable rank."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from pruneviz.granularity.units import Units
from pruneviz.plan import Plan
from pruneviz.registry import Registry

Counts = dict[str, int]
Scope = Callable[["Request"], Counts]
SCOPES: Registry[Scope] = Registry("scope")


def exact_count(sparsity: float, units: int) -> int:
    """Return sparsity × units, rounded half up, computed on the decimal as it was written."""
    return math.floor(Fraction(repr(float(sparsity))) * units + Fraction(1, 2))


def at_most(count: int, units: int) -> float:
    """Return count / units rounded down, so that whoever asks for it gets no more than count."""
    return math.floor(Fraction(count, units) * 10**6) / 10**6


@dataclass
class Ranking:
    """The units of each layer by score: 0 is the first to go; ties go in order of position.

    `within` ranks a unit in its layer, `across` in the whole model (sorted once, when first asked).
    """

    scores: Mapping[str, Tensor]
    _within: dict[str, np.ndarray] = field(default_factory=dict)
    _across: dict[str, np.ndarray] = field(default_factory=dict)

    def within(self, name: str) -> np.ndarray:
        """Return the rank of each unit in its layer, int32 (count,)."""
        if name not in self._within:
            self._within[name] = _ranks(self.scores[name].numpy())
        return self._within[name]

    def across(self) -> Mapping[str, np.ndarray]:
        """Return the rank of each unit among all units of the model, int32 (count,) a layer."""
        if not self._across:
            joined = np.concatenate([s.numpy() for s in self.scores.values()])
            ends = np.cumsum([len(s) for s in self.scores.values()])[:-1]
            self._across = dict(zip(self.scores, np.split(_ranks(joined), ends), strict=True))
        return self._across


def _ranks(scores: np.ndarray) -> np.ndarray:
    ranks = np.empty(scores.size, np.int32)
    ranks[np.argsort(scores, kind="stable")] = np.arange(scores.size, dtype=np.int32)
    return ranks


@dataclass(frozen=True)
class Request:
    """A plan's budget with the layers' names resolved: what each layer may and must lose."""

    ranking: Ranking
    counts: Counts
    least: Counts
    sparsity: float
    own: dict[str, float]
    locked: dict[str, np.ndarray]
    notes: list[str]

    def removable(self, name: str) -> int:
        """Return how many units a layer can lose: not the locked ones, nor the least it needs."""
        return self.counts[name] - max(self.least[name], len(self.locked[name]))

    def free(self) -> list[str]:
        """Return the layers whose sparsity the scope decides."""
        return [name for name in self.counts if name not in self.own]


@dataclass(frozen=True)
class Allocation:
    """Which units stay, how much was asked (fraction of all units), and what the user must know."""

    keep: dict[str, Tensor]
    requested: float
    notes: tuple[str, ...]


def allocate(units: tuple[Units, ...], ranking: Ranking, plan: Plan) -> Allocation:
    """Return which units stay under a plan: exactly as many as asked, the lowest scores first.

    Raises ValueError where a layer is unknown, or where locks make the request impossible; it says
    which lock stands in the way and what can be reached.
    """
    counts = {layer.name: layer.count for layer in units}
    least = {layer.name: layer.least for layer in units}
    own = _own_sparsities(plan, units)
    request = Request(ranking, counts, least, plan.sparsity, own, locked_units(units, plan), [])
    fixed = {name: _layer_count(request, name, value) for name, value in own.items()}
    decided = SCOPES.get(plan.scope).implementation(request)
    if plan.scope == "global":
        keep = _keep_across(request, fixed, sum(decided.values()))
    else:
        removed = {**fixed, **decided}
        keep = {name: _keep_within(request, name, removed[name]) for name in counts}
    tensors = {name: torch.from_numpy(mask) for name, mask in keep.items()}
    return Allocation(tensors, _requested(request, plan.scope), tuple(dict.fromkeys(request.notes)))


def set_by_hand(units: tuple[Units, ...], plan: Plan) -> frozenset[str]:
    """Return the names of the units whose sparsity a plan gives itself, whatever its scope."""
    return frozenset(_own_sparsities(plan, units))


def _aliases(units: tuple[Units, ...]) -> dict[str, tuple[str, ...]]:
    """Return, for every layer, the names of the units that its outputs belong to."""
    found: dict[str, tuple[str, ...]] = {}
    for each in units:
        for layer in dict.fromkeys((each.name, *each.layers, *each.places)):
            found[layer] = (*found.get(layer, ()), each.name)
    return found


def _resolve(name: str, aliases: dict[str, tuple[str, ...]], what: str) -> tuple[str, ...]:
    if name not in aliases:
        close = difflib.get_close_matches(name, aliases, 3) or list(aliases)[:5]
        raise ValueError(
            f"{what} names layer '{name}', which cannot be pruned here or does not exist; "
            f"did you mean {', '.join(close)}?"
        )
    return aliases[name]


def _own_sparsities(plan: Plan, units: tuple[Units, ...]) -> dict[str, float]:
    """Return the sparsities set by hand; a name of units means them, a layer's all it is in."""
    aliases, single = _aliases(units), {place: each.name for each in units for place in each.places}
    own: dict[str, float] = {}
    for layer, value in plan.layers.items():
        names = _resolve(layer, aliases, "a sparsity")
        if layer not in names and layer in single:
            raise ValueError(
                f"a sparsity names '{layer}', which belongs to one unit of '{single[layer]}' and "
                f"stays or goes whole: give '{single[layer]}' a sparsity, or lock '{layer}'"
            )
        for name in (layer,) if layer in names else names:
            if own.setdefault(name, value) != value:
                raise ValueError(
                    f"the units of '{layer}' and '{name}' go together, so they cannot lose "
                    f"{value:g} and {own[name]:g}: give them one sparsity"
                )
    return own


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


def _all_of(units: Units, layer: str) -> np.ndarray:
    """Return the units that a layer's name means: all, or the one that it is or is a part of."""
    place = None if layer == units.name else units.places.get(layer)
    return np.arange(units.count) if place is None else np.asarray([place])


def _only(layer: str, names: tuple[str, ...]) -> str:
    """Return the one group of units whose numbers are meant; ValueError where there are several."""
    if layer not in names and len(names) > 1:
        raise ValueError(
            f"the outputs of '{layer}' belong to several groups ({', '.join(names)}): "
            "lock units of these by name, or the whole layer"
        )
    return layer if layer in names else names[0]


def _numbered(units: Units, layer: str, lock: tuple[int, ...]) -> np.ndarray:
    """Return the units of these numbers."""
    if layer != units.name and layer in units.places:
        raise ValueError(
            f"'{layer}' belongs to unit {units.places[layer]} of '{units.name}' and has no units "
            "of its own: lock it whole, without numbers"
        )
    if max(lock) >= units.count:
        raise ValueError(
            f"the lock of layer '{layer}' names unit {max(lock)}, "
            f"but its units are 0 to {units.count - 1}"
        )
    return np.asarray(lock)


def _layer_count(request: Request, name: str, sparsity: float) -> int:
    """Return how many units one layer loses at its own sparsity."""
    total, possible = request.counts[name], request.removable(name)
    count = exact_count(sparsity, total)
    if count > possible and len(request.locked[name]):
        raise ValueError(
            f"layer '{name}' is asked to lose {count} of its {total} units, but its lock lets at "
            f"most {possible} go: unlock units, or ask for {at_most(possible, total):g} at most"
        )
    if count > possible:
        request.notes.append(
            f"one unit of layer '{name}' stays: a layer is never pruned to nothing"
        )
    return min(count, possible)


@SCOPES.register(
    name="layer",
    title="Layer by layer",
    family="allocation",
    sentence="Each layer loses its own fraction; a layer without one loses the overall fraction.",
    formula="kₗ = round(sₗ · nₗ)",
    source="Li et al. 2016, arXiv 1608.08710",
)
def by_layer(request: Request) -> Counts:
    """Return each layer's count at the overall sparsity; layers locked whole lose none."""
    counts = {}
    for name in request.free():
        whole = len(request.locked[name]) == request.counts[name]
        counts[name] = 0 if whole else _layer_count(request, name, request.sparsity)
        if whole and request.sparsity > 0:
            request.notes.append(f"layer '{name}' is locked, so less goes than was asked for")
    return counts


@SCOPES.register(
    name="uniform",
    title="Uniform",
    family="allocation",
    sentence="All layers lose the same fraction, so that the whole loses exactly what was asked.",
    formula="kₗ ∝ nₗ, Σ kₗ = round(s · Σ nₗ), largest remainder",
    source="Zhu and Gupta 2017, arXiv 1710.01878",
)
def uniform(request: Request) -> Counts:
    """Return counts in proportion to layer sizes, made up elsewhere where a layer cannot give."""
    budget = _budget(request)
    open_layers = dict.fromkeys(request.free(), 0)
    share = _common_share(request, budget)
    exact = {n: min(share * request.counts[n], Fraction(request.removable(n))) for n in open_layers}
    counts = {name: math.floor(value) for name, value in exact.items()}
    by_remainder = sorted(counts, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: budget - sum(counts.values())]:
        counts[name] += 1
    return counts


def _common_share(request: Request, budget: int) -> Fraction:
    """Return the fraction p with Σ min(p·nₗ, removableₗ) = budget."""
    layers = sorted(
        request.free(), key=lambda name: Fraction(request.removable(name), request.counts[name])
    )
    left, units = budget, sum(request.counts[name] for name in layers)
    for name in layers:
        if Fraction(left, units) * request.counts[name] <= request.removable(name):
            break
        left -= request.removable(name)
        units -= request.counts[name]
    return Fraction(left, units) if units else Fraction(0)


@SCOPES.register(
    name="global",
    title="Global",
    family="allocation",
    sentence="All layers compete in one ranking: the lowest scores go, wherever they are.",
    formula="remove the k lowest scores of all layers, k = round(s · Σ nₗ)",
    source="Frankle and Carbin 2019, arXiv 1803.03635",
)
def across_layers(request: Request) -> Counts:
    """Return the budget; which layer pays is left to the ranking across layers."""
    return {"": _budget(request)}


def _budget(request: Request) -> int:
    """Return how many units the layers without a sparsity of their own must lose together."""
    total = sum(request.counts.values())
    asked = exact_count(request.sparsity, total)
    by_hand = sum(_layer_count(request, name, s) for name, s in request.own.items())
    possible = sum(request.removable(name) for name in request.free())
    locks = [name for name, indices in request.locked.items() if len(indices)]
    if by_hand > asked:
        request.notes.append(
            f"the layers set by hand lose {by_hand} of all {total} units, more than the {asked} "
            "asked for overall: no other layer loses any"
        )
    elif asked - by_hand > possible and locks:
        raise ValueError(
            f"a sparsity of {request.sparsity:g} cannot be reached: the lock of {', '.join(locks)} "
            f"leaves at most {at_most(by_hand + possible, total):g}; unlock, or ask for less"
        )
    elif asked - by_hand > possible and request.own:
        request.notes.append(
            f"the layers set by hand leave at most {by_hand + possible} of the {asked} units asked "
            f"for overall{_why(request)}"
        )
    elif asked > possible:
        request.notes.append("one unit of each layer stays: a layer is never pruned to nothing")
    return min(max(asked - by_hand, 0), possible)


def _why(request: Request) -> str:
    """Return why no more can go, where it is not plain from the plan."""
    return ": one unit of each layer stays" if any(request.least.values()) else ""


def _keep_within(request: Request, name: str, count: int) -> np.ndarray:
    """Return which units of a layer stay when `count` go: the lowest ranks that are not locked."""
    ranks = request.ranking.within(name)
    protected = np.sort(ranks[request.locked[name]])
    keep = ranks >= _threshold(count, protected)
    keep[request.locked[name]] = True
    return keep


def _keep_across(request: Request, fixed: Counts, count: int) -> dict[str, np.ndarray]:
    """Return which units stay when `count` go by global rank, own sparsities apart."""
    across = request.ranking.across()
    protected = [across[name] for name in fixed]
    spared = {name: _spared(request, name) for name in request.free()}
    protected += [across[name][units] for name, units in spared.items()]
    threshold = _threshold(count, np.sort(np.concatenate([*protected, np.zeros(0, np.int32)])))
    keep = {}
    for name in request.counts:
        if name in fixed:
            keep[name] = _keep_within(request, name, fixed[name])
        else:
            keep[name] = across[name] >= threshold
            keep[name][spared[name]] = True
    return keep


def _spared(request: Request, name: str) -> np.ndarray:
    """Return the units of a layer that no ranking may take: the locked, else the best one.

    None where all may go.
    """
    if len(request.locked[name]) >= request.least[name]:
        return request.locked[name]
    return np.asarray([int(request.ranking.across()[name].argmax())])


def _threshold(count: int, protected: np.ndarray) -> int:
    """Return the rank below which exactly `count` units are not among the (sorted) protected."""
    threshold = count
    while True:
        raised = count + int(np.searchsorted(protected, threshold, "left"))
        if raised == threshold:
            return threshold
        threshold = raised


def _requested(request: Request, scope: str) -> float:
    """Return the fraction of all units that was asked for."""
    if scope != "layer" or not request.own:
        return request.sparsity
    total = sum(request.counts.values())
    asked = sum(request.own.get(n, request.sparsity) * c for n, c in request.counts.items())
    return asked / total if total else 0.0
