"""The Report: what a run measured, each number with its unit, spread, sample size and machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from pruneviz.plan import Plan
from pruneviz.sent import SentFile
from pruneviz.wording import Fact

Interval = tuple[float, float]
MOST_NAMED = 3  # operators beside a number


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sparsity(_Record):
    """Fraction of units removed: what was asked, what was reached, and the exact count."""

    requested: float
    achieved: float
    unit: str
    units: int
    removed: int


class Accuracy(_Record):
    """Top-1 accuracy (fraction correct) on `samples` held-out inputs, with 95 % intervals.

    The intervals of the two accuracies are Wilson's; that of the change is for paired samples.
    """

    original: float
    pruned: float
    change: float
    original_interval: Interval
    pruned_interval: Interval
    change_interval: Interval
    samples: int
    agreement: float


class Amount(_Record):
    """A count that is exact: parameters, multiply-accumulates of one input, or bytes."""

    original: int
    pruned: int


class Uncounted(_Record):
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


class Latency(_Record):
    """Milliseconds of single forward passes: median with its 95 % interval, and the slow tail."""

    median: float
    p95: float
    p99: float
    median_interval: Interval
    runs: int


class LatencyPair(_Record):
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


class LayerReport(_Record):
    """One slider: a layer, or the layers whose units must go together."""

    name: str
    layers: tuple[str, ...]
    units: int
    removed: int
    locked: int
    sparsity: float
    parameters: Amount
    macs: Amount


class Skipped(_Record):
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


class Machine(_Record):
    """Where the numbers were measured."""

    processor: str
    cores: int
    python: str
    torch: str
    pruneviz: str


class Proportion(_Record):
    """A fraction correct of `samples` held-out inputs with its 95 % (Wilson) interval."""

    accuracy: float
    interval: Interval
    samples: int


class EpochRow(_Record):
    """One point of a recovery's curve: after a pruning, a recalibration or an epoch of training.

    `round` counts from 1. `step` is "prune" or the recovery's name. `epoch` is how many epochs were
    trained so far, over all rounds. `loss` and `train_accuracy` are means over the epoch's training
    batches, `learning_rate` is that of its last batch: None where nothing was trained. `accuracy`
    and `held_out_loss` (cross-entropy) are those of the held-out inputs, `validation_accuracy` that
    of training inputs set aside, None where none are. `sparsity` is the fraction of units removed.
    """

    round: int
    step: str
    epoch: int
    loss: float | None = None
    train_accuracy: float | None = None
    accuracy: float
    held_out_loss: float
    validation_accuracy: float | None = None
    sparsity: float
    learning_rate: float | None = None


def best_row(rows: Sequence[EpochRow]) -> EpochRow | None:
    """Return the trained epoch of the last round with the highest held-out accuracy, if any.

    It is for reading alone: the last epoch is the result.
    """
    trained = [row for row in rows if row.round == rows[-1].round and row.loss is not None]
    return max(trained, key=lambda row: row.accuracy, default=None)


class RecoveryReport(_Record):
    """What a recovery won back, and what it cost.

    `before` is the accuracy of the same pruning without any recovery; `control` that of the
    original with its BatchNorm statistics taken anew in the same way, None without BatchNorm.
    `best_epoch` is the epoch of the last round with the highest held-out accuracy (reported only:
    the last epoch is the result), None without training. `stopped` says why it ended early, "" if
    it did not.
    """

    before: Proportion
    control: Proportion | None
    rounds: int
    epochs: int
    curve: tuple[EpochRow, ...]
    best_epoch: int | None
    stopped: str
    seconds: float
    threads: int
    device: str


class Report(_Record):
    """Everything one run measured.

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
    accuracy: Accuracy | None
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

    def deterministic(self) -> dict[str, Any]:
        """Return what a replay must reproduce: not times, rounding, machine, words, names.

        A recovery is reproduced on the same number of threads of the same kind of processor.
        """
        where = ("latency_ms", "machine", "max_relative_error", "notes", "data", "inputs",
                 "uncounted")  # fmt: skip
        varying: dict[str, Any] = dict.fromkeys(where, True)
        varying["skipped"] = {"__all__": {"reason": True}}
        varying["recovery"] = {"seconds": True, "threads": True, "device": True}
        return self.model_dump(mode="json", exclude=varying)

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
