"""What a few evaluations say of layers: where each loses too much, and which do so together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pruneviz.cli.console import app, aside, note, print_json
from pruneviz.cli.following import carry_out
from pruneviz.cli.options import AsJson, Levels, MemoryMb, Recalibrate, memory_option, takes_plan
from pruneviz.cli.tables import print_rows, records
from pruneviz.history.folder import PAIRS_FILE, PROBES_FILE, THRESHOLDS_FILE, RunFolder
from pruneviz.plan import Plan, Setting
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.subjects import Subject

Out = Annotated[Path | None, typer.Option(help="CSV file with the table")]


@app.command()
@aside
@takes_plan()
def thresholds(
    plan: Plan,
    lose: Annotated[
        float | None,
        typer.Option(
            help="How much is too much: points of accuracy or of another share (2 if nothing is "
            "said), else so much of the task's metric, in its unit."
        ),
    ] = None,
    levels: Levels = None,
    recalibrate: Recalibrate = False,
    memory_mb: MemoryMb = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Find the amount at which each layer alone loses too much, without trying them all.

    The search is a job: Ctrl-C stops it, the same command goes on, a finished one is not repeated.
    """
    from pruneviz.sensitivity import read_probes, read_thresholds
    from pruneviz.subjects import load_subject

    subject = load_subject(plan)
    settings: dict[str, Setting] = {**_too_much(subject, lose), "recalibrate": recalibrate}
    if levels is not None:
        settings["levels"] = levels
    folder = _carry_out("thresholds", plan, subject, settings, memory_mb, out)
    table = read_thresholds(folder.file(THRESHOLDS_FILE))
    evaluations = len(read_probes(folder.file(PROBES_FILE)))
    _show(folder, table, "thresholds", out, as_json, {**settings, "evaluations": evaluations})


def _too_much(subject: Subject, lose: float | None) -> dict[str, Setting]:
    """Return how much of the primary metric is too much; ValueError where that is not said."""
    metric = subject.metrics[0]
    if metric.scale != 1:
        return {"loss": float(f"{(2.0 if lose is None else lose) / metric.scale:.12g}")}
    if lose is None:
        raise RefusedError(commanding.no_loss_said(metric.noun))
    return {"lose": lose}


@app.command()
@aside
@takes_plan()
def interactions(
    plan: Plan,
    level: Annotated[float, typer.Option(help="Fraction to remove of each layer.")] = 0.5,
    pairs: Annotated[int, typer.Option(help="How many pairs to look at.")] = 60,
    recalibrate: Recalibrate = False,
    memory_mb: MemoryMb = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Prune layers in pairs and list those that lose more together than each alone.

    The scan is a job: Ctrl-C stops it, the same command goes on, a finished one is not repeated.
    """
    from pruneviz.analyses.scans import pairs_asked
    from pruneviz.sensitivity import read_pairs
    from pruneviz.subjects import load_subject

    subject = load_subject(plan)
    asked = pairs_asked(subject, plan, pairs)
    settings: dict[str, Setting] = {"level": level, "pairs": asked, "recalibrate": recalibrate}
    folder = _carry_out("interactions", plan, subject, settings, memory_mb, out)
    beside = {"level": level, "recalibrate": recalibrate}
    _show(folder, read_pairs(folder.file(PAIRS_FILE)), "pairs", out, as_json, beside)


def _carry_out(
    kind: str,
    plan: Plan,
    subject: Subject,
    settings: Mapping[str, Setting],
    memory_mb: float | None,
    out: Path | None,
) -> RunFolder:
    """Do the job to its end; ValueError before it begins where `out` cannot be written."""
    from pruneviz.store import check_writable

    if out is not None:
        check_writable(out)
    options = memory_option(memory_mb)
    return carry_out(kind, plan, subject=subject, settings=settings, options=options)


def _show(
    folder: RunFolder,
    table: pd.DataFrame,
    what: str,
    out: Path | None,
    as_json: bool,
    beside: Mapping[str, Setting],
) -> None:
    """Write or print a table, and its notes beside it."""
    from pruneviz.sensitivity import read_notes
    from pruneviz.store import write_text

    notes = read_notes(folder)
    for sentence in notes:
        note(sentence)
    if out is not None:
        write_text(out, table.to_csv(index=False))
        note(f"{len(table)} rows written to '{out}'")
    if as_json:
        rows = {what: records(table), "notes": list(notes)}
        print_json({"digest": folder.digest, **beside, **rows})
    elif out is None:
        print_rows(table)
