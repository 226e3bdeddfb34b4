"""Prune, replay what was pruned, and check whether a model can be."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from pruneviz.cli.console import app, aside, note, output, print_json
from pruneviz.cli.options import (
    AMOUNT,
    AsJson,
    Data,
    InputShape,
    Sparsity,
    Weights,
    made_plan,
    takes_plan,
)
from pruneviz.cli.supplying import supply_uploads
from pruneviz.cli.tables import print_blocks, print_check, print_report, print_vocabulary
from pruneviz.plan import Plan
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding


@app.command()
@aside
@takes_plan(*AMOUNT)
def run(
    plan: Plan,
    within_ms: Annotated[
        float | None,
        typer.Option(min=0, help="Find the smallest amount that answers one input in this time."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for plan, report, masks and weights.")
    ] = None,
    hugging_face: Annotated[
        Path | None, typer.Option(help="A new folder that transformers opens by itself (hf: only).")
    ] = None,
    keep: Annotated[bool, typer.Option(help="Keep it among the runs, too.")] = False,
    force: Annotated[bool, typer.Option(help="Overwrite another run in that folder.")] = False,
    latency_runs: Annotated[int, typer.Option(min=3, help="Timed passes of each model.")] = 100,
    threads: Annotated[int, typer.Option(min=1, help="Threads of a timed pass.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Prune as planned, measure both models, and write the result."""
    import torch

    from pruneviz import run as engine
    from pruneviz.history.adopt import adopt
    from pruneviz.home import default_home
    from pruneviz.jobs.control import default_threads
    from pruneviz.store import check_home, write_home, write_run

    if hugging_face is not None:
        check_home(hugging_face, plan.model)
    if engine.asks_for_rounds(plan):
        torch.set_num_threads(default_threads())  # as many as a job has, for the same last digits
    if within_ms is not None:
        plan = _fitted(plan, within_ms)
    prepared, pruned, report = engine.run(plan, latency_runs, threads)
    notes = list(report.notes)
    if out is not None:
        notes += write_run(out, prepared, pruned, report, force)
    if keep:
        with tempfile.TemporaryDirectory() as folder:
            write_run(Path(folder), prepared, pruned, report)
            adopt(default_home(), Path(folder))
    if as_json:
        print_json(report.as_json())
    else:
        print_report(report)
    for sentence in notes:
        note(sentence)
    if hugging_face is not None:  # last: what was measured is not lost where no folder can be had
        write_home(hugging_face, prepared, pruned)


def _fitted(plan: Plan, milliseconds: float) -> Plan:
    """Return the plan with the smallest overall amount that is as fast here, and say so."""
    from pruneviz.analyses.latency_budget import FINAL_RUNS, within_milliseconds
    from pruneviz.granularity import stays_dense
    from pruneviz.run import prepare
    from pruneviz.subjects import load_subject

    fitted, taken = within_milliseconds(prepare(load_subject(plan), plan), plan, milliseconds)
    dense = stays_dense(fitted.granularity, fitted.sparsity)
    note(
        f"{fitted.sparsity:.0%} removed: the time for one input is "
        f"{taken.against_goal(milliseconds, dense=dense)} "
        f"(the median of {FINAL_RUNS} passes; the table's are timed anew)"
    )
    return fitted


@app.command()
@aside
@takes_plan("sparsity", "layers", "locks")
def blockwise(
    plan: Plan,
    out: Annotated[
        Path, typer.Option(help="Folder for the pruned model; what was begun there goes on.")
    ] = Path("pruned"),
    windows: Annotated[int, typer.Option(min=1, help="Windows of the text to calibrate on.")] = 128,
    judged: Annotated[int, typer.Option(min=0, help="Windows to judge both models on.")] = 32,
    inputs: Annotated[
        str, typer.Option(help="Calibrate on answers of 'pruned' or of 'original' blocks.")
    ] = "pruned",
    as_json: AsJson = False,
) -> None:
    """Prune a language model of a folder one block at a time, in the memory of one block."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from pruneviz.blockwise import BlockByBlock, Choices

    work = BlockByBlock(plan, Choices.of(windows=windows, judged=judged, inputs=inputs), out)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=work.total, completed=work.done)
        while not work.finished:
            work.step()
            bar.update(task, completed=work.done, description=work.sentence)
    if as_json:
        print_json(asdict(work.progress))
    else:
        print_blocks(work.progress)


@app.command()
@aside
@takes_plan()
def vocabulary(
    plan: Plan,
    out: Annotated[Path, typer.Option(help="Folder for the smaller model, new or empty.")] = Path(
        "fewer-tokens"
    ),
    as_json: AsJson = False,
) -> None:
    """Take the tokens that a text never uses out of a language model and its tokenizer."""
    from dataclasses import asdict

    from pruneviz.vocabulary import cut_vocabulary

    found = cut_vocabulary(plan, out)
    if as_json:
        print_json(asdict(found))
    else:
        print_vocabulary(found)


@app.command()
@aside
def replay(
    directory: Path, weights: Weights = None, data: Data = None, as_json: AsJson = False
) -> None:
    """Run a stored plan again; exit 0 when every deterministic number is identical.

    Files that were uploaded elsewhere are given with --weights and --data.
    """
    import torch

    from pruneviz import run as engine
    from pruneviz.report import differences
    from pruneviz.store import read_plan, read_report
    from pruneviz.subjects import own_paths
    from pruneviz.wording import passes

    stored, plan = read_report(directory), read_plan(directory)
    given, own = {"weights": weights, "data": data}, {"weights": plan.weights, "data": plan.data}
    supplied = supply_uploads(own, given, directory)
    for what, file in given.items():
        if file is not None and what not in supplied:
            raise RefusedError(commanding.no_upload(what, str(own[what])))
    before = stored.deterministic()
    for path in own_paths(plan):
        if not path.is_absolute() and not path.exists():
            raise RefusedError(commanding.no_path_here(str(path)))
    if stored.recovery is not None:
        torch.set_num_threads(stored.recovery.threads)  # training adds up in an order they decide
        if stored.recovery.device != "cpu":
            note(f"it was trained on {stored.recovery.device}; the CPU may differ in last digits")
    prepared, _, report = engine.run(plan, latency_runs=3)
    found = differences(before, report.deterministic())
    if found and prepared.random:
        note(f"the numbers cannot agree exactly: {passes.drawn()}")
    if as_json:
        print_json({"digest": report.digest, "identical": not found, "differences": found})
    elif found:
        output().print("stored != replayed", *found, sep="\n", markup=False, highlight=False)
    else:
        output().print("identical: every deterministic number agrees with the stored report")
    raise SystemExit(1 if found else 0)


@app.command()
@aside
def check(
    model: str,
    weights: Weights = None,
    input_shape: InputShape = None,
    sparsity: Sparsity = "0.5",
    as_json: AsJson = False,
) -> None:
    """Trace a model, cut it, run it; exit 0 when the masked and the cut outputs agree."""
    from pruneviz import run as engine
    from pruneviz.proof import TOLERANCE
    from pruneviz.subjects import load_subject

    made = made_plan(None, model=model, weights=weights, input_shape=input_shape,
                 sparsity=sparsity)  # fmt: skip
    subject = load_subject(made, pretrained=False)
    start = time.perf_counter()
    result = engine.check(subject.model, subject.example, made.sparsity)
    result = {**result, "seconds": time.perf_counter() - start}
    error = float(str(result["max_relative_error"]))
    if as_json:  # JSON knows no infinity
        print_json({**result, "max_relative_error": error if math.isfinite(error) else None})
    else:
        print_check(model, result)
    for fact in subject.notes:
        note(str(fact))
    if not error <= TOLERANCE:
        raise RefusedError(commanding.outputs_differ(error, TOLERANCE))
