"""A finished run in the home folder, computed here, as the job's process would leave it."""

from __future__ import annotations

from pruneviz import run, store
from pruneviz.history.folder import Spec, Status, write_json
from pruneviz.plan import Plan
from pruneviz.ui.engine import cache

MLP = Plan(model="sample:tumour-mlp", sparsity=0.9)


def finish(plan: Plan):
    """Carry a plan out in the home folder; return the folder and the report."""
    folder = cache.run_folder(plan)
    folder.path.mkdir(parents=True)
    prepared, pruned, report = run.run(plan, latency_runs=5)
    spec = Spec(kind="run", plan=pruned.plan)
    write_json(folder.file("job.json"), spec.model_dump(mode="json"))
    store.write_run(folder.path, prepared, pruned, report)
    if report.recovery:
        rows = [row.model_dump(mode="json") for row in report.recovery.curve]
        write_json(folder.file("curve.json"), rows)
    folder.write_status(Status(state="finished", fraction=1.0, sentence="finished"))
    return folder, report
