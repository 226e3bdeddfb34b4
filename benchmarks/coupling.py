"""Every float model of torchvision at 50 % by L1 magnitude: cut and run, beside Torch-Pruning.

Each tool has a process of its own for each model, so that a crash or a hang is a row of the table,
and is warmed up on a small network first. *Trace and cut* are PruneViz's seconds for the trace, the
ranking and the cut of what the first reading offers; Torch-Pruning's hold its graph, ranking and
cut, and it proves nothing. *With proofs* holds PruneViz's trials of what it offers besides. The
ratio is PruneViz's trace and cut to Torch-Pruning's seconds, the median over the models that both
cut. Weights are random.

*Memory* is what the trace holds at its worst, the network among it and one forward pass of the same
input apart, by the size of the network: the largest resident growth of the process (VmHWM).

Rows are kept beside this file: `--resume` measures the models that have none, and `--only PREFIX …`
measures these anew; both write the section of all rows.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torchvision
from apart import Found, tried
from common import finish, needed
from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import Applied, apply
from pruneviz.criteria import Evidence, score
from pruneviz.granularity import Units
from pruneviz.granularity.channel import channels
from pruneviz.network.inputs import call
from pruneviz.network.study import study
from pruneviz.plan import Plan
from pruneviz.proof import find_units, prove
from pruneviz.proof.find import first_reading
from pruneviz.proof.perturb import perturbed
from pruneviz.subjects.models import torchvision_models

ROWS = Path(__file__).with_name("coupling.rows.json")
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
    """Return a model with seeded random weights."""
    if name.startswith("raft"):
        torch.manual_seed(0)
        model: nn.Module = torchvision.models.get_model(name, weights=None)
    else:
        model = torchvision_models._build(name)
    return model.eval()


def small() -> tuple[nn.Module, Tensor]:
    """Return what a tool is warmed up on."""
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4)
    return nn.Sequential(*layers).eval(), torch.rand(2, 3, 8, 8)


def cut_half(model: nn.Module, units: tuple[Units, ...]) -> Applied:
    """Rank units and cut half of each layer."""
    weights = {name: p.detach() for name, p in model.named_parameters()}
    ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
    return apply(model, units, allocate(units, ranking, Plan(sparsity=SPARSITY)).keep)


def ours(name: str) -> Found:
    """Cut a model with PruneViz, first without and then with proofs."""
    model, example = small()
    prove(cut_half(model, find_units(model, example, "channel")[0]), example)
    example = example_of(name)
    return measured(perturbed(build(name), example), example)


def measured(model: nn.Module, example: Any) -> Found:
    """Trace, prove, rank and cut a lively model, and say what became of it."""
    before = sum(p.numel() for p in model.parameters())
    begun = time.perf_counter()
    one, offered, _ = first_reading(channels, model, example)
    cut_half(model, offered)
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    units, skipped = find_units(model, example, "channel")
    applied = cut_half(model, units)
    proved_seconds = time.perf_counter() - begun
    return {
        "groups": len(units), "units": sum(layer.count for layer in units),
        "skipped": len(skipped), "before": before, "seconds": seconds,
        "held": [(item.name, item.reason) for item in skipped],
        "proved_seconds": proved_seconds, "memory": trace_memory(model, one),
        "after": sum(p.numel() for p in applied.model.parameters()),
        "error": prove(applied, example),
    }  # fmt: skip


def trace_memory(model: nn.Module, example: Any) -> float | None:
    """Return the most that a trace holds, without one forward pass, in networks; None if unknown.

    A network's own tensors are one of them.
    """
    tensors = [*model.parameters(), *model.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    try:
        with torch.no_grad():
            forward = growth(lambda: call(study(model), example))
        return 1 + (growth(lambda: channels(model, example)) - forward) / size
    except OSError:  # this system does not tell
        return None


def growth(action: Callable[[], object]) -> int:
    """Return by how many bytes the process grows at most while something is done."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    kept = action()
    grown = _status("VmHWM") - before
    del kept
    return grown


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def theirs(name: str) -> Found:
    """Cut a model with Torch-Pruning's defaults; what gives the classes is left out."""
    _step(*small())
    model, example = build(name), example_of(name)
    before = sum(p.numel() for p in model.parameters())
    begun = time.perf_counter()
    _step(model, example)
    seconds = time.perf_counter() - begun
    with torch.no_grad():
        call(model, example)
    after = sum(p.numel() for p in model.parameters())
    if after >= before:
        raise ValueError("nothing was cut")
    return {"before": before, "after": after, "seconds": seconds}


def _step(model: nn.Module, example: Any) -> None:
    torch_pruning = needed("torch_pruning")
    last = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1:]
    pruner = torch_pruning.pruner.BasePruner(
        model, example, torch_pruning.importance.GroupMagnitudeImportance(p=1),
        pruning_ratio=SPARSITY, ignored_layers=last,
    )  # fmt: skip
    pruner.step()


def row(name: str, mine: Found, other: Found) -> list[str]:
    """Return a line of the table."""
    beside = (
        other.get("fault") or f"{other['after'] / other['before']:.1%}, {other['seconds']:.2f} s"
    )
    if "fault" in mine:
        return [name, "", "", "", "", mine["fault"], "", "", "", beside]
    memory = mine["memory"]
    return [
        name, str(mine["groups"]), str(mine["units"]), f"{mine['before'] / 1e6:.1f} M",
        f"{mine['after'] / mine['before']:.1%}", f"{mine['error']:.0e}",
        f"{mine['seconds']:.2f}", f"{mine['proved_seconds']:.1f}",
        "" if memory is None else f"{memory:.1f} ×", beside,
    ]  # fmt: skip


COLUMNS = ("model", "groups", "units", "parameters", "left", "error", "trace and cut s",
           "with proofs s", "trace memory", "Torch-Pruning: left")  # fmt: skip


def summary(found: dict[str, tuple[Found, Found]]) -> tuple[str, float]:
    """Return what the table says in words, and the ratio."""
    cut = [m for m, _ in found.values() if "fault" not in m and m["after"] < m["before"]]
    theirs_cut = [t for _, t in found.values() if "fault" not in t]
    both = [(m, t) for m, t in found.values() if "fault" not in m and "fault" not in t]
    plain, proved = (
        statistics.median([m[key] / t["seconds"] for m, t in both] or [float("nan")])
        for key in ("seconds", "proved_seconds")
    )
    slowest, proved_slowest = (
        max((m[key] for m in cut if m["before"] <= 1e8), default=0.0)
        for key in ("seconds", "proved_seconds")
    )
    memories = [m["memory"] for m in cut if m["memory"] is not None]
    words = (
        f"{len(found)} models, random weights, one thread; {len(cut)} are cut, at an error "
        "(largest difference between masked and cut, of the largest output) as listed; "
        f"Torch-Pruning {version('torch-pruning')} cuts {len(theirs_cut)} of them. Some are cut in "
        "part: what stays is listed with its reason by `pruneviz check`. Seconds to "
        f"Torch-Pruning's, in the median of the {len(both)} that both cut: {plain:.2f} for trace "
        f"and cut, {proved:.2f} with proofs. The slowest of at most 100 M parameters takes "
        f"{slowest:.1f} s for trace and cut, {proved_slowest:.1f} s with proofs. "
        "The trace holds at most "
        f"{max(memories, default=float('nan')):.1f} times the network, a forward pass apart."
    )
    return words, plain


def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a version under two minutes")
    parser.add_argument("--resume", action="store_true", help="measure what has no row yet")
    parser.add_argument("--only", nargs="+", metavar="PREFIX", help="measure these models anew")
    return parser.parse_args()


def main() -> None:
    """Try the models with both tools, one after the other, and write the section."""
    options = asked()
    needed("torch_pruning")  # said before anything is tried
    every = [n for n in torchvision.models.list_models() if not n.startswith("quantized")]
    known = options.resume or options.only
    rows = json.loads(ROWS.read_text()) if known and ROWS.exists() else {}
    chosen = [n for n in every if n.startswith(tuple(options.only))] if options.only else every
    for name in QUICK if options.quick else chosen:
        if options.resume and name in rows:
            continue
        rows[name] = tried(ours, name), tried(theirs, name)
        print(*row(name, *rows[name]), sep=" | ", flush=True)
        if not options.quick:
            ROWS.write_text(json.dumps(rows, indent=1))
    found = {name: rows[name] for name in every if name in rows}
    words, ratio = summary(found)
    finish("coupling", COLUMNS, [row(name, *both) for name, both in found.items()], words, ratio)


if __name__ == "__main__":
    main()
