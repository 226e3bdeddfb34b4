"""What the evaluator answers, computes and keeps: bits, operators, memory, and how cost grows.

`--part networks`: for several networks a weight of the first, a middle and the last layer changes,
and a group of channels is cut; the answers against those of a plain pass over the same batches.
`--part memory`: ResNet-50 on images whose activations exceed the budget, a process for each budget.
`--part growth`: a scan's seconds as layers, levels and images grow. Without it, all three.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
import torchvision
from cifar import CifarResNet
from common import finish
from sensitivity import Timer, ranked, spread
from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import apply
from pruneviz.criteria import Evidence, score
from pruneviz.granularity import GRANULARITIES, Units
from pruneviz.plan import Plan
from pruneviz.reuse import Evaluator
from pruneviz.sensitivity import LEVELS, Scan
from pruneviz.sensitivity.points import measured
from pruneviz.subjects import load_subject

MB = 2**20
BUDGETS = (64, 256, 1024)  # MB
PLAIN = 0
CHANGES = ("first", "middle", "last", "cut")
TORCHVISION = ("resnet18", "resnet50", "densenet121", "googlenet", "vit_b_16", "swin_t")
QUICK = ("digits-cnn", "resnet20", "resnet18", "googlenet")
MEMORY_LAYERS = ("layer1.0.conv3", "layer3.0.conv1")
MEMORY_LEVELS = (0.3, 0.6)


def network(name: str, images: int) -> tuple[nn.Module, Tensor]:
    """Return a network (random weights, but for the digits) and so many inputs."""
    torch.manual_seed(0)
    if name == "digits-cnn":
        subject = load_subject(Plan(model="sample:digits-cnn"))
        assert subject.data is not None
        return subject.model, subject.data.x
    if name == "resnet20":
        return CifarResNet(3).eval().requires_grad_(False), torch.randn(4 * images, 3, 32, 32)
    more = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **more)
    return model.eval().requires_grad_(False), torch.randn(images, 3, 224, 224)


def halved(model: nn.Module, layer: Units) -> nn.Module:
    """Return the network without half of one layer's units, the smallest."""
    weights = {name: p.detach() for name, p in model.named_parameters()}
    ranking = Ranking(score("magnitude_l1", {}, (layer,), Evidence(weights, {}, 0)))
    plan = Plan(scope="layer", layers={layer.name: 0.5})
    return apply(model, (layer,), allocate((layer,), ranking, plan).keep).model


def changes(model: nn.Module, example: Tensor) -> Iterator[nn.Module]:
    """Yield the networks of CHANGES."""
    for granularity, count in (("weight", 3), ("channel", 3)):
        units, _ = GRANULARITIES.get(granularity).implementation(model, example, {})
        chosen = spread(units, count)
        for layer in chosen if granularity == "weight" else chosen[1:2]:
            yield halved(model, layer)


def plain(evaluator: Evaluator, model: nn.Module) -> Tensor:
    """Return a plain pass's logits, (N, classes), over the evaluator's batches."""
    with torch.inference_mode():
        return torch.cat([model(evaluator.x[part]) for part in evaluator.parts])


def needed(evaluator: Evaluator, changed: nn.Module) -> int:
    """Return how many operators depend on what changed, in all batches."""
    theirs = changed.state_dict()
    names = [
        name for name, tensor in evaluator.model.state_dict().items()
        if tensor.shape != theirs[name].shape or not torch.equal(tensor, theirs[name])
    ]  # fmt: skip
    traces = [evaluator.trace(part) for part in range(len(evaluator.parts))]
    return sum(len(trace.reached(names)[0]) for trace in traces if trace is not None)


def followed(name: str, images: int) -> tuple[tuple[str, ...], list[float]]:
    """Compare one network's answers with plain passes; return its row and the ratios."""
    model, x = network(name, images)
    batch_size = max(1, len(x) // 2)  # two batches
    evaluator = Evaluator(model, x, batch_size=batch_size, order=torch.arange(len(x)))
    original = Timer()
    original(evaluator.original_answers)
    trace = evaluator.trace(0)
    operators = 0 if trace is None else len(trace.nodes) * len(evaluator.parts)
    cells: list[list[str]] = [[], [], [], [], []]
    ratios = []
    for changed in changes(model, x[:2]):
        whole, first, again = Timer(), Timer(), Timer()
        expected = whole(plain, evaluator, changed)
        same = torch.equal(first(evaluator.answers, changed), expected)
        evaluator.computed = 0
        same = same and torch.equal(again(evaluator.answers, changed), expected)
        ratios.append(whole.seconds / again.seconds)
        found = (
            f"{evaluator.computed} of {needed(evaluator, changed)}",
            *(f"{t.seconds:.3g}" for t in (whole, first, again)),
            "yes" if same and not evaluator.fell_back else "NO",
        )
        for cell, text in zip(cells, found, strict=True):
            cell.append(text)
        print(name, *found, flush=True)
    joined = [" / ".join(cell) for cell in cells]
    kept = f"{evaluator.store.peak_bytes / MB:.3g}"
    return (name, f"{len(x)}", f"{operators}", f"{original.seconds:.3g}", *joined, kept), ratios


def networks(quick: bool) -> None:
    """Follow every network."""
    names = QUICK if quick else ("digits-cnn", "resnet20", *TORCHVISION)
    found = [followed(name, 4 if quick else 16) for name in names]
    columns = ("network", "inputs", "operators", "original followed, s", "computed", "plain, s",
               "first, s", "again, s", "identical", "kept at most, MB")  # fmt: skip
    notes = (
        f"Half of the weights of the {', '.join(CHANGES[:3])} layer, and half of a middle group's "
        "channels cut, in this order. Two batches. Original followed: the pass that notes what is "
        "computed, one on a batch that checks it, and the reading. Operators: calls in the "
        "original's passes, views left out; computed: those of the changed network that were "
        "computed, of those that depend on what changed. Plain: over the same batches; first: with "
        "the way to what the change reads; again: as at a scan's further levels. Identical: to the "
        "last bit, twice, and with reuse. One thread, seconds of the processor. The ratio is the "
        "median of plain to again."
    )
    ratio = statistics.median(ratio for _, ratios in found for ratio in ratios)
    finish("evaluator, networks", columns, [row for row, _ in found], notes, ratio)


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # elsewhere the number may include the parent's
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB  # bytes on a Mac


def measured_alone(budget_mb: int, images: int) -> None:
    """Scan layers of ResNet-50, plainly (0) or with a budget; print JSON."""
    model, x = network("resnet50", images)
    y = torch.arange(images)
    small = torch.zeros(2, 3, 64, 64)  # the same weights, and little memory
    units, _ = GRANULARITIES.get("weight").implementation(model, small, {})
    layers = tuple(layer for layer in units if layer.name in MEMORY_LAYERS)
    weights = {name: p.detach() for name, p in model.named_parameters()}
    ranking = Ranking(score("magnitude_l1", {}, layers, Evidence(weights, {}, 0)))
    scan = Scan(model, layers, ranking, x, y, MEMORY_LEVELS, budget_mb * MB)
    timer, points = Timer(), []
    if budget_mb == PLAIN:
        order = torch.argsort(scan.evaluator.order)
        original = timer(plain, scan.evaluator, model)[order]
        for layer in layers:
            for level in MEMORY_LEVELS:
                plan = Plan(scope="layer", layers={layer.name: level})
                keep = allocate((layer,), ranking, plan).keep
                logits = timer(plain, scan.evaluator, apply(model, (layer,), keep).model)[order]
                points.append(measured(layer.name, level, logits, original, y))
    else:
        while not scan.finished:
            points.append(timer(scan.step))
    found = {"seconds": timer.seconds, "peak": peak_mb(), "points": repr(points),
             "kept": scan.evaluator.store.peak_bytes / MB,
             "fell_back": scan.evaluator.fell_back}  # fmt: skip
    print(json.dumps(found))


def memory(quick: bool) -> None:
    """Measure each budget in a process of its own."""
    images, found = (16 if quick else 64), {}
    for budget in (PLAIN, *BUDGETS):
        command = [sys.executable, __file__, "--alone", str(budget), "--images", str(images)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[budget] = json.loads(out.splitlines()[-1])
        print(budget, {k: v for k, v in found[budget].items() if k != "points"}, flush=True)
    whole = found[PLAIN]
    rows = [("plain pass", "", f"{whole['peak']:.0f}", "", f"{whole['seconds']:.1f}", "")]
    rows += [
        (f"{budget}", f"{each['kept']:.0f}", f"{each['peak']:.0f}",
         f"{each['peak'] - whole['peak']:.0f}", f"{each['seconds']:.1f}",
         "yes" if each["points"] == whole["points"] and not each["fell_back"] else "NO")
        for budget, each in found.items() if budget != PLAIN
    ]  # fmt: skip
    columns = ("budget, MB", "kept at most, MB", "process at most, MB", "above the plain pass, MB",
               "seconds", "identical")  # fmt: skip
    notes = (
        f"ResNet-50, {images} images of 224 × 224, the same batches, layers "
        f"{' and '.join(MEMORY_LAYERS)} × {len(MEMORY_LEVELS)} levels, a process each; seconds "
        "with the original's pass, of the processor, one thread. Above the plain pass: what is "
        "kept, a copy of the network, and what is computed on the way. Identical: all numbers to "
        "the last bit. The ratio is the seconds with the smallest budget to those with the largest."
    )
    ratio = found[BUDGETS[0]]["seconds"] / found[BUDGETS[-1]]["seconds"]
    finish("evaluator, memory", columns, rows, notes, ratio)


def scan_seconds(layers: int, levels: int, images: int) -> float:
    """Return how long a scan of ResNet-20 with random weights takes."""
    torch.manual_seed(0)
    model = CifarResNet(3).eval().requires_grad_(False)
    x, y = torch.randn(images, 3, 32, 32), torch.arange(images) % 10
    units, ranking = ranked(model, x[:2])
    scan, timer = Scan(model, spread(units, layers), ranking, x, y, LEVELS[:levels]), Timer()
    while not scan.finished:
        timer(scan.step)
    return timer.seconds


def growth(quick: bool) -> None:
    """Scan with three sizes of each: layers, levels, images."""
    base = {"layers": 10, "levels": 3, "images": 64 if quick else 256}
    sizes: dict[str, Sequence[int]] = {
        "layers": (5, 10, 20),
        "levels": (1, 3, 9),
        "images": [base["images"] * n for n in (1, 2, 4)],
    }
    scan_seconds(**base)  # the first pays what torch loads
    rows, worst = [], 0.0
    for name, counts in sizes.items():
        seconds = [min(scan_seconds(**{**base, name: n}) for _ in range(2)) for n in counts]
        slope, start = statistics.linear_regression(counts, seconds)
        straight = statistics.correlation(counts, seconds) ** 2
        grown = seconds[-1] / seconds[0] / (counts[-1] / counts[0])
        worst = max(worst, grown)
        rows.append((name, " / ".join(map(str, counts)),
                     " / ".join(f"{each:.2f}" for each in seconds),
                     f"{start:.2f} + {slope:.3g} n", f"{straight:.4f}",
                     f"{grown:.2f}"))  # fmt: skip
        print(*rows[-1], flush=True)
    columns = ("n", "sizes", "seconds", "fitted", "r²", "growth to proportion")
    notes = (
        f"Exact scan of ResNet-20, random weights; what does not grow: {base['layers']} layers "
        f"(evenly spread), {base['levels']} levels, {base['images']} images. One thread, seconds "
        "of the processor, the better of two. Growth to proportion: how many times as long the "
        "largest takes as the smallest, divided by how many times as large it is; at most 1, and a "
        "little over where the machine decides, is no more than linear. The ratio is the largest."
    )
    finish("evaluator, growth", columns, rows, notes, worst)


PARTS: dict[str, Callable[[bool], None]] = {
    "networks": networks, "memory": memory, "growth": growth,
}  # fmt: skip


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), help="all where it is not given")
    parser.add_argument("--quick", action="store_true", help="fewer networks and images")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--images", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.alone is not None:
        measured_alone(asked.alone, asked.images)
        return
    start = time.perf_counter()
    for name in [asked.part] if asked.part else PARTS:
        PARTS[name](asked.quick)
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
