"""What the widgets of Tune and Home do to the plan; percentages in, fractions into the plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pruneviz.allocate import WIDTHS
from pruneviz.criteria import CRITERIA
from pruneviz.plan import Lock, Part, Plan, Setting, parse_lock
from pruneviz.report import LayerReport
from pruneviz.statistics import needs_data
from pruneviz.ui import settings
from pruneviz.ui.session import link, state
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals import browsing

DEPTH = "depth"
FACTORY = "python:"  # how models begin that may bring data
INSTEAD = Plan().criterion  # of one that needs data, where there is none
# What belongs to one model or its data, and means nothing for another.
OF_ONE_MODEL = Part.SUBJECT | Part.LAYERS | Part.LOCKS


def with_model(plan: Plan, model: str, *, brings_data: bool = False, **fields: Any) -> Plan:
    """Return the plan for another model: criterion and amounts stay, what was the model's goes.

    A criterion that needs data gives way where there are none, and so does a recovery. Whether a
    model that is no sample `brings_data` of its own is known once it is open.
    """
    changed = plan.without(OF_ONE_MODEL).changed(**{"model": model, **fields})
    if brings_data or _has_data(changed):
        return changed
    changed = changed.without(Part.RECOVERY)
    if needs_data(CRITERIA.get(plan.criterion).needs):
        return changed.changed(criterion=INSTEAD, criterion_parameters={})
    return changed


def _has_data(plan: Plan) -> bool:
    return plan.data is not None or plan.model.startswith("sample:")


def gave_way(plan: Plan) -> Fact | None:
    """Return that a plan's criterion stands in place of another, which needs data; None otherwise.

    What a link does not tell, and this session did not see, is what sessions begin with.
    """
    if plan.criterion != INSTEAD or _has_data(plan):
        return None
    before = state.current().gave_way.get(plan.model, link.OPENING.criterion)
    known = before in CRITERIA.names() and needs_data(CRITERIA.get(before).needs)
    return opened.in_place_of(CRITERIA.get(before).title.replace(",", "")) if known else None


def with_named(plan: Plan, named: settings.NamedModel, *, brings_data: bool = False) -> Plan:
    """Return the plan for a model that the operator named, with the weights named for it.

    The data too, where one model and one data set were named: each is for the other. `brings_data`
    is as of `with_model`.
    """
    models, data = settings.named_models(), settings.data()
    alone = data[0] if len(models) == len(data) == 1 else None
    fields = {"weights": named.weights, "data": alone}
    return with_model(plan, named.reference, brings_data=brings_data, **fields)


def opening(brings_data: Callable[[Plan], bool] = lambda plan: False) -> Plan:
    """Return what a session without a link begins with: of the first model named at start.

    `brings_data` opens a plan's model and says whether it has data of its own, as a factory's may.
    """
    named = settings.named_models()
    if not named:
        return link.OPENING
    plan = with_named(link.OPENING, named[0])
    if _has_data(plan) or not plan.model.startswith(FACTORY) or not brings_data(plan):
        return plan
    return with_named(link.OPENING, named[0], brings_data=True)


def with_data(plan: Plan, data: str | None, classes: Mapping[str, int] | None = None) -> Plan:
    """Return the plan for other data; `classes` says which output each of its classes is."""
    reading = plan.reading if data == plan.data else None
    fresh: dict[str, Any] = {"task": None, "metric": None, "metric_parameters": {}}
    return plan.changed(
        data=data, data_sha256=None, classes=classes or {}, reading=reading, **fresh
    )


def set_criterion(name: str) -> None:
    """Rank by another criterion, with its own default parameters."""
    state.current().gave_way[state.plan().model] = name
    state.edit(criterion=name, criterion_parameters={})


def set_parameter(name: str, value: Setting) -> None:
    """Change one parameter of the criterion."""
    state.edit(criterion_parameters={**state.plan().criterion_parameters, name: value})


def set_granularity(name: str) -> None:
    """Remove other units; locks of single units mean other units now, so they go.

    So do the amounts and locks of layers, where stages of blocks come in place of layers, or go.
    """
    plan = state.plan()
    if DEPTH in (name, plan.granularity) and name != plan.granularity:
        state.edit(granularity=name, granularity_parameters={}, locks={}, layers={})
        return
    state.edit(granularity=name, granularity_parameters={}, locks=_whole_layers())


def rank_blocks(criterion: str) -> None:
    """Make whole residual blocks what goes, ranked by a criterion, in one step."""
    changed: dict[str, Any] = {"criterion": criterion, "criterion_parameters": {}}
    if state.plan().granularity != DEPTH:
        changed |= {"granularity": DEPTH, "granularity_parameters": {}, "locks": {}, "layers": {}}
    state.edit(**changed)


def set_granularity_parameter(name: str, value: Setting) -> None:
    """Change one parameter of the granularity, and so what its units are."""
    changed = {**state.plan().granularity_parameters, name: value}
    state.edit(granularity_parameters=changed, locks=_whole_layers())


def _whole_layers() -> dict[str, Lock]:
    """Return the locks that hold whatever the units are."""
    return {layer: lock for layer, lock in state.plan().locks.items() if lock == "all"}


def set_scope(name: str) -> None:
    """Share the overall amount out differently; the widths that were asked for stay asked for."""
    given, known = state.plan().scope_parameters, {p.name for p in WIDTHS}
    widths = {parameter: value for parameter, value in given.items() if parameter in known}
    state.edit(scope=name, scope_parameters=widths)


def set_scope_parameter(name: str, value: Setting) -> None:
    """Change one parameter of the scope."""
    state.edit(scope_parameters={**state.plan().scope_parameters, name: value})


def set_overall(value: float) -> None:
    """Set the overall sparsity."""
    state.edit(sparsity=value / 100)


def set_layer(name: str, value: float) -> None:
    """Give a layer a sparsity of its own, set by hand."""
    state.edit(layers={**state.plan().layers, name: value / 100})


def set_percents(percents: Mapping[str, float]) -> None:
    """Give each of some layers a sparsity of its own, as one step."""
    own = {name: value / 100 for name, value in percents.items()}
    state.edit(layers={**state.plan().layers, **own})


def set_layers(names: Collection[str], fraction: float) -> None:
    """Give several layers one sparsity of their own, as one step; locked layers stay locked."""
    plan = state.plan()
    free = [name for name in names if plan.locks.get(name) != "all"]
    state.edit(layers={**plan.layers, **dict.fromkeys(free, fraction)})


def follow_overall(name: str | None = None) -> None:
    """Let one layer, or all layers, follow the overall slider again."""
    layers = state.plan().layers
    state.edit(layers={n: s for n, s in layers.items() if name is not None and n != name})


def forget_layers(names: Collection[str]) -> None:
    """Take the own amounts and the locks of some layers out of the plan."""
    plan = state.plan()
    layers = {n: s for n, s in plan.layers.items() if n not in names}
    locks: dict[str, Lock] = {n: lock for n, lock in plan.locks.items() if n not in names}
    state.edit(layers=layers, locks=locks)


def lock_layer(name: str, on: bool) -> None:
    """Lock a whole layer, or unlock it; a locked layer has no sparsity of its own."""
    plan = state.plan()
    locks: dict[str, Lock] = {n: lock for n, lock in plan.locks.items() if n != name}
    if not on:
        state.edit(locks=locks)
        return
    layers = {n: s for n, s in plan.layers.items() if n != name}
    state.edit(locks={**locks, name: "all"}, layers=layers)


def lock_units(name: str, units: str, count: int) -> None:
    """Lock single units, given as `0,3,8-11`; an empty text unlocks them."""
    locks: dict[str, Lock] = {n: lock for n, lock in state.plan().locks.items() if n != name}
    if units.strip():
        try:
            locks[name] = _units(units, count)
        except ValueError as error:
            state.complain(str(error))
            return
    state.edit(locks=locks)


def percent(fraction: float) -> int:
    """Return a fraction as the whole percentage that a slider shows."""
    return round(100 * fraction)


def shown_percent(plan: Plan, layer: str, rows: Mapping[str, LayerReport]) -> int:
    """Return what a layer's slider shows: its own value, else what it loses under the scope."""
    if plan.locks.get(layer) == "all":
        return 0
    if layer in plan.layers:
        return percent(plan.layers[layer])
    if plan.scope == "layer" or layer not in rows:
        return percent(plan.sparsity)
    return percent(rows[layer].sparsity)


def units_text(lock: Lock | None) -> str:
    """Return locked units as `0,3,8-11`; "" for none and for a whole layer."""
    if lock is None or lock == "all":
        return ""
    parts: list[list[int]] = []
    for index in lock:
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def _units(text: str, count: int) -> Lock:
    """Return the units in a text; refuses numbers beyond the layer before it counts them out."""
    numbers = [part for piece in text.split(",") for part in piece.split("-")]
    if not all(number.strip().isdecimal() for number in numbers):
        raise RefusedError(browsing.no_units(text[:60]))
    beyond = [number for number in numbers if int(number[:12]) >= count]
    if beyond:
        raise RefusedError(browsing.no_such_units(count - 1, beyond[0].strip()[:12]))
    lock = parse_lock(f":{text}")[1]
    if not lock:
        raise RefusedError(browsing.no_range(text[:60]))
    return lock
