"""Where each layer loses too much: probes.csv grows by evaluations, thresholds.csv by layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pruneviz.analyses import scans
from pruneviz.history.folder import PROBES_FILE, THRESHOLDS_FILE, RunFolder, Spec, scan_plan
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import Progress, job
from pruneviz.jobs.scans import (
    LEVELS_SETTING,
    RECALIBRATE,
    Notes,
    Table,
    amount,
    budget_bytes,
    check_known,
    fraction,
    is_whole,
    levels_of,
    levels_setting,
    percent_query,
    recalibrate_query,
    recalibrate_setting,
    recalibrates,
)
from pruneviz.plan import Setting
from pruneviz.sensitivity import read_probes, read_thresholds
from pruneviz.sensitivity.search import LOSS, probe_table

LOSS_SETTING, LOSE_SETTING = "loss", "lose"  # a fraction, or so much in another metric's unit
QUESTION = "Where does each layer lose too much?"


def query(settings: Mapping[str, Setting]) -> dict[str, str]:
    """Return the parameters of a link that asks the same."""
    return {
        "question": QUESTION,
        **recalibrate_query(settings),
        **percent_query(settings, LOSS_SETTING, "points"),
        **({"lose": f"{settings[LOSE_SETTING]:g}"} if LOSE_SETTING in settings else {}),
    }


def has_result(folder: RunFolder) -> bool:
    """Return whether a finished search's thresholds are there and all its files can be read."""
    return is_whole(folder, {THRESHOLDS_FILE: read_thresholds, PROBES_FILE: read_probes})


def settings(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return what is asked beyond the plan: the loss to look for, other levels, BatchNorm.

    The loss is `loss`, a fraction, or `lose`, a number in the unit of the subject's primary metric.
    ValueError for an unknown name or a value that cannot be.
    """
    name = LOSE_SETTING if LOSE_SETTING in given else LOSS_SETTING
    check_known(given, name, LEVELS_SETTING, RECALIBRATE)
    return {name: loss_of(given), **levels_setting(given), **recalibrate_setting(given)}


def loss_of(given: Mapping[str, Setting]) -> float:
    """Return how much of the metric is too much; ValueError where it cannot be."""
    if LOSE_SETTING in given:
        return amount(given, LOSE_SETTING)
    return fraction(given, LOSS_SETTING, LOSS)


@job(
    "thresholds", "Thresholds", page="sensitivity", question=QUESTION,
    has_result=has_result, essential=scan_plan, settings=settings, query=query,
)  # fmt: skip
def thresholds(spec: Spec, context: Context) -> Iterator[Progress]:
    """Search each layer's threshold; a checkpoint holds the evaluations so far."""
    loss = loss_of(spec.settings)
    prepared = context.prepare(spec.plan)
    search = scans.search(
        prepared,
        loss,
        levels_of(spec),
        budget_bytes(spec),
        recalibrate=recalibrates(spec),
        seed=spec.plan.seed,
    )
    probes, found = (Table(context.folder, name) for name in (PROBES_FILE, THRESHOLDS_FILE))
    notes = Notes(context.folder)

    def write() -> None:
        probes.write(probe_table(search.rows), last=search.finished)
        found.write(search.table(), last=search.finished)
        notes.write(search.notes)

    yield from context.steps(search, spec, write)
