"""Every method there is, as its registry describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.allocate import SCOPES, Ranking, allocate
from pruneviz.criteria import CRITERIA, Evidence, score
from pruneviz.granularity import GRANULARITIES
from pruneviz.metrics import METRICS, Metric
from pruneviz.plan import Plan
from pruneviz.recovery import RECOVERIES, SCHEDULES
from pruneviz.registry import Entry, Listing
from pruneviz.tasks import TASKS
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import asked

SHOWN = "2"  # the layer of the small network that is demonstrated on
REGISTRIES: Mapping[str, Listing[Any]] = {
    "criterion": CRITERIA,
    "granularity": GRANULARITIES,
    "scope": SCOPES,
    "schedule": SCHEDULES,
    "recovery": RECOVERIES,
    "task": TASKS,
    "metric": METRICS,
}


def described(kind: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return all methods of one kind, or of all, as plain values; ValueError on an unknown kind."""
    if kind is not None and kind not in REGISTRIES:
        raise RefusedError(asked.unknown_method("kind", kind, tuple(REGISTRIES)))
    chosen = [kind] if kind else list(REGISTRIES)
    return {each: [_plain(entry) for entry in REGISTRIES[each]] for each in chosen}


def _plain(entry: Entry[Any]) -> dict[str, Any]:
    fields = ("name", "title", "family", "sentence", "formula", "source", "cost")
    parameters = [
        {name: value for name, value in asdict(parameter).items() if name != "quiet"}
        for parameter in entry.parameters
    ]
    return {
        **{name: getattr(entry, name) for name in fields},
        "needs": list(entry.needs),
        "parameters": parameters,
        **_judging(entry),
    }


def _judging(entry: Entry[Any]) -> dict[str, Any]:
    """Return of a task its metrics, of a metric its tasks, its unit and which way is better."""
    metrics = {task.name: list(task.implementation().metrics) for task in TASKS}
    if isinstance(entry, Metric):
        tasks = [name for name, fitting in metrics.items() if entry.name in fitting]
        return {"unit": entry.unit, "better": entry.better, "tasks": tasks}
    if any(entry is task for task in TASKS):
        return {"metrics": metrics[entry.name]}
    return {}


@dataclass(frozen=True)
class Demonstration:
    """What half of one small layer looks like without what a granularity removes.

    `stays` is bool, (outputs, inputs × places of the kernel).
    """

    granularity: str
    title: str
    stays: Tensor


def demonstrations() -> tuple[Demonstration, ...]:
    """Return for each granularity that has units in it what stays of a small convolution.

    It takes 4 inputs to 8 outputs with 3 × 3 kernels, its weights are drawn with a fixed seed, and
    half of its units go by L1 magnitude.
    """
    model, example = _small_network()
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    found = []
    for entry in GRANULARITIES:
        units, _ = entry.implementation(model, example, {}, **entry.settings({}))
        ours = tuple(layer for layer in units if SHOWN in layer.layers)
        if ours:
            scores = score("magnitude_l1", {}, ours, Evidence(weights, {}, 0))
            plan = Plan(granularity=entry.name, sparsity=0.5)
            keep = allocate(ours, Ranking.of(ours, scores), plan).keep
            mask = ours[0].masks(keep[ours[0].name])[f"{SHOWN}.weight"]
            found.append(Demonstration(entry.name, entry.title, mask.reshape(len(mask), -1)))
    return tuple(found)


def _small_network() -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Flatten()
        return nn.Sequential(*layers, nn.Linear(8 * 4, 2)).eval(), torch.randn(2, 3, 6, 6)
