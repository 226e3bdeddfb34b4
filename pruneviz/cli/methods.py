"""Every method there is: criteria, granularities, scopes, recoveries, tasks and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

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
        typer.Argument(
            help="criterion, granularity, scope, schedule, recovery, task or metric; all if none"
        ),
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
            lines = entry["sentence"], _judges(entry), entry["formula"], entry["source"]
            sentence = "\n".join(line for line in lines if line)
            table.add_row(entry["name"], entry["family"], Text(sentence), parameters)
            table.add_section()
        output().print(table)


def _judges(entry: Mapping[str, Any]) -> str:
    """Return of a task which metrics judge it, of a metric the tasks and its unit; else ""."""
    if "metrics" in entry:
        return f"judged by {', '.join(entry['metrics'])}"
    if "better" not in entry:
        return ""
    unit = f"in {entry['unit']}, " if entry["unit"] else ""
    return f"{unit}{entry['better']} is better; judges {', '.join(entry['tasks']) or 'no task'}"
