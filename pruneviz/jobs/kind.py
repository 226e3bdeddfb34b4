"""What a kind of job is: a function of what was asked and a context that yields its progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz.history.folder import RunFolder, Spec
from pruneviz.plan import Plan, Setting
from pruneviz.registry import import_all

if TYPE_CHECKING:
    from pruneviz.jobs.context import Context


@dataclass(frozen=True)
class Progress:
    """How far a job is: `done` of `total` steps, and in a few words what it does now."""

    done: int
    total: int
    sentence: str = ""


Work = Callable[[Spec, "Context"], Iterator[Progress]]
Settings = Callable[[Mapping[str, Setting]], dict[str, Setting]]


@dataclass(frozen=True)
class Kind:
    """A kind of job: its work, what of a plan decides its result, and whether that is there.

    `settings` spells out what is asked beyond the plan; ValueError where that cannot be.
    """

    name: str
    title: str
    work: Work
    essential: Callable[[Plan], Plan]
    has_result: Callable[[RunFolder], bool]
    settings: Settings


def no_settings(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return nothing; ValueError where something was given."""
    if given:
        raise ValueError(f"this kind of work takes no settings, got {', '.join(sorted(given))}")
    return {}


KINDS: dict[str, Kind] = {}


def job(
    name: str,
    title: str,
    essential: Callable[[Plan], Plan],
    has_result: Callable[[RunFolder], bool],
    settings: Settings = no_settings,
) -> Callable[[Work], Work]:
    """Return a decorator that declares a kind of job; ValueError on a duplicate name."""
    if name in KINDS:
        raise ValueError(f"the kind of job '{name}' is declared already")

    def add(work: Work) -> Work:
        KINDS[name] = Kind(name, title, work, essential, has_result, settings)
        return work

    return add


def kind(name: str) -> Kind:
    """Return the kind called `name`; ValueError lists those that exist.

    The kinds bring torch along, so they are imported here and not by a job that waits in the queue.
    """
    import_all("pruneviz.jobs.kinds", [str(Path(__file__).parent / "kinds")])
    if name not in KINDS:
        raise ValueError(f"unknown kind of job '{name}'; choose from {', '.join(KINDS)}")
    return KINDS[name]
