"""A network's units whose cut is proved, and what is left out, with reasons."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pruneviz.coupling.accept import ready
from pruneviz.coupling.interpretations import HELD, ViewInterpretation
from pruneviz.granularity import GRANULARITIES, Granularity, Units
from pruneviz.granularity.channel import layer_by_layer
from pruneviz.network.inputs import first_input
from pruneviz.proof.cache import Conclusion, digest_of, recall, record
from pruneviz.proof.perturb import perturbed_sharing
from pruneviz.proof.prove import CutError
from pruneviz.proof.trials import Trials, provable
from pruneviz.registry import Value
from pruneviz.report import LeftOut, Skipped
from pruneviz.wording import stays

Found = tuple[Units, ...]

Left = tuple[LeftOut, ...]


def find_units(
    model: nn.Module,
    example: Any,
    granularity: str,
    parameters: Mapping[str, Value] | None = None,
) -> tuple[tuple[Units, ...], tuple[LeftOut, ...]]:
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
    found, skipped = find(
        model, example if known.whole else first_input(example), known.interpretations
    )
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
    alone = one is not example and not any(_is_unused(item) for item in skipped)
    if not alone and one is not example:
        found, skipped = find(model, example, {})
    if not any(_cuts(layer) for layer in found):
        return _Attempt(found, found, skipped, (), {}).result(whole=not alone)
    whole = Trials(perturbed_sharing(model, example), example)
    fault = whole.fault(found)
    if fault is None:
        return _Attempt(found, found, skipped, (), {}).result(whole=not alone)
    if alone:
        attempt = _read(find, model, Trials(whole.alive, one), found, skipped)
        if whole.fault(attempt.proved) is None:
            return attempt.result(whole=False)
        found, skipped = find(model, example, {})
    return _read(find, model, whole, found, skipped).result(whole=True)


def _is_unused(item: LeftOut) -> bool:
    return any(fact in stays.unused for fact in item.why)


def _read(
    find: Granularity, model: nn.Module, trials: Trials, found: Found, skipped: Left
) -> _Attempt:
    """Return the interpretation whose cut holds in the trials, of several the one that cuts most.

    A view that splits channels can be read in several ways: where the cut does not hold as it was
    read first, the model is traced again with the next interpretation. Where none holds for all,
    the one that cuts most is returned, without what is faulty.
    """
    interpretations: dict[str, int] = {}
    tried: list[_Attempt] = []
    while any(_cuts(layer) for layer in found):
        fault = trials.fault(found)
        if fault is None:
            break
        again = _next_interpretations(_blamed(trials.alive, found, fault))
        if not again:
            proved, faulty = provable(trials, found)
            tried.append(_Attempt(found, proved, skipped, faulty, dict(interpretations)))
            names = {layer.name for layer in faulty}
            again = _next_interpretations(
                {c for u in found if u.name in names for c in u.interpretations}
            )
            if not again:
                return _most(tried)
        interpretations.update(again)
        found, skipped = find(model, trials.example, interpretations)
    return _most([_Attempt(found, found, skipped, (), interpretations), *tried])


@dataclass(frozen=True)
class _Attempt:
    """What an interpretation of a network finds, what of it can be cut, and what not."""

    found: Found
    proved: Found
    skipped: Left
    faulty: tuple[Skipped, ...]
    interpretations: dict[str, int]

    def result(self, whole: bool) -> tuple[Found, Left, Conclusion]:
        kept = Conclusion(
            digest="", interpretations=self.interpretations, faulty=self.faulty, whole=whole
        )
        faulty = layer_by_layer(self.found, self.faulty)
        return self.proved, (*self.skipped, *faulty), kept


def _most(attempts: list[_Attempt]) -> _Attempt:
    """Return the attempt in which units of the most weights can be cut; the first of equals."""
    return max(attempts, key=lambda r: sum(int(layer.sizes().sum()) for layer in r.proved))


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


def _blamed(alive: nn.Module, found: tuple[Units, ...], fault: CutError) -> set[ViewInterpretation]:
    """Return the interpretations of the modules like the one in which the cut network failed.

    Where those make none, it is the module around it that gave it what it cannot take.
    """
    owner, all_of = fault.owner, {choice for layer in found for choice in layer.interpretations}
    while owner:
        kind = type(alive.get_submodule(owner))
        alike = {c for c in all_of if type(alive.get_submodule(c.owner)) is kind}
        if alike:
            return alike
        owner = owner.rpartition(".")[0]
    return set()


def _next_interpretations(doubted: set[ViewInterpretation]) -> dict[str, int]:
    """Return the next interpretation of the doubted calls, those that are the least far on."""
    read = {choice.key: choice.next for choice in doubted}
    least = min(read.values(), default=HELD + 1)
    return {key: layout for key, layout in read.items() if layout == least <= HELD}
