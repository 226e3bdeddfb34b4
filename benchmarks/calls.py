"""What it costs that one function calls every model, with batches of one input or several.

The loop that judges a network, `predict`, against the same loop with a model called outright, in
turns, on the sample networks: with a tensor, and with it as a batch's argument by place and by
name. The goal is at most 1.03 times as long.
"""

from __future__ import annotations

import inspect
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from common import finish, quick_asked
from torch import Tensor, nn

from pruneviz.evaluate import predict
from pruneviz.measure.threads import computing_threads
from pruneviz.network.answers import gives_probabilities
from pruneviz.network.attempts import explained
from pruneviz.network.inputs import Inputs
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject

SAMPLES = ("sample:tumour-mlp", "sample:digits-cnn", "sample:digits-resnet")
SIZE = 256
FORMS = ("a tensor", "by place", "by name")


def outright(model: nn.Module, x: Tensor) -> Tensor:
    """Return what `predict` does, from a loop that calls the model where it stands."""

    def answer(part: Tensor) -> Any:
        with explained(model, part):
            assert not gives_probabilities(model)  # which `predict` asks as well
            return model(part)

    with torch.inference_mode():
        return torch.cat([answer(part) for part in x.split(SIZE)])


def in_turns(one: Callable[[], Any], other: Callable[[], Any], turns: int) -> tuple[float, float]:
    """Return the median CPU seconds of `one`, and the turns' median ratio of `other` to it."""
    taken, ratios = [], []
    for turn in range(turns):
        seconds = {}
        for action in (one, other) if turn % 2 else (other, one):
            start = time.thread_time()
            action()
            seconds[action] = time.thread_time() - start
        taken.append(seconds[one])
        ratios.append(seconds[other] / seconds[one])
    return statistics.median(taken), statistics.median(ratios)


def compared(model: nn.Module, x: Tensor, turns: int) -> tuple[float, list[float]]:
    """Return how many seconds the plain loop takes, and the ratios to it, form by form."""
    name = next(iter(inspect.signature(model.forward).parameters))
    expected, found = outright(model, x), []
    for given in (x, Inputs((x,)), Inputs(kwargs={name: x})):
        assert torch.equal(predict(model, given, SIZE), expected)
        action = partial(predict, model, given, SIZE)
        found.append(in_turns(partial(outright, model, x), action, turns))
    return min(seconds for seconds, _ in found), [ratio for _, ratio in found]


def main() -> None:
    """Time each sample on its held-out data, in each form."""
    turns, rows, largest = 40 if quick_asked(__doc__) else 400, [], 0.0
    for reference in SAMPLES:
        subject = load_subject(Plan(model=reference))
        assert subject.data is not None
        with computing_threads(1):
            seconds, ratios = compared(subject.model, subject.data.x, turns)
        cells = [f"{1000 * seconds:.2f}", *(f"{ratio:.3f}" for ratio in ratios)]
        rows.append([reference, f"{len(subject.data.x):,}", *cells])
        largest = max(largest, *ratios)
        print(*rows[-1], flush=True)
    columns = ["network", "inputs", "outright, ms of CPU", *(f"{form} ×" for form in FORMS)]
    notes = f"CPU time of one thread, {turns} turns each. The ratio is the largest."
    finish("calls", columns, rows, notes, largest)


if __name__ == "__main__":
    main()
