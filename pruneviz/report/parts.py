"""The parts of a report: each number with its unit, spread and sample size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from pruneviz.wording import Fact

Interval = tuple[float, float]
MOST_NAMED = 3  # operators beside a number
ACCURACY = "accuracy"


class Record(BaseModel):
    """A part of a report, which nobody changes.

    Numbers that JSON lacks, NaN and what is infinite, are written as texts and read back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON's own values."""
        found: dict[str, Any] = json.loads(self.model_dump_json())
        return found


class Sparsity(Record):
    """Fraction of units removed: what was asked, what was reached, and the exact count."""

    requested: float
    achieved: float
    unit: str
    units: int
    removed: int


class MetricPair(Record):
    """A metric of both networks on the same `samples` held-out inputs, with 95 % intervals.

    `metric` is its name in the registry of metrics, `settings` are those of its parameters, where
    it was asked for. The interval of the change is for paired samples. `agreement` is the
    fraction of inputs that both answer alike, None where answers are no labels.
    """

    metric: str = ACCURACY
    settings: Mapping[str, str | int | float] = {}
    original: float
    pruned: float
    change: float
    original_interval: Interval
    pruned_interval: Interval
    change_interval: Interval
    samples: int
    agreement: float | None = None


class Amount(Record):
    """A count that is exact: parameters, multiply-accumulates of one input, or bytes."""

    original: int
    pruned: int


class Uncounted(Record):
    """Names of the operators of either network that multiply and are not among its MACs."""

    original: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()

    def in_words(self, most: int = MOST_NAMED) -> str:
        """Return what stands beside MACs wherever they are said; "" where they are whole.

        More than `most` operators are counted: all of them are in the report's notes.
        """
        names = list(dict.fromkeys((*self.original, *self.pruned)))
        if not names:
            return ""
        more = f" and {len(names) - most} more" if len(names) > most else ""
        return f"not counting {', '.join(map(self._named, names[:most]))}{more}"

    def _named(self, name: str) -> str:
        if name not in self.original:
            return f"{name} (pruned only)"
        return name if name in self.pruned else f"{name} (original only)"


class Latency(Record):
    """Milliseconds of single forward passes: median with its 95 % interval, and the slow tail."""

    median: float
    p95: float
    p99: float
    median_interval: Interval
    runs: int


class LatencyPair(Record):
    """Latencies of both models, timed in turns in one process.

    `speedup` is how many times as fast as the original the pruned network is: the median of both
    passes' ratio over the turns.
    """

    original: Latency
    pruned: Latency
    speedup: float
    speedup_interval: Interval
    batch_size: int
    threads: int
    engine: str


class LayerReport(Record):
    """One slider: a layer, or the layers whose units must go together."""

    name: str
    layers: tuple[str, ...]
    units: int
    removed: int
    locked: int
    sparsity: float
    parameters: Amount
    macs: Amount


class Skipped(Record):
    """A layer that cannot be pruned, with the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """A layer that cannot be pruned, and why."""

    name: str
    why: tuple[Fact, ...]

    @property
    def reason(self) -> str:
        """Return why in words."""
        return "; ".join(map(str, self.why))

    def reported(self) -> Skipped:
        """Return it as a report says it."""
        return Skipped(name=self.name, reason=self.reason)


class Machine(Record):
    """Where the numbers were measured."""

    processor: str
    cores: int
    python: str
    torch: str
    pruneviz: str


class OfMetric(Record):
    """Numbers of the metric named `metric`; in files those of the accuracy are called so."""

    metric: str = ACCURACY

    @model_validator(mode="before")
    @classmethod
    def _read_accuracy(cls, fields: Any) -> Any:
        """Read accuracies as values of a metric."""
        if not isinstance(fields, Mapping) or fields.get("metric", ACCURACY) != ACCURACY:
            return fields
        renamed = {name.replace(ACCURACY, "value"): value for name, value in fields.items()}
        return renamed if len(renamed) == len(fields) else fields

    @model_serializer(mode="wrap")
    def _write_accuracy(
        self, written: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        """Write accuracies under their name, and what JSON lacks as texts, such as "Infinity"."""
        found = {n: v for n, v in written(self).items() if n != "interval" or v is not None}
        if self.metric == ACCURACY:
            found = {n.replace("value", ACCURACY): v for n, v in found.items() if n != "metric"}
        return {n: _in_json(v) for n, v in found.items()} if info.mode == "json" else found


def _in_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_json(each) for each in value]
    return json.dumps(value) if isinstance(value, float) and not isfinite(value) else value


class MetricValue(OfMetric):
    """A metric of one network on `samples` held-out inputs, with its 95 % interval."""

    value: float
    interval: Interval
    samples: int


class EpochRow(OfMetric):
    """One point of a recovery's curve: after a pruning, a recalibration or an epoch of training.

    `round` counts from 1. `step` is "prune" or the recovery's name. `epoch` is how many epochs were
    trained so far, over all rounds. `loss` is the mean over the epoch's training batches,
    `train_value` that of their inputs, `learning_rate` that of the last batch: None where nothing
    was trained. `value` and `held_out_loss` (the task's) are those of the held-out inputs,
    `validation_value` that of training inputs set aside, None where none are. Values are the
    metric's; its 95 % interval on the held-out inputs is `interval`, None of accuracies, which have
    it from their number and the inputs'. `sparsity` is the fraction of units removed.
    """

    round: int
    step: str
    epoch: int
    loss: float | None = None
    train_value: float | None = None
    value: float
    held_out_loss: float
    validation_value: float | None = None
    sparsity: float
    learning_rate: float | None = None
    interval: Interval | None = None


class RecoveryReport(Record):
    """What a recovery won back, and what it cost.

    `before` is the primary metric of the same pruning without any recovery; `control` that of the
    original with its BatchNorm statistics taken anew in the same way, None without BatchNorm.
    `best_epoch` is the epoch of the last round that was best by it on held-out inputs (reported
    only: the last epoch is the result), None without training. `stopped` says why it ended early,
    "" if it did not.
    """

    before: MetricValue
    control: MetricValue | None
    rounds: int
    epochs: int
    curve: tuple[EpochRow, ...]
    best_epoch: int | None
    stopped: str
    seconds: float
    threads: int
    device: str
