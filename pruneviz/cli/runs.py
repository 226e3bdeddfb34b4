"""The runs there are: list, show, delete, restore, label, export, import, clean, MLflow."""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pruneviz.cli.console import note, output, print_json
from pruneviz.cli.options import AsJson
from pruneviz.cli.run_tables import print_curve, print_run, print_runs
from pruneviz.figures.kit.format import plural
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding

if TYPE_CHECKING:
    from pruneviz.history.index import History
    from pruneviz.history.lineage import Lineage
    from pruneviz.report import EpochRow

runs_app = typer.Typer(
    no_args_is_help=True,
    help="List, show, label, delete and restore runs; export them, import them, clean up.",
)

Run = Annotated[
    str, typer.Argument(metavar="RUN", help="Its name, or the first digits of its digest.")
]
Runs = Annotated[
    list[str] | None, typer.Argument(metavar="RUN…", help="Names, or first digits of digests.")
]
All = Annotated[bool, typer.Option("--all", help="Every finished run.")]


def open_history() -> History:
    """Return the history of this machine; what it has to say goes to standard error."""
    from pruneviz.history.index import History
    from pruneviz.home import default_home

    history = History(default_home())
    if history.note:
        note(history.note)
    return history


@runs_app.command(name="list")
def list_runs(
    search: Annotated[str, typer.Option(help="Words in names, plans, tags and notes.")] = "",
    kind: Annotated[str, typer.Option(help="run or sensitivity")] = "",
    model: Annotated[str, typer.Option(help="Such as sample:digits-cnn.")] = "",
    state: Annotated[str, typer.Option(help="Such as finished; a wrong one lists all.")] = "",
    tag: Annotated[str, typer.Option(help="A tag that the run has.")] = "",
    order: Annotated[
        str, typer.Option(help="Such as created, quality or mae; a wrong one lists all.")
    ] = "created",
    ascending: Annotated[bool, typer.Option(help="The smallest, oldest or worst first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many to skip.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List the runs, the newest first."""
    from pruneviz.history.usage import measure_usage

    history = open_history()
    rows = history.search(
        search, kind=kind, model=model, state=state, tag=tag, order=order,
        descending=not ascending, limit=limit, offset=offset,
    )  # fmt: skip
    total = history.count(search, kind=kind, model=model, state=state, tag=tag)
    usage = measure_usage(history)
    if as_json:
        print_json({"runs": [asdict(row) for row in rows], "total": total, "usage": asdict(usage)})
        if usage.over_bytes:
            note(usage.sentence)
    else:
        print_runs(rows, total, usage.sentence)


@runs_app.command()
def show(run: Run, as_json: AsJson = False) -> None:
    """Show a run's numbers, its curve, and what it began from."""
    from pruneviz.history.curve import read_curve
    from pruneviz.metrics import best_row

    history = open_history()
    row = history.get(run)
    curve: tuple[EpochRow, ...] = ()
    try:
        curve = read_curve(history.folder(row.digest))
    except ValueError as error:  # the rest of the run is worth showing
        note(str(error))
    best, last = best_row(curve), curve[-1] if curve else None
    lineage = history.lineage(row.digest)
    if as_json:
        print_json(
            {
                **asdict(row),
                "folder": str(history.folder(row.digest).path),
                "curve": [epoch.as_json() for epoch in curve],
                "best_epoch": best and best.as_json(),
                "last_epoch": last and last.as_json(),
                "lineage": _nested(lineage),
            }
        )
    else:
        print_run(row, best, last, lineage)
        print_curve(curve)


def _nested(lineage: Lineage) -> list[dict[str, Any]]:
    """Return a lineage line by line: JSON's readers go no deeper than some hundred levels."""
    return [
        {"depth": depth, "digest": part.digest, "is_there": part.row is not None,
         "name": part.row.name if part.row else "", "state": part.row.state if part.row else ""}
        for depth, part in lineage.lines()
    ]  # fmt: skip


@runs_app.command()
def delete(runs: Runs = None, as_json: AsJson = False) -> None:
    """Move runs into the trash, from where they can be restored."""
    history = open_history()
    digests = [history.get(run).digest for run in _named(runs)]
    for digest in digests:
        history.delete(digest)
        if not as_json:
            _say(f"{digest[:12]} is in the trash; undo: pruneviz runs restore {digest[:12]}")
    if as_json:
        print_json({"deleted": digests})


@runs_app.command()
def restore(runs: Runs = None, as_json: AsJson = False) -> None:
    """Take runs out of the trash again."""
    from pruneviz.history.trash import find_trashed

    history = open_history()
    digests = [find_trashed(history.directory, run) for run in _named(runs)]
    for digest in digests:
        history.restore(digest)
        if not as_json:
            _say(f"{digest[:12]} is back")
    if as_json:
        print_json({"restored": digests})


@runs_app.command()
def label(
    run: Run,
    name: Annotated[
        str | None, typer.Option(help="What the run is called; '' for nothing.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag to add; may be repeated.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="A tag to remove.")] = None,
    text: Annotated[str | None, typer.Option("--note", help="A note; '' for none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Name a run, tag it, or write a note to it."""
    history = open_history()
    row = history.get(run)
    gone = {old.casefold() for old in untag or ()}
    tags = [old for old in (*row.tags, *(tag or ())) if old.casefold() not in gone]
    row = history.label(row.digest, name=name, tags=tags, note=text)
    if as_json:
        print_json(asdict(row))
    else:
        print_run(row, None, None, history.lineage(row.digest))


@runs_app.command(name="export")
def export(
    runs: Runs = None,
    out: Annotated[Path, typer.Option(help="The zip file to write.")] = Path("runs.zip"),
    everything: All = False,
    force: Annotated[bool, typer.Option(help="Write over that file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pack runs into one zip file, without their checkpoints."""
    from pruneviz.history.archive import export_runs

    if out.exists() and not force:
        raise RefusedError(commanding.there_already(str(out)))
    history = open_history()
    digests = chosen(history, runs, everything)
    export_runs(history, digests, out)
    if as_json:
        print_json({"file": str(out), "exported": digests, "bytes": out.stat().st_size})
    else:
        _say(f"{plural(len(digests), 'run')} packed into {out}")


@runs_app.command(name="import")
def import_(file: Path, as_json: AsJson = False) -> None:
    """Take in runs of a zip file, after checking every part of it."""
    from pruneviz.history.archive import import_runs

    result = import_runs(open_history(), file)
    if as_json:
        print_json(asdict(result))
        return
    for digest in result.added:
        _say(f"{digest[:12]} is imported")
    for digest in result.present:
        _say(f"{digest[:12]} is here already, and was left as it is")


@runs_app.command()
def clean(
    days: Annotated[float, typer.Option(min=0, help="How long ago the run stopped.")] = 30,
    dry_run: Annotated[bool, typer.Option(help="Remove nothing, tell what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Empty the trash for good, and remove old checkpoints of runs that stopped; never a result."""
    from pruneviz.history.usage import clean_up, measure_usage, shown

    history = open_history()
    cleaning = clean_up(history, days, dry_run=dry_run)
    usage = measure_usage(history)
    if as_json:
        print_json({**asdict(cleaning), "dry_run": dry_run, "usage": asdict(usage)})
        return
    _say(
        f"{shown(cleaning.freed_bytes)} {'would be' if dry_run else 'are'} free again: "
        f"trash {shown(cleaning.trash_bytes)}, checkpoints of {plural(len(cleaning.runs), 'run')} "
        f"{shown(cleaning.checkpoints_bytes)}, left-overs {shown(cleaning.leftover_bytes)}"
    )
    _say(usage.sentence)


@runs_app.command()
def mlflow(
    runs: Runs = None,
    to: Annotated[
        str | None,
        typer.Option(help="sqlite:///FILE or http://HOST:PORT; MLFLOW_TRACKING_URI by default."),
    ] = None,
    experiment: Annotated[str, typer.Option(help="The experiment to write into.")] = "PruneViz",
    everything: All = False,
    as_json: AsJson = False,
) -> None:
    """Write finished runs into an MLflow tracking store."""
    from pruneviz.history.tracking import default_uri, export_to_mlflow, without_password

    history = open_history()
    uri = to or default_uri(history.home)
    digests = chosen(history, runs, everything, kind="run")
    with redirect_stdout(StringIO()):  # MLflow's own remarks
        result = export_to_mlflow(history, digests, uri, experiment)
    if as_json:
        print_json({**asdict(result), "uri": without_password(uri), "experiment": experiment})
        return
    _say(
        f"{plural(len(result.added), 'run')} written to {without_password(uri)}, "
        f"experiment {experiment}; {len(result.present)} there already"
    )


def _named(runs: list[str] | None) -> list[str]:
    if not runs:
        raise RefusedError(commanding.none_named())
    return list(dict.fromkeys(runs))


def chosen(
    history: History, runs: list[str] | None, everything: bool, *, kind: str = ""
) -> list[str]:
    """Return the digests of the runs that are named, or of all finished ones."""
    if everything and not runs:
        return [row.digest for row in history.search(state="finished", kind=kind)]
    if not runs:
        raise RefusedError(commanding.none_named_nor_all())
    return [history.get(run).digest for run in runs]


def _say(sentence: str) -> None:
    output().print(sentence, markup=False, highlight=False, soft_wrap=True)
