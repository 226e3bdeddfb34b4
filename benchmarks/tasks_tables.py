"""What pruning costs whom: fraud and credit default, average precision and recall by group.

Two real tables, `../shared/data/tables` or `--data FOLDER`. A small network is trained on the
prepared training half, seeded; the other half judges it. 50 and 70 % of its weights are removed,
and of its channels, without any training after. Average precision is checked against
scikit-learn's; recall is at the threshold at which each network raises 1 % false alarms.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from common import compared, finish
from safetensors.torch import save_file
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pruneviz import run
from pruneviz.evaluate import predict
from pruneviz.measure.by_group import by_group
from pruneviz.measure.quality import metric_pair
from pruneviz.metrics import METRICS, Metric, Tally
from pruneviz.plan import Plan
from pruneviz.report import MetricPair
from pruneviz.subjects import Data, load_subject

SHARED = Path(__file__).parents[2] / "shared" / "data" / "tables"
FALSE_ALARMS = 0.01
EQUAL = 1e-6
AMOUNTS = (("channel", 0.5), ("channel", 0.7), ("weight", 0.5), ("weight", 0.7))
EPOCHS, BATCH, RATE = 30, 256, 2e-3
WIDTHS = 64, 32
LONGEST = 8  # groups shown of a column, the largest

FACTORY = """import torch
from torch import nn


class Squashed(nn.Module):
    def forward(self, x):
        return x.sign() * x.abs().log1p()


def make():
    torch.manual_seed(0)
    return nn.Sequential(
        Squashed(),
        nn.Linear({features}, {first}), nn.ReLU(),
        nn.Linear({first}, {second}), nn.ReLU(),
        nn.Linear({second}, 2),
    )
"""


@dataclass(frozen=True)
class Table:
    """A data set: its file, what is said of its columns, and what it is called."""

    title: str
    file: str
    columns: str


TABLES = (
    Table("fraud", "ethereum-fraud.csv", "?target=FLAG&groups=ERC20 most sent token type"),
    Table("credit default", "credit-default.csv", "?target=Y&groups=X2,X5&prepare=yes"),
)


def trained(table: Table, folder: Path, work: Path) -> Plan:
    """Return the plan of a network trained on a table's prepared training part."""
    data = f"csv:{folder / table.file}{table.columns}"
    features = width(data)
    factory = work / f"{Path(table.file).stem.replace('-', '_')}.py"
    first, second = WIDTHS
    factory.write_text(FACTORY.format(features=features, first=first, second=second))
    plan = Plan(model=f"python:{factory}:make", data=data)
    subject = load_subject(plan)
    data_read = subject.data
    assert data_read is not None
    model = fit(subject.model, data_read)
    weights = work / f"{factory.stem}.safetensors"
    save_file(model.state_dict(), weights)
    return plan.changed(weights=str(weights))


def width(reference: str) -> int:
    """Return of how many features a prepared table's rows are."""
    from pruneviz.subjects.models.expectation import Expectation
    from pruneviz.subjects.references import parse_data
    from pruneviz.subjects.sources import read_source

    raw = read_source(parse_data(reference), Expectation(), Path())
    for note in raw.notes:
        print(note)
    return raw.x.shape[1]


def fit(model: nn.Module, data: Data) -> nn.Module:
    """Return the model trained on the training part, by Adam with a cosine schedule."""
    generator = torch.Generator().manual_seed(0)
    model.requires_grad_(True)
    steps = EPOCHS * -(-len(data.train_x) // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(data.train_x), generator=generator).split(BATCH):
            optimiser.zero_grad()
            cross_entropy(model(data.train_x[chosen]), data.train_y[chosen]).backward()
            optimiser.step()
            schedule.step()
    return model.eval().requires_grad_(False)


def at_false_alarms(logits: Tensor, y: Tensor) -> Tensor:
    """Return logits of which the second is above the first for 1 % of the negatives, at most."""
    score = (logits[:, 1] - logits[:, 0]).double()
    negatives = score[y == 0].sort(descending=True).values
    limit = negatives[int(FALSE_ALARMS * len(negatives))]
    return torch.stack([torch.zeros_like(score), score - limit], 1)


def rows(
    title: str, what: str, metric: Metric, pair: MetricPair, before: Tally, after: Tally, data: Data
) -> list[tuple[str, ...]]:
    """Return a metric of all inputs and of each group, with intervals."""
    found = by_group(metric, before, after, data.groups)
    whole = (pair.original, *pair.original_interval, pair.pruned, *pair.pruned_interval)
    change = (pair.change, *pair.change_interval)
    lines = [(title, what, "all", pair.samples, *whole, *change, "")]
    for _, group in found.groupby("column", sort=False):
        shown = group.nlargest(LONGEST, "samples").sort_index()
        lines += [
            (title, what, f"{g['column']}: {g['group']}", g["samples"], g["original"],
             g["original_low"], g["original_high"], g["pruned"], g["pruned_low"],
             g["pruned_high"], g["change"], g["change_low"], g["change_high"],
             "loses most" if g["worst"] else "")
            for g in shown.to_dict("records")
        ]  # fmt: skip
    return [
        (line[0], line[1], line[2], f"{line[3]:,}",
         *(f"{v:.3f} ({low:.3f} to {high:.3f})" for v, low, high in
           (line[4:7], line[7:10], line[10:13])), line[13])
        for line in lines
    ]  # fmt: skip


def judged(title: str, plan: Plan) -> tuple[list[tuple[str, ...]], float]:
    """Return the rows of a trained network and all its prunings, and how far from scikit-learn."""
    lines, known = [], {}  # ours and scikit-learn's, by network
    subject = load_subject(plan)
    data, task = subject.data, subject.task
    assert data is not None
    original = predict(subject.model, data.x)
    for granularity, sparsity in AMOUNTS:
        asked = plan.changed(granularity=granularity, sparsity=sparsity)
        result = run.prune(run.prepare(subject, asked), asked)
        pruned = predict(result.model, data.x)
        what = f"{100 * sparsity:.0f} % of {granularity}s"
        for name, (before, after) in {
            "average_precision": (original, pruned),
            "recall": tuple(at_false_alarms(each, data.y) for each in (original, pruned)),
        }.items():
            metric = METRICS.get(name)
            tallies = [task.tally(each, data.y) for each in (before, after)]
            pair = metric_pair(metric, *tallies)
            label = "average precision" if name != "recall" else "recall at 1 % false alarms"
            lines += rows(title, f"{what}, {label}", metric, pair, *tallies, data)
            print(f"{title}: {what}, {label}: {pair.original:.3f} to {pair.pruned:.3f}", flush=True)
            if name == "average_precision":
                both = {
                    "dense": (original, pair.original),
                    f"{what} removed": (pruned, pair.pruned),
                }
                for which, (logits, ours) in both.items():
                    score = (logits.double()[:, 1] - logits.double()[:, 0]).numpy()
                    known[which] = ours, float(average_precision_score(data.y.numpy(), score))
    for which, (ours, expected) in known.items():
        compared(f"average precision, {title}, {which}", ours, expected, "scikit-learn")
    return lines, max(abs(ours - expected) for ours, expected in known.values())


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first table alone")
    parser.add_argument("--data", type=Path, default=SHARED)
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"left out: there is no folder '{given.data}', name it with --data FOLDER")
        return
    lines: list[tuple[str, ...]] = []
    furthest = 0.0
    with tempfile.TemporaryDirectory() as name:
        for table in TABLES[:1] if given.quick else TABLES:
            found, apart = judged(table.title, trained(table, given.data, Path(name)))
            lines, furthest = [*lines, *found], max(furthest, apart)
    if furthest > EQUAL:
        raise SystemExit(f"average precision is {furthest:.2g} from scikit-learn's")
    columns = ("data", "pruned", "inputs of", "samples", "original", "after", "change", "")
    finish(
        "Real tables, by group",
        columns,
        lines,
        "Evaluated on the half that neither trained nor prepared; every number with its 95 % "
        f"interval. Average precision is within {EQUAL:g} of scikit-learn's. Recall is at the "
        "threshold at which each network takes 1 % of all negatives for positives; the largest "
        f"{LONGEST} groups of a column are shown. The ratio is how many times the limit of "
        "scikit-learn's difference is used.",
        furthest / EQUAL,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
