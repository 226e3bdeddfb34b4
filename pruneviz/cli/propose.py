"""From a goal to a ratio for each layer: a proposal as a job, followed to its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pruneviz.cli.console import app, aside, note, output, print_json
from pruneviz.cli.following import carry_out
from pruneviz.cli.options import AsJson, takes_plan
from pruneviz.plan import Plan
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing, commanding

if TYPE_CHECKING:
    from pruneviz.propose import Goal, Proposal


@app.command()
@aside
@takes_plan("scope_parameters", "locks")
def propose(
    plan: Plan,
    lose: Annotated[
        float | None,
        typer.Option(help="How much worse the metric may get, in its unit: points of accuracy."),
    ] = None,
    megabytes: Annotated[float | None, typer.Option(help="Size of the weights file.")] = None,
    macs: Annotated[float | None, typer.Option(help="Part of the MACs that is left.")] = None,
    parameters: Annotated[
        float | None, typer.Option(help="Part of the parameters that is left.")
    ] = None,
    milliseconds: Annotated[
        float | None, typer.Option(help="Time of one input's answer on this machine.")
    ] = None,
    save: Annotated[
        str, typer.Option(help="What --lose saves most of: parameters or macs.")
    ] = "parameters",
    out: Annotated[
        Path | None, typer.Option(help="YAML file for the plan with the ratios.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose a sparsity for each layer that reaches one goal, checked by an evaluation.

    The proposal is a job: Ctrl-C stops it, the same command goes on, a finished one is not
    repeated, unless a time left it undecided. It measures the sensitivity curves where a scan has
    not done so. Locked layers stay.
    """
    from pruneviz.history.folder import PROPOSAL_FILE
    from pruneviz.propose import read_proposal
    from pruneviz.propose.goal import ACCURACY, loss_kind
    from pruneviz.store import check_writable, write_text
    from pruneviz.subjects import load_subject

    subject = load_subject(plan) if lose is not None else None
    loss = loss_kind(subject.metrics[0]) if subject else ACCURACY
    given = {loss: lose, "megabytes": megabytes, "macs": macs, "parameters": parameters,
             "milliseconds": milliseconds}  # fmt: skip
    goal = _goal(save, given)
    if out is not None:
        check_writable(out)
    folder = carry_out("proposal", plan, subject=subject, settings=goal.settings())
    found = read_proposal(folder.file(PROPOSAL_FILE))
    if out is not None:
        write_text(out, found.onto(plan).to_yaml())
        note(f"the plan with these ratios is in '{out}'")
    if as_json:
        print_json({"digest": folder.digest, **found.model_dump(mode="json")})
    else:
        _print(found)


@app.command()
@aside
@takes_plan("sparsity", without=("criterion", "criterion_parameters", "granularity_parameters"))
def preset(
    plan: Plan,
    way: Annotated[
        str,
        typer.Option(help="llm_pruner, or Minitron's steps: minitron_depth, then minitron_width."),
    ] = "llm_pruner",
    first: Annotated[
        int | None, typer.Option(min=1, help="Blocks kept whole at the beginning.")
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Blocks kept whole at the end.")] = None,
    out: Annotated[Path | None, typer.Option(help="YAML file for the plan.")] = None,
) -> None:
    """Write a published way as a plan for a model: what is ranked, kept and trained afterwards.

    LLM-Pruner's: channels by Taylor over all that goes with them, blocks at both ends kept, then
    low-rank adapters; with --granularity head whole attention heads. Minitron's are two plans: the
    first takes blocks, the second widths, of the folder that the first run wrote; both distil.
    Without --out the plan is printed.
    """
    from pruneviz.analyses.llm_pruner import llm_pruner
    from pruneviz.analyses.presets import PRESETS
    from pruneviz.store import check_writable, write_text
    from pruneviz.subjects import load_subject

    make = PRESETS.get(way).implementation  # a wrong name is said before anything is opened
    ends = (first, last) != (None, None)
    if ends and make is not llm_pruner:
        raise RefusedError(choosing.ends_of_another_preset(way))
    if out is not None:
        check_writable(out)
    subject = load_subject(plan)
    found = llm_pruner(subject, plan, first, last) if ends else make(subject, plan)
    if out is None:
        output().print(found.to_yaml(), markup=False, highlight=False, soft_wrap=True)
        return
    write_text(out, found.to_yaml())
    note(f"the plan is in '{out}': pruneviz run {out}")


def _goal(save: str, given: Mapping[str, float | None]) -> Goal:
    """Return the one goal that was asked for; ValueError where there is none, or several."""
    from pruneviz.propose import Goal

    asked = {kind: value for kind, value in given.items() if value is not None}
    if len(asked) != 1:
        raise RefusedError(commanding.no_one_goal(len(asked)))
    ((kind, value),) = asked.items()
    return Goal(kind, value, save)


def _print(found: Proposal) -> None:
    """Print a proposal as a table of ratios and sentences."""
    from rich.table import Table

    from pruneviz.figures import proposed

    table = Table("layer", "removed")
    for layer, sparsity in found.plan.layers.items():
        table.add_row(layer, f"{sparsity:.1%}")
    console = output()
    console.print(table)
    for line in (proposed.reached_line(found), proposed.quality_line(found),
                 proposed.predicted_line(found), proposed.how_line(found)):  # fmt: skip
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for sentence in found.binding:
        console.print(f"limited by: {sentence}", markup=False, highlight=False, soft_wrap=True)
    for sentence in found.notes:
        note(sentence)
