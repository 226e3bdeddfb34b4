"""What each layer can lose: a scan as a job, followed to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pruneviz.cli.console import app, aside, note, output, print_json
from pruneviz.cli.following import carry_out
from pruneviz.cli.options import (
    AsJson,
    Criterion,
    Data,
    Granularity,
    GranularityParameter,
    InputShape,
    Model,
    PlanFile,
    Seed,
    Weights,
    made_plan,
)
from pruneviz.history.folder import POINTS_FILE


@app.command()
@aside
def sensitivity(
    plan: PlanFile = None,
    model: Model = None,
    weights: Weights = None,
    data: Data = None,
    input_shape: InputShape = None,
    criterion: Criterion = None,
    granularity: Granularity = None,
    granularity_parameter: GranularityParameter = None,
    seed: Seed = None,
    out: Annotated[Path | None, typer.Option(help="CSV file: layer,sparsity,accuracy")] = None,
    as_json: AsJson = False,
) -> None:
    """Prune each layer alone, level by level, and list the accuracy that is left.

    The scan is a job: Ctrl-C stops it, the same command goes on, a finished one is not repeated.
    """
    from pruneviz.sensitivity import read_points
    from pruneviz.store import check_writable, write_text

    if out is not None:
        check_writable(out)
    made = made_plan(plan, model=model, weights=weights, data=data, input_shape=input_shape,
                     criterion=criterion, granularity=granularity, seed=seed,
                     granularity_parameters=granularity_parameter)  # fmt: skip
    folder = carry_out("sensitivity", made)
    table = read_points(folder.file(POINTS_FILE))
    if out is not None:
        write_text(out, table[["layer", "sparsity", "accuracy"]].to_csv(index=False))
        note(f"{len(table)} points written to '{out}'")
    if as_json:
        points = table.astype(object).where(table.notna(), None).to_dict("records")
        samples = int(table["samples"].iloc[0])
        print_json({"digest": folder.digest, "samples": samples, "points": points})
    elif out is None:
        output().print(table.to_string(index=False), highlight=False)
