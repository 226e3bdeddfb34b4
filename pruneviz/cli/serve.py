"""What can be opened, and the app."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from pruneviz.cli.console import app, aside, output, print_json
from pruneviz.cli.options import AsJson


@app.command()
@aside
def models(as_json: AsJson = False) -> None:
    """List the sample models, and the torchvision models that can be opened."""
    from pruneviz.metrics import METRICS
    from pruneviz.metrics.metric import sentence_case
    from pruneviz.subjects import list_models, list_torchvision
    from pruneviz.subjects.models.samples import SAMPLES

    cards, others = list_models(), list_torchvision()
    samples = [
        {"reference": card.reference, "title": card.title, "decides": card.sentence,
         "task": SAMPLES[card.name].task, "metric": card.metric, card.metric: card.quality,
         "parameters": card.parameters}
        for card in cards
    ]  # fmt: skip
    if as_json:
        print_json({"samples": samples, "torchvision": [f"torchvision:{n}" for n in others]})
        return
    table = Table("model", "what it decides", "how well", "parameters")
    for card in cards:
        metric = METRICS.get(card.metric)
        said = f"{metric.written(card.quality)} {sentence_case(metric.title)}"
        table.add_row(card.reference, card.sentence, said, f"{card.parameters:,}")
    output().print(table)
    output().print(
        f"and {len(others)} of torchvision: torchvision:resnet18, …; "
        "timm:NAME opens those of timm, hf:FOLDER those of transformers"
    )


@app.command(name="app")
@aside
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to serve.")] = 8501,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]REFERENCE",
            help="A model users may open; the app opens with the first. May be repeated.",
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="Weights (safetensors) of the model of that name, or of the only one.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(help="Data users may open; may be repeated.")
    ] = None,
    headless: Annotated[bool, typer.Option(help="Open no browser.")] = False,
    memory_mb: Annotated[
        int | None, typer.Option(min=0, help="Memory for values that sliders use again, 256.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open the app in the browser, served to this machine alone."""
    from pruneviz.ui import settings
    from pruneviz.ui.server.launch import launch

    settings.check(model or (), weights or (), data or ())
    url = f"http://localhost:{port}"
    if as_json:
        print_json({"url": url})
    else:
        output().print(f"PruneViz: {url} (Ctrl-C ends it)", highlight=False)
    launch(
        port,
        model or (),
        data or (),
        headless=headless,
        memory_mb=memory_mb,
        weights=weights or (),
    )
