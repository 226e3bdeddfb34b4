"""Win accuracy back: a recovery as a job, followed to its end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from pruneviz.cli.console import app, aside, note, output, print_json
from pruneviz.cli.following import carry_out
from pruneviz.cli.options import AsJson, Seed, made_plan
from pruneviz.cli.tables import print_report
from pruneviz.figures.kit.format import plural
from pruneviz.history.folder import RunFolder
from pruneviz.plan import Plan
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding

Recipe = Annotated[str, typer.Option(help="Such as finetune; a wrong name lists all.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs over all rounds together.")]
Minutes = Annotated[
    float | None, typer.Option(min=0.01, help="As many epochs as fit, by one measured step.")
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter, such as learning_rate=0.01."),
]


@app.command()
@aside
def recover(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, or a plan.")],
    recipe: Recipe = "finetune",
    epochs: Epochs = None,
    minutes: Minutes = None,
    setting: Setting = None,
    seed: Seed = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to compute with.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for a copy of the result.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recover a pruned network: fine-tune, distil, recalibrate, or prune again in rounds.

    Ctrl-C stops it and leaves a checkpoint; `--resume` goes on from there.
    """
    from pruneviz.store import read_report

    plan = _recovery_plan(directory, recipe, epochs, setting, seed)
    if minutes is not None:
        plan = _within(plan, minutes, device)
    options: dict[str, Any] = {"device": device}
    if threads is not None:
        options["threads"] = threads
    _make_folder(out)
    folder = carry_out("run", plan, parent=_parent(directory), options=options, resume=resume)
    report = read_report(folder.path)
    if out is not None:
        _copy(folder, out)
    if as_json:
        print_json(report.as_json())
    else:
        print_report(report)
        output().print(f"kept as {folder.digest[:12]}: pruneviz runs show {folder.digest[:12]}")
    for sentence in report.notes:
        note(sentence)


def _recovery_plan(
    directory: Path, recipe: str, epochs: int | None, settings: list[str] | None, seed: int | None
) -> Plan:
    """Return the plan in a run's folder with a recipe and its settings in the place of its own."""
    from pruneviz.recovery.recipes import RECIPES
    from pruneviz.store import PLAN_FILE

    path = directory / PLAN_FILE if directory.is_dir() else directory
    if directory.is_dir() and not path.exists():
        raise RefusedError(commanding.no_plan_in_folder(str(directory), PLAN_FILE))
    plan = made_plan(path, seed=seed)
    given: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    for text in settings or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise RefusedError(commanding.no_parameter(text))
        given[name] = value
    return RECIPES.get(recipe).implementation(plan, given)


def _within(plan: Plan, minutes: float, device: str) -> Plan:
    """Return the plan with as many epochs as fit into the time, by a measured step."""
    from pruneviz import run
    from pruneviz.analyses.recovery_cost import epochs_within
    from pruneviz.recovery.rounds import with_epochs
    from pruneviz.subjects import load_subject

    prepared = run.prepare(load_subject(plan), plan)
    epochs = epochs_within(prepared, plan, 60 * minutes, device)
    note(f"{plural(epochs, 'epoch')} fit into {minutes:g} minutes, by one measured step")
    return with_epochs(plan, epochs)


def _parent(directory: Path) -> str | None:
    """Return the digest of the run that is recovered, put into the history; None for a plan."""
    from pruneviz.history.adopt import adopt
    from pruneviz.home import default_home
    from pruneviz.store import REPORT_FILE

    if not (directory / REPORT_FILE).exists():
        return None
    return adopt(default_home(), directory).digest


def _copy(folder: RunFolder, out: Path) -> None:
    from pruneviz.store import FILES

    for name in FILES:
        if folder.file(name).exists():
            shutil.copyfile(folder.file(name), out / name)


def _make_folder(out: Path | None) -> None:
    """Make the folder for the copy before hours of work, not after."""
    if out is None:
        return
    if out.is_dir() and any(out.iterdir()):
        raise RefusedError(commanding.not_empty(str(out)))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(commanding.not_made(str(out), error.strerror or str(error))) from error
