"""What can be chosen without typing: the sample models, each with the facts of its card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz.subjects.models.samples import SAMPLES, sample_directory


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """A sample model in a few facts. `quality` is what `metric` says of `samples` held-out inputs.

    `thumbnail` holds one real input of each class, or a few: rows of pixels in [0, 1] (classes, H,
    W) for images, standardised features (classes, F) for tables, texts as they are. `card` is the
    path of the Markdown card.
    """

    name: str
    reference: str
    title: str
    sentence: str
    kind: str
    metric: str
    quality: float
    interval: tuple[float, float]
    samples: int
    parameters: int
    classes: tuple[str, ...]
    card: Path
    thumbnail: tuple[Any, ...]


def list_models() -> list[ModelCard]:
    """Return the cards of the samples, in the order in which to show them."""
    return [_read_card(name) for name in SAMPLES]


def _read_card(name: str) -> ModelCard:
    folder = sample_directory(name)
    facts = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    images = facts["kind"] == "image"
    metric = facts.get("metric", "accuracy")
    low, high = facts[f"{metric}_interval"]
    return ModelCard(
        name=name,
        reference=f"sample:{name}",
        title=facts["title"],
        sentence=facts["sentence"],
        kind=facts["kind"],
        metric=metric,
        quality=facts[metric],
        interval=(low, high),
        samples=facts["test_samples"],
        parameters=facts["parameters"],
        classes=tuple(facts["classes"]),
        card=folder / "README.md",
        thumbnail=tuple(row[0] if images else row for row in facts["thumbnail"]),
    )
