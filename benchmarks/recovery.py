"""What recovery gives back: a trained CIFAR ResNet-20, real images, three seeds, the last epoch.

All parts in turn, or one. `--part channels` cuts it to half its MACs; beside it Torch-Pruning's
group-norm pruning of the blocks' inner channels (it fails on the padded shortcuts), at the same
MACs, fine-tuned by the same loop. `--part weights` removes 70 and 90 % of the single weights.
`--part overhead` times the loop with masks against plain PyTorch. The data lie outside the project:
`--data FOLDER`, or a sample stands in, see cifar.py.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from cifar import scratch, subject_plan, subject_title
from common import finish, needed
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pruneviz import run
from pruneviz.evaluate import predict
from pruneviz.measure.cost import macs_by_parameter
from pruneviz.metrics.statistics import wilson
from pruneviz.plan import Plan
from pruneviz.recovery import RECOVERIES
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.recovery.recipes import RECIPES
from pruneviz.run import Prepared
from pruneviz.subjects import Data, Subject, load_subject

SEEDS = (0, 1, 2)
PARTS = ("weights", "channels", "overhead")
EPOCHS = 5
TURNS = 7
HALF = 0.5  # of the inner channels, which leaves half the MACs


@dataclass
class Row:
    """One way to recover: the last epoch's accuracies (fractions), one a seed, and seconds."""

    name: str
    accuracies: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def cells(self, samples: int) -> tuple[str, ...]:
        """Return mean, its 95 % interval on so many images, each seed, and median seconds."""
        mean = statistics.mean(self.accuracies)
        low, high = wilson(round(mean * samples), samples)
        each = ", ".join(f"{100 * a:.1f}" for a in self.accuracies)
        return (self.name, f"{100 * mean:.1f}", f"{100 * low:.1f} to {100 * high:.1f}", each,
                f"{statistics.median(self.seconds):.0f}")  # fmt: skip


COLUMNS = ("what", "accuracy in %", "95 % interval", "each seed", "seconds")


def accuracy(model: nn.Module, data: Data) -> float:
    """Return the fraction of the held-out images that a model answers right."""
    return float((predict(model, data.x).argmax(1) == data.y).double().mean())


def macs_left(prepared: Prepared, plan: Plan) -> float:
    """Return which fraction of the original's MACs a plan leaves."""
    pruned = run.prune(prepared, plan)
    _, left = run.costs(prepared, pruned)
    return sum(left.values()) / sum(prepared.baseline.macs.values())


def timed(row: Row, data: Data, make: Callable[[], nn.Module]) -> None:
    """Make a network and put its accuracy and seconds into a row."""
    start = time.perf_counter()
    model = make()
    row.seconds.append(time.perf_counter() - start)
    row.accuracies.append(accuracy(model, data))
    print(f"{row.name}: {100 * row.accuracies[-1]:.1f} %, {row.seconds[-1]:.0f} s", flush=True)


def our_rows(
    prepared: Prepared, plan: Plan, seeds: tuple[int, ...], epochs: int, prefix: str
) -> list[Row]:
    """Return a row for no recovery and one for each recipe."""
    data = prepared.subject.data
    assert data is not None
    rows = [Row(f"{prefix}no recovery")]
    timed(rows[0], data, lambda: run.prune(prepared, plan).model)
    for recipe in RECIPES:
        row = Row(f"{prefix}{recipe.title}")
        trains = any(parameter.name == "epochs" for parameter in recipe.parameters)
        for seed in seeds if trains else seeds[:1]:
            given = {"epochs": epochs} if trains else {}
            whole = recipe.implementation(plan.changed(seed=seed), given)
            timed(row, data, lambda whole=whole: run.recovered(prepared, whole).model)
        rows.append(row)
    return rows


def torch_pruning_row(subject: Subject, seeds: tuple[int, ...], epochs: int) -> Row:
    """Return Torch-Pruning's group-norm pruning of inner channels, fine-tuned by our loop."""
    data = subject.data
    assert data is not None
    row = Row("Torch-Pruning, group norm, inner channels: fine-tuned")
    settings = RECOVERIES.get("finetune").settings({"epochs": epochs})
    for seed in seeds:
        small = torch_pruned(subject)
        task = RecoveryRequest(
            model=small, masks={}, cuts=(), teacher=subject.model, data=data, seed=seed
        )

        def train(task: RecoveryRequest = task) -> nn.Module:
            training = RECOVERIES.get("finetune").implementation(task, **settings)
            while not training.finished:
                training.step()
            return training.model

        timed(row, data, train)
    return row


def torch_pruned(subject: Subject) -> nn.Module:
    """Return the network that Torch-Pruning leaves at half the MACs, the blocks' ends untouched."""
    torch_pruning = needed("torch_pruning")
    model = copy.deepcopy(subject.model)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    inner = {name for name, _ in model.named_modules() if name.endswith(".conv1")}
    ends = [m for name, m in model.named_modules()
            if isinstance(m, nn.Conv2d | nn.Linear) and name not in inner]  # fmt: skip
    example = subject.example[:1]
    pruner = torch_pruning.pruner.BasePruner(
        model, example, torch_pruning.importance.GroupMagnitudeImportance(p=2),
        global_pruning=False, pruning_ratio=HALF, ignored_layers=ends,
    )  # fmt: skip
    pruner.step()
    return model.eval()


def channels(plan: Plan, title: str, seeds: tuple[int, ...], epochs: int) -> None:
    """Cut to half the MACs and recover in every way, Torch-Pruning beside it."""
    subject = load_subject(plan)
    data = subject.data
    assert data is not None
    chosen = plan.changed(criterion="magnitude_group", scope="layer", locks={"conv1": "all"})
    prepared = run.prepare(subject, chosen)
    half = chosen.changed(sparsity=HALF)
    left = macs_left(prepared, half)
    rows = our_rows(prepared, half, seeds, epochs, "")
    control = Row("original, recalibrated (control)")
    whole = RECIPES.get("recalibrate").implementation(chosen.changed(sparsity=0.0), {})
    timed(control, data, lambda: run.recovered(prepared, whole).model)
    original = Row("original", [accuracy(subject.model, data)], [0.0])
    theirs = torch_pruning_row(subject, seeds, epochs)
    theirs_left = sum(macs_by_parameter(torch_pruned(subject), subject.example).values()) / sum(
        prepared.baseline.macs.values()
    )
    ours = {row.name: statistics.mean(row.accuracies) for row in rows}
    notes = (
        f"{title}: channels, group magnitude, {HALF:.0%} of the blocks' inner channels, "
        f"{left:.1%} of the MACs left (Torch-Pruning: {theirs_left:.1%}); {epochs} epochs over "
        f"{len(data.train_y):,} images in every row that trains, tested on {len(data.y)}; seeds "
        f"{', '.join(map(str, seeds))}; one thread beside other work, so seconds are rough. The "
        "ratio is fine-tuned ours to theirs."
    )
    cells = [row.cells(len(data.y)) for row in (original, control, *rows, theirs)]
    tuned = ours[RECIPES.get("finetune").title]
    ratio = tuned / statistics.mean(theirs.accuracies)
    finish(f"recovery, channels, {title}", COLUMNS, cells, notes, ratio)


def weights(plan: Plan, title: str, seeds: tuple[int, ...], epochs: int) -> None:
    """Remove 70 and 90 % of the weights by global magnitude and recover in every way."""
    subject = load_subject(plan)
    data = subject.data
    assert data is not None
    chosen = plan.changed(granularity="weight", scope="global", criterion="magnitude_l1")
    prepared = run.prepare(subject, chosen)
    cells, best = [Row("original", [accuracy(subject.model, data)], [0.0]).cells(len(data.y))], {}
    for sparsity in (0.7, 0.9):
        rows = our_rows(prepared, chosen.changed(sparsity=sparsity), seeds, epochs,
                        f"{sparsity:.0%}: ")  # fmt: skip
        cells += [row.cells(len(data.y)) for row in rows]
        best[sparsity] = max(statistics.mean(row.accuracies) for row in rows)
    notes = (
        f"{title}: single weights, global magnitude; {epochs} epochs over {len(data.train_y):,} "
        f"images in every row that trains, tested on {len(data.y)}; "
        f"seeds {', '.join(map(str, seeds))}; one "
        "thread beside other work, so seconds are rough. The ratio is the best at 90 % to the best "
        "at 70 %."
    )
    finish(f"recovery, weights, {title}", COLUMNS, cells, notes, best[0.9] / best[0.7])


def overhead(plan: Plan, title: str, quick: bool) -> None:
    """Time epochs of the loop with masks against plain PyTorch, in turns."""
    subject = load_subject(plan)
    data = subject.data
    assert data is not None
    chosen = plan.changed(granularity="weight", scope="global", sparsity=0.9)
    prepared = run.prepare(subject, chosen)
    pruned = run.prune(prepared, chosen)
    settings = RECOVERIES.get("finetune").settings({"epochs": 1000, "augmentation": "none"})
    task = RecoveryRequest(
        model=pruned.model, masks=pruned.masks, cuts=pruned.cuts, teacher=subject.model, data=data
    )
    training = RECOVERIES.get("finetune").implementation(task, **settings)
    plain = plain_loop(pruned.model, data, int(settings["batch_size"]))
    steps = 4 if quick else 12
    ours, theirs = [], []
    for _ in range(TURNS):
        theirs.append(seconds(lambda: [next(plain) for _ in range(steps)]))
        ours.append(seconds(lambda: [training.step() for _ in range(steps)]))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    rows = [
        ("the loop, masks held at every step", f"{1000 * statistics.median(ours) / steps:.1f} ms"),
        ("plain PyTorch, no masks", f"{1000 * statistics.median(theirs) / steps:.1f} ms"),
    ]
    notes = (
        f"{title}: 90 % of the weights removed, batches of {settings['batch_size']}, no "
        f"augmentation in either; {steps} steps in each of {TURNS} turns; goal: 1.10 at most."
    )
    finish(f"recovery, overhead, {title}", ("a training step", "median"), rows, notes, ratio)


def plain_loop(model: nn.Module, data: Data, batch_size: int) -> Callable[[], Tensor]:
    """Yield after each step of the shortest training loop that PyTorch's documentation shows."""
    network = copy.deepcopy(model).train()
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.SGD(network.parameters(), 0.03, momentum=0.9, weight_decay=5e-4)
    while True:
        order = torch.randperm(len(data.train_y))
        for rows in order.split(batch_size)[:-1]:
            loss = cross_entropy(network(data.train_x[rows]), data.train_y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield loss.item()


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Run the part that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the CIFAR files; else a sample")
    parser.add_argument("--part", choices=PARTS, help="all in turn if none")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=len(SEEDS), choices=(1, 2, 3))
    parser.add_argument("--quick", action="store_true", help="one seed, three epochs")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = subject_plan(options.data, scratch())
    seeds, epochs = (SEEDS[:1], 3) if options.quick else (SEEDS[: options.seeds], options.epochs)
    title = subject_title(options.data)
    for part in [options.part] if options.part else PARTS:
        if part == "overhead":
            overhead(plan, title, options.quick)
        else:
            {"channels": channels, "weights": weights}[part](plan, title, seeds, epochs)


if __name__ == "__main__":
    main()
