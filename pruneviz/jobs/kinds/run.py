"""Carry a plan out: prune, recover, measure, and write the result into the run's folder."""

from __future__ import annotations

from collections.abc import Iterator

from pruneviz import run
from pruneviz.history.folder import CURVE_FILE, RunFolder, Spec, write_json
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import Progress, job
from pruneviz.run import Prepared, Pruned
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.store import read_report, write_run

MEASURING = "measuring both networks"
LAST = 1  # the step after the recovery: both networks timed and the files written


def has_result(folder: RunFolder) -> bool:
    """Return whether a run's report is there and its own: it is written last."""
    try:
        return read_report(folder.path).digest == folder.digest
    except ValueError:
        return False


@job("run", "Prune and recover", essential=lambda plan: plan, has_result=has_result)
def carry_out(spec: Spec, context: Context) -> Iterator[Progress]:
    """Prune, recover step by step, measure and write; a checkpoint holds the training's state."""
    if has_result(context.folder):  # the attempt before died after its last file was written
        yield Progress(LAST, LAST, "reading the result")
        return
    run.methods(spec.plan)  # a wrong name is said before anything is opened
    prepared = context.prepare(spec.plan)
    total = LAST
    if run.asks_for_rounds(spec.plan):
        import lightning_fabric  # noqa: F401  # seconds that would pass for a slow first step

        recovering = RecoveryRounds(prepared, spec.plan, str(spec.options.get("device", "cpu")))
        total += recovering.total
        yield from _recover(recovering, context, total)
        pruned = recovering.result()
    else:
        pruned = run.prune(prepared, spec.plan)
    yield Progress(total - LAST, total, MEASURING)
    _write(prepared, pruned, context)
    yield Progress(total, total, "writing the result")


def _recover(recovering: RecoveryRounds, context: Context, total: int) -> Iterator[Progress]:
    """Do the rounds from the last checkpoint on, with a checkpoint after each epoch and between."""
    context.restore(recovering.restore)
    points = _write_curve(recovering, context)
    while not recovering.finished:
        recovering.step()
        ended = len(recovering.curve) > points
        if ended:
            points = _write_curve(recovering, context)
        context.offer(recovering.done, recovering.state, milestone=ended)
        yield Progress(
            recovering.done, total, MEASURING if recovering.finished else recovering.sentence
        )


def _write_curve(recovering: RecoveryRounds, context: Context) -> int:
    """Write the points so far and return how many there are."""
    rows = [row.model_dump(mode="json") for row in recovering.curve]
    write_json(context.folder.file(CURVE_FILE), rows, durable=False)
    return len(rows)


def _write(prepared: Prepared, pruned: Pruned, context: Context) -> None:
    report = run.report(prepared, pruned, run.time_models(prepared, pruned).summary())
    for note in write_run(context.folder.path, prepared, pruned, report, force=True):
        context.log(note)
