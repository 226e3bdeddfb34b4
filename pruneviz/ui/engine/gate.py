"""The one gate to the engine: no plan is opened, and no job is begun, that the operator forbids."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TypedDict, Unpack

from pruneviz import jobs
from pruneviz.history.folder import RunFolder
from pruneviz.home import default_home
from pruneviz.jobs.control import Options
from pruneviz.plan import Plan, Setting
from pruneviz.subjects import needs_operator
from pruneviz.subjects.references import is_named
from pruneviz.ui import settings
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import browsing


def check_allowed(plan: Plan) -> None:
    """Raise ValueError when the plan reads paths or runs code that the operator did not name."""
    asked = {
        "model": (plan.model, settings.models),
        "weights": (plan.weights, settings.weights),
        "data": (plan.data, settings.data),
    }
    for what, (reference, named) in asked.items():
        if what == "data" and reference == plan.model:
            continue  # what a factory gives beside its network is named with it
        if reference is not None and needs_operator(reference) and not is_named(reference, named()):
            raise RefusedError(_not_named(plan, what, reference))


def _not_named(plan: Plan, what: str, reference: str) -> Fact:
    option = f"--{what} {shlex.quote(reference)}"
    if what == "weights":
        owner = f"--model {shlex.quote(plan.model)}"
        return browsing.weights_not_named(reference, f"{owner} {option}")
    if what == "model":
        return browsing.model_not_named(reference, option)
    return browsing.data_not_named(reference, option)


class Wanted(TypedDict, total=False):
    """What else `jobs.submit` may be asked."""

    settings: Mapping[str, Setting]
    parent: str | None
    options: Options
    begin_from: RunFolder


def submit(kind: str, plan: Plan, **wanted: Unpack[Wanted]) -> RunFolder:
    """Begin a job on a plan, or join the one that computes the same; as `jobs.submit` does."""
    check_allowed(plan)
    return jobs.submit(default_home(), kind, plan, **wanted)


def resume(folder: RunFolder) -> None:
    """Go on with a job; ValueError where it may not run, or does not say what was asked."""
    spec = folder.spec()
    if spec is None:
        raise RefusedError(browsing.not_said())
    check_allowed(spec.plan)
    jobs.resume(folder)
