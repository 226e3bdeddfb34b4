"""What a user must know of the numbers of a pruned network."""

from __future__ import annotations

from pruneviz.wording.fact import fact

MOST_NAMED = 6  # labels


def percent(share: float) -> str:
    """Return a fraction of inputs as these sentences write it: `97.0 %`."""
    return f"{100 * share:.1f}\u00a0%"


@fact()
def recorded(sentence: str) -> str:
    return sentence


@fact()
def macs_leave_out(operators: str) -> str:
    return f"MACs leave out {operators}, which cannot be counted here: the true number is larger."


@fact()
def one_alone_calls(whose: str, operators: str) -> str:
    return f"Only {whose} calls {operators}, which MACs leave out: their change says less."


@fact()
def stays_dense(smaller: bool) -> str:
    file = "gets smaller" if smaller else "keeps its size, as so few zeros save nothing"
    return (
        f"the removed weights are zeros in tensors of the old size: the file {file}, the "
        "arithmetic stays dense; MACs count what a sparse kernel could skip"
    )


@fact(field="criterion")
def only_ranks(title: str) -> str:
    return f"{title} ranks here only: what stays is updated where weights are zeros"


@fact()
def both_answer(name: str, original: float, pruned: float) -> str:
    return (
        f"Both networks answer “{name}”: the original to {percent(original)} of the inputs, the "
        f"pruned to {percent(pruned)}."
    )


@fact()
def one_answer(who: str, name: str, share: float, true: float) -> str:
    what = "everything" if share == 1 else f"{percent(share)} of the inputs"
    return f"The {who} “{name}” to {what}; {percent(true)} of the inputs are of that class."


@fact()
def labels_left_out(names: tuple[str, ...], of: int) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    one = len(names) == 1
    return (
        f"{len(names)} of {of} labels cannot be judged and {'is' if one else 'are'} left out of "
        f"the means over labels: all evaluated inputs have {'it' if one else 'one'}, or none has "
        f"({shown}{more})."
    )


@fact()
def no_answers(who: str, count: int, inputs: int) -> str:
    return (
        f"The {who} network answers {count:,} of the {inputs:,} inputs with NaN, which counts as "
        "wrong: look for a division by zero or a logarithm in it, or take these inputs out."
    )


@fact()
def below_chance(worse: str, more: int, outputs: int) -> str:
    others = f" and of {more} more classes" if more > 0 else ""
    return (
        f"The pruned network is right in {worse}{others}: fewer than the {percent(1 / outputs)} "
        f"that a guess among {outputs:,} outputs gets right."
    )


@fact(field="recovery")
def not_recovered_yet() -> str:
    return "The recovery is not carried out yet; this is the network before it. Recover begins it."


@fact()
def no_recipe(error: str) -> str:
    return f"there is no recipe.json, so the weights need the model's own code: {error}"


@fact()
def beside_the_state(file: str, names: str) -> str:
    return (
        f"{file} also holds what the network keeps outside its state_dict ({names}): load it with "
        "strict=False, and set these by hand"
    )


@fact(field="criterion")
def no_derivative(title: str, layers: str, count: int) -> str:
    whose = "its" if count == 1 else "their"
    return (
        f"No derivative tells the units of {layers} apart: all are 0 on the calibration inputs, as "
        f"where answers are rounded, chosen by value, detached or always 0. '{title}' takes "
        f"{whose} units for the least important: lock {'it' if count == 1 else 'them'}, or choose "
        "a criterion that derives nothing, such as magnitude_l1."
    )
