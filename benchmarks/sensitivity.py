"""What a sensitivity scan costs: the plain way, exactly with reuse, and adaptively.

The plain way prunes a layer with torch.nn.utils.prune, evaluates all inputs, and restores it. All
ways use the same masks and must come to the same numbers. All parts in turn, or `--part NAME`: one
network alone, or `budget`: what a budget of memory does. The trained CIFAR networks lie outside the
project (`--data FOLDER`, see cifar.py); without them a sample stands in for the smaller one. With
`--threads 1` seconds are those of the processor, so other work beside it matters little; with more
they are those of the clock, and the machine must be idle.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from bound import least_seconds
from cifar import CifarResNet, resnet20, scratch, subject_plan, subject_title
from common import finish
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import prune

from pruneviz.allocate import Ranking, allocate
from pruneviz.criteria import Evidence, score
from pruneviz.evaluate import predict
from pruneviz.granularity import GRANULARITIES, Units
from pruneviz.plan import Plan
from pruneviz.reuse import BUDGET_BYTES
from pruneviz.sensitivity import LEVELS, Scan, Search
from pruneviz.sensitivity.points import measured
from pruneviz.sensitivity.search import LOSS
from pruneviz.subjects import load_subject

SEEN = 64  # images for the large networks
LARGE_LEVELS = (0.3, 0.5, 0.7)
MB = 2**20
COLUMNS = ("network", "layers × levels", "images", "plain, s", "same batches, s", "exact, s",
           "exact ratio", "at most", "identical", "adaptive, s", "adaptive ratio",
           "levels off")  # fmt: skip
PLAIN_BATCH = 256


def resnet56() -> nn.Module:
    """Return ResNet-56, untrained."""
    return CifarResNet(9)


def spread(units: Sequence[Units], count: int) -> tuple[Units, ...]:
    """Return so many of the layers, evenly spread, the first and the last among them."""
    step = (len(units) - 1) / max(1, count - 1)
    return tuple(units[round(i * step)] for i in range(min(count, len(units))))


def ranked(model: nn.Module, example: Tensor) -> tuple[tuple[Units, ...], Ranking]:
    """Return the single weights of a network, ranked by their size."""
    units, _ = GRANULARITIES.get("weight").implementation(model, example, {})
    weights = {name: p.detach() for name, p in model.named_parameters()}
    return units, Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))


def plain_pass(
    model: nn.Module, layer: Units, ranking: Ranking, level: float, see: Callable[[], Tensor]
) -> Tensor:
    """Prune with torch.nn.utils.prune, evaluate, restore."""
    keep = allocate((layer,), ranking, Plan(scope="layer", layers={layer.name: level})).keep
    module, before = model.get_submodule(layer.name), model.get_parameter(f"{layer.name}.weight")
    mask = keep[layer.name].view(before.shape).to(before.dtype)
    saved = before.detach().clone()
    prune.custom_from_mask(module, "weight", mask)
    logits = see()
    prune.remove(module, "weight")
    with torch.no_grad():
        module.weight.copy_(saved)
    return logits


def clock() -> float:
    """Return seconds of the processor where there is one thread, else those of the clock."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def at_most(model: nn.Module, x: Tensor, units: Sequence[Units], size: int, rounds: int = 1) -> str:
    """Return the ratio of a scan that computes what changes and nothing else, at no other cost.

    Each operator as fast as in the plain way's batches; in brackets as fast as in the scan's.
    """
    layers = [layer.name for layer in units]
    taken = [
        (*least_seconds(model, x, layers, PLAIN_BATCH, clock),
         least_seconds(model, x, layers, size, clock)[1])
        for _ in range(rounds)
    ]  # fmt: skip
    whole, reached, own = map(min, zip(*taken, strict=True))
    return f"{whole / reached:.2f} ({whole / own:.2f})"


class Timer:
    """Seconds, added up."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Carry out and time an action."""
        start = clock()
        try:
            return action(*arguments)
        finally:
            self.seconds += clock() - start


def measure(
    name: str, model: nn.Module, x: Tensor, y: Tensor, levels: Sequence[float], layers: int | None
) -> tuple[tuple[str, ...], float]:
    """Measure one network in all ways, in turns; return its row and the exact scan's ratio."""
    units, ranking = ranked(model, x[:2])
    units = units if layers is None else spread(units, layers)
    scan = Scan(model, units, ranking, x, y, levels)
    parts, order = scan.evaluator.parts, torch.argsort(scan.evaluator.order)

    def same_batches() -> Tensor:
        with torch.inference_mode():
            return torch.cat([model(x[part]) for part in parts])[order]

    plain, same, exact = Timer(), Timer(), Timer()
    original, identical, bits, right = scan.evaluator.original_answers(), 0, 0, {}
    for layer in units:
        for level in levels:
            logits = plain(
                plain_pass, model, layer, ranking, level, lambda: predict(model, x, PLAIN_BATCH)
            )
            point = exact(scan.step)
            right[layer.name, level] = int((logits.argmax(1) == y).sum())
            identical += right[layer.name, level] == round(point.accuracy * len(y))
            if level == levels[len(levels) // 2]:
                logits = same(plain_pass, model, layer, ranking, level, same_batches)
                bits += point == measured(layer.name, level, logits, original, y)
        print(f"{name} {layer.name} {plain.seconds:.1f} {same.seconds:.1f} {exact.seconds:.1f}",
              flush=True)  # fmt: skip
    print(scan.evaluator.notes, f"{scan.evaluator.store.peak_bytes / MB:.0f} MB kept at most")
    count, rounds = len(units) * len(levels), 1 if len(x) == SEEN else 3
    same.seconds *= len(levels)
    cells = (name, f"{len(units)} × {len(levels)}", f"{len(x)}", f"{plain.seconds:.1f}",
             f"{same.seconds:.1f}", f"{exact.seconds:.1f}",
             f"{plain.seconds / exact.seconds:.2f} ({same.seconds / exact.seconds:.2f})",
             at_most(model, x, units, len(parts[0]), rounds),
             f"{identical} of {count}, {bits} of {len(units)}")  # fmt: skip
    return (*cells, *adaptive(model, units, ranking, x, y, levels, plain.seconds, right)), (
        plain.seconds / exact.seconds
    )


def adaptive(
    model: nn.Module,
    units: tuple[Units, ...],
    ranking: Ranking,
    x: Tensor,
    y: Tensor,
    levels: Sequence[float],
    plain_seconds: float,
    right: dict[tuple[str, float], int],
) -> tuple[str, ...]:
    """Search each layer's threshold; return its cells: seconds, ratio, the most levels it is off.

    The threshold of all levels is the first at which two points are lost.
    """
    if len(levels) < len(LEVELS):
        return ("", "", "")  # too few levels to search in
    search, timer = Search(model, units, ranking, x, y, levels), Timer()
    while not search.finished:
        timer(search.step)
    original = int((predict(model, x).argmax(1) == y).sum())
    off = 0
    for found in search.table().itertuples():
        lost = [original - right[found.layer, level] >= LOSS * len(y) for level in levels]
        exact = lost.index(True) if any(lost) else len(levels)
        mine = levels.index(found.sparsity) if found.sparsity in levels else len(levels)
        off = max(off, abs(exact - mine))
    print(f"adaptive: {search.done} evaluations, {timer.seconds:.1f} s", flush=True)
    return (f"{timer.seconds:.1f}", f"{plain_seconds / timer.seconds:.2f}", str(off))


def extrapolated(
    name: str, model: nn.Module, x: Tensor, y: Tensor, layers: int
) -> tuple[tuple[str, ...], float]:
    """Measure a network whose passes are long: two levels of each layer stand for nine.

    The plain way takes as long at each level; the exact scan takes longer at the first, where it
    computes and keeps what the others reuse.
    """
    units, ranking = ranked(model, x[:2])
    units = spread(units, layers)
    levels = (LEVELS[2], LEVELS[4])
    scan = Scan(model, units, ranking, x, y, levels)
    plain, first, more, identical = Timer(), Timer(), Timer(), 0
    for layer in units:
        first(scan.step)
        point = more(scan.step)
        logits = plain(plain_pass, model, layer, ranking, levels[1], lambda: predict(model, x))
        identical += int((logits.argmax(1) == y).sum()) == round(point.accuracy * len(y))
        print(f"{name} {layer.name} {plain.seconds:.1f} {first.seconds:.1f} {more.seconds:.1f}",
              flush=True)  # fmt: skip
    exact = first.seconds + (len(LEVELS) - 1) * more.seconds
    whole = len(LEVELS) * plain.seconds
    return (
        (name, f"{len(units)} × 2, for {len(LEVELS)} levels", f"{len(x)}", f"{whole:.1f}", "",
         f"{exact:.1f}", f"{whole / exact:.2f}",
         at_most(model, x, units, len(scan.evaluator.parts[0])),
         f"{identical} of {len(units)}", "", "", ""),
        whole / exact,
    )  # fmt: skip


def cifar(name: str, data: Path | None) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a trained CIFAR network, or the sample, with images it never saw and their labels."""
    subject = load_subject(subject_plan(data, scratch()))
    images = subject.data
    assert images is not None
    if data is None:
        return subject.model, images.x, images.y
    model = resnet20() if name == "resnet20" else resnet56()
    model.load_state_dict(load_file(data / f"cifar10-{name}.safetensors"), strict=False)
    return model.eval().requires_grad_(False), images.x, images.y


def large(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network of torchvision with random weights, random images, and its own answers."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval().requires_grad_(False)
    x = torch.randn(SEEN, 3, 224, 224)
    return model, x, predict(model, x).argmax(1)


PARTS: dict[str, Callable[[Path | None, bool], tuple[tuple[str, ...], float]]] = {
    "resnet20": lambda data, quick: measure(
        subject_title(data), *cifar("resnet20", data), LEVELS, 5 if quick else None
    ),
    "resnet56": lambda data, quick: measure(
        "ResNet-56, CIFAR-10", *cifar("resnet56", data), LEVELS, 3 if quick else 14
    ),
    "resnet50": lambda data, quick: measure(
        "ResNet-50, random weights", *large("resnet50"), LARGE_LEVELS, 2 if quick else 6
    ),
    "vit_b_16": lambda data, quick: extrapolated(
        "ViT-B/16, random weights", *large("vit_b_16"), 2 if quick else 3
    ),
}


NEEDS_DATA = "resnet56"


def budgets(data: Path | None, quick: bool) -> None:
    """Scan with several budgets of memory: seconds, and the most that was kept."""
    model, x, y = cifar("resnet20", data)
    units, ranking = ranked(model, x[:2])
    units = spread(units, 4 if quick else 10)
    rows, seconds = [], {}
    expected = None
    for budget in (64 * 1024, 64 * MB, 256 * MB, 1024 * MB):
        scan, timer = Scan(model, units, ranking, x, y, LARGE_LEVELS, budget), Timer()
        while not scan.finished:
            timer(scan.step)
        expected = expected or scan.rows
        seconds[budget] = timer.seconds
        rows.append((f"{budget / MB:g}", f"{scan.evaluator.store.peak_bytes / MB:.3g}",
                     f"{timer.seconds:.1f}", "yes" if scan.rows == expected else "NO",
                     " ".join(map(str, scan.evaluator.notes)) or "–"))  # fmt: skip
    notes = (
        f"{subject_title(data)}, {len(units)} layers × {len(LARGE_LEVELS)} levels, "
        f"{len(x)} images, one thread, seconds of the processor. The ratio is the "
        "smallest budget's time to the largest's."
    )
    columns = ("budget, MB", "kept at most, MB", "seconds", "same numbers", "what it says")
    finish("sensitivity, budget", columns, rows, notes, seconds[64 * 1024] / seconds[1024 * MB])


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the CIFAR files; else a sample")
    parser.add_argument("--part", choices=[*PARTS, "budget"], help="all in turn if none")
    parser.add_argument("--quick", action="store_true", help="fewer layers")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    usual = [name for name in (*PARTS, "budget") if asked.data or name != NEEDS_DATA]
    if asked.part == NEEDS_DATA and not asked.data:
        parser.error(f"--part {NEEDS_DATA} needs --data FOLDER")
    for part in [asked.part] if asked.part else usual:
        if part == "budget":
            budgets(asked.data, asked.quick)
        else:
            network(part, asked.data, asked.quick, asked.threads)


def network(part: str, data: Path | None, quick: bool, threads: int) -> None:
    """Measure one network in all ways and write its section."""
    cells, ratio = PARTS[part](data, quick)
    timed = (
        "One thread, seconds of the processor (other work ran beside it)"
        if threads == 1
        else f"{threads} threads, seconds of the clock"
    )
    notes = (
        f"Single weights by size. Plain: torch.nn.utils.prune, all images in batches of "
        f"{PLAIN_BATCH}, restored; beside it in the scan's own batches (one level of each layer, "
        "times the levels), whose ratio is in brackets. At most: the ratio if only operators that "
        "depend on the pruned weight were computed, each as fast as in the plain way's batches (in "
        "brackets: in the scan's), and nothing else took time. Identical: the images that are "
        "answered right, for each point; and accuracy, loss and divergence to the last bit, where "
        f"the batches are the same. Adaptive: the level at which {LOSS:.0%} of accuracy are lost. "
        f"{timed}, ways in turns; activations kept: {BUDGET_BYTES // MB} MB at most. The ratio is "
        "plain to exact."
    )
    name = f"sensitivity, {part if data or part != 'resnet20' else 'digits-resnet'}"
    name += f", {threads} threads" if threads > 1 else ""
    finish(name, COLUMNS, [cells], notes, ratio)


if __name__ == "__main__":
    main()
