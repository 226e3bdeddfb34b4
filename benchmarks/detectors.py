"""Detectors pruned as their users prune them: criteria, recovery by distillation, whole families.

FastestDet on COCO's photographs, its channels cut at 20, 30 and 50 % by three criteria: mAP@0.5 and
the recall of persons with their intervals, parameters, MACs and milliseconds, raw, and at 20 %
after some epochs of distillation on the 128 images that calibrate. Then torchvision's detectors
and, where `ultralytics` can be imported, YOLOs built from their YAML, all with random weights, at
50 %: how far masked and cut network are apart, what is left, what is held. The ratio is the mAP
that distillation brings back at 20 %, to the original's.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from dataclasses import replace

import fastestdet
import torch
from apart import Found, tried
from common import finish, quick_asked
from coupling import build, example_of, measured
from tasks_detection import MAP_50, PERSONS, PLAN, tally
from torch import Tensor

from pruneviz import run
from pruneviz.measure.cost import macs_by_parameter
from pruneviz.metrics import Metric, Tally
from pruneviz.plan import Plan
from pruneviz.proof.perturb import perturbed
from pruneviz.run import Prepared
from pruneviz.stages.prune import Pruned
from pruneviz.subjects import Data, Subject, load_subject

CRITERIA = {"magnitude_l1": "magnitude", "taylor": "Taylor", "bn_scale": "BatchNorm scale"}
LEVELS, QUICK_LEVELS = (0.2, 0.3, 0.5), (0.2,)
RECOVERED = "magnitude_l1"
EPOCHS, QUICK_EPOCHS = 4, 1
LEARNT = {"learning_rate": 4e-3, "optimiser": "adamw", "batch_size": 8, "temperature": 1.0,
          "teacher_weight": 1.0}  # fmt: skip
FEW = 24  # photographs of the quick size
RUNS = 20  # passes of one image of each of both networks
TORCHVISION = (
    "ssdlite320_mobilenet_v3_large",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "retinanet_resnet50_fpn",
)
YOLO = ("yolov5n", "yolov8n", "yolov9t", "yolo11n")
SIDE = 160  # pixels of YOLO's inputs here
COLUMNS = ("network", "cut", "parameters", "MACs", "ms", "mAP@0.5", "change",
           "recall of persons, %", "change", "masked to cut", "s")  # fmt: skip


def percents(value: float, low: float, high: float, form: str = "") -> str:
    """Return a share with its interval, in percent."""
    found, least, most = (format(100 * each, f"{form}.1f") for each in (value, low, high))
    return f"{found} ({least} to {most})"


def quality(found: Tally, before: Tally | None) -> list[str]:
    """Return mAP and the recall of persons, each with its change beside another's answers."""
    return [cell for metric in (MAP_50, PERSONS) for cell in pair_of(metric, found, before)]


def pair_of(metric: Metric, found: Tally, before: Tally | None) -> tuple[str, str]:
    """Return a metric with its interval, and its change on the same images."""
    value = percents(metric.combine(found), *metric.interval(found))
    if before is None:
        return value, ""
    change, ends = metric.paired(before, found)
    return value, percents(change, *ends, form="+")


def first_of(data: Data | None, count: int | None) -> Data:
    """Return data with the first of their photographs alone to be judged on, all if None."""
    assert data is not None
    assert isinstance(data.x, Tensor)
    return data if count is None else replace(data, x=data.x[:count], y=data.y[:count], names=())


class Bench:
    """FastestDet and its photographs, opened once."""

    def __init__(self, photographs: int | None) -> None:
        subject = load_subject(PLAN)
        self.subject: Subject = replace(subject, data=first_of(subject.data, photographs))
        self.parameters = sum(p.numel() for p in self.subject.model.parameters())
        self.macs = sum(macs_by_parameter(self.subject.model, self.subject.example).values())
        self.before = tally(self.subject.model, self.subject)[1]

    def dense(self) -> list[str]:
        """Return the row of the original."""
        sizes = [f"{self.parameters:,}", f"{self.macs / 1e6:.1f} M", ""]
        return ["FastestDet", "dense", *sizes, *quality(self.before, None), "", ""]

    def prepared(self, plan: Plan) -> Prepared:
        """Rank the channels by a criterion; nobody asks for the original's answers again."""
        return run.prepare(replace(self.subject, data=first_of(self.subject.data, 1)), plan)

    def row(
        self, how: str, prepared: Prepared, pruned: Pruned, beside: Tally, seconds: float
    ) -> tuple[list[str], Tally]:
        """Return a cut network's row, changes beside other answers, and what is counted of it."""
        found = tally(pruned.model, self.subject)[1]
        left = sum(p.numel() for p in pruned.model.parameters()) / self.parameters
        _, macs = run.costs(prepared, pruned)
        taken = run.time_models(prepared, pruned, RUNS, threads=1).summary().pruned.median
        sizes = [f"{left:.0%}", f"{sum(macs.values()) / self.macs:.0%}", f"{taken:.1f}"]
        error = f"{pruned.error:.0e}" if pruned.recovery is None else ""
        cells = [*sizes, *quality(found, beside), error, f"{seconds:.0f}"]
        return ["FastestDet", how, *cells], found


def fastestdet_rows(quick: bool) -> tuple[list[list[str]], float]:
    """Cut by each criterion at each level, recover one of them; the share of mAP that is back."""
    bench = Bench(FEW if quick else None)
    rows, back = [bench.dense()], 0.0
    print(rows[0], flush=True)
    epochs = QUICK_EPOCHS if quick else EPOCHS
    distilled = [{"method": "distill", "parameters": {**LEARNT, "epochs": epochs}}]
    for criterion in [RECOVERED] if quick else CRITERIA:
        begun = time.perf_counter()
        prepared = bench.prepared(PLAN.changed(criterion=criterion))
        seconds = time.perf_counter() - begun
        for level in QUICK_LEVELS if quick else LEVELS:
            plan = PLAN.changed(criterion=criterion, sparsity=level)
            what = f"{level:.0%} by {CRITERIA[criterion]}"
            cut, raw = bench.row(what, prepared, run.prune(prepared, plan), bench.before, seconds)
            rows.append(cut)
            print(cut, flush=True)
            if criterion != RECOVERED or level > min(LEVELS):
                continue
            begun = time.perf_counter()
            pruned = run.recovered(prepared, plan.changed(recovery=distilled))
            taken = time.perf_counter() - begun
            what += f", distilled in {epochs} epochs, change by it"
            again, found = bench.row(what, prepared, pruned, raw, taken)
            rows.append(again)
            print(again, flush=True)
            back = MAP_50.combine(found) / MAP_50.combine(bench.before)
    return rows, back


def torchvision_cut(name: str) -> Found:
    """Trace, prove and cut one of torchvision's detectors by half."""
    example = example_of(name)
    return measured(perturbed(build(name), example), example)


def yolo_cut(name: str) -> Found:
    """Trace, prove and cut a YOLO by half; the boxes alone are its answers, as in an export."""
    tasks = importlib.import_module("ultralytics.nn.tasks")  # the user's own, never a dependency
    torch.manual_seed(0)
    model = tasks.DetectionModel(f"{name}.yaml", verbose=False).eval().requires_grad_(False)
    model.model[-1].export = True
    example = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return measured(perturbed(model, example), example)


def family_row(name: str, found: Found) -> list[str]:
    """Return the row of a network with random weights, of which nobody asks how well it finds."""
    unknown = [""] * 4
    if "fault" in found:
        return [name, found["fault"], "", "", "", *unknown, "", ""]
    left = f"{found['after'] / found['before']:.0%}"
    held = sum(1 for _ in found["held"])
    said = f"50 %, random weights; {held} layers held"
    return [name, said, left, "", "", *unknown, f"{found['error']:.0e}",
            f"{found['proved_seconds']:.0f}"]  # fmt: skip


def family_rows(quick: bool) -> list[list[str]]:
    """Cut each of both families by half, each in a process of its own."""
    has_yolo = importlib.util.find_spec("ultralytics") is not None
    rows = []
    for name in TORCHVISION[:1] if quick else TORCHVISION:
        rows.append(family_row(name, tried(torchvision_cut, name)))
        print(rows[-1], flush=True)
    for name in YOLO[:1] if quick else YOLO:
        none = {"fault": "ultralytics is not installed"}
        rows.append(family_row(name, tried(yolo_cut, name) if has_yolo else none))
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Cut, recover, and print the table."""
    torch.set_num_threads(1)
    if not (fastestdet.DATA / "coco").is_dir():
        raise SystemExit(f"this benchmark needs photographs: there are none in {fastestdet.DATA}")
    quick = quick_asked(__doc__)
    rows, back = fastestdet_rows(quick)
    rows += family_rows(quick)
    notes = (
        f"FastestDet: {FEW if quick else 96} photographs of COCO, 128 others to calibrate and "
        "distil; mAP and recall (at 100 boxes) with 95 % intervals, changes those of paired inputs "
        "beside the dense network or, where distilled, beside the same cut without; one thread, "
        "ms of one image, s of the ranking or of the training. The others have random weights: "
        "half of each layer's channels goes, what is held has its reason in `pruneviz check`, and "
        "s holds the trace, the proofs and the cut. *Masked to cut* is the largest difference of "
        "both networks, of the largest output."
    )
    finish("detectors", COLUMNS, rows, notes, back)


if __name__ == "__main__":
    main()
