"""What comes back without any training: each such recovery by itself, and all of them together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from pruneviz.apply import Applied
from pruneviz.evaluate import answers
from pruneviz.measure.quality import quality
from pruneviz.recovery import RECOVERIES, RecoveryRequest
from pruneviz.report import MetricPair
from pruneviz.run import Prepared
from pruneviz.stepwise import complete
from pruneviz.subjects import Data
from pruneviz.tasks import Answers
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

FAMILY = "without training"


@dataclass(frozen=True)
class TrainingFreeQuality:
    """The held-out metric after some recoveries without training, () for none.

    Its `original` is the network as it was pruned, its `pruned` the one after these recoveries.
    """

    methods: tuple[str, ...]
    quality: MetricPair


def untrained_methods(model: nn.Module, data: Data) -> tuple[str, ...]:
    """Return the recoveries without training that a model allows, in the order they are taken.

    Statistics come first: new ones would undo what biases were shifted for.
    """
    names = sorted(entry.name for entry in RECOVERIES if entry.family == FAMILY)
    ordered = sorted(names, key=lambda name: name != "recalibrate")
    return tuple(name for name in ordered if _possible(name, model, data))


def _possible(method: str, model: nn.Module, data: Data) -> bool:
    entry = RECOVERIES.get(method)
    try:
        return bool(entry.implementation.steps(model, data, **entry.settings({})))
    except ValueError:  # the sentence says that there is nothing in the model to work on
        return False


def without_training(
    prepared: Prepared, applied: Applied, seed: int = 0
) -> Iterator[TrainingFreeQuality]:
    """Yield the metric as pruned, after each recovery, and after all, as each is known.

    ValueError where the subject has no data with targets.
    """
    data, task, metric = prepared.subject.data, prepared.subject.task, prepared.subject.metrics[0]
    if data is None:
        raise RefusedError(analysing.quality_without_data(metric.noun))
    methods = untrained_methods(applied.model, data)
    before = answers(applied.model, data.x, data.y, task)

    def found(chosen: tuple[str, ...], after: Answers) -> TrainingFreeQuality:
        return TrainingFreeQuality(chosen, *quality(task, (metric,), before, after, data.y))

    yield found((), before)
    sets = [(method,) for method in methods]
    for chosen in [*sets, methods] if len(methods) > 1 else sets:
        recovered = _recovered(prepared, applied, data, chosen, seed)
        yield found(chosen, answers(recovered, data.x, data.y, task))


def _recovered(
    prepared: Prepared, applied: Applied, data: Data, methods: tuple[str, ...], seed: int
) -> nn.Module:
    model = applied.model
    for method in methods:
        entry = RECOVERIES.get(method)
        asked = RecoveryRequest(
            model=model, masks={} if applied.is_cut else applied.masks, cuts=applied.cuts,
            teacher=prepared.subject.model, data=data, seed=seed,
            frozen=prepared.subject.frozen, task=prepared.subject.task,
            metric=prepared.subject.metrics[0],
        )  # fmt: skip
        model = complete(entry.implementation(asked, **entry.settings({}))).model
    return model
