"""Original and pruned network in; every number beside the original's out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from torch import Tensor

from pruneviz.allocate import locked_units
from pruneviz.coupling import layer_of
from pruneviz.evaluate import answers
from pruneviz.home import default_home
from pruneviz.measure.answers import answer_notes
from pruneviz.measure.by_label import left_out
from pruneviz.measure.cost import (
    counted_macs,
    masked_macs,
    parameters_by_name,
    uncounted_alone_notes,
)
from pruneviz.measure.latency import Timings, time_pair
from pruneviz.measure.machine import this_machine
from pruneviz.measure.packing import stored_bytes
from pruneviz.measure.quality import quality
from pruneviz.network.held import held_tensors
from pruneviz.network.inputs import first_input
from pruneviz.proof import check as check  # part of this file's interface
from pruneviz.report import (
    Amount,
    LatencyPair,
    LayerReport,
    MetricPair,
    Report,
    Sparsity,
    Uncounted,
)
from pruneviz.stages.prepare import Baseline, Prepared
from pruneviz.stages.prune import Pruned
from pruneviz.subjects import Subject, sent_files
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.wording import Fact


def time_models(
    prepared: Prepared,
    pruned: Pruned,
    runs: int = 100,
    limit_s: float | None = None,
    threads: int = 1,
) -> Timings:
    """Time original and pruned in turns on one input."""
    example = first_input(prepared.subject.example)
    return time_pair(prepared.subject.model, pruned.model, example, runs, limit_s, threads)


def report(prepared: Prepared, pruned: Pruned, latency: LatencyPair) -> Report:
    """Evaluate the pruned network and set every number beside the original's."""
    subject, baseline = prepared.subject, prepared.baseline
    found, warned = _quality(subject, baseline, pruned)
    parameters, macs, left_out = _costs(prepared, pruned)
    apart = Uncounted(original=baseline.uncounted, pruned=left_out)
    said = (*pruned.notes, *baseline.notes, *uncounted_alone_notes(apart), *warned)
    packed = {} if pruned.is_cut else pruned.masks
    return Report(
        digest=pruned.plan.digest(),
        plan=pruned.plan,
        model=subject.title,
        weights_label=subject.weights_label,
        data=subject.data.note if subject.data else None,
        sparsity=_sparsity(prepared, pruned),
        quality=found,
        parameters=_amount(baseline.parameters, parameters),
        macs=_amount(baseline.macs, macs),
        bytes=Amount(
            original=baseline.bytes, pruned=stored_bytes(held_tensors(pruned.model), packed)
        ),
        latency_ms=latency,
        max_relative_error=pruned.error,
        layers=_layers(prepared, pruned, parameters, macs),
        skipped=tuple(left.reported() for left in prepared.skipped),
        notes=tuple(dict.fromkeys(map(str, said))),
        machine=this_machine(),
        recovery=pruned.recovery,
        inputs=sent_files(pruned.plan, default_home()),
        uncounted=apart,
    )


def _quality(
    subject: Subject, baseline: Baseline, pruned: Pruned
) -> tuple[tuple[MetricPair, ...], tuple[Fact, ...]]:
    """Return how good both networks' answers are, and what these must be warned of."""
    data, before, task = subject.data, baseline.answers, subject.task
    if data is None or before is None:
        return (), ()
    after = answers(pruned.model, data.x, data.y, task)
    found = quality(task, subject.metrics, before, after, data.y)
    if task.labelled and isinstance(before, Tensor) and isinstance(after, Tensor):
        return found, answer_notes(before, after, data.y, data.classes)
    unjudged = left_out(data.y, data.classes) if isinstance(task, MultiLabel) else None
    return found, (unjudged,) if unjudged else ()


def uncounted(prepared: Prepared, pruned: Pruned) -> Uncounted:
    """Return the operators that the MACs of both networks leave out."""
    return Uncounted(original=prepared.baseline.uncounted, pruned=_costs(prepared, pruned)[2])


def costs(prepared: Prepared, pruned: Pruned) -> tuple[dict[str, int], dict[str, int]]:
    """Return the parameters and MACs left, by parameter name."""
    parameters, macs, _ = _costs(prepared, pruned)
    return parameters, macs


def _costs(
    prepared: Prepared, pruned: Pruned
) -> tuple[dict[str, int], dict[str, int], tuple[str, ...]]:
    """Return the same, and the operators that the pruned network's MACs leave out."""
    baseline = prepared.baseline
    if pruned.is_cut:
        model = pruned.model
        return parameters_by_name(model), *counted_macs(model, prepared.subject.example)
    counts = {**baseline.parameters}
    counts.update({name: int(mask.count_nonzero()) for name, mask in pruned.masks.items()})
    return counts, masked_macs(dict(baseline.macs), pruned.masks), baseline.uncounted


def _amount(original: Mapping[str, int], pruned: Mapping[str, int]) -> Amount:
    return Amount(original=sum(original.values()), pruned=sum(pruned.values()))


def _sparsity(prepared: Prepared, pruned: Pruned) -> Sparsity:
    total = sum(layer.count for layer in prepared.units)
    kept = sum(int(keep.count_nonzero()) for keep in pruned.keep.values())
    return Sparsity(
        requested=pruned.requested,
        achieved=(total - kept) / total,
        unit=pruned.plan.granularity,
        units=total,
        removed=total - kept,
    )


def _by_layer(counts: Mapping[str, int]) -> Counter[str]:
    """Return the sum over each layer's parameters, 0 where it has none."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        found[layer_of(name)] += count
    return found


def _layers(
    prepared: Prepared,
    pruned: Pruned,
    parameters: Mapping[str, int],
    macs: Mapping[str, int],
) -> tuple[LayerReport, ...]:
    before = prepared.baseline
    counts = (before.parameters, parameters, before.macs, macs)
    of_layer = [_by_layer(each) for each in counts]
    rows, locked = [], locked_units(prepared.units, pruned.plan)
    counted: set[str] = set()  # a layer whose outputs lie in two groups counts in the first
    for layer in prepared.units:
        removed = int((~pruned.keep[layer.name]).sum())
        names = [name for name in layer.layers if name not in counted]
        counted.update(names)
        sums = [sum(each[name] for name in names) for each in of_layer]
        rows.append(
            LayerReport(
                name=layer.name,
                layers=layer.layers,
                units=layer.count,
                removed=removed,
                locked=len(locked[layer.name]),
                sparsity=removed / layer.count,
                parameters=Amount(original=sums[0], pruned=sums[1]),
                macs=Amount(original=sums[2], pruned=sums[3]),
            )
        )
    return tuple(rows)
