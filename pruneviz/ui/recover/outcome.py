"""What a recovery costs and what came of it, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from pruneviz.figures.epochs import best_and_last, interval_of
from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import METRICS, UNITS, Metric, metric_of
from pruneviz.plan import Plan
from pruneviz.recovery.rounds import with_epochs
from pruneviz.report import ACCURACY, Interval, Report
from pruneviz.ui.frame.frame import View
from pruneviz.ui.jobs.watch import watch
from pruneviz.ui.recover import costs
from pruneviz.ui.recover.costs import Measuring
from pruneviz.ui.recover.recovering import Earlier, RecoveryJob, can_be_kept, is_kept
from pruneviz.ui.session import recipes
from pruneviz.ui.words import text

START, STOP, USE, MEASURE = "Start", "Stop", "Use it", "Measure a few steps"
RESUME, AGAIN = "Resume", "Try again"
KEEP, KEEP_STOPPED = "Stop here and keep it", "Keep it as it is"
KEYS = {MEASURE: "measure", KEEP: "keep", KEEP_STOPPED: "keep"}
HELP = {
    START: "Put this recovery into the plan and begin it as a job, which goes on by itself.",
    STOP: "Stop at once. It can be resumed where it stopped.",
    KEEP: "End after the last finished epoch, and take the network as it is.",
    KEEP_STOPPED: "Take the network after the last finished epoch, without the others.",
    USE: "This was computed before: put it into the plan.",
    MEASURE: "This network is slow, so even a few steps take a while.",
}
SEEDS_HELP = (
    "Training depends on chance: the order of the inputs, their augmentation. Other seeds show "
    "how much of a difference is chance."
)
UNKNOWN_COST = "What a step takes is not measured yet"
NOT_POSSIBLE = "A time can be chosen once what stands above is mended."
# What a network is called that was recovered without an epoch, by the last step of its curve.
AFTER = {
    "prune": "After pruning",
    "recalibrate": "After recalibration",
    "correct_biases": "After bias correction",
}


def question(view: View) -> str:
    """Return what the page answers, by what judges the network."""
    try:
        judge = view.subject.metrics[0].name
    except ValueError:  # the page says why there is none
        judge = ACCURACY
    return f"How much {'accuracy ' if judge == ACCURACY else ''}comes back?"


def offered(
    now: RecoveryJob, problem: str, measured: Measuring | None, *, adopted: bool
) -> dict[str, bool]:
    """Return the labels of what can be done now, each with whether it must wait."""
    if now.busy:
        held = now.stopping or is_kept(now)
        return {STOP: held, KEEP: held or not can_be_kept(now)}
    if now.finished:
        return {} if adopted else {USE: False}
    if now.state is None:
        unknown = measured is None and not problem
        return {START: bool(problem), **({MEASURE: False} if unknown else {})}
    again = AGAIN if now.state == "failed" else RESUME
    return {again: bool(problem), **({KEEP_STOPPED: False} if can_be_kept(now) else {})}


def draft(plan: Plan, now: RecoveryJob) -> str:
    """Return whether a recovery is in the session's plan, and how a draft gets there."""
    if plan == now.asked:
        return "This recovery is in the plan."
    said = recipes.words(plan)
    still = f"the plan still says {said}" if said else "the plan has no recovery yet"
    if now.busy:
        return f"Draft: {still}. When this one is finished, {USE} puts it there."
    label = next(iter(offered(now, "", None, adopted=False)))
    return f"Draft: {still}. {label} puts this one there."


def price(plan: Plan, measured: Measuring | None) -> str:
    """Return what a plan's recovery takes, as far as it is known, as Markdown."""
    if measured is None:
        return f"{UNKNOWN_COST}."
    if measured.cost is None:
        return text.escape(measured.problem) or "Measuring a few steps …"
    found = measured.cost
    whole = fmt.unbroken(fmt.seconds(costs.seconds_of(found, plan)))
    epochs = recipes.epochs_run(plan)
    if not epochs or not found.epochs:
        return f"**About {whole}**, without any training."
    steps = epochs * found.steps // found.epochs
    step = found.seconds_per_step
    each = fmt.unbroken(f"{step:.1f} s" if step >= 1 else fmt.milliseconds(1000 * step))
    return (
        f"**About {whole}** for {fmt.plural(epochs, 'epoch')}: {fmt.plural(steps, 'step')} of "
        f"{each}, measured just now, and {costs.around_seconds():.0f} s to begin and to end."
    )


def fitting(measured: Measuring | None) -> str:
    """Return what stands before the times that can be chosen."""
    under_way = measured is not None and measured.cost is None and not measured.problem
    return "Measuring how many epochs fit into" if under_way else "As many epochs as fit into"


def why_not(plan: Plan, measured: Measuring | None, fits: Mapping[str, int]) -> str:
    """Return why some of the times cannot be chosen, "" where all can or are being measured.

    `fits` holds how many epochs fit into each time.
    """
    if measured is None:
        return f"To know how many fit, press “{MEASURE}”."
    if measured.cost is None:
        unknown = text.sentence(f"it is not known what fits: {measured.problem}")
        return unknown * bool(measured.problem)
    least = recipes.rounds(plan)
    short = [name for name, epochs in fits.items() if epochs < least]
    if not short:
        return ""
    wanted = "Not one epoch fits" if least == 1 else f"{least} epochs, one a round, do not fit"
    shortest = costs.seconds_of(measured.cost, with_epochs(plan, least))
    busy = watch().latest(costs.QUICK_SECONDS).under_way
    slowed = " What runs now slows it down." if busy else ""
    return f"{wanted} into {' or '.join(short)}: that takes about {fmt.seconds(shortest)}.{slowed}"


def table(report: Report) -> str:
    """Return a finished recovery's metric with its intervals, as a table in Markdown."""
    recovery, pair = report.recovery, report.primary
    if recovery is None or pair is None:
        return ""
    rows = [("Original", pair.original, pair.original_interval)]
    if recovery.control:
        control = recovery.control
        rows.append(("Original, recalibrated: the control", control.value, control.interval))
    rows.append(("Pruned, before recovery", recovery.before.value, recovery.before.interval))
    found, best = best_and_last(recovery.curve), recovery.best_epoch
    last = f"Last epoch: {recovery.epochs}" if recovery.epochs else AFTER[recovery.curve[-1].step]
    if best and best == recovery.epochs:
        last = f"Best and last epoch: {best}"
    elif found and best is not None:
        rows.append((f"Best epoch: {best}", found[0].value, interval_of(found[0], pair.samples)))
    rows.append((f"**{last}, the result**", pair.pruned, pair.pruned_interval))
    metric = metric_of(pair)
    lines = [
        f"| {name} | {_number(metric, value)} | {_interval(metric, ends)} |"
        for name, value, ends in rows
    ]
    head = f"| On {fmt.inputs_of(pair.samples, report.plan)} | {metric.title} | 95 % interval |"
    return "\n".join([head, "|:--|--:|--:|", *lines])


def circumstances(report: Report) -> str:
    """Return how long a recovery took and where, why it ended early, and what to beware of."""
    found = report.recovery
    if found is None:
        return ""
    took = fmt.seconds(found.seconds)
    parts = [f"It took {took} on {fmt.plural(found.threads, 'thread')} ({found.device})."]
    if found.stopped:
        parts.append(text.sentence(found.stopped))
    if found.best_epoch not in (None, found.epochs):
        parts.append(
            "The best epoch was found by the very inputs that judge it, so it flatters; what is "
            "reported and exported is the last."
        )
    return " ".join(parts)


def seeds(now: RecoveryJob, more: Sequence[RecoveryJob]) -> str:
    """Return what each seed reached, and their mean and spread, as Markdown."""
    every = [now, *more]
    last = [one.result.rows[-1] for one in every if one.finished and one.result.rows]
    if len(last) == len(every):
        metric, done = METRICS.get(last[0].metric), [row.value for row in last]
        ends = min(done), max(done)
        apart = metric.written_alone(ends[1] - ends[0]) + metric.symbol_of_changes
        mean, low, high = (_number(metric, value) for value in (fmean(done), *ends))
        return (
            f"**{mean}** is the mean of {len(done)} seeds. They lie {fmt.unbroken(apart)} apart, "
            f"from {low} to {high}: so much is chance."
        )
    return ", ".join(f"seed {one.asked.seed}: {_reached(one)}" for one in every)


def _reached(one: RecoveryJob) -> str:
    """Return a recovery's last value, and its state where it is not finished."""
    last = one.result.rows[-1] if one.finished and one.result.rows else None
    return _number(METRICS.get(last.metric), last.value) if last else str(one.state)


def comparison_table(found: Sequence[Earlier]) -> str:
    """Return finished recoveries of one pruning below each other, as a table in Markdown."""
    metrics = {metric_of(one.quality).title for one in found if one.quality}
    titled = metrics.pop() if len(metrics) == 1 else "Quality"
    lines = [f"| | Recovery | {titled} | 95 % interval |", "|:--|:--|--:|--:|"]
    for number, one in enumerate(found, 1):
        name = f"{text.escape(one.row.name)}: " if one.row.name else ""
        value, spread = "–", "–"
        if one.quality:
            metric = metric_of(one.quality)
            value = _number(metric, one.quality.pruned)
            spread = _interval(metric, one.quality.pruned_interval)
        lines.append(
            f"| {number} | {name}{text.escape(recipes.words(one.plan))} | {value} | {spread} |"
        )
    return "\n".join(lines)


def _number(metric: Metric, value: float) -> str:
    return fmt.unbroken(fmt.metric_value(metric, value))


def _interval(metric: Metric, ends: Interval) -> str:
    low, high = (fmt.metric_value(metric, end) for end in ends)
    alone = low.removesuffix(UNITS[metric.unit].symbol)
    return fmt.unbroken(f"{alone} to {high}")
