"""A recovered network read back from the folder of a finished run, without training."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor, nn

from pruneviz.allocate import allocate
from pruneviz.apply import apply
from pruneviz.evaluate import answers
from pruneviz.export import WEIGHTS_FILE
from pruneviz.granularity.units import Units
from pruneviz.history.folder import RunFolder
from pruneviz.history.label import read_label
from pruneviz.measure.packing import unpack
from pruneviz.metrics import metric_of
from pruneviz.network.masks import Masks, combine
from pruneviz.plan import Plan
from pruneviz.report import Report
from pruneviz.run import Prepared, Pruned, bind, counting
from pruneviz.store import MASKS_FILE, read_report
from pruneviz.subjects.models.weights import fit_weights, read_weights
from pruneviz.wording import RefusedError, judged
from pruneviz.wording.refusals import analysing

SAME = 1e-9  # of an accuracy, relative
ROUNDED = 1e-4  # of what is no count: another machine rounds each answer otherwise


def load_recovered(prepared: Prepared, plan: Plan, directory: Path) -> Pruned:
    """Return what the finished run of a plan made: its network, masks, notes and recovery report.

    ValueError where the folder holds another run or none, or where its files do not fit the plan's
    model or one another. An imported run's metric is measured again: it must be the report's.
    """
    bound = bind(plan, prepared.subject)
    report = read_report(directory)
    if report.digest != bound.digest():
        raise RefusedError(
            analysing.another_run(str(directory), report.digest[:12], bound.digest()[:12])
        )
    masks = read_weights(directory / MASKS_FILE)
    units = prepared.units
    applied = apply(prepared.subject.model, units, _keep(units, masks, directory))
    tensors = unpack(read_weights(directory / WEIGHTS_FILE))
    state = applied.model.state_dict()
    # a recipe's graph may have constants of its own beside the network's tensors
    fit_weights(applied.model, {k: t for k, t in tensors.items() if k in state}, WEIGHTS_FILE)
    if not applied.is_cut:
        _check_zeros(applied.model.state_dict(), applied.masks, directory)
    if read_label(RunFolder(directory))[0].imported is not None:
        _check_quality(prepared, applied.model, report, directory)
    requested = allocate(units, prepared.ranking, bound, counting(prepared)).requested
    return Pruned(
        **{field.name: getattr(applied, field.name) for field in fields(applied)},
        plan=bound,
        requested=requested,
        error=report.max_relative_error,
        notes=tuple(map(judged.recorded, report.notes)),
        recovery=report.recovery,
    )


def _keep(units: tuple[Units, ...], masks: Masks, directory: Path) -> dict[str, Tensor]:
    """Return which units stay under the masks of a run; ValueError where they are no units'."""
    shapes = {
        name: mask.shape
        for layer in units
        for name, mask in layer.masks(torch.ones(layer.count, dtype=torch.bool)).items()
    }
    wrong = [n for n, mask in masks.items() if mask.dtype != torch.bool or n not in shapes]
    wrong += [n for n, shape in shapes.items() if n not in masks or masks[n].shape != shape]
    if wrong:
        raise RefusedError(analysing.masks_do_not_fit(str(directory), ", ".join(sorted(wrong)[:3])))
    # a unit that stays keeps a weight at least, as no layer is ever pruned to nothing
    keep = {layer.name: layer.sum(lambda name: masks[name].float()) > 0 for layer in units}
    meant = combine(layer.masks(keep[layer.name]) for layer in units)
    if any(not torch.equal(mask, masks[name]) for name, mask in meant.items()):
        raise RefusedError(analysing.masks_of_parts(str(directory)))
    return keep


def _check_quality(prepared: Prepared, model: nn.Module, report: Report, directory: Path) -> None:
    """Raise ValueError unless the network is as good on the held-out inputs as reported."""
    data, task, pair = prepared.subject.data, prepared.subject.task, report.primary
    if data is None or pair is None:
        return
    metric, tally = metric_of(pair), task.tally(answers(model, data.x, data.y, task), data.y)
    found, counted = metric.combine(tally), pair is report.accuracy
    unknown = math.isnan(found) and math.isnan(pair.pruned)
    if unknown or math.isclose(found, pair.pruned, rel_tol=SAME if counted else ROUNDED):
        return
    if counted:
        raise RefusedError(analysing.other_accuracy(str(directory), found, pair.pruned))
    raise RefusedError(analysing.other_quality(str(directory), metric.noun, found, pair.pruned))


def _check_zeros(state: dict[str, Tensor], masks: Masks, directory: Path) -> None:
    broken = [name for name, mask in masks.items() if bool(state[name][~mask].count_nonzero())]
    if broken:
        raise RefusedError(
            analysing.weights_not_zero(str(directory), ", ".join(sorted(broken)[:3]))
        )
