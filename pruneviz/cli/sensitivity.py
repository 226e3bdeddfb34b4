"""What each layer can lose: a scan as a job, followed to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pruneviz.cli.console import app, aside, note, print_json
from pruneviz.cli.following import carry_out
from pruneviz.cli.options import AsJson, Levels, MemoryMb, Recalibrate, memory_option, takes_plan
from pruneviz.cli.tables import print_rows, records
from pruneviz.history.folder import BASELINE_FILE, POINTS_FILE
from pruneviz.plan import Plan, Setting

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.sensitivity import PointMetric

Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        help="A metric of the model's task, such as mae; of one label an input also accuracy, "
        "loss, kl, auroc, worst_class; of data with groups also worst_group, the one that loses "
        "most. May be given again.",
    ),
]

AREA = ("auroc", "auroc_low", "auroc_high")


@app.command()
@aside
@takes_plan()
def sensitivity(
    plan: Plan,
    levels: Levels = None,
    recalibrate: Recalibrate = False,
    metric: Metrics = None,
    memory_mb: MemoryMb = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="CSV file: layer, sparsity and the primary metric, such as accuracy, or each "
            "--metric with its interval"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prune each layer alone, level by level, and list the accuracy, or other metric, that is left.

    The scan is a job: Ctrl-C stops it, the same command goes on, a finished one is not repeated.
    """
    from pruneviz.sensitivity import metrics_of, read_notes, read_points
    from pruneviz.store import check_writable, write_text
    from pruneviz.subjects import load_subject
    from pruneviz.wording import RefusedError
    from pruneviz.wording.refusals import analysing

    subject = load_subject(plan)
    known = metrics_of(subject.task, subject.metrics, grouped=subject.grouped)
    columns = _columns(metric or list(known)[:1], known)
    if out is not None:
        check_writable(out)
    settings: dict[str, Setting] = {"recalibrate": recalibrate}
    if levels is not None:
        settings["levels"] = levels
    options = memory_option(memory_mb)
    folder = carry_out("sensitivity", plan, subject=subject, settings=settings, options=options)
    table = read_points(folder.file(POINTS_FILE))
    if any(column not in table for column in columns):
        raise RefusedError(analysing.scan_without_groups(folder.digest))
    baseline = read_points(folder.file(BASELINE_FILE))
    notes = read_notes(folder)
    if out is not None:
        wanted = columns if metric else columns[:1]
        write_text(out, table[["layer", "sparsity", *wanted]].to_csv(index=False))
        note(f"{len(table)} points written to '{out}'")
    for sentence in notes:
        note(sentence)
    if as_json:
        print_json(_found(folder.digest, table, baseline, notes))
    elif out is None:
        everything = (*records(baseline.assign(layer="(original)")), *records(table))
        print_rows(_shown(everything, ["layer", "sparsity", *columns, "samples"]))


def _shown(rows: Sequence[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    import pandas

    table = pandas.DataFrame(rows, columns=columns)
    # "none" is what a note then gives the reason of; elsewhere NaN is a point without numbers.
    empty = [name for name in AREA if name in columns and table[name].isna().all()]
    return table.assign(**dict.fromkeys(empty, "none"))


def _columns(names: Sequence[str], known: Mapping[str, PointMetric]) -> list[str]:
    """Return the columns of metrics, each with its interval; ValueError for an unknown one."""
    from pruneviz.sensitivity import metric

    found: list[str] = []
    for each in (metric(name, known) for name in names):
        found += [*each.named, *each.columns]
    return list(dict.fromkeys(found))


def _found(
    digest: str, table: pd.DataFrame, baseline: pd.DataFrame, notes: Sequence[str]
) -> dict[str, Any]:
    return {
        "digest": digest,
        "samples": int(table["samples"].iloc[0]),
        "original": next(iter(records(baseline)), None),
        "points": records(table),
        "notes": list(notes),
    }
