"""Every criterion on a trained CIFAR ResNet-20 and real images, and what each costs.

All parts in turn, or one. `--part accuracy` removes 50, 70 and 90 % of the weights (global, and
layer by layer) or of the blocks' inner channels by every criterion, as it is and with BatchNorm
recalibrated; `--way` chooses one of them. `--part cost` times scores and statistics beside the
least that they could take. `--part agree` compares with Torch-Pruning. The data lie outside the
project: `--data FOLDER`, or a sample stands in, see cifar.py.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from cifar import scratch, subject_plan, subject_title
from common import finish, needed
from torch import nn

from pruneviz import run
from pruneviz.allocate import Ranking
from pruneviz.criteria import CRITERIA, Evidence, score, score_asked
from pruneviz.evaluate import predict
from pruneviz.granularity import GRANULARITIES
from pruneviz.metrics.statistics import wilson
from pruneviz.plan import Plan
from pruneviz.recovery import RECOVERIES
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.statistics import Samples, StatisticRequest, collect, gradients
from pruneviz.subjects import Data, Subject, load_subject

LEVELS = (0.5, 0.7, 0.9)
PARTS = ("accuracy", "cost", "agree")
WAYS: dict[str, dict[str, Any]] = {
    "weights, global": {"granularity": "weight", "scope": "global"},
    "weights, layer by layer": {"granularity": "weight", "scope": "layer"},
    "inner channels, layer by layer": {"locks": {"conv1": "all"}},
}
CHANCE = 0.2  # twice what guessing gets right: below it, no criterion is better than another
KNOWN = {0.5: 0.921, 0.7: 0.879, 0.9: 0.505}  # global magnitude, recalibrated: measured before
FEW = ("random", "magnitude_l1", "taylor", "wanda", "sparsegpt", "bn_scale")
MOST_TIMES_ABS, MOST_TIMES_PASS = 5.0, 1.5


def accuracy(model: nn.Module, data: Data) -> float:
    """Return the fraction of the held-out images that a model answers right."""
    return float((predict(model, data.x).argmax(1) == data.y).double().mean())


def recalibrated(pruned: run.Pruned, subject: Subject, data: Data) -> nn.Module:
    """Return the pruned network with its BatchNorm statistics measured anew."""
    masks = {} if pruned.is_cut else pruned.masks
    task = RecoveryRequest(
        model=pruned.model, masks=masks, cuts=pruned.cuts, teacher=subject.model, data=data
    )
    settings = RECOVERIES.get("recalibrate").settings({"keep_better": False})
    work = RECOVERIES.get("recalibrate").implementation(task, **settings)
    while not work.finished:
        work.step()
    return work.model


@dataclass
class Row:
    """A criterion: accuracies as pruned and recalibrated, one a level."""

    criterion: str
    raw: list[float]
    again: list[float]
    seconds: float

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        pairs = zip(self.raw, self.again, strict=True)
        shown = [f"{100 * a:.1f} / {100 * b:.1f}" for a, b in pairs]
        return (CRITERIA.get(self.criterion).title, *shown, f"{self.seconds:.1f}")


def measured(
    subject: Subject, plan: Plan, baseline: run.Baseline, levels: tuple[float, ...]
) -> Row:
    """Score once, then prune and recalibrate at every level; ValueError where it is refused."""
    data = subject.data
    assert data is not None
    start = time.process_time()
    prepared = run.prepare(subject, plan, baseline)
    row = Row(plan.criterion, [], [], time.process_time() - start)
    for sparsity in levels:
        pruned = run.prune(prepared, plan.changed(sparsity=sparsity))
        row.raw.append(accuracy(pruned.model, data))
        row.again.append(accuracy(recalibrated(pruned, subject, data), data))
    print(" | ".join(row.cells()), flush=True)
    return row


def rows_of(
    subject: Subject, plan: Plan, names: Sequence[str], levels: tuple[float, ...]
) -> Iterator[Row | tuple[str, ...]]:
    """Yield each criterion's row; a refusal is a row of its own."""
    baseline = run.measure_baseline(subject)
    for name in names:
        try:
            yield measured(subject, plan.changed(criterion=name), baseline, levels)
        except ValueError as refusal:
            print(name, refusal, flush=True)
            yield (CRITERIA.get(name).title, *("refused",) * len(levels), "")


def accuracies(
    plan: Plan, title: str, way: str, names: Sequence[str], levels: tuple[float, ...]
) -> None:
    """Measure the criteria, and fail where random is best or magnitude is not what it was."""
    subject = load_subject(plan)
    data = subject.data
    assert data is not None
    rows = list(rows_of(subject, plan.changed(**WAYS[way]), names, levels))
    found = [row for row in rows if isinstance(row, Row)]
    magnitude = next(row for row in found if row.criterion == "magnitude_l1")
    best = max(found, key=lambda row: row.again[-1])
    notes = (
        f"Accuracy in % as pruned / with BatchNorm recalibrated on training images, of "
        f"{len(data.y)} images; the original has {100 * accuracy(subject.model, data):.1f}. "
        "Each criterion with its defaults. Seconds are processor "
        f"seconds of finding and scoring the units. Best at {levels[-1]:.0%}, recalibrated: "
        f"{CRITERIA.get(best.criterion).title}. The ratio is its accuracy to magnitude's (L1)."
    )
    cells = [row.cells() if isinstance(row, Row) else row for row in rows]
    columns = ("criterion", *(f"{level:.0%}" for level in levels), "seconds")
    finish(f"criteria, {way}, {title}", columns, cells, notes, best.again[-1] / magnitude.again[-1])
    never_best(found)
    if way == "weights, global" and plan.data is not None:
        as_known(magnitude, levels, len(data.y))


def as_known(magnitude: Row, levels: tuple[float, ...], count: int) -> None:
    """Fail where magnitude, recalibrated, is below what was measured before, chance apart."""
    for level, again in zip(levels, magnitude.again, strict=True):
        _, high = wilson(round(again * count), count)
        if high < KNOWN[level]:
            raise SystemExit(f"global magnitude at {level:.0%} fell to {again:.1%}")


def never_best(rows: list[Row]) -> None:
    """Fail where random is better than every other criterion, chance apart."""
    random = next(row for row in rows if row.criterion == "random")
    for at in range(len(random.raw)):
        for which in ("raw", "again"):
            others = [getattr(row, which)[at] for row in rows if row is not random]
            if getattr(random, which)[at] > max(*others, CHANCE):
                raise SystemExit(f"random is the best, with {getattr(random, which)[at]:.1%}")


def median_seconds(action: Callable[[], object], times: int) -> float:
    """Return the median of an action's processor seconds, in which no other work is."""
    found = []
    for _ in range(times):
        start = time.process_time()
        action()
        found.append(time.process_time() - start)
    return statistics.median(found)


def peak_mb(action: Callable[[], object]) -> tuple[float, float]:
    """Return an action's processor seconds, and by how many MB it raised the process's memory."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, start = _status("VmRSS"), time.process_time()
    action()
    seconds = time.process_time() - start
    return seconds, max(0.0, _status("VmHWM") - before)


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1000 for line in lines if line.startswith(name))


def abs_rows() -> list[tuple[str, ...]]:
    """Time magnitude scores of ResNet-50's weights beside one abs over them."""
    model = torchvision.models.resnet50(weights=None).eval()
    units, _ = GRANULARITIES.get("weight").implementation(model, torch.randn(2, 3, 64, 64))
    weights = {name: p.detach() for name, p in model.named_parameters()}
    mine = [weights[layer.parameter] for layer in units]
    plain = median_seconds(lambda: [w.abs() for w in mine], 9)
    rows = [("ResNet-50, one abs over its weights", f"{1000 * plain:.0f} ms", "", "1.0 ×")]
    for name in ("magnitude_l1", "magnitude_l2", "magnitude_linf", "lamp"):
        taken = median_seconds(
            lambda name=name: score(name, {}, units, Evidence(weights, {}, 0)),
            1 if name == "lamp" else 5,
        )
        rows.append((f"ResNet-50, {CRITERIA.get(name).title}", f"{1000 * taken:.0f} ms", "",
                     f"{taken / plain:.1f} ×"))  # fmt: skip
        if name != "lamp" and taken > MOST_TIMES_ABS * plain:
            print(f"{name} takes {taken / plain:.1f} × one abs, more than {MOST_TIMES_ABS}")
    return rows


def statistic_rows(asked: StatisticRequest) -> tuple[list[tuple[str, ...]], float]:
    """Time the statistics of the forward pass beside a plain pass over the same samples."""
    samples = asked.samples

    def plain() -> None:
        with torch.no_grad():
            for x, _ in samples.batches():
                asked.model(x)

    plain()
    usual = ("activation_mean", "activation_squares", "activation_zeros", "input_squares")
    wanted = [(n, (n,)) for n in (*usual, "activation_variance", "activation_entropy",
                                  "activation_rank", "input_products")]  # fmt: skip
    wanted.append(("the first four together", usual))
    base, memory = median_seconds(plain, 5), peak_mb(plain)[1]
    rows = [("the small network, a plain pass", f"{base:.2f} s", f"{memory:.0f} MB", "1.0 ×")]
    worst = 0.0
    for title, names in wanted:
        taken, memory = peak_mb(lambda names=names: collect(names, asked))
        if set(names) <= set(usual):
            taken = median_seconds(lambda names=names: collect(names, asked), 3)
        rows.append((f"the small network, {title}", f"{taken:.2f} s", f"{memory:.0f} MB",
                     f"{taken / base:.1f} ×"))  # fmt: skip
        print(rows[-1], flush=True)
        worst = max(worst, taken / base) if title in usual else worst
    return rows, worst


def gradient_rows(asked: StatisticRequest) -> list[tuple[str, ...]]:
    """Time what needs gradients beside one forward and backward pass over the same samples."""
    samples = asked.samples

    def plain() -> None:
        for _ in gradients(asked.task, asked.model, samples.x, samples.y):
            pass

    plain()
    base, memory = peak_mb(plain)
    rows = [("the small network, both ways", f"{base:.2f} s", f"{memory:.0f} MB", "1.0 ×")]
    for name in ("activation_gradients", "squared_gradients", "movement", "hessian_gradient",
                 "hessian_diagonal", "relevance"):  # fmt: skip
        taken, memory = peak_mb(lambda name=name: collect((name,), asked))
        rows.append((f"the small network, {name}", f"{taken:.2f} s", f"{memory:.0f} MB",
                     f"{taken / base:.1f} ×"))  # fmt: skip
    return rows


def costs(plan: Plan, quick: bool) -> None:
    """Time scores and statistics."""
    subject = load_subject(plan)
    data = subject.data
    assert data is not None
    units, _ = GRANULARITIES.get("channel").implementation(subject.model, subject.example)
    settings = {p.name: p.default for entry in CRITERIA for p in entry.parameters}
    count = 128 if quick else len(data.calibration_y)
    given = Samples(x=data.calibration_x, y=data.calibration_y, classes=data.classes).spread(count)
    asked = StatisticRequest(
        criterion="taylor",
        model=subject.model,
        example=subject.example,
        units=units,
        given=given,
        settings={**settings, "inputs": 64},
    )
    forward, worst = statistic_rows(asked)
    notes = (
        f"ResNet-50: random weights, every weight a unit; the small network: {count} images in "
        f"batches of 64; processor time of one thread. Goals: L1, L2, L∞ at most {MOST_TIMES_ABS} "
        f"× one abs (LAMP sorts every layer, and is no such score), statistics of activations and "
        f"inputs at most {MOST_TIMES_PASS} × a plain pass. Entropy looks twice, rank takes 64 "
        "images' maps apart, products make a matrix of every layer's inputs; movement goes 5 "
        "steps, the Hessian's diagonal takes 8 probes, relevance 8 steps. Memory is what the "
        "process grew by at its peak. The ratio is the slowest of the first four statistics to "
        "the plain pass."
    )
    rows = [*abs_rows(), *forward, *gradient_rows(asked)]
    finish("criteria, cost", ("what", "median", "memory", "of the least"), rows, notes, worst)


def theirs(importance: Any) -> dict[str, Any]:
    """Return Torch-Pruning's importance of each criterion that both tools have."""
    return {
        "magnitude_l1": importance.MagnitudeImportance(p=1, **PLAIN),
        "magnitude_l2": importance.MagnitudeImportance(p=2, **PLAIN),
        "fpgm": importance.FPGMImportance(p=2, **PLAIN),
        "lamp": importance.LAMPImportance(p=2, group_reduction="first"),
        "taylor": importance.TaylorImportance(multivariable=True, **PLAIN),
    }


PLAIN = {"group_reduction": "first", "normalizer": None}


def agreement(plan: Plan, title: str) -> None:
    """Compare the order of channels in the blocks' inner layers with Torch-Pruning's."""
    torch_pruning = needed("torch_pruning")
    subject = load_subject(plan)
    data = subject.data
    assert data is not None
    model = copy.deepcopy(subject.model)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    x, y = data.calibration_x[:64], data.calibration_y[:64]
    nn.functional.cross_entropy(model(x), y).backward()
    graph = torch_pruning.DependencyGraph().build_dependency(model, subject.example[:1])
    units, _ = GRANULARITIES.get("channel").implementation(subject.model, subject.example)
    inner = [layer for layer in units if layer.name.endswith(".conv1")]
    given = Samples(x=x, y=y)
    rows, least = [], 1.0
    for name, make in theirs(torch_pruning.importance).items():
        asked = StatisticRequest(
            criterion=name,
            model=subject.model,
            example=subject.example,
            units=units,
            given=given,
            settings=CRITERIA.get(name).settings({}),
        )
        ours = score_asked(asked).scores
        same = []
        for layer in inner:
            module = model.get_submodule(layer.name)
            group = graph.get_pruning_group(
                module, torch_pruning.prune_conv_out_channels, list(range(layer.count))
            )
            order = make(group).detach()
            pair = [Ranking({"": s}).within("") for s in (ours[layer.name], order)]
            same.append(float((pair[0] == pair[1]).mean()))
        rows.append((CRITERIA.get(name).title, f"{100 * sum(same) / len(same):.1f} %"))
        least = least if name == "fpgm" else min(least, sum(same) / len(same))
    notes = (
        f"The inner channels of the {len(inner)} blocks of {title}, each layer's order by both "
        f"tools (Torch-Pruning {torch_pruning.__version__}, the first layer of a group alone, no "
        "normaliser). Torch-Pruning's geometric median is that of squared weights, the paper's and "
        "ours that of the weights. The ratio is the smallest share of channels in the same place, "
        "the geometric median apart."
    )
    columns = ("criterion", "channels in the same place")
    finish(f"criteria, beside Torch-Pruning, {title}", columns, rows, notes, least)


def main() -> None:
    """Run the part that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the CIFAR files; else a sample")
    parser.add_argument("--part", choices=PARTS, help="all in turn if none")
    parser.add_argument("--way", choices=tuple(WAYS), help="for the accuracy; all in turn if none")
    parser.add_argument("--few", action="store_true", help="few criteria, one of each family")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few criteria, one sparsity")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = subject_plan(options.data, scratch())
    title = subject_title(options.data)
    parts = [options.part] if options.part else PARTS
    if "accuracy" in parts:
        for way in [options.way] if options.way else WAYS:
            chosen = FEW if options.quick or options.few else CRITERIA.names()
            accuracies(plan, title, way, chosen, LEVELS[1:2] if options.quick else LEVELS)
    if "cost" in parts:
        costs(plan, options.quick)
    if "agree" in parts:
        agreement(plan, title)


if __name__ == "__main__":
    main()
