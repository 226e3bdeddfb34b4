"""What comes back without training, as the Tune page shows it."""

from __future__ import annotations

from pruneviz.analyses.without_training import TrainingFreeAccuracy, without_training
from pruneviz.figures.kit import format as fmt
from pruneviz.plan import Part, Plan
from pruneviz.recovery import RECOVERIES
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached

HELP = (
    "BatchNorm statistics re-measured, biases corrected, and both: no weight is trained, no label "
    "is used. Measured on all evaluated inputs each time the plan changes, so sliders get slower."
)


@cached(cache.plan_key, of=lambda plan: plan.without(Part.RECOVERY), most=64)
def rows(plan: Plan) -> tuple[TrainingFreeAccuracy, ...]:
    """Return the accuracies of a plan's pruned network; ValueError where there are none."""
    return tuple(without_training(cache.prepared(plan), cache.pruned(plan), plan.seed))


def called(methods: tuple[str, ...]) -> str:
    """Return what is done, in words: `BatchNorm recalibration, then bias correction`."""
    if not methods:
        return "Nothing: as it is pruned"
    first, *others = (RECOVERIES.get(name).title for name in methods)
    return ", then ".join([first, *(title[:1].lower() + title[1:] for title in others)])


def table(found: tuple[TrainingFreeAccuracy, ...]) -> str:
    """Return the accuracies and what each wins against nothing, as a table in Markdown."""
    inputs = fmt.plural(found[0].accuracy.samples, "input")
    lines = [f"| On {inputs} | Accuracy | Won back, 95 % interval |", "|:--|--:|--:|"]
    for row in found:
        low, high = row.accuracy.change_interval
        won = f"{fmt.points(row.accuracy.change)} ({100 * low:+.1f} to {100 * high:+.1f})"
        accuracy = fmt.percent(row.accuracy.pruned)
        lines.append(f"| {called(row.methods)} | {accuracy} | {won if row.methods else ''} |")
    return "\n".join(lines)
