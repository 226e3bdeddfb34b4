"""Trials: about half of some layers is cut, until those are alone whose cut does not hold."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.apply import apply
from pruneviz.granularity import Units
from pruneviz.granularity.bypassable import read_bypass
from pruneviz.granularity.units import belongs
from pruneviz.proof.prove import CutError, prove
from pruneviz.report import Skipped
from pruneviz.wording import said_by


class Trials:
    """Which cuts hold on `example`: about half of some layers, each tried once.

    `alive` is a model as `lively` returns it.
    """

    def __init__(self, alive: nn.Module, example: Any) -> None:
        self.alive, self.example = alive, example
        self._known: dict[frozenset[bytes], CutError | None] = {}
        self._contents: dict[int, tuple[Units, bytes]] = {}  # layers are held, so their id is

    def fault(self, units: tuple[Units, ...]) -> CutError | None:
        """Return why about half of these layers cannot be cut, None where it can."""
        if not units:
            return None
        cut = frozenset(self._content(layer) for layer in units)
        if cut not in self._known:
            self._known[cut] = _fault(self.alive, self.example, units)
        return self._known[cut]

    def _content(self, layer: Units) -> bytes:
        """Return a digest of all that a cut of a layer touches."""
        if id(layer) not in self._contents:
            keep, content = _about_half(layer), hashlib.sha256(layer.name.encode())
            for part in (layer.axis_keep(keep), layer.call_keep(keep), layer.size_keep(keep)):
                for place, stays in part.items():
                    content.update(repr(place).encode() + stays.numpy().tobytes())
                content.update(b";")
            self._contents[id(layer)] = layer, content.digest()
        return self._contents[id(layer)][1]


def provable(
    trials: Trials, units: tuple[Units, ...]
) -> tuple[tuple[Units, ...], tuple[Skipped, ...]]:
    """Split units into those whose cut is proved, and the others with the reason.

    About half of every layer is cut at once. Where that fails in a module, the units that reach
    into it are set aside and tried one after another; where nobody knows where it fails, the layers
    are halved until the faulty ones are alone.
    """
    waiting, aside = units, list[Units]()
    while waiting:
        fault = trials.fault(waiting)
        if fault is None:
            break
        suspects = tuple(layer for layer in waiting if _reaches(layer, fault.owner))
        if not suspects:
            break
        aside += suspects
        waiting = tuple(layer for layer in waiting if layer not in suspects)
    proved, skipped = _halved(trials, waiting, ())
    for layer in aside:
        more, faulty = _halved(trials, (layer,), proved)
        proved, skipped = more, [*skipped, *faulty]
    return tuple(layer for layer in units if layer in proved), tuple(skipped)


def _reaches(layer: Units, owner: str | None) -> bool:
    """Whether units take something along that belongs to a module."""
    none = torch.zeros(layer.count, dtype=torch.bool)
    paths = (read_bypass(each)[0] for each in layer.bypassed(none))
    names = (*(name for name, _ in layer.axis_keep(none)), *paths)
    return bool(owner) and any(belongs(name, str(owner)) for name in names)


def _halved(
    trials: Trials, units: tuple[Units, ...], proved: tuple[Units, ...]
) -> tuple[tuple[Units, ...], list[Skipped]]:
    """Return what is proved and what is proved besides, halving what fails, and the faulty ones."""
    skipped = []
    waiting = [units] if units else []
    while waiting:
        some = waiting.pop()
        fault = trials.fault((*proved, *some))
        if fault is None:
            proved = (*proved, *some)
        elif len(some) == 1:
            skipped.append(Skipped(name=some[0].name, reason=str(fault)))
        else:
            half = len(some) // 2
            waiting += [some[half:], some[:half]]
    return proved, skipped


def _about_half(layer: Units) -> Tensor:
    """Return which units stay in a trial, bool (count,): other numbers and places in every layer.

    Where all lost the same, layers that must agree and are not known to would agree by chance.
    """
    random = torch.Generator().manual_seed(zlib.crc32(layer.name.encode()))
    least = max(1, layer.count // 3)
    gone = int(torch.randint(least, max(least + 1, 2 * layer.count // 3), (), generator=random))
    gone = min(gone, layer.count - layer.least)
    return torch.randperm(layer.count, generator=random) >= gone


def _fault(alive: nn.Module, example: Any, units: tuple[Units, ...]) -> CutError | None:
    """Return why about half of these layers cannot be cut, None where it can.

    Of layers that may lose all their units, all are cut too.
    """
    half = {layer.name: _about_half(layer) for layer in units}
    cuts = [half]
    if any(not layer.least for layer in units):
        cuts.append({layer.name: half[layer.name] & bool(layer.least) for layer in units})
    for keep in cuts:
        try:
            prove(apply(alive, units, keep), example)
        except CutError as fault:
            return fault
        except ValueError as fault:
            return CutError(said_by(fault))
    return None
