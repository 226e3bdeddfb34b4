"""Why a scan, a comparison, a proposal or what a finished recovery left cannot be had."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact()
def unknown_metric(name: str, known: str) -> str:
    return f"unknown metric '{name}'; choose from {known}"


@fact()
def scan_unreadable(file: str, why: Fact) -> str:
    return f"'{file}' cannot be read: {why}; scan again"


@fact()
def scan_without_groups(digest: str) -> str:
    return (
        "this scan was made before what each group of inputs loses was measured: delete it with "
        f"`pruneviz runs delete {digest}`, and scan again"
    )


@fact()
def scan_lacks_notes(file: str) -> str:
    return f"'{file}' is damaged: it holds no sentences; scan again"


@fact()
def other_pairs() -> str:
    return "its pairs belong to another scan"


@fact()
def too_few_pairs(count: int) -> str:
    return f"the number of pairs must be 1 or more, got {count}"


@fact(field="granularity")
def too_few_layers(layers: int) -> str:
    return (
        f"pairs need two layers or more, and {layers} can be pruned: choose another granularity, "
        "or scan it alone"
    )


@fact()
def no_pair(layers: str, given: str) -> str:
    return f"a pair is two different layers of {layers}, got {given}"


@fact()
def no_pairs() -> str:
    return "there is no pair to look at: name one, or say how many to draw"


@fact()
def no_level_for(layers: str) -> str:
    return f"no level is given for {layers}: give each layer one"


@fact()
def cut_short() -> str:
    return "it is cut short"


@fact()
def scan_lacks_columns(file: str) -> str:
    return f"'{file}' is damaged: it lacks columns; scan again"


@fact()
def scan_lacks_numbers(file: str) -> str:
    return f"'{file}' is damaged: numbers are missing; scan again"


@fact()
def other_points() -> str:
    return "its points belong to another scan"


@fact()
def no_loss(loss: float) -> str:
    return f"the loss of accuracy to look for lies in (0, 1], got {loss:g}"


@fact()
def no_loss_of(metric: str, loss: float) -> str:
    return (
        f"how much of {metric} is too much is a number above 0 in its unit, and no more than it "
        f"can change by, got {loss:g}"
    )


@fact()
def no_number_to_lose(metric: str) -> str:
    return (
        f"the original's {metric} is no number on these inputs, so nothing can be lost of it: "
        "choose other data, or another metric"
    )


@fact()
def pairs_by_labels() -> str:
    return (
        "pairs of layers are compared by which inputs are answered right, and this task gives no "
        "input one label: look at each layer alone"
    )


@fact()
def no_blocks(granularity: str) -> str:
    return f"only residual blocks are left out one by one, and units are of '{granularity}'"


@fact()
def other_evaluations() -> str:
    return "its evaluations belong to another search"


@fact(field="data")
def comparison_without_data(metric: str = "accuracy") -> str:
    return f"methods are compared by {metric}: name data with {_targets(metric)} first"


@fact()
def other_amounts() -> str:
    return "its points belong to other amounts"


@fact(field="scope")
def scope_decides(scope: str) -> str:
    return (
        f"the scope '{scope}' decides the amount by itself, so there are no amounts to compare "
        "at: choose another on Tune, such as Global"
    )


@fact()
def marks_unreadable(file: str, why: str) -> str:
    return f"'{file}' cannot be read: {why}; measure again"


@fact()
def marks_lack_columns(file: str) -> str:
    return f"'{file}' is damaged: it lacks columns; measure again"


@fact()
def another_run(folder: str, found: str, asked: str) -> str:
    return (
        f"'{folder}' holds another run ({found}…) than the one asked for ({asked}…): name its "
        "own folder"
    )


@fact()
def masks_do_not_fit(folder: str, layers: str) -> str:
    return f"the masks in '{folder}' do not fit the model ({layers}): compute the run again"


@fact()
def masks_of_parts(folder: str) -> str:
    return f"the masks in '{folder}' take parts of units, which no run makes: compute the run again"


@fact()
def other_accuracy(folder: str, accuracy: float, reported: float) -> str:
    return (
        f"the run in '{folder}' was imported, and its network is {accuracy:.2%} accurate where "
        f"its report says {reported:.2%}: its numbers do not belong to its weights: compute the "
        "run again"
    )


@fact()
def other_quality(folder: str, metric: str, found: float, reported: float) -> str:
    return (
        f"the run in '{folder}' was imported, and the {metric} of its network is {found:.6g} where "
        f"its report says {reported:.6g}: its numbers do not belong to its weights: compute the "
        "run again"
    )


@fact()
def weights_not_zero(folder: str, weights: str) -> str:
    return (
        f"weights that the masks remove are not 0 in '{folder}' ({weights}): compute the run again"
    )


@fact(field="scope")
def scope_divides_nothing(scope: str) -> str:
    return (
        f"scope '{scope}' decides by itself how much goes: choose one that divides the overall "
        "amount, such as global or uniform"
    )


@fact()
def never_fast_enough(milliseconds: float, time: str) -> str:
    return (
        f"{milliseconds:g} ms cannot be met: with all that can go gone, the time for one input "
        f"is {time}; unlock layers, or allow more time"
    )


@fact(field="recovery")
def trains_nothing() -> str:
    return "this plan trains nothing, so it has no epochs: add 'finetune' to it"


@fact(field="data")
def scan_without_data() -> str:
    return "a sensitivity scan measures accuracy: name data with labels first"


@fact(field="data")
def influence_without_data() -> str:
    return (
        "what blocks change is measured on calibration inputs, and there are none: name data first"
    )


@fact(field="data")
def quality_without_data(metric: str = "accuracy") -> str:
    if metric == "accuracy":
        return "accuracy needs labelled data: name data with labels first"
    return f"{metric} needs data: name data with targets first"


def _targets(metric: str) -> str:
    return "labels" if metric == "accuracy" else "targets"


@fact()
def unknown_goal(known: str, given: str) -> str:
    return f"a goal is one of {known}, or a metric such as mae, got {given}: choose one of them"


@fact()
def unknown_saving(known: str, given: str) -> str:
    return f"an accuracy goal saves {known}, got {given}: choose one"


@fact()
def no_points(given: str) -> str:
    return (
        f"points of accuracy that may be lost lie from 0 to below 100, got {given}: say 1 for "
        "one point"
    )


@fact()
def no_such_loss(metric: str, unit: str, bounds: str, given: str) -> str:
    number = f"a number of {unit}" if unit else "a number"
    return (
        f"how much worse {metric} may get is {number} {bounds}, got {given}: say 0 for not at all"
    )


@fact()
def no_amount(unit: str, bounds: str, given: str) -> str:
    return f"a goal in {unit} is {bounds}, got {given}"


@fact()
def no_whole_goal(given: str) -> str:
    return (
        f"a proposal takes a goal, its value and what an accuracy goal saves, got {given}: give "
        "goal and value"
    )


@fact()
def unreadable_goal(given: str) -> str:
    return f"a goal reads macs:0.5, got {given}"


@fact(field="data")
def proposal_without_data(metric: str = "accuracy") -> str:
    return (
        f"ratios are proposed by what {metric} they cost: name data with {_targets(metric)} first"
    )


@fact()
def proposal_unreadable(file: str, why: str) -> str:
    return f"'{file}' cannot be read: {why}; propose again"


@fact()
def proposal_damaged(file: str, faults: Fact) -> str:
    return f"'{file}' is damaged: {faults}; propose again"
