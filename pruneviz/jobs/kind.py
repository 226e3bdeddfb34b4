"""What a kind of job is: a function that yields its progress, and what people see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pruneviz.history.folder import RunFolder, Spec
from pruneviz.jobs import kinds
from pruneviz.plan import Plan, Setting
from pruneviz.registry import import_all
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

if TYPE_CHECKING:
    from pruneviz.jobs.context import Context


@dataclass(frozen=True)
class Progress:
    """How far a job is: `done` of `total` steps, and in a few words what it does now."""

    done: int
    total: int
    sentence: str = ""


@dataclass(frozen=True)
class Link:
    """Where a job's result is seen: a page by its file's name, the plan it opens, its question."""

    page: str
    plan: Plan
    query: Mapping[str, str]

    @property
    def label(self) -> str:
        """Return what the link is called, such as `Open in Sensitivity`."""
        return f"Open in {self.page.replace('_', ' ').capitalize()}"


Work = Callable[[Spec, "Context"], Iterator[Progress]]
Settings = Callable[[Mapping[str, Setting]], dict[str, Setting]]


def no_settings(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return nothing; ValueError where something was given."""
    if given:
        raise RefusedError(working.takes_no_settings(", ".join(sorted(given))))
    return {}


def whole_plan(plan: Plan) -> Plan:
    """Return the plan as it is: every part of it decides the result."""
    return plan


def plan_of(folder: RunFolder, spec: Spec) -> Plan:
    """Return the plan that a job was asked for."""
    return spec.plan


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """A kind of job: its work, what decides its result, and what people see of it.

    `has_result` says whether the result is there, `essential` returns what of a plan decides it,
    and `settings` spells out what is asked beyond the plan; ValueError where that cannot be.
    `title` is what it is called, or `titled` of one plan. `page` shows the result, by its file's
    name; `question` is what that page is asked, where there are several, `query` the link's
    parameters that ask it, `opens` the plan that the link brings. `purpose` says what it is done
    for, before model and plan; ValueError where the settings do not say it.
    """

    name: str
    title: str
    page: str
    work: Work
    has_result: Callable[[RunFolder], bool]
    essential: Callable[[Plan], Plan] = whole_plan
    settings: Settings = no_settings
    titled: Callable[[Plan], str] | None = None
    question: str = ""
    query: Callable[[Mapping[str, Setting]], dict[str, str]] = lambda settings: {}
    opens: Callable[[RunFolder, Spec], Plan] = plan_of
    purpose: Callable[[Mapping[str, Setting]], str] = lambda settings: ""

    @cached_property
    def asks_amount(self) -> bool:
        """Return whether how much a plan removes is a part of what is asked."""
        some = Plan(sparsity=0.5)
        return self.essential(some).sparsity == some.sparsity

    def title_of(self, plan: Plan) -> str:
        """Return what the work on a plan is called."""
        return self.titled(plan) if self.titled else self.title

    def link(self, folder: RunFolder, spec: Spec) -> Link:
        """Return where the result of a job is seen."""
        return Link(self.page, self.opens(folder, spec), self.query(spec.settings))


KINDS: dict[str, JobKind] = {}


def job(
    name: str,
    title: str,
    *,
    page: str,
    has_result: Callable[[RunFolder], bool],
    essential: Callable[[Plan], Plan] = whole_plan,
    settings: Settings = no_settings,
    titled: Callable[[Plan], str] | None = None,
    question: str = "",
    query: Callable[[Mapping[str, Setting]], dict[str, str]] = lambda settings: {},
    opens: Callable[[RunFolder, Spec], Plan] = plan_of,
    purpose: Callable[[Mapping[str, Setting]], str] = lambda settings: "",
) -> Callable[[Work], Work]:
    """Return a decorator that declares a kind of job, see `JobKind`; ValueError on a duplicate."""
    if name in KINDS:
        raise ValueError(f"the kind of job '{name}' is declared already")

    def add(work: Work) -> Work:
        KINDS[name] = JobKind(
            name=name, title=title, page=page, work=work, has_result=has_result,
            essential=essential, settings=settings, titled=titled, question=question,
            query=query, opens=opens, purpose=purpose,
        )  # fmt: skip
        return work

    return add


def kind(name: str) -> JobKind:
    """Return the kind called `name`; ValueError lists those that exist.

    The kinds bring torch along, so they are imported here and not by a job that waits in the queue.
    """
    import_all(kinds.__name__, list(kinds.__path__))
    if name not in KINDS:
        raise RefusedError(working.unknown_kind(name, ", ".join(KINDS)))
    return KINDS[name]


def kind_title(name: str) -> str:
    """Return a kind of job in words, also one that only another version knows."""
    try:
        return kind(name).title
    except ValueError:
        return name.replace("_", " ").capitalize() or "Unknown"
