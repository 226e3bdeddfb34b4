"""Runs in folders, as the jobs write them, without computing each anew."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from pathlib import Path

from pruneviz import run as engine
from pruneviz.history.folder import (
    CHECKPOINTS,
    SPEC_FILE,
    STATUS_FILE,
    RunFolder,
    Spec,
    Status,
    run_digest,
    runs_directory,
    scan_plan,
    write_json,
)
from pruneviz.history.row import read_row
from pruneviz.plan import Plan
from pruneviz.store import write_run

DAY = "2026-11-{:02d}T12:00:00+00:00"


TUMOURS, DIABETES = "sample:tumour-mlp", "sample:diabetes-mlp"


@functools.cache
def computed(model: str = TUMOURS) -> tuple[Path, Plan]:
    """Return a folder with the files of a run that was computed, and its plan."""
    plan = Plan(model=model, sparsity=0.3)
    prepared, pruned, report = engine.run(plan, latency_runs=3)
    folder = Path(tempfile.mkdtemp(prefix="pruneviz-test-"))
    write_run(folder, prepared, pruned, report)
    return folder, pruned.plan


def make_run(
    home: Path, seed: int = 0, state: str = "finished", model: str = TUMOURS, **about
) -> RunFolder:
    """Make the folder of a run; `about` are fields of its job.json."""
    source, plan = computed(model)
    plan = plan.changed(seed=seed)
    folder = RunFolder(runs_directory(home) / run_digest("run", plan))
    folder.path.mkdir(parents=True, exist_ok=True)
    about = {"created": DAY.format(1 + seed % 28), **about}
    write_json(folder.file(SPEC_FILE), Spec(kind="run", plan=plan, **about).model_dump(mode="json"))
    if state == "finished":
        for path in source.iterdir():
            shutil.copy(path, folder.path)
        report = json.loads((source / "report.json").read_text())
        report |= {"digest": folder.digest, "plan": plan.model_dump(mode="json")}
        folder.file("report.json").write_text(json.dumps(report))
        folder.file("plan.yaml").write_text(plan.to_yaml())
    else:
        folder.file(CHECKPOINTS).mkdir(exist_ok=True)
        folder.file(f"{CHECKPOINTS}/000000001-s-0123456789abcdef.pt").write_bytes(bytes(1000))
    set_state(folder, state)
    return folder


def set_state(folder: RunFolder, state: str) -> None:
    """Write a status that is old enough for no process to be on its way."""
    status = Status(state=state, updated=DAY.format(1), fraction=float(state == "finished"))
    write_json(folder.file(STATUS_FILE), status.model_dump(mode="json"))


def make_scan(home: Path, state: str = "finished") -> RunFolder:
    """Make the folder of a sensitivity scan."""
    plan = scan_plan(computed()[1])
    folder = RunFolder(runs_directory(home) / run_digest("sensitivity", plan))
    folder.path.mkdir(parents=True)
    spec = Spec(kind="sensitivity", plan=plan, created=DAY.format(2))
    write_json(folder.file(SPEC_FILE), spec.model_dump(mode="json"))
    folder.file("points.csv").write_text("layer,sparsity,accuracy\nfc1,0.1,0.9\n")
    set_state(folder, state)
    return folder


def rows_of_folders(home: Path) -> list:
    """Return the rows that the folders hold, with the states their files give, by digest."""
    found = [read_row(path) for path in runs_directory(home).iterdir() if len(path.name) == 64]
    return sorted((row for row in found if row), key=lambda row: row.digest)
