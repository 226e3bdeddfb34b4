"""The Report: what a run measured, each number with its unit, spread, sample size and machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic import computed_field, model_validator

from pruneviz.plan import Plan
from pruneviz.report.parts import (
    ACCURACY,
    Amount,
    LatencyPair,
    LayerReport,
    Machine,
    MetricPair,
    Record,
    RecoveryReport,
    Skipped,
    Sparsity,
    Uncounted,
)
from pruneviz.sent import SentFile


class Report(Record):
    """Everything one run measured.

    `quality` is how good the answers are by the task's metrics, the primary one first; () without
    data.
    `macs` counts the multiply-accumulates of one input, but for the operators that `uncounted`
    names, `bytes` the exported weights file, which holds every tensor that the network holds.
    `inputs` are the uploaded files that the plan names by their digests, with their names.
    """

    digest: str
    plan: Plan
    model: str
    weights_label: str
    data: str | None
    sparsity: Sparsity
    quality: tuple[MetricPair, ...] = ()
    parameters: Amount
    macs: Amount
    bytes: Amount
    latency_ms: LatencyPair
    max_relative_error: float
    layers: tuple[LayerReport, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    machine: Machine
    recovery: RecoveryReport | None = None
    inputs: tuple[SentFile, ...] = ()
    uncounted: Uncounted = Uncounted()

    @model_validator(mode="before")
    @classmethod
    def _read_accuracy(cls, fields: Any) -> Any:
        return with_accuracy_in_quality(fields)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def accuracy(self) -> MetricPair | None:
        """The pair of top-1 accuracies (fractions correct), None where none was measured."""
        return next((pair for pair in self.quality if pair.metric == ACCURACY), None)

    @property
    def primary(self) -> MetricPair | None:
        """The pair of the metric that the networks are judged by first; None without data."""
        return self.quality[0] if self.quality else None

    def deterministic(self) -> dict[str, Any]:
        """Return what a replay must reproduce: not times, rounding, machine, words, names.

        A recovery is reproduced on the same number of threads of the same kind of processor.
        """
        where = ("latency_ms", "machine", "max_relative_error", "notes", "data", "inputs",
                 "uncounted")  # fmt: skip
        varying: dict[str, Any] = dict.fromkeys(where, True)
        varying["skipped"] = {"__all__": {"reason": True}}
        varying["recovery"] = {"seconds": True, "threads": True, "device": True}
        found = json.loads(self.model_dump_json(exclude=varying))
        others = [pair for pair in found.pop("quality") if pair["metric"] != ACCURACY]
        return {**found, "quality": others} if others else found

    def layer_table(self) -> pd.DataFrame:
        """Return one row a layer: units, removed, locked, sparsity, parameters and MACs."""
        rows = [
            {
                "layer": layer.name,
                "coupled_layers": ", ".join(layer.layers),
                "units": layer.units,
                "removed": layer.removed,
                "locked": layer.locked,
                "sparsity": layer.sparsity,
                "parameters": layer.parameters.original,
                "parameters_pruned": layer.parameters.pruned,
                "macs": layer.macs.original,
                "macs_pruned": layer.macs.pruned,
            }
            for layer in self.layers
        ]
        return pd.DataFrame(rows)


def with_accuracy_in_quality(fields: Any) -> Any:
    """Return a report's fields with its accuracies in `quality`, which older reports lack.

    What stands under `accuracy` goes for what `quality` says of it.
    """
    if not isinstance(fields, Mapping) or ACCURACY not in fields:
        return fields
    rest = {name: value for name, value in fields.items() if name != ACCURACY}
    found, pairs = fields[ACCURACY], rest.get("quality", [])
    if found is None or not isinstance(pairs, list | tuple):
        return rest
    if not all(isinstance(pair, Mapping) for pair in pairs):
        return rest
    others = [pair for pair in pairs if pair.get("metric", ACCURACY) != ACCURACY]
    first = not pairs or pairs[0].get("metric", ACCURACY) == ACCURACY
    return {**rest, "quality": [found, *others] if first else [*others, found]}


def differences(first: Any, second: Any, where: str = "") -> list[str]:
    """Return one line for each place in which two nested JSON values differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = sorted(set(first) | set(second))
        return [
            line
            for key in keys
            for line in differences(
                first.get(key, "absent"), second.get(key, "absent"), f"{where}.{key}".lstrip(".")
            )
        ]
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = enumerate(zip(first, second, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{where}[{i}]")]
    return [] if first == second else [f"{where}: {first} != {second}"]
