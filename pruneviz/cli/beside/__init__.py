"""The command that lays stored runs beside their original."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pruneviz.cli.console import app, output
from pruneviz.cli.runs import All, Runs, chosen, open_history


class Form(StrEnum):
    """How a comparison is written."""

    markdown = "markdown"
    html = "html"
    json = "json"


@app.command()
def compare(
    runs: Runs = None,
    every: All = False,
    by: Annotated[
        str, typer.Option(help="The cost of the front: parameters, macs, bytes or latency_ms.")
    ] = "macs",
    form: Annotated[Form, typer.Option("--format", help="markdown, html or json.")] = Form.markdown,
    out: Annotated[Path | None, typer.Option(help="A file; without one it is printed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Lay stored runs beside their original: quality, size, arithmetic and speed in a table."""
    from pruneviz.figures import beside
    from pruneviz.history.beside import compared

    history = open_history()
    digests = chosen(history, runs, every, kind="run")
    found = compared([history.get(digest) for digest in digests], by)
    if as_json or form is Form.json:
        text = json.dumps({"comparisons": [asdict(each) for each in found]}, indent=1) + "\n"
    else:
        text = beside.page(found) if form is Form.html else beside.markdown(found)
    if out is None:
        output().file.write(text)
    else:
        out.write_text(text, encoding="utf-8")
