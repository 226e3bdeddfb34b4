"""Train the samples, write weights and cards: `python sample_models/train.py [NAME …]`.

The test part is read after the last epoch alone: nothing is chosen by it. Every number in a card
is written here; none is typed by hand.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from cards import judged, model_card
from language import train_language_model
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.metrics import METRICS
from pruneviz.subjects.models.samples import SAMPLES, Sample, sample_directory
from pruneviz.subjects.sample_data import SPLIT_SEED, Split, load_split
from pruneviz.subjects.split import normalise
from pruneviz.subjects.subject import weights_sha256


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one sample is trained: AdamW with a one-cycle schedule, a fixed number of epochs."""

    epochs: int
    learning_rate: float
    weight_decay: float
    batch_size: int
    augment: Callable[[Tensor, torch.Generator], Tensor]
    augmentation: str
    seed: int = 0


def shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return raw images (B, C, H, W), each moved by -1, 0 or 1 pixel along both axes over black."""
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1))
    offsets = torch.randint(0, 3, (len(images), 2), generator=generator).tolist()
    moved = [
        image[:, top : top + height, left : left + width]
        for image, (top, left) in zip(padded, offsets, strict=True)
    ]
    return torch.stack(moved)


def unchanged(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return the inputs as they are."""
    del generator
    return x


DIGITS_AUGMENTATION = "each image moved by -1, 0 or 1 pixel along both axes, black moving in"
LOSSES = {
    "classification": "cross-entropy",
    "regression": "squared error",
    "detection": "focal cross-entropy of objectness, 2 · (1 − IoU) and cross-entropy of the class",
}
SHOWN = 3  # inputs in a card of a sample that is no classifier
RECIPES = {
    "digits-cnn": Recipe(
        epochs=30,
        learning_rate=0.01,
        weight_decay=0.05,
        batch_size=64,
        augment=shift,
        augmentation=DIGITS_AUGMENTATION,
    ),
    "digits-resnet": Recipe(
        epochs=30,
        learning_rate=0.01,
        weight_decay=0.05,
        batch_size=64,
        augment=shift,
        augmentation=DIGITS_AUGMENTATION,
    ),
    "tumour-mlp": Recipe(
        epochs=30,
        learning_rate=0.005,
        weight_decay=0.1,
        batch_size=32,
        augment=unchanged,
        augmentation="none",
    ),
    "diabetes-mlp": Recipe(
        epochs=30,
        learning_rate=0.003,
        weight_decay=0.1,
        batch_size=32,
        augment=unchanged,
        augmentation="none",
    ),
    "digits-detector": Recipe(
        epochs=16,
        learning_rate=0.005,
        weight_decay=0.05,
        batch_size=32,
        augment=unchanged,
        augmentation="none",
    ),
}


def train(sample: Sample, recipe: Recipe, split: Split) -> nn.Module:
    """Return the sample's network after its last epoch, in eval mode."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    model = sample.build()
    task = sample.new_task()
    place, scale = scale_of(split.train_y) if sample.task == "regression" else (0, 1)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    steps = recipe.epochs * math.ceil(len(split.train_y) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, steps)
    for epoch in range(recipe.epochs):
        total = 0.0
        order = torch.randperm(len(split.train_y), generator=generator)
        for batch in order.split(recipe.batch_size):
            raw = recipe.augment(split.train_x[batch], generator)
            output = model(normalise(raw, split.mean, split.std))
            loss = task.loss(output, (split.train_y[batch] - place) / scale)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(batch)
        print(f"{sample.name} epoch {epoch + 1:2d}: loss {total / len(split.train_y):.4f}")
    return in_units(model, place, scale).eval()


def scale_of(y: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of numbers, (1, …)."""
    return y.mean(0, True), y.std(0, keepdim=True)


def in_units(model: nn.Module, place: Tensor | int, scale: Tensor | int) -> nn.Module:
    """Return a network that answers in the units of its targets: its last layer has the scale."""
    if isinstance(place, Tensor) and isinstance(scale, Tensor):
        last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
        with torch.no_grad():
            last.weight.mul_(scale[0][:, None])
            last.bias.mul_(scale[0]).add_(place[0])
    return model


def thumbnail(split: Split) -> list[Any]:
    """Return the first test input of each class: pixels in [0, 1] or standardised values.

    Of numbers, the inputs with the least, the middle and the largest one; of boxes the first,
    half as large.
    """
    if split.test_y.dim() > 2:
        firsts = list(range(SHOWN))
    elif split.classes:
        firsts = [int((split.test_y == label).nonzero()[0]) for label in range(len(split.classes))]
    else:
        order = split.test_y[:, 0].argsort()
        firsts = [int(order[place]) for place in (0, len(order) // 2, -1)]
    x = split.test_x[firsts]
    if x.dim() == 2:
        x = normalise(x, split.mean, split.std)
    if split.test_y.dim() > 2:
        x = F.avg_pool2d(x, 2)
    return [_rounded(row) for row in x.tolist()]


def _rounded(value: Any) -> Any:
    return [_rounded(v) for v in value] if isinstance(value, list) else round(value, 4)


def facts(
    sample: Sample, recipe: Recipe, split: Split, model: nn.Module, seconds: float
) -> dict[str, Any]:
    """Return the machine-readable card: what was measured, on what, and how it was trained."""
    with torch.no_grad():
        output = model(normalise(split.test_x, split.mean, split.std))
    task = sample.new_task()
    tally = task.tally(task.answers(output, split.test_y), split.test_y)
    metric = METRICS.get(task.reported[0])
    judged: dict[str, Any] = {
        metric.name: metric.combine(tally),
        f"{metric.name}_interval": list(metric.interval(tally)),
    }
    if "right" in tally:
        judged["correct"] = int(tally["right"].sum())
    else:
        judged["metric"] = metric.name
    return {
        "name": sample.name,
        "title": sample.title,
        "sentence": sample.sentence,
        "kind": "image" if split.test_x.dim() == 4 else "tabular",
        "data": f"sample:{sample.data}",
        "input_shape": list(sample.input_shape),
        "classes": list(split.classes),
        **judged,
        "test_samples": len(split.test_y),
        "train_samples": len(split.train_y),
        "split_seed": SPLIT_SEED,
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": (sample_directory(sample.name) / "weights.safetensors").stat().st_size,
        "sha256": weights_sha256(model),
        "training": {
            "optimiser": f"AdamW, one-cycle learning rate, {LOSSES[sample.task]}",
            "epochs": recipe.epochs,
            "learning_rate": recipe.learning_rate,
            "weight_decay": recipe.weight_decay,
            "batch_size": recipe.batch_size,
            "augmentation": recipe.augmentation,
            "seed": recipe.seed,
            "seconds": round(seconds, 1),
            "torch": torch.__version__.split("+")[0],
        },
        "thumbnail": thumbnail(split),
    }


def train_and_write(sample: Sample) -> dict[str, Any]:
    """Train a sample's network, write its weights, and return the facts of its card."""
    recipe, split = RECIPES[sample.name], load_split(sample.data)
    started = time.process_time()
    model = train(sample, recipe, split)
    seconds = time.process_time() - started
    folder = sample_directory(sample.name)
    folder.mkdir(parents=True, exist_ok=True)
    # Written as bytes: save_file would leave a file that only its owner can read.
    (folder / "weights.safetensors").write_bytes(save(model.state_dict()))
    return facts(sample, recipe, split, model, seconds)


def main(names: list[str]) -> None:
    """Train the samples named, or all of them."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in names or list(SAMPLES):
        sample, folder = SAMPLES[name], sample_directory(name)
        card = train_language_model(sample) if sample.tokenizer else train_and_write(sample)
        text = json.dumps(card, indent=1, ensure_ascii=False)
        (folder / "card.json").write_text(text + "\n", encoding="utf-8")
        (folder / "README.md").write_text(model_card(card), encoding="utf-8")
        print(f"{name}: {judged(card)}, {card['training']['seconds']:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
