"""The points of a sensitivity scan that is there already."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pruneviz.history.folder import POINTS_FILE, RunFolder, run_digest, scan_plan
from pruneviz.plan import Plan
from pruneviz.sensitivity import read_points

SCAN = "sensitivity"  # the kind of job that a scan is


def finished_points(runs: Path, plan: Plan) -> pd.DataFrame | None:
    """Return the points of the finished scan for a bound plan; None where there is none to read."""
    folder = RunFolder(runs / run_digest(SCAN, scan_plan(plan)))
    if folder.state() != "finished":
        return None
    try:
        table = read_points(folder.file(POINTS_FILE))
    except ValueError:  # damaged: it is measured anew
        return None
    return table if len(table) else None
