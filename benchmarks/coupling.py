"""Every float model of torchvision at 50 % by L1 magnitude: cut and run, beside Torch-Pruning.

Each tool has a process of its own for each model, so that a crash or a hang is a row of the table.
PruneViz's seconds hold the trace, the proofs on random inputs, the ranking and the cut;
Torch-Pruning's hold its graph, ranking and cut, and it proves nothing. The ratio is PruneViz's
seconds to Torch-Pruning's, the median over the models that both cut. Weights are random.
"""

from __future__ import annotations

import statistics
import time
from importlib.metadata import version
from typing import Any

import torch
import torch_pruning
import torchvision
from apart import Found, tried
from common import finish, quick_asked
from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import apply
from pruneviz.coupling.study import feed
from pruneviz.criteria import Evidence, score
from pruneviz.plan import Plan
from pruneviz.proof import find_units, lively, prove
from pruneviz.subjects import torchvision_models

SPARSITY = 0.5
QUICK = ("resnet18", "shufflenet_v2_x1_0", "convnext_tiny", "fcos_resnet50_fpn")
DETECTORS = ("fasterrcnn", "maskrcnn", "keypointrcnn", "fcos", "retinanet", "ssd")
FULL_SIZE = ("vit", "maxvit", "swin_", "mvit", "s3d")
VIDEO = ("mvit", "s3d", "swin3d", "r3d", "mc3", "r2plus1d")


def example_of(name: str) -> Any:
    """Return random inputs that a model accepts, as small as it takes them."""
    random = torch.Generator().manual_seed(0)

    def inputs(*shape: int) -> Tensor:
        return torch.rand(shape, generator=random)

    if name.startswith("raft"):
        return inputs(2, 3, 128, 128), inputs(2, 3, 128, 128)
    side = 224 if name.startswith(FULL_SIZE) else 128 if name.startswith(
        (*DETECTORS, "inception")) else 64 if name.startswith(VIDEO) else 96  # fmt: skip
    if name.startswith(VIDEO):
        return inputs(2, 3, 16 if side == 224 else 8, side, side)
    return inputs(2, 3, side, side)


def build(name: str) -> nn.Module:
    """Return a model with seeded random weights that no unit of it is idle under."""
    if name.startswith("raft"):
        torch.manual_seed(0)
        model: nn.Module = torchvision.models.get_model(name, weights=None)
    else:
        model = torchvision_models._build(name)
    return lively(model.eval(), example_of(name))


def ours(name: str) -> Found:
    """Cut a model with PruneViz."""
    return cut_in_half(build(name), example_of(name))


def cut_in_half(model: nn.Module, example: Any) -> Found:
    """Trace, prove, rank and cut a model, and say what became of it."""
    before = sum(p.numel() for p in model.parameters())
    begun = time.perf_counter()
    units, skipped = find_units(model, example, "channel")
    if not units:
        raise ValueError("nothing is cut: " + "; ".join({item.reason for item in skipped}))
    weights = {name: p.detach() for name, p in model.named_parameters()}
    ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
    applied = apply(model, units, allocate(units, ranking, Plan(sparsity=SPARSITY)).keep)
    seconds = time.perf_counter() - begun
    return {
        "groups": len(units), "units": sum(layer.count for layer in units),
        "skipped": len(skipped), "before": before, "seconds": seconds,
        "held": [(item.name, item.reason) for item in skipped],
        "after": sum(p.numel() for p in applied.model.parameters()),
        "error": prove(applied, example),
    }  # fmt: skip


def theirs(name: str) -> Found:
    """Cut a model with Torch-Pruning's defaults; what gives the classes is left out."""
    model, example = build(name), example_of(name)
    before = sum(p.numel() for p in model.parameters())
    last = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1:]
    begun = time.perf_counter()
    pruner = torch_pruning.pruner.BasePruner(
        model, example, torch_pruning.importance.GroupMagnitudeImportance(p=1),
        pruning_ratio=SPARSITY, ignored_layers=last,
    )  # fmt: skip
    pruner.step()
    seconds = time.perf_counter() - begun
    with torch.no_grad():
        feed(model, example)
    after = sum(p.numel() for p in model.parameters())
    if after >= before:
        raise ValueError("nothing was cut")
    return {"before": before, "after": after, "seconds": seconds}


def row(name: str, mine: Found, other: Found) -> list[str]:
    """Return a line of the table."""
    beside = (
        other.get("fault") or f"{other['after'] / other['before']:.1%}, {other['seconds']:.1f} s"
    )
    if "fault" in mine:
        return [name, "", "", "", "", mine["fault"], "", beside]
    return [
        name, str(mine["groups"]), str(mine["units"]), f"{mine['before'] / 1e6:.1f} M",
        f"{mine['after'] / mine['before']:.1%}", f"{mine['error']:.0e}",
        f"{mine['seconds']:.1f}", beside,
    ]  # fmt: skip


def main() -> None:
    """Try every model with both tools, one after the other, and write the section."""
    quick = quick_asked(__doc__)
    every = [n for n in torchvision.models.list_models() if not n.startswith("quantized")]
    rows, ratios, cut, both = [], [], 0, 0
    for name in QUICK if quick else every:
        mine, other = tried(ours, name), tried(theirs, name)
        rows.append(row(name, mine, other))
        print(*rows[-1], sep=" | ", flush=True)
        cut += "fault" not in mine and mine["after"] < mine["before"]
        both += "fault" not in other
        if "fault" not in mine and "fault" not in other:
            ratios.append(mine["seconds"] / other["seconds"])
    finish(
        "coupling",
        [
            "model",
            "groups",
            "units",
            "parameters",
            "left",
            "error",
            "seconds",
            "Torch-Pruning: left",
        ],
        rows,
        f"{len(rows)} models, random weights, one thread; {cut} are cut, at an error (largest "
        f"difference between masked and cut, of the largest output) as listed; Torch-Pruning "
        f"{version('torch-pruning')} cuts {both} of them. Some are cut in part: what stays is "
        "listed with its reason by `pruneviz check`.",
        statistics.median(ratios),
    )


if __name__ == "__main__":
    main()
