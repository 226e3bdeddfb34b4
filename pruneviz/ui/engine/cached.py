"""One cache for all sessions: a function of a plan is computed once for all that decides it.

Nothing is hashed but keys, and nothing copied. Few models have values at a time: when one leaves,
all that was computed of it leaves with it and is freed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast
from weakref import WeakValueDictionary

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.engine.gate import check_allowed
from pruneviz.ui.engine.keys import Key

P = ParamSpec("P")
T = TypeVar("T")
By = Callable[[Plan], Key]
Entry = tuple[Hashable, ...]  # a plan's key, and what else was asked
YIELD_SECONDS = 0.1  # in which a page that waits for another's value notices that it was left
_MISSING = object()
_LOCK = threading.Lock()
_MODELS: OrderedDict[Hashable, None] = OrderedDict()  # those that have values; used last comes last


class Cached(Generic[P, T]):
    """A function of a plan, behind the gate, whose values all sessions share: read them only."""

    def __init__(
        self,
        function: Callable[Concatenate[Plan, P], T],
        by: By,
        of: Callable[..., Plan],
        most: int | None,
        spinner: str,
        leave: Callable[[Any], object],
        stays: bool,
    ) -> None:
        """Keep nothing yet; `cached` says what the others are."""
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        self.__module__ = function.__module__
        self._function, self._by, self._of = function, by, of
        self._most, self._spinner, self._leave, self._stays = most, spinner, leave, stays
        self._values: OrderedDict[Entry, T] = OrderedDict()
        self._computing: WeakValueDictionary[Entry, threading.Lock] = WeakValueDictionary()

    def __call__(self, plan: Plan, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the value, computed unless it is kept; ValueError where it cannot be."""
        plan, entry = self._entry(plan, args, kwargs)
        found = self._find(entry)
        if found is _MISSING:
            with self._alone(entry):
                found = self._find(entry)  # another may have computed it meanwhile
                if found is _MISSING:
                    with self._sign():
                        found = self._function(plan, *args, **kwargs)
                    self._keep(entry, found)
        return cast(T, found)

    def kept(self, plan: Plan, *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return the value if it is kept, else None."""
        found = self._find(self._entry(plan, args, kwargs)[1])
        return None if found is _MISSING else cast(T, found)

    def clear(self) -> None:
        """Let all values go."""
        with _LOCK:
            gone = [(self, value) for value in self._values.values()]
            self._values.clear()
        _release(gone)

    def _entry(self, plan: Plan, args: Any, kwargs: Any) -> tuple[Plan, Entry]:
        check_allowed(plan)  # before any file is looked at
        plan = self._of(plan, *args, **kwargs)
        named = ((name, _hashable(value)) for name, value in sorted(kwargs.items()))
        return plan, (*self._by(plan), *map(_hashable, args), *named)

    def _find(self, entry: Entry) -> object:
        with _LOCK:
            if entry not in self._values:
                return _MISSING
            self._values.move_to_end(entry)
            found = self._values[entry]
            gone = [] if self._stays else _use(entry[0])
        _release(gone)
        return found

    def _keep(self, entry: Entry, value: T) -> None:
        with _LOCK:
            self._values[entry] = value
            gone: list[tuple[Cached[Any, Any], Any]] = [] if self._stays else _use(entry[0])
            if self._most is not None and len(self._values) > self._most:
                gone.append((self, self._values.popitem(last=False)[1]))
        _release(gone)

    def _without(self, model: Hashable) -> list[tuple[Cached[Any, Any], Any]]:
        """Let all values of a model go, and return them."""
        if self._stays:
            return []
        entries = [entry for entry in self._values if entry[0] == model]
        return [(self, self._values.pop(entry)) for entry in entries]

    @contextmanager
    def _alone(self, entry: Entry) -> Iterator[None]:
        """Compute inside; wait for whoever computes the same, unless the page is left meanwhile."""
        with _LOCK:
            lock = self._computing.setdefault(entry, threading.Lock())
        context = get_script_run_ctx(suppress_warning=True)
        while not lock.acquire(timeout=YIELD_SECONDS):
            if context is not None and context.yield_check is not None:
                context.yield_check()
        try:
            yield
        finally:
            lock.release()

    def _sign(self) -> AbstractContextManager[None]:
        """Return the sign under which a page waits, if it has one."""
        waits = self._spinner and get_script_run_ctx(suppress_warning=True) is not None
        return st.spinner(self._spinner) if waits else nullcontext()


class _Decorator(Protocol):
    def __call__(self, function: Callable[Concatenate[Plan, P], T], /) -> Cached[P, T]: ...


CACHED: list[Cached[Any, Any]] = []


def cached(
    by: By,
    *,
    of: Callable[..., Plan] = lambda plan, *_, **__: plan,
    most: int | None = None,
    spinner: str = "",
    leave: Callable[[Any], object] = lambda value: None,
    stays: bool = False,
) -> _Decorator:
    """Return what makes a cached function of one whose first argument is a plan.

    `by` says what of the plan, and which files, decide the value, beside the other arguments, which
    are hashable or map names to values; `of`, given all, puts another plan in its place first. Of
    `most` arguments values are kept, of all where it is None. `spinner` is said while a page waits.
    What leaves is given to `leave`. What `stays` does so when its model leaves: it must be small.
    """

    def decorate(function: Callable[Concatenate[Plan, P], T]) -> Cached[P, T]:
        made = Cached(function, by, of, most, spinner, leave, stays)
        CACHED.append(made)
        return made

    return decorate


def clear() -> None:
    """Let all values of all functions go."""
    for each in CACHED:
        each.clear()


def _hashable(given: Any) -> Hashable:
    return tuple(sorted(given.items())) if isinstance(given, Mapping) else cast(Hashable, given)


def _use(model: Hashable) -> list[tuple[Cached[Any, Any], Any]]:
    """Count a model as the one used last; return the values of those that leave for it."""
    _MODELS[model] = None
    _MODELS.move_to_end(model)
    gone: list[tuple[Cached[Any, Any], Any]] = []
    while len(_MODELS) > settings.models_kept():
        oldest, _ = _MODELS.popitem(last=False)
        for each in CACHED:
            gone += each._without(oldest)
    return gone


def _release(gone: list[tuple[Cached[Any, Any], Any]]) -> None:
    """Tell values that they left; outside the lock, since it may take a while."""
    for each, value in gone:
        each._leave(value)
