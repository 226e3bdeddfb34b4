"""What a fact is: its kind, its values, the field of a plan that it is about; words come last."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec

P = ParamSpec("P")
_KINDS: dict[str, FactKind[Any]] = {}


class Share(float):
    """A fraction of units, 0..1: 0.3 in a terminal, where plans are typed, and 30 % on a page."""


@dataclasses.dataclass(frozen=True)
class Fact:
    """Something to be told: `code` names its kind, `values` are what its sentence holds.

    `field` is the field of a plan that it is about, "" for none. `str` gives the sentence.
    """

    code: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    field: str = ""

    def __str__(self) -> str:
        return words(self)

    def state(self) -> dict[str, Any]:
        """Return the fact as plain values, for what goes on later; `read` reads them."""
        return {"code": self.code, "values": {n: _plain(v) for n, v in self.values.items()}}

    @classmethod
    def read(cls, state: str | Mapping[str, Any]) -> Fact:
        """Return the fact of a state; what was written before there were facts is a sentence.

        KeyError where there is no such kind of fact.
        """
        if isinstance(state, str):
            return _KINDS["judged.recorded"](state)
        values = {name: _value(plain) for name, plain in state["values"].items()}
        return _KINDS[state["code"]](**values)


def _plain(value: Any) -> Any:
    if isinstance(value, Fact):
        return value.state()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return {"share": float(value)} if isinstance(value, Share) else value


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return tuple(map(_value, plain))
    if not isinstance(plain, dict):
        return plain
    return Share(plain["share"]) if "share" in plain else Fact.read(plain)


class FactKind(Generic[P]):
    """A kind of fact, made of the function that words it; called with values, it gives a fact.

    `fact in kind` says whether a fact is of this kind. ValueError where another has its name.
    """

    def __init__(self, wording: Callable[P, str], field: str) -> None:
        self.code = f"{wording.__module__.rpartition('.')[2]}.{wording.__name__}"
        self.field, self.wording = field, wording
        self._signature = inspect.signature(wording)
        if self.code in _KINDS:
            raise ValueError(f"there is a kind of fact '{self.code}' already: name it otherwise")
        _KINDS[self.code] = self

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Fact:
        """Return the fact of these values."""
        values = self._signature.bind(*args, **kwargs).arguments
        return Fact(self.code, dict(values), self.field)

    def __contains__(self, fact: object) -> bool:
        return isinstance(fact, Fact) and fact.code == self.code


def fact(field: str = "") -> Callable[[Callable[P, str]], FactKind[P]]:
    """Return a decorator that makes a kind of fact of the function that words it.

    `field` is the field of a plan that such facts are about.
    """
    return lambda wording: FactKind(wording, field)


def words(fact: Fact, share: Callable[[float], str] = "{:g}".format) -> str:
    """Return a fact as a sentence; `share` writes the fractions of units in it."""

    def written(value: object) -> object:
        if isinstance(value, Fact):
            return words(value, share)
        if isinstance(value, tuple):
            return tuple(map(written, value))
        return share(value) if isinstance(value, Share) else value

    values = {name: written(value) for name, value in fact.values.items()}
    sentence: str = _KINDS[fact.code].wording(**values)
    return sentence


class RefusedError(ValueError):
    """What cannot be done, as a fact: its message is the fact's sentence."""

    def __init__(self, fact: Fact) -> None:
        super().__init__(fact)
        self.fact = fact

    def __str__(self) -> str:
        return str(self.fact)


def said_by(error: BaseException) -> Fact:
    """Return what an error says: its fact where it is a refusal, else its message as one."""
    return error.fact if isinstance(error, RefusedError) else Fact.read(str(error))
