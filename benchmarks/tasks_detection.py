"""What cutting channels does to a real detector: FastestDet on COCO's photographs.

Its mAP beside torchmetrics', a scan layer by layer, and the whole network cut at 5 to 50 % without
any training after it; the recall of persons with its interval says whom that fails. Network,
photographs and boxes are opened as anybody's are, by a Python factory and `coco:FOLDER`. The ratio
is how much of its mAP is left at 5 %.
"""

from __future__ import annotations

from dataclasses import replace

import fastestdet
import torch
from common import compared, finish, quick_asked
from torch import Tensor, nn
from torchmetrics.detection import MeanAveragePrecision

from pruneviz import run
from pruneviz.evaluate import answers
from pruneviz.metrics import METRICS, Tally
from pruneviz.plan import Plan
from pruneviz.plan.reading import Reading
from pruneviz.subjects import Subject, load_subject

PLAN = Plan(
    model=f"python:{fastestdet.__file__}:build",
    data=f"coco:{fastestdet.DATA / 'coco'}",
    reading=Reading(colour="bgr"),
    scope="layer",
    granularity="channel",
)
BATCH = 16
LEVELS, ALONE = (0.05, 0.1, 0.2, 0.5), 0.5  # the whole network; each layer by itself
QUICK_LEVELS, QUICK_LAYERS = (0.05, 0.5), 6
MAP, MAP_50 = METRICS.get("map"), METRICS.get("map_50")
PERSONS = METRICS.get("box_recall").of(class_index=0)


def tally(network: nn.Module, subject: Subject) -> tuple[Tensor, Tally]:
    """Return a network's boxes and what is counted of them."""
    data, task = subject.data, subject.task
    boxes = answers(network, data.x, data.y, task, BATCH)
    assert isinstance(boxes, Tensor)
    return boxes, task.tally(boxes, data.y)


def judged_elsewhere(boxes: Tensor, targets: Tensor) -> dict[str, float]:
    """Return what torchmetrics says of the same boxes."""
    metric = MeanAveragePrecision(backend="faster_coco_eval")
    found = [each[each[:, 5] >= 0] for each in boxes]
    true = [each[each[:, 4] >= 0] for each in targets]
    metric.update(
        [{"boxes": b[:, :4], "scores": b[:, 4], "labels": b[:, 5].long()} for b in found],
        [{"boxes": b[:, :4], "labels": b[:, 4].long()} for b in true],
    )
    return {name: float(metric.compute()[name]) for name in ("map_50", "map")}


def agreed(what: str, boxes: Tensor, targets: Tensor, found: Tally) -> None:
    """Compare with torchmetrics; AssertionError where a number is not the same."""
    elsewhere = judged_elsewhere(boxes, targets)
    for name, metric in (("map_50", MAP_50), ("map", MAP)):
        ours = metric.combine(found)
        assert abs(ours - elsewhere[name]) < 1e-6, (what, name, elsewhere)
        compared(f"{metric.title}, {what}", ours, elsewhere[name], "torchmetrics")


def described(name: str, parameters: float, found: Tally, before: Tally) -> list[str]:
    """Return a row: what stays, how well it answers, how much that is less."""
    change, (low, high) = MAP_50.paired(before, found)
    recall = PERSONS.interval(found)
    return [
        name,
        f"{100 * parameters:.0f} %",
        f"{MAP_50.written(MAP_50.combine(found))}",
        f"{100 * change:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})",
        f"{100 * PERSONS.combine(found):.1f} ({100 * recall[0]:.1f} to {100 * recall[1]:.1f})",
    ]


def main() -> None:
    """Judge, scan, cut and print the table."""
    torch.set_num_threads(1)
    if not (fastestdet.DATA / "coco").is_dir():
        raise SystemExit(f"this benchmark needs photographs: there are none in {fastestdet.DATA}")
    quick = quick_asked(__doc__)
    subject = load_subject(PLAN)
    boxes, before = tally(subject.model, subject)
    agreed("dense", boxes, subject.data.y, before)
    rows = [described("dense", 1.0, before, before)]
    print(rows[0], flush=True)
    prepared = run.prepare(replace(subject, data=None), PLAN)
    whole = sum(p.numel() for p in subject.model.parameters())
    left = {}
    for level in QUICK_LEVELS if quick else LEVELS:
        network = run.prune(prepared, PLAN.changed(sparsity=level)).model
        boxes, found = tally(network, subject)
        agreed(f"{100 * level:.0f} % of channels removed", boxes, subject.data.y, found)
        left[level] = MAP_50.combine(found) / MAP_50.combine(before)
        share = sum(p.numel() for p in network.parameters()) / whole
        rows.append(described(f"all layers, {100 * level:.0f} %", share, found, before))
        print(rows[-1], flush=True)
    names = [units.name for units in prepared.units]
    for name in names[:: max(1, len(names) // QUICK_LAYERS)] if quick else names:
        network = run.prune(prepared, PLAN.changed(layers={name: ALONE})).model
        share = sum(p.numel() for p in network.parameters()) / whole
        rows.append(described(f"{name}, 50 %", share, tally(network, subject)[1], before))
        print(rows[-1], flush=True)
    columns = ["cut", "parameters", "mAP@0.5", "change", "recall of persons at 100, %"]
    notes = (
        f"FastestDet, {len(subject.data.y)} photographs of COCO, no training after; numbers "
        "equal torchmetrics' within 1e-6, with 95 % intervals."
    )
    finish("tasks_detection", columns, rows, notes, left[0.05])


if __name__ == "__main__":
    main()
