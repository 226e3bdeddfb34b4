"""What tells plans apart, in words: of their fields only those that are not the same in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pruneviz.allocate import SCOPES
from pruneviz.criteria import CRITERIA
from pruneviz.figures.kit import format as fmt
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan, Setting
from pruneviz.registry import Registry
from pruneviz.ui.session import recipes
from pruneviz.ui.words import text

MOST_LAYERS = 3  # own amounts that are named


def tell_apart(plans: Sequence[Plan]) -> list[str]:
    """Return of each plan what not all of them share; "" where all are the same."""
    said: list[list[str]] = [[] for _ in plans]
    for words in WORDS:
        found = [words(plan) for plan in plans]
        if len(set(found)) > 1:
            for parts, word in zip(said, found, strict=True):
                parts.append(word)
    told = [", ".join(parts) for parts in said]
    if len(set(told)) < len({plan.digest() for plan in plans}):
        # what no sentence is made of, such as where weights come from
        told = [
            f"{word}, {plan.digest()[:6]}".lstrip(", ")
            for word, plan in zip(told, plans, strict=True)
        ]
    return told


def _method(registry: Registry[Any], field: str, parameters: str) -> Callable[[Plan], str]:
    def words(plan: Plan) -> str:
        name: str = getattr(plan, field)
        given: dict[str, Setting] = dict(getattr(plan, parameters))
        title = registry.get(name).title if name in registry.names() else name
        more = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in given.items())
        return f"{title} ({more})" if more else title

    return words


def _layers(plan: Plan) -> str:
    own = [f"{name} {fmt.share(value)}" for name, value in plan.layers.items()]
    if not own:
        return "no layer set by hand"
    more = f" and {len(own) - MOST_LAYERS} more" if len(own) > MOST_LAYERS else ""
    return ", ".join(own[:MOST_LAYERS]) + more


WORDS: tuple[Callable[[Plan], str], ...] = (
    lambda plan: text.model_title(plan.model),
    lambda plan: plan.data or "its own data",
    _method(GRANULARITIES, "granularity", "granularity_parameters"),
    _method(CRITERIA, "criterion", "criterion_parameters"),
    _method(SCOPES, "scope", "scope_parameters"),
    lambda plan: f"{fmt.share(plan.sparsity)} overall",
    _layers,
    lambda plan: f"{fmt.plural(len(plan.locks), 'lock')}" if plan.locks else "no lock",
    lambda plan: recipes.words(plan) or "not recovered",
    lambda plan: f"seed {plan.seed}",
)
