"""When a training ends before its last epoch: by the training inputs that are set aside."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan

from pruneviz.metrics import Metric
from pruneviz.recovery.choice import as_told
from pruneviz.recovery.training.settings import Settings
from pruneviz.report import EpochRow
from pruneviz.wording import RefusedError, retrained
from pruneviz.wording.refusals import training


def check_good_enough(settings: Settings, metric: Metric) -> None:
    """Raise ValueError where no network can be so good that training may stop."""
    if settings.good_enough > metric.most:
        wanted, most = settings.good_enough, metric.most
        raise RefusedError(training.better_than_possible(metric.noun, wanted, most))


def why_stop(
    curve: Sequence[EpochRow], settings: Settings, metric: Metric, doing: str, nth: int
) -> str:
    """Return why training ends after the epochs of a curve, "" if it goes on.

    `doing` and `nth` say what the training is called, and of which epoch of all rounds it is.
    """
    seen = [row.validation_value for row in curve]
    gains = [-inf if value is None or isnan(value) else metric.gain(value) for value in seen]
    wanted, last = settings.good_enough, seen[-1]
    if wanted and last is not None and gains[-1] >= metric.gain(wanted):
        return str(retrained.good_enough(doing, nth, *as_told(metric, last, wanted)))
    if settings.patience and len(gains) - 1 - gains.index(max(gains)) >= settings.patience:
        return str(retrained.no_better(doing, nth, settings.patience, *as_told(metric)))
    return ""
