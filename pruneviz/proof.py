"""The proof that what is offered for cutting can be cut: masked and cut network answer alike."""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import Applied, apply
from pruneviz.concluded import Conclusion, digest_of, recall, record
from pruneviz.coupling.accept import answer, ready
from pruneviz.coupling.layouts import HELD, Choice
from pruneviz.coupling.left_out import UNUSED
from pruneviz.coupling.study import first_input
from pruneviz.criteria import Evidence, score
from pruneviz.granularity import GRANULARITIES, Granularity, Units
from pruneviz.granularity.channel import layer_by_layer
from pruneviz.granularity.units import belongs
from pruneviz.lively import enlivened, lively
from pruneviz.measure.cost import parameters_by_name
from pruneviz.plan import Plan
from pruneviz.registry import Value
from pruneviz.report import Skipped
from pruneviz.steady import RANDOM, draws

TOLERANCE = 1e-4  # of the largest output: above it, preview and cut are not the same thing


Found = tuple[Units, ...]
Left = tuple[Skipped, ...]


class CutError(ValueError):
    """A cut that does not hold; `owner` is the path of the module in which it failed, if known."""

    def __init__(self, sentence: str, owner: str | None = None) -> None:
        super().__init__(sentence)
        self.owner = owner


def prove(applied: Applied, example: Any) -> float:
    """Return the masked-to-cut error on `example`, (B, …); ValueError if the cut does not hold."""
    owners: list[str] = []
    try:
        error = applied.max_relative_error(example, owners)
    # Any code of any user: whatever its forward pass raises says that it cannot be cut so.
    except Exception as failure:
        if isinstance(failure, ValueError) and not owners:
            raise
        raise CutError(
            "the cut network does not run, perhaps because its code holds a fixed size: "
            f"{(str(failure).splitlines() or [type(failure).__name__])[0]}",
            owners[0] if owners else None,
        ) from failure
    if not error <= TOLERANCE:
        if draws(lambda: answer(applied.original, example)):
            raise CutError(f"masked and cut network cannot be compared: {RANDOM}")
        raise CutError(
            f"the cut network differs from the masked one by {error:.2g} of its output: its code "
            "depends on how many units there are, on their order, or on weights that are zero"
        )
    return error


def find_units(
    model: nn.Module,
    example: Any,
    granularity: str,
    parameters: Mapping[str, Value] | None = None,
) -> tuple[tuple[Units, ...], tuple[Skipped, ...]]:
    """Return a model's units whose cut is proved on `example`, and what is left out, with reasons.

    `parameters` are the granularity's own. What was concluded for this very model is kept: then it
    is traced once, and not proved again.
    """
    model = ready(model, example)
    entry = GRANULARITIES.get(granularity)
    settings = entry.settings(parameters or {})
    find = functools.partial(entry.implementation, **settings)
    digest = digest_of(model, example, granularity, settings)
    known = recall(digest)
    again = None if known is None else read_again(find, model, example, known)
    if again is not None:
        return again
    units, skipped, conclusion = conclude(find, model, example)
    record(conclusion.model_copy(update={"digest": digest}))
    return units, skipped


def read_again(
    find: Granularity, model: nn.Module, example: Any, known: Conclusion
) -> tuple[Found, Left] | None:
    """Return units read as was concluded, None where the conclusion is not of this model."""
    found, skipped = find(model, example if known.whole else first_input(example), known.readings)
    faulty = {layer.name for layer in known.faulty}
    if not faulty <= {layer.name for layer in found}:
        return None
    proved = tuple(layer for layer in found if layer.name not in faulty)
    return proved, (*skipped, *layer_by_layer(found, known.faulty))


def conclude(find: Granularity, model: nn.Module, example: Any) -> tuple[Found, Left, Conclusion]:
    """Return what `find_units` returns, proved anew, and what the proof concluded.

    One input is enough for most networks to be traced on, and is quicker; the cut is proved on the
    whole example, and where it does not hold there, or where one input leaves layers unused, all is
    done on the whole.
    """
    one, found, skipped = first_reading(find, model, example)
    alone = one is not example and not any(item.reason == UNUSED for item in skipped)
    if not alone and one is not example:
        found, skipped = find(model, example, {})
    if not any(_cuts(layer) for layer in found):
        return _Reading(found, found, skipped, (), {}).concluded(whole=not alone)
    whole = Trials(enlivened(model, example), example)
    fault = whole.fault(found)
    if fault is None:
        return _Reading(found, found, skipped, (), {}).concluded(whole=not alone)
    if alone:
        reading = _read(find, model, Trials(whole.alive, one), found, skipped)
        if whole.fault(reading.proved) is None:
            return reading.concluded(whole=False)
        found, skipped = find(model, example, {})
    return _read(find, model, whole, found, skipped).concluded(whole=True)


def _read(
    find: Granularity, model: nn.Module, trials: Trials, found: Found, skipped: Left
) -> _Reading:
    """Return the reading of a network whose cut holds in the trials, of several the one most cut.

    A view that splits channels can be read in several ways: where the cut does not hold as it was
    read first, the model is traced again with the next reading. Where none holds for all, the one
    that cuts most is returned, without what is faulty.
    """
    layouts: dict[str, int] = {}
    tried: list[_Reading] = []
    while any(_cuts(layer) for layer in found):
        fault = trials.fault(found)
        if fault is None:
            break
        again = _next_readings(_blamed(trials.alive, found, fault))
        if not again:
            proved, faulty = provable(trials, found)
            tried.append(_Reading(found, proved, skipped, faulty, dict(layouts)))
            names = {layer.name for layer in faulty}
            again = _next_readings({c for u in found if u.name in names for c in u.choices})
            if not again:
                return _most(tried)
        layouts.update(again)
        found, skipped = find(model, trials.example, layouts)
    return _most([_Reading(found, found, skipped, (), layouts), *tried])


@dataclass(frozen=True)
class _Reading:
    """What a reading of a network finds, what of it can be cut, and what not."""

    found: Found
    proved: Found
    skipped: Left
    faulty: Left
    layouts: dict[str, int]

    def concluded(self, whole: bool) -> tuple[Found, Left, Conclusion]:
        kept = Conclusion(digest="", readings=self.layouts, faulty=self.faulty, whole=whole)
        faulty = layer_by_layer(self.found, self.faulty)
        return self.proved, (*self.skipped, *faulty), kept


def _most(readings: list[_Reading]) -> _Reading:
    """Return the reading under which units of the most weights can be cut; the first of equals."""
    return max(readings, key=lambda r: sum(int(layer.sizes().sum()) for layer in r.proved))


def first_reading(find: Granularity, model: nn.Module, example: Any) -> tuple[Any, Found, Left]:
    """Return the units with the example that they were found on.

    It is one input, or the whole example where the model's code wants as many. So it is with
    recurrent layers: their inputs may lie along another dimension than the first, and only the
    second step shows what becomes of the first one's state.
    """
    if any(isinstance(m, nn.RNNBase | nn.RNNCellBase) for m in model.modules()):
        return example, *find(model, example, {})
    one = first_input(example)
    try:
        return one, *find(model, one, {})
    except ValueError:
        return example, *find(model, example, {})


def _cuts(layer: Units) -> bool:
    """Whether a cut takes any of these units out, so that nothing but zeros could be left."""
    none = torch.zeros(layer.count, dtype=torch.bool)
    return bool(layer.axis_keep(none) or layer.bypassed(none))


def _blamed(alive: nn.Module, found: tuple[Units, ...], fault: CutError) -> set[Choice]:
    """Return the choices of the modules like the one in which the cut network failed.

    Where those make none, it is the module around it that gave it what it cannot take.
    """
    owner, choices = fault.owner, {choice for layer in found for choice in layer.choices}
    while owner:
        kind = type(alive.get_submodule(owner))
        alike = {c for c in choices if type(alive.get_submodule(c.owner)) is kind}
        if alike:
            return alike
        owner = owner.rpartition(".")[0]
    return set()


def _next_readings(doubted: set[Choice]) -> dict[str, int]:
    """Return the next reading of the doubted calls, those that are the least far on."""
    read = {choice.key: choice.next for choice in doubted}
    least = min(read.values(), default=HELD + 1)
    return {key: layout for key, layout in read.items() if layout == least <= HELD}


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
    names = (*(name for name, _ in layer.axis_keep(none)), *layer.bypassed(none))
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
            return CutError(str(fault))
    return None


def check(model: nn.Module, example: Any, sparsity: float) -> dict[str, object]:
    """Trace, cut and run any model, and compare the masked with the cut outputs.

    Every group of channels loses `sparsity` of its units by L1 magnitude. Needs no data: the proof
    runs on a copy with weights that let every unit reach the output.
    """
    model = lively(model, example)
    units, skipped = find_units(model, example, "channel")
    before = sum(parameters_by_name(model).values())
    error, after = 0.0, before
    if units:
        weights = {name: p.detach() for name, p in model.named_parameters()}
        ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
        keep = allocate(units, ranking, Plan(sparsity=sparsity)).keep
        applied = apply(model, units, keep)
        error = prove(applied, example)
        after = sum(parameters_by_name(applied.model).values())
    return {
        "groups": len(units),
        "units": sum(layer.count for layer in units),
        "skipped": [item.model_dump() for item in skipped],
        "parameters": {"original": before, "pruned": after},
        "max_relative_error": error,
    }
