"""Each of a language model's blocks left out alone: from stored activations, and plainly."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from pruneviz.allocate import Ranking
from pruneviz.analyses import scans
from pruneviz.evaluate import joined, taken
from pruneviz.metrics import METRICS
from pruneviz.network.answers import logits_of
from pruneviz.network.inputs import some
from pruneviz.plan import Plan
from pruneviz.run import Prepared, prepare
from pruneviz.sensitivity import Scan
from pruneviz.sensitivity.layers import Alone
from pruneviz.subjects import load_subject

PLAIN = 5  # blocks that are also left out in plain passes, spread over the depth
MB = 10**6


def scanned(plan: Plan) -> dict[str, Any]:
    """Leave each block out alone; return the points, seconds, memory, and what plain passes take.

    Both make and prove each network; the first seconds hold the original's pass too.
    """
    idle = _peak()
    prepared = prepare(load_subject(plan), plan)
    start = time.perf_counter()
    scan = scans.scan_of_blocks(prepared)
    before = dict(scan.baseline.others)["perplexity"]
    while not scan.finished:
        scan.step()
    seconds, peak = time.perf_counter() - start, _peak() - idle
    points = {row.layer: dict(row.others)["perplexity"] for row in scan.rows}
    chosen = list(points)[:: max(1, len(points) // PLAIN)]
    start = time.perf_counter()
    plainly = dict(zip(chosen, _plainly(prepared, scan, chosen), strict=True))
    return {
        "original": before,
        "points": points,
        "seconds": seconds,
        "plain": (time.perf_counter() - start) * len(points) / len(chosen),
        "looked at": len(chosen),
        "equal": sum(points[name] == value for name, value in plainly.items()),
        "peak": peak,
        "windows": len(scan.evaluator.order),
        "reused": scan.evaluator.why_plain is None,
    }


def _plainly(prepared: Prepared, scan: Scan, names: list[str]) -> Iterator[float]:
    """Yield the perplexity without each block, all of it computed, on the scan's own batches."""
    subject = prepared.subject
    assert subject.data is not None
    task, x, y = subject.task, subject.data.x, subject.data.y
    blocks: Any = prepared.units
    units = tuple(block for stage in blocks for block in stage.apart())
    nothing = Ranking({block.name: torch.zeros(1) for block in units})  # to choose among
    alone = Alone(subject.model, units, nothing, some(x, slice(2)))
    for name in names:
        network = alone.pruned(name, 1.0, 1.0)
        with torch.inference_mode():
            found = [_answers(task, network, some(x, p), y[p]) for p in scan.evaluator.parts]
        tally = task.tally(taken(joined(found), torch.argsort(scan.evaluator.order)), y)
        yield METRICS.get("perplexity").combine(tally)


def _answers(task: Any, network: nn.Module, x: Any, y: torch.Tensor) -> Any:
    return task.answers(task.scores(logits_of(network, x)), y)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def rows(found: dict[str, Any]) -> tuple[list[list[str]], str, float]:
    """Return lines of the table of `language.py`, what they hold, and plain seconds to stored."""
    points = found["points"]
    least, most = min(points, key=points.__getitem__), max(points, key=points.__getitem__)
    perplexities = f"{points[least]:.2f} ({least}) to {points[most]:.2f} ({most})"
    lines = [
        ["original", "100 %", "100 %", f"{found['original']:.2f}", "", "", ""],
        [
            f"each of {len(points)} blocks left out alone, from stored activations", "", "",
            perplexities, "", f"{found['seconds']:.0f}", f"{found['peak'] / MB:.0f} MB",
        ],
        [f"the same in plain passes, by {found['looked at']} of them", "", "", "", "",
         f"{found['plain']:.0f}", ""],
    ]  # fmt: skip
    reused = "" if found["reused"] else "Nothing could be reused. "
    note = (
        f"SmolLM2-135M on {found['windows']} windows of WikiText-2's test text. {reused}"
        f"{found['equal']} of {found['looked at']} numbers that were also computed in plain passes "
        "are the same to the last bit; seconds hold making and proving each network. "
    )
    return lines, note, found["plain"] / found["seconds"]
