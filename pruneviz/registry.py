"""One registry type: what an entry says of itself feeds widgets, help texts and tests."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import asked

COSTS = {  # what a method takes: its class, and that in words
    "weights": "reads the weights only, instant",
    "forward": "one or two passes over the calibration data",
    "backward": "a few forward and backward passes over the calibration data",
    "many passes": "many passes through the network: seconds on small ones, minutes on large ones",
    "each unit": "one pass over its samples for each unit: the slowest",
    "each layer": "one pass over the calibration data, then a system of equations for each layer, "
    "which grows with the cube of its inputs",
}
SLOW = frozenset({"many passes", "each unit", "each layer"})
Value = bool | int | float | str
F = TypeVar("F")
N = TypeVar("N", bound="Named")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A number, switch, choice or text that a method takes, with the range in which it makes sense.

    A default that is a text asks for one of `choices`, or for any text where there are none. One
    that is `quiet` is left out of a bound plan where it has its default: plans made before there
    was such a parameter keep their digest. `label` is what a widget calls it where the name alone
    says too little.
    """

    name: str
    default: Value
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    quiet: bool = False
    label: str = ""

    @property
    def title(self) -> str:
        """Return what a widget calls the parameter: its label, else its name in words."""
        words = self.name.replace("_", " ")
        return self.label or words[:1].upper() + words[1:]

    def check(self, value: Value) -> Value:
        """Return `value` in the default's type; ValueError names the parameter and its range."""
        if isinstance(self.default, str) and not self.choices:
            return str(value)
        if isinstance(self.default, str):
            if value not in self.choices:
                raise RefusedError(asked.no_choice(self.name, self.choices, repr(value)))
            return value
        return self._check_number(value)

    def _check_number(self, value: Value) -> Value:
        kind = type(self.default)
        wrong = isinstance(value, str) or isinstance(value, bool) != (kind is bool)
        if wrong or (kind is int and value != int(value)):
            raise RefusedError(asked.of_another_type(self.name, kind.__name__, repr(value)))
        low = -float("inf") if self.minimum is None else self.minimum
        high = float("inf") if self.maximum is None else self.maximum
        if not low <= float(value) <= high:
            raise RefusedError(asked.out_of_range(self.name, low, high, repr(value)))
        return kind(value)


@dataclass(frozen=True, kw_only=True)
class Entry(Generic[F]):
    """A method under its standard name: one sentence, one formula, one source, its parameters.

    `needs` are the names of what must be measured first; `update` is a second function, where a
    method has one, that gives what it keeps new values. `cost` is one of `COSTS`, or empty where a
    kind of method costs nothing to speak of. `unit` is what a granularity counts, in the singular;
    "" where it is called by its name. `only` are the granularities whose units a criterion ranks,
    () where any, `never` those whose units it says nothing of.
    """

    name: str
    title: str
    family: str
    sentence: str
    formula: str
    source: str
    implementation: F
    parameters: tuple[Parameter, ...] = ()
    needs: tuple[str, ...] = ()
    update: Callable[..., Any] | None = None
    cost: str = ""
    unit: str = ""
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def is_slow(self) -> bool:
        """Return whether a reader should be told what is waited for."""
        return self.cost in SLOW

    def fits(self, granularity: str) -> bool:
        """Return whether a criterion ranks the units of a granularity."""
        return granularity not in self.never and (not self.only or granularity in self.only)

    def settings(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Return every parameter's value, defaults filled in; ValueError on an unknown name."""
        known = {p.name: p for p in self.parameters}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise RefusedError(asked.no_parameter(self.name, tuple(unknown), tuple(known)))
        return {name: p.check(given.get(name, p.default)) for name, p in known.items()}

    def spelled_out(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Return the settings as a bound plan names them: all but quiet defaults."""
        quiet = {p.name: p.default for p in self.parameters if p.quiet}
        settings = self.settings(given)
        return {n: v for n, v in settings.items() if n not in quiet or v != quiet[n]}


class Named(Protocol):
    """Whatever has a name."""

    @property
    def name(self) -> str:
        """Return the name under which it is found."""
        ...


class Listing(Generic[N]):
    """What there is of one kind by name, in the order in which it was added."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, N] = {}

    def add(self, entry: N) -> N:
        """Add an entry under its name, and return it; ValueError on a duplicate."""
        self.check_new(entry.name)
        self._entries[entry.name] = entry
        return entry

    def check_new(self, name: str) -> None:
        """Raise ValueError where there is an entry of this name already."""
        if name in self._entries:
            raise ValueError(f"{self.kind} '{name}' is registered already")

    def get(self, name: str) -> N:
        """Return the entry called `name`; ValueError lists the names that exist."""
        if name not in self._entries:
            raise RefusedError(asked.unknown_method(self.kind, name, tuple(self._entries)))
        return self._entries[name]

    def names(self) -> list[str]:
        """Return every registered name."""
        return list(self._entries)

    def __iter__(self) -> Iterator[N]:
        return iter(self._entries.values())


class Registry(Listing[Entry[F]]):
    """The methods of one kind by name, in the order in which they were registered."""

    def register(
        self,
        *,
        name: str,
        title: str,
        family: str,
        sentence: str,
        formula: str,
        source: str,
        parameters: tuple[Parameter, ...] = (),
        needs: tuple[str, ...] = (),
        update: Callable[..., Any] | None = None,
        cost: str = "",
        unit: str = "",
        only: tuple[str, ...] = (),
        never: tuple[str, ...] = (),
    ) -> Callable[[F], F]:
        """Return a decorator that adds the function under `name`; ValueError on a duplicate."""
        if cost and cost not in COSTS:
            raise ValueError(f"unknown cost '{cost}'; choose from {', '.join(COSTS)}")
        self.check_new(name)

        def add(implementation: F) -> F:
            self.add(
                Entry(
                    name=name,
                    title=title,
                    family=family,
                    sentence=sentence,
                    formula=formula,
                    source=source,
                    implementation=implementation,
                    parameters=parameters,
                    needs=needs,
                    update=update,
                    cost=cost,
                    unit=unit,
                    only=only,
                    never=never,
                )
            )
            return implementation

        return add


def import_all(package: str, path: list[str]) -> None:
    """Import every module of a package, so that a method is registered by its file being there."""
    for module in sorted(pkgutil.iter_modules(path), key=lambda m: m.name):
        importlib.import_module(f"{package}.{module.name}")
