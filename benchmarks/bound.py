"""How fast a scan could be at best: the seconds of those operators alone that a change reaches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pruneviz.reuse import Evaluator
from pruneviz.reuse.trace import Trace, Values

Clock = Callable[[], float]
PASSES = 2


def operator_seconds(trace: Trace, given: Values, clock: Clock) -> list[float]:
    """Return how long each operator of a pass takes, run one by one on its real values.

    `given` are the batch and the network's own tensors; a value is dropped where it is last read.
    """
    last = {record: i for i, node in enumerate(trace.nodes) for record in node.reads}
    values, seconds = dict(given), []
    for i, node in enumerate(trace.nodes):
        read = {record: values[record] for record in node.reads}
        start = clock()
        made = node.run(read)
        seconds.append(clock() - start)
        values.update(made)
        for record in [*read, *made]:
            if last.get(record, -1) <= i and record not in given:
                values.pop(record, None)
        del read, made
    return seconds


def least_seconds(
    model: nn.Module, x: Tensor, layers: Sequence[str], size: int, clock: Clock = time.process_time
) -> tuple[float, float]:
    """Return the seconds of all operators, and of those that one layer's weight reaches.

    The latter on average over the layers; in batches of `size`, each operator's best of all passes.
    """
    evaluator = Evaluator(model, x, batch_size=size, order=torch.arange(len(x)))
    whole = reached = 0.0
    for part in range(len(evaluator.parts)):
        trace = evaluator.trace(part)
        if trace is None:
            raise ValueError(f"nothing can be reused of this network: {evaluator.why_plain}")
        with torch.inference_mode():
            given = evaluator.passes.given(part)
            taken = [operator_seconds(trace, given, clock) for _ in range(PASSES)]
        seconds = [min(each) for each in zip(*taken, strict=True)]
        place = {id(node): i for i, node in enumerate(trace.nodes)}
        whole += sum(seconds)
        for name in layers:
            nodes, _ = trace.reached([f"{name}.weight"])
            reached += sum(seconds[place[id(node)]] for node in nodes)
    return whole, reached / len(layers)
