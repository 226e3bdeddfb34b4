"""Carry a plan out: prune, recover, measure, and write the result into the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pruneviz import run
from pruneviz.history.folder import CURVE_FILE, RunFolder, Spec, write_json
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import Progress, job
from pruneviz.plan import Plan
from pruneviz.run import Prepared, Pruned
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.store import read_report, write_run

TITLE = "Prune and recover"
MEASURING = "measuring both networks"
LAST = 1  # the step after the recovery: both networks timed and the files written


def has_result(folder: RunFolder) -> bool:
    """Return whether a run's report is there and its own: it is written last."""
    try:
        return read_report(folder.path).digest == folder.digest
    except ValueError:
        return False


def titled(plan: Plan) -> str:
    """Return what carrying a plan out is called."""
    return TITLE if run.asks_for_rounds(plan) else "Pruning"


@job("run", TITLE, page="compare", has_result=has_result, titled=titled)
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

        rounds = RecoveryRounds(prepared, spec.plan, str(spec.options.get("device", "cpu")))
        total += rounds.total
        for step in context.steps(rounds, spec, _curve_writer(rounds, context)):
            yield Progress(step.done, total, MEASURING if rounds.finished else step.sentence)
        pruned = rounds.result()
    else:
        pruned = run.prune(prepared, spec.plan)
    yield Progress(total - LAST, total, MEASURING)
    _write(prepared, pruned, context)
    yield Progress(total, total, "writing the result")


def _curve_writer(rounds: RecoveryRounds, context: Context) -> Callable[[], bool]:
    """Return what writes the points so far where there are more, and says whether it did.

    A checkpoint after an epoch or a pruning outlives those between.
    """
    written: list[int] = []  # how many points, each time

    def write() -> bool:
        rows = [row.as_json() for row in rounds.curve]
        more = not written or len(rows) > written[-1]
        if more:
            write_json(context.folder.file(CURVE_FILE), rows, durable=False)
            written.append(len(rows))
        return more and len(written) > 1

    return write


def _write(prepared: Prepared, pruned: Pruned, context: Context) -> None:
    report = run.report(prepared, pruned, run.time_models(prepared, pruned).summary())
    for note in write_run(context.folder.path, prepared, pruned, report, force=True):
        context.log(note)
