"""What comes back without training, as the Tune page shows it."""

from __future__ import annotations

from pruneviz.analyses.without_training import TrainingFreeQuality, without_training
from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import metric_of
from pruneviz.plan import Part, Plan
from pruneviz.recovery import RECOVERIES
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached

HELP = (
    "BatchNorm statistics re-measured, biases corrected, and both: no weight is trained, no label "
    "is used. Measured on all evaluated inputs each time the plan changes, so sliders get slower."
)


@cached(cache.plan_key, of=lambda plan: plan.without(Part.RECOVERY), most=64)
def rows(plan: Plan) -> tuple[TrainingFreeQuality, ...]:
    """Return how good a plan's pruned network is then; ValueError where nothing judges it."""
    return tuple(without_training(cache.prepared(plan), cache.pruned(plan), plan.seed))


def called(methods: tuple[str, ...]) -> str:
    """Return what is done, in words: `BatchNorm recalibration, then bias correction`."""
    if not methods:
        return "Nothing: as it is pruned"
    first, *others = (RECOVERIES.get(name).title for name in methods)
    return ", then ".join([first, *(title[:1].lower() + title[1:] for title in others)])


def table(found: tuple[TrainingFreeQuality, ...]) -> str:
    """Return the metric after each and what it wins against nothing, as a table in Markdown."""
    inputs, metric = fmt.plural(found[0].quality.samples, "input"), metric_of(found[0].quality)
    won_back = "Won back" if metric.better == "higher" else "Change, below 0 is won back"
    lines = [f"| On {inputs} | {metric.title} | {won_back}, 95 % interval |", "|:--|--:|--:|"]
    for row in found:
        low, high = (f"{float(metric.written_alone(end)):+}" for end in row.quality.change_interval)
        won = f"{fmt.metric_change(metric, row.quality.change)} ({low} to {high})"
        value = fmt.metric_value(metric, row.quality.pruned)
        lines.append(f"| {called(row.methods)} | {value} | {won if row.methods else ''} |")
    return "\n".join(lines)
