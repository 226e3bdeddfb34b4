"""Masks of ResNet-50's weights after a slider moved, against torch.nn.utils.prune doing the same.

The layers are ranked once, before the first slider moves; that time is in the text. Like is set
beside like: masks alone against torch's computation of the same masks, and masks written into the
weights against torch's pruning call, which writes them too. The ratio is that of the global
slider's masks. The weights are random: ranking does not care what they were trained for.

A second table sets every way to share an amount out beside one sort of the scores, which whoever
keeps no ranks pays each time. Its ratio is the least, budgets apart: these try many amounts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torchvision
from common import finish, median_seconds, quick_asked
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pruneviz.allocate import SCOPES, Ranking, allocate, decides_amount
from pruneviz.criteria import Evidence, score
from pruneviz.granularity import GRANULARITIES, Units
from pruneviz.measure.cost import macs_by_parameter
from pruneviz.network.masks import combine
from pruneviz.plan import Plan
from pruneviz.stages.counting import Counting

LEVELS = (0.3, 0.5, 0.7, 0.9)
TORCH_RUNS = 3
EXAMPLE = torch.randn(2, 3, 64, 64)


@dataclass
class Ours:
    """PruneViz with its layers ranked, and how many seconds the two rankings took."""

    model: nn.Module
    units: tuple[Units, ...]
    ranking: Ranking
    within_s: float
    across_s: float

    @classmethod
    def ranked(cls, model: nn.Module) -> Ours:
        """Find the model's weights and rank them by size."""
        start = time.perf_counter()
        units, _ = GRANULARITIES.get("weight").implementation(model, EXAMPLE)
        weights = {name: p.detach() for name, p in model.named_parameters()}
        ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
        for layer in units:
            ranking.within(layer.name)
        middle = time.perf_counter()
        ranking.across()
        return cls(model, units, ranking, middle - start, time.perf_counter() - middle)

    def masks(self, plan: Plan) -> dict[str, Tensor]:
        """Return the masks by parameter name."""
        keep = allocate(self.units, self.ranking, plan).keep
        return combine(layer.masks(keep[layer.name]) for layer in self.units)

    def applied(self, layers: Sequence[str], plan: Plan) -> dict[str, Tensor]:
        """Return the masked weights of the slider's layers: what torch computes too."""
        weights, masks = dict(self.model.named_parameters()), self.masks(plan)
        with torch.no_grad():
            names = [f"{layer}.weight" for layer in layers]
            return {name: weights[name] * masks[name] for name in names}


@dataclass
class Slider:
    """A slider: its layers, the plan of a level, and what torch does for it: all, or masks."""

    layers: list[str]
    plan: Callable[[float], Plan]
    torch: Callable[[float], None]
    torch_masks: Callable[[float], Tensor]


def main() -> None:
    """Time both tools, check that they agree at every level, and write the section."""
    quick = quick_asked(__doc__)
    torch.manual_seed(0)
    model = torchvision.models.resnet50(weights=None).eval()
    ours, levels = Ours.ranked(model), LEVELS[1:2] if quick else LEVELS
    rows, ratio = [], 0.0
    for name, slider in sliders(model, ours.units).items():
        pruned = [torch_seconds(model, slider, s, ours) for s in levels]
        masks = [median_seconds(partial(slider.torch_masks, s), TORCH_RUNS) for s in levels]
        applied = partial(ours.applied, slider.layers)
        for what, action, theirs in (
            ("masks", ours.masks, masks),
            ("masks, and the weights masked", applied, pruned),
        ):
            runs = 3 if quick else 9
            own = [median_seconds(partial(action, slider.plan(s)), runs) for s in levels]
            faster = sum(theirs) / sum(own)
            ratio = faster if (name, what) == ("global slider", "masks") else ratio
            rows.append(
                [f"{name}: {what}", milliseconds(own), milliseconds(theirs), f"{faster:.0f} ×"]
            )
            print(*rows[-1], sep=" | ", flush=True)
    total = sum(layer.count for layer in ours.units)
    allocation(ours, total, quick)
    finish(
        "masks",
        ["after", "PruneViz", "torch.nn.utils.prune", "faster"],
        rows,
        f"ResNet-50, {total:,} weights in {len(ours.units)} layers, random weights; mean over "
        f"sparsities {', '.join(map(str, levels))}, medians of several runs each. PruneViz ranked "
        f"once beforehand: {ours.within_s:.1f} s by layer, {ours.across_s:.1f} s across; torch "
        "ranks each time. The ratio is that of 'global slider: masks'. Both tools removed the same "
        "weights at every level (ties apart; PruneViz leaves one weight in a layer that "
        "torch empties, and takes another one instead).",
        ratio,
    )


def allocation(ours: Ours, total: int, quick: bool) -> None:
    """Time every scope once the ranks exist, beside one stable sort of all scores."""
    costs = Counting(ours.model, EXAMPLE, ours.units, macs_by_parameter(ours.model, EXAMPLE))
    rows, ratios = [], []
    for entry in SCOPES:
        plans = [Plan(scope=entry.name, sparsity=s) for s in LEVELS]
        actions = [partial(allocate, ours.units, ours.ranking, plan, costs) for plan in plans]
        actions = actions[:1] if decides_amount(entry.name) else actions
        actions[0]()  # what is known of the scores is computed once
        own = [median_seconds(action, 3 if quick else 5) for action in actions]
        faster = ours.across_s / statistics.mean(own)
        ratios += [] if entry.name == "budget" else [faster]
        rows.append([entry.title, milliseconds(own), f"{faster:.0f} ×"])
    finish(
        "allocation",
        ["scope", "which units stay", "faster than one sort"],
        rows,
        f"ResNet-50, {total:,} weights in {len(ours.units)} layers, random weights; mean over "
        f"sparsities {', '.join(map(str, LEVELS))}, medians of several runs each. One stable sort "
        f"of all scores: {ours.across_s:.1f} s. The ratio is the least, budgets apart.",
        min(ratios),
    )


def sliders(model: nn.Module, units: tuple[Units, ...]) -> dict[str, Slider]:
    """Return the slider of a layer in the middle, and the one of all layers together."""
    kinds = nn.Conv2d | nn.Linear
    names = [name for name, module in model.named_modules() if isinstance(module, kinds)]
    modules = [(model.get_submodule(name), "weight") for name in names]
    one = units[len(units) // 2].name
    layer = model.get_submodule(one)
    return {
        "one slider": Slider(
            [one],
            lambda s: Plan(layers={one: s}),
            lambda s: torch_prune.l1_unstructured(layer, "weight", s),
            lambda s: torch_masks([layer], s),
        ),
        "global slider": Slider(
            names,
            lambda s: Plan(scope="global", sparsity=s),
            lambda s: torch_prune.global_unstructured(
                modules, torch_prune.L1Unstructured, amount=s
            ),
            lambda s: torch_masks([module for module, _ in modules], s),
        ),
    }


def torch_masks(layers: Sequence[nn.Module], sparsity: float) -> Tensor:
    """Return the mask that torch computes for these layers' weights joined, and nothing else."""
    joined = torch.cat([layer.weight.detach().reshape(-1) for layer in layers])
    return torch_prune.L1Unstructured(sparsity).compute_mask(joined, torch.ones_like(joined))


def torch_seconds(model: nn.Module, slider: Slider, sparsity: float, ours: Ours) -> float:
    """Return the median seconds of torch's own pruning, after a check that both tools agree."""
    taken = []
    for _ in range(TORCH_RUNS):
        start = time.perf_counter()
        slider.torch(sparsity)
        taken.append(time.perf_counter() - start)
        modules = [model.get_submodule(name) for name in slider.layers]
        theirs = {
            f"{name}.weight": module.get_buffer("weight_mask").bool()
            for name, module in zip(slider.layers, modules, strict=True)
        }
        restore(modules)
    same_choice(dict(model.named_parameters()), ours.masks(slider.plan(sparsity)), theirs)
    return statistics.median(taken)


def restore(modules: Sequence[nn.Module]) -> None:
    """Undo torch's pruning."""
    for module in modules:
        original = module.get_parameter("weight_orig").detach().clone()
        torch_prune.remove(module, "weight")
        module.get_parameter("weight").data.copy_(original)


def same_choice(
    weights: dict[str, Tensor], ours: dict[str, Tensor], theirs: dict[str, Tensor]
) -> None:
    """Fail unless both keep exactly the same weights, weights of equal size apart.

    PruneViz leaves one weight in a layer that torch empties, and takes another one elsewhere.
    """
    if not all(bool(mask.all()) for name, mask in ours.items() if name not in theirs):
        raise SystemExit("PruneViz removed weights of layers that torch was not asked to prune")
    emptied = [name for name, mask in theirs.items() if not mask.any()]
    if any(int(ours[name].sum()) != 1 for name in emptied):
        raise SystemExit("PruneViz left more than one weight in a layer that torch empties")
    rest = [name for name in theirs if name not in emptied]
    sizes = torch.cat([weights[name].detach().abs().flatten() for name in rest])
    own = torch.cat([ours[name].flatten() for name in rest])
    other = torch.cat([theirs[name].flatten() for name in rest])
    # Two choices of equally many, each of which keeps nothing smaller than what it removes.
    largest_first = all(sizes[~keep].max() <= sizes[keep].min() for keep in (own, other))
    if int(own.sum()) + len(emptied) != int(other.sum()) or not largest_first:
        raise SystemExit(f"the tools disagree on {int((own ^ other).sum())} weights")


def milliseconds(seconds: Sequence[float]) -> str:
    """Return the mean as text."""
    mean = 1000 * statistics.mean(seconds)
    return f"{mean:.1f} ms" if mean < 100 else f"{mean:.0f} ms"


if __name__ == "__main__":
    main()
