"""Every method there is: criteria, granularities, scopes, schedules and recoveries."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from pruneviz.cli.console import app, aside, output, print_json
from pruneviz.cli.options import AsJson


@app.command()
@aside
def methods(
    kind: Annotated[
        str | None,
        typer.Argument(help="criterion, granularity, scope, schedule or recovery; all if left out"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every method with its family, sentence, formula, source and parameters."""
    from pruneviz.catalogue import described

    found = described(kind)
    if as_json:
        print_json(found)
        return
    for name, entries in found.items():
        table = Table(name, "family", "what it does", "parameters", title_justify="left")
        for entry in entries:
            parameters = ", ".join(f"{p['name']}={p['default']}" for p in entry["parameters"])
            sentence = f"{entry['sentence']}\n{entry['formula']}\n{entry['source']}"
            table.add_row(entry["name"], entry["family"], Text(sentence), parameters)
            table.add_section()
        output().print(table)
