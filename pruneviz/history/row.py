"""A run in one row: what the history is searched and sorted by, read from the run's folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, model_validator

from pruneviz.history.folder import (
    SPEC_FILE,
    STATUS_FILE,
    RunFolder,
    Spec,
    Status,
    is_digest,
    read_record,
)
from pruneviz.history.label import plain, read_label
from pruneviz.plan import ONE_SHOT, Plan, RecoveryStep, Setting
from pruneviz.report import (
    ACCURACY,
    MetricNumbers,
    MetricPair,
    Uncounted,
    finite,
    with_accuracy_in_quality,
)

DAMAGED = "damaged"
STATES = ("queued", "running", "finished", "failed", "stopped", "interrupted", DAMAGED)
REPORT_FILE = "report.json"
MOST_TEXT = 300
MOST_METRICS = 100  # of a report, and settings of each
MOST_COUNT = 2**63 - 1  # what SQLite holds

Count = Annotated[int, Field(ge=0, le=MOST_COUNT)]
Plain = Annotated[str, AfterValidator(lambda text: plain(text, MOST_TEXT))]


@dataclass(frozen=True, slots=True)
class Row:
    """One run. `quality` is how good its answers are, the primary metric first.

    Accuracies are fractions correct, with the 95 % interval of the pruned model's; `samples` are
    the inputs of the primary metric. `state` is one of STATES; `damage` says what cannot be read,
    "" where all can. What a run has not measured (yet) is None. Sparsities are fractions removed;
    `bytes` is the weights file's size, `bytes_used` what the folder takes on the disk; `uncounted`
    says what MACs leave out; times are ISO 8601 in UTC.
    """

    digest: str
    kind: str = ""
    state: str = DAMAGED
    damage: str = ""
    error: str = ""
    model: str = ""
    title: str = ""
    data: str = ""
    criterion: str = ""
    granularity: str = ""
    scope: str = ""
    sparsity: float | None = None
    achieved: float | None = None
    schedule: str = ""
    recovery: str = ""
    seed: int | None = None
    samples: int | None = None
    accuracy_original: float | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    task: str = ""
    quality: tuple[MetricNumbers, ...] = ()
    macs_original: int | None = None
    macs: int | None = None
    uncounted: str = ""
    parameters_original: int | None = None
    parameters: int | None = None
    bytes_original: int | None = None
    bytes: int | None = None
    latency_original_ms: float | None = None
    latency_ms: float | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    timed_passes: int | None = None
    created: str = ""
    finished: str | None = None
    parent: str | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    bytes_used: int = 0

    @property
    def primary(self) -> MetricNumbers | None:
        """Return what the run is judged by first, None where nothing was measured."""
        return self.quality[0] if self.quality else None


class _Sparsity(BaseModel):
    requested: float
    achieved: float


class _Pair(MetricPair, extra="ignore"):
    metric: Plain = ACCURACY
    settings: Annotated[
        Mapping[Plain, bool | int | float | Plain], Field(max_length=MOST_METRICS)
    ] = {}
    change: float = math.nan
    original_interval: tuple[float, float] = (math.nan, math.nan)
    change_interval: tuple[float, float] = (math.nan, math.nan)
    samples: Count


class _Amount(BaseModel):
    original: Count
    pruned: Count


class _Uncounted(Uncounted, extra="ignore"):
    pass


class _Latency(BaseModel):
    median: float
    runs: Count = 0


class _LatencyPair(BaseModel):
    original: _Latency
    pruned: _Latency
    speedup: float
    speedup_interval: tuple[float, float] = (math.nan, math.nan)


class _Numbers(BaseModel):
    """The part of a report that a row shows, so that reports of other versions are read too."""

    digest: str
    model: str
    sparsity: _Sparsity
    quality: Annotated[tuple[_Pair, ...], Field(max_length=MOST_METRICS)] = ()
    parameters: _Amount
    macs: _Amount
    uncounted: _Uncounted = _Uncounted()
    bytes: _Amount
    latency_ms: _LatencyPair

    @model_validator(mode="before")
    @classmethod
    def _read_accuracy(cls, fields: Any) -> Any:
        return with_accuracy_in_quality(fields)


def read_row(path: Path) -> Row | None:
    """Read a run's folder; None where it is gone or empty. What is broken is named in `damage`."""
    folder = RunFolder(path)
    try:
        if not any(path.iterdir()):
            return None
    except OSError:
        return None
    label, label_damage = read_label(folder)
    written: dict[str, Any] = {
        "digest": folder.digest,
        "name": label.name,
        "tags": label.shown_tags,
        "note": label.note,
        "bytes_used": folder.size_bytes(),
    }
    spec, reason = read_record(folder.file(SPEC_FILE), Spec)
    if spec is None:
        return Row(**written, damage=reason)
    status, damage = _read_status(folder)
    numbers: dict[str, Any] = {}
    if not damage and (status.state == "finished" or spec.kind != "run"):
        numbers, damage = _read_numbers(folder, needed=spec.kind == "run")
    return Row(
        **{
            **written,
            **_asked(spec),
            **numbers,
            "state": DAMAGED if damage else status.state,
            "damage": damage or label_damage,
            "error": plain(status.error, MOST_TEXT),
            "finished": status.finished and plain(status.finished, MOST_TEXT),
        }
    )


def _read_status(folder: RunFolder) -> tuple[Status, str]:
    """Return the status, and why it cannot be read; a job that has none yet is queued."""
    path = folder.file(STATUS_FILE)
    if not path.exists():
        return Status(), ""
    status, reason = read_record(path, Status)
    return status or Status(), reason


def _asked(spec: Spec) -> dict[str, Any]:
    """Return what a run was asked to do."""
    plan = spec.plan
    parent = spec.parent if spec.parent is not None and is_digest(spec.parent) else None
    texts = {
        "kind": spec.kind,
        "model": plan.model,
        "data": plan.data or "",
        "task": plan.task or "",
        "criterion": plan.criterion,
        "granularity": plan.granularity,
        "scope": plan.scope,
        "schedule": plan.schedule,
        "recovery": recovery_text(plan),
        "created": spec.created,
    }
    shown = {name: plain(text, MOST_TEXT) for name, text in texts.items()}
    return {**shown, "sparsity": plan.sparsity, "seed": plan.seed, "parent": parent}


def recovery_text(plan: Plan) -> str:
    """Return a plan's recovery in a few words, such as "finetune 10 epochs in 2 rounds"."""

    def words(step: RecoveryStep) -> str:
        epochs = step.parameters.get("epochs")
        if epochs is None:
            return step.method
        stop = step.parameters.get("stop_after", 0)  # by hand, 0 where it was not
        of = f"{stop} of " if 0 < _count(stop) < _count(epochs) else ""
        return f"{step.method} {of}{epochs} {'epoch' if epochs == 1 else 'epochs'}"

    said = " + ".join(words(step) for step in plan.recovery)
    if plan.schedule == ONE_SHOT or not said:
        return said
    rounds = plan.schedule_parameters.get("rounds")
    return f"{said} in {rounds} rounds" if rounds is not None else f"{said} in rounds"


def _count(setting: Setting) -> float:
    """Return a number of epochs, 0 where a plan's setting is none."""
    return 0 if isinstance(setting, str) else setting


def _read_numbers(folder: RunFolder, *, needed: bool) -> tuple[dict[str, Any], str]:
    """Return what a run measured, and why its report cannot be used."""
    path = folder.file(REPORT_FILE)
    if not path.exists() and not needed:
        return {}, ""
    numbers, reason = read_record(path, _Numbers)
    if numbers is None:
        return {}, reason
    if numbers.digest != folder.digest:
        return {}, f"'{REPORT_FILE}' belongs to another run ({plain(numbers.digest, 12)})"
    return _flat(numbers), ""


def _flat(numbers: _Numbers) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": plain(numbers.model, MOST_TEXT),
        "uncounted": plain(numbers.uncounted.in_words(), MOST_TEXT),
        "sparsity": finite(numbers.sparsity.requested),
        "achieved": finite(numbers.sparsity.achieved),
        "latency_original_ms": finite(numbers.latency_ms.original.median),
        "latency_ms": finite(numbers.latency_ms.pruned.median),
        "speedup": finite(numbers.latency_ms.speedup),
        "speedup_low": finite(numbers.latency_ms.speedup_interval[0]),
        "speedup_high": finite(numbers.latency_ms.speedup_interval[1]),
        "timed_passes": numbers.latency_ms.pruned.runs,
    }
    for name in ("macs", "parameters", "bytes"):
        amount: _Amount = getattr(numbers, name)
        found |= {f"{name}_original": amount.original, name: amount.pruned}
    quality = tuple(map(MetricNumbers.of, numbers.quality))
    if quality:
        found |= {"quality": quality, "samples": quality[0].samples}
    for pair in quality:
        if pair.metric == ACCURACY:
            found |= {
                "accuracy_original": pair.original,
                "accuracy": pair.pruned,
                "accuracy_low": pair.pruned_low,
                "accuracy_high": pair.pruned_high,
            }
    return found
