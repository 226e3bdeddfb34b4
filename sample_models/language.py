"""How the language model is trained: its tokenizer, its text, its recipe."""

from __future__ import annotations

import math
import platform
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from safetensors.torch import save
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.metrics import METRICS
from pruneviz.subjects.models.samples import Sample, sample_directory
from pruneviz.subjects.samples.standard_library import (
    HELD_OUT,
    TOKENS,
    every_module,
    library_windows,
    texts,
)
from pruneviz.subjects.subject import weights_sha256
from pruneviz.subjects.texts.windows import windows
from pruneviz.tasks.language_modelling import LanguageModelling

SHOWN = 3  # texts on the card


@dataclass(frozen=True, kw_only=True)
class TextRecipe:
    """AdamW with a one-cycle schedule over windows of a text, a fixed number of epochs."""

    epochs: int = 1
    learning_rate: float = 4e-3
    weight_decay: float = 0.1
    batch_size: int = 16
    places: int = 64
    most_gradient: float = 1.0
    seed: int = 0


def train_language_model(sample: Sample) -> dict[str, Any]:
    """Train a tokenizer and a network, write both, and return the facts of the card."""
    recipe, began = TextRecipe(), time.process_time()
    folder = sample_directory(sample.name)
    folder.mkdir(parents=True, exist_ok=True)
    training = training_texts()
    tokenizer = train_tokenizer(training, TOKENS)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    tokens = torch.tensor([token for text in training for token in tokenizer.encode(text).ids])
    torch.manual_seed(recipe.seed)
    model = train_on_text(sample.build(), recipe, tokens)
    halves = {name: tensor.half() for name, tensor in model.state_dict().items()}
    (folder / "weights.safetensors").write_bytes(save(halves))
    return text_facts(sample, recipe, model, len(tokens), time.process_time() - began)


def text_facts(
    sample: Sample, recipe: TextRecipe, model: nn.Module, trained: int, seconds: float
) -> dict[str, Any]:
    """Return the machine-readable card; `trained` tokens were read once an epoch."""
    task, tokenizer = sample.made_for()
    assert isinstance(task, LanguageModelling)
    assert tokenizer is not None
    cut = library_windows(tokenizer)
    with torch.no_grad():
        tally = task.tally(task.answers(model(cut.x), cut.y), cut.y)
    judged: dict[str, Any] = {"metric": task.metrics[0]}
    for name in task.metrics:
        metric = METRICS.get(name)
        judged |= {name: metric.combine(tally), f"{name}_interval": list(metric.interval(tally))}
    return {
        "name": sample.name,
        "title": sample.title,
        "sentence": sample.sentence,
        "kind": "text",
        "data": f"sample:{sample.data}",
        "input_shape": list(sample.input_shape),
        "classes": [],
        **judged,
        "test_samples": len(cut.x),
        "test_tokens": int(tally["tokens"].sum()),
        "train_tokens": trained,
        "python": platform.python_version(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": (sample_directory(sample.name) / "weights.safetensors").stat().st_size,
        "sha256": weights_sha256(model),
        "training": {
            **asdict(recipe),
            "optimiser": "AdamW, one-cycle learning rate, cross-entropy of the next token",
            "seconds": round(seconds, 1),
            "torch": torch.__version__.split("+")[0],
        },
        "thumbnail": [tokenizer.decode(row.tolist()) for row in cut.x[:SHOWN]],
    }


def training_texts() -> list[str]:
    """Return all text that is trained on: the standard library but for what is held out."""
    return list(texts(name for name in every_module() if name not in HELD_OUT).values())


def train_tokenizer(training: list[str], tokens: int) -> Tokenizer:
    """Return a tokenizer of so many tokens, pairs of bytes that are often together."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training, trainer)
    return tokenizer


def train_on_text(model: nn.Module, recipe: TextRecipe, tokens: Tensor) -> nn.Module:
    """Return the network after its last epoch, in eval mode, its weights in half precision.

    Each epoch cuts the text (T,) elsewhere.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    batches = math.ceil(len(tokens) / recipe.places / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, recipe.epochs * batches, pct_start=0.1
    )
    for epoch in range(recipe.epochs):
        first = int(torch.randint(recipe.places, (), generator=generator))
        x, y = windows(tokens[first:], recipe.places, recipe.places)
        total = 0.0
        for number, batch in enumerate(
            torch.randperm(len(x), generator=generator).split(recipe.batch_size)
        ):
            loss = F.cross_entropy(model(x[batch]).flatten(0, 1), y[batch].flatten())
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe.most_gradient)
            optimiser.step()
            schedule.step()
            total += loss.item()
            if number % 200 == 199:
                print(f"epoch {epoch + 1}, batch {number + 1}: loss {total / 200:.4f}", flush=True)
                total = 0.0
    return model.half().float().eval()
