"""Recipes: named ways to recover, each a schedule and recovery steps put into a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pruneviz.recovery.correct_biases
import pruneviz.recovery.distill
import pruneviz.recovery.finetune
import pruneviz.recovery.lora
import pruneviz.recovery.recalibrate  # noqa: F401  # recipes are made of them
from pruneviz.plan import ONE_SHOT, Plan
from pruneviz.recovery.method import RECOVERIES
from pruneviz.recovery.schedules import SCHEDULES
from pruneviz.registry import Entry, Parameter, Registry, Value
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

RecipePlan = Callable[[Plan, Mapping[str, Value]], Plan]
RECIPES: Registry[RecipePlan] = Registry("recipe")

# How long a recovery may take, in seconds, in words that a user chooses by.
PRESETS: Mapping[str, float] = {"a minute": 60.0, "ten minutes": 600.0, "overnight": 8 * 3600.0}


def _with(
    plan: Plan, given: Mapping[str, Value], *, schedule: str, methods: tuple[str, ...]
) -> Plan:
    """Return the plan with this schedule and these recoveries; a given setting goes to its owner.

    ValueError on a setting that neither the schedule nor any of the recoveries has.
    """
    owners = _owners(schedule, methods)
    names = [{p.name for p in owner.parameters} for owner in owners]
    unknown = sorted(set(given) - set().union(*names))
    if unknown:
        known = tuple(sorted(set().union(*names)))
        raise RefusedError(training.no_setting_of_a_recipe(tuple(unknown), known))
    own: list[dict[str, Any]] = [
        {name: value for name, value in given.items() if name in known} for known in names
    ]
    steps = [{"method": m, "parameters": s} for m, s in zip(methods, own[1:], strict=True)]
    changed = plan.changed(schedule=schedule, schedule_parameters=own[0], recovery=steps)
    for owner, settings in zip(
        owners,
        [changed.schedule_parameters, *(step.parameters for step in changed.recovery)],
        strict=True,
    ):
        owner.settings(settings)  # a value out of its range is refused here, before any work
    return changed


def _owners(schedule: str, methods: tuple[str, ...]) -> list[Entry[Any]]:
    return [SCHEDULES.get(schedule), *(RECOVERIES.get(method) for method in methods)]


def _recipe(
    name: str, title: str, sentence: str, formula: str, schedule: str, methods: tuple[str, ...]
) -> None:
    """Register a recipe; its parameters are those of its schedule and its recoveries."""
    owners = _owners(schedule, methods)
    parameters: dict[str, Parameter] = {p.name: p for owner in owners for p in owner.parameters}
    RECIPES.register(
        name=name,
        title=title,
        family="recipe",
        sentence=sentence,
        formula=formula,
        source="; ".join(dict.fromkeys(owner.source for owner in owners[schedule == ONE_SHOT :])),
        parameters=tuple(parameters.values()),
    )(partial(_with, schedule=schedule, methods=methods))


def _register_all() -> None:
    """Register the recipes, from the quickest to the most thorough."""
    _recipe(
        "recalibrate",
        "Recalibrate",
        "Re-measures BatchNorm statistics in seconds and without training: always worth a try.",
        "prune → statistics",
        ONE_SHOT,
        ("recalibrate",),
    )
    _recipe(
        "correct_biases",
        "Correct biases",
        "Shifts biases until every unit's mean answer is the original's, in seconds and without "
        "training: for networks with and without BatchNorm.",
        "prune → means",
        ONE_SHOT,
        ("correct_biases",),
    )
    _recipe(
        "finetune",
        "Fine-tune",
        "Trains what is left for a few epochs: the usual way.",
        "prune → train",
        ONE_SHOT,
        ("finetune",),
    )
    _recipe(
        "distill",
        "Distil from the original",
        "Trains what is left to answer as the original does: usually better, a little slower.",
        "prune → train on the original's answers",
        ONE_SHOT,
        ("distill",),
    )
    _recipe(
        "lora",
        "Train low-rank adapters",
        "Trains a small addition to each linear layer: for transformers, with few inputs or little "
        "memory.",
        "prune → train adapters → merge",
        ONE_SHOT,
        ("lora",),
    )
    _recipe(
        "iterative",
        "Prune and fine-tune in rounds",
        "Prunes a part, trains, and goes on: for high sparsities, and epochs enough for each.",
        "(prune a part → train) × rounds",
        "cubic",
        ("finetune",),
    )
    _recipe(
        "iterative_distill",
        "Prune and distil in rounds",
        "Prunes a part, learns from the original, and goes on: the most thorough.",
        "(prune a part → train on the original's answers) × rounds",
        "cubic",
        ("distill",),
    )


_register_all()
