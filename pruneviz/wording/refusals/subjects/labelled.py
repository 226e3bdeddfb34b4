"""Why labels are no classes, and why it is not known which output of the model a class is."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

REMEDY = "say which output each is with --class NAME=OUTPUT, or on Home under Your data"


@fact(field="data")
def not_alike(arrays: str) -> str:
    return f"{arrays} are not labelled alike; save the labels of both in the same way"


@fact(field="data")
def no_labels(arrays: str, shape: tuple[int, ...], dtype: str) -> str:
    return (
        f"{arrays} has shape {list(shape)} and holds {dtype}; "
        "give one class number or class name for each input"
    )


@fact(field="data")
def not_one_hot(arrays: str, shape: tuple[int, ...]) -> str:
    return (
        f"{arrays} has shape {list(shape)} and is not one-hot (a 1 in each row and zeros "
        "beside it); give one class number or class name for each input"
    )


@fact(field="data")
def no_numbers(arrays: str) -> str:
    return f"{arrays} holds NaN, which is no class; remove those inputs"


@fact(field="data")
def fractions(arrays: str) -> str:
    return f"{arrays} holds fractions; give class numbers 0, 1, 2, …"


@fact(field="data")
def too_large(arrays: str) -> str:
    return f"{arrays} holds numbers beyond 2^53; give class numbers 0, 1, 2, …"


@fact(field="data")
def no_utf8(arrays: str) -> str:
    return f"{arrays} holds names that are no UTF-8 text; save them anew"


@fact(field="data")
def no_name(arrays: str, inputs: str) -> str:
    return f"{arrays} has no name for the inputs {inputs}; fill or remove them"


@fact(field="classes")
def outputs_not_known(why: Fact) -> str:
    return f"{why}; {REMEDY}"


@fact(field="classes")
def beyond_the_outputs(name: str, output: int, outputs: int) -> str:
    return (
        f"the plan takes class '{name}' for output {output}, and the model has "
        f"{outputs:,} outputs, 0 to {outputs - 1:,}"
    )


@fact(field="classes")
def other_columns(columns: int, outputs: int) -> str:
    return (
        f"the labels have {columns:,} columns and the model {outputs:,} outputs, "
        "so a column is not the number of its output"
    )


@fact(field="classes")
def no_outputs(
    labels: str, outputs: int, training: bool, twice: bool, by_text: str, by_number: str
) -> str:
    """`by_text` and `by_number` are two orders of the labels, "" where they are alike."""
    part = "training " if training else ""
    same = ", and some are the same number" if twice else ""
    return (
        f"the {part}data has labels that are no output of the model: "
        f"{labels}{same}; it has {outputs:,} outputs, so labels run "
        f"from 0 to {outputs - 1:,}{_two_orders(by_text, by_number)}"
    )


@fact(field="classes")
def names_not_known(classes: int, outputs: int, which: Fact, known: tuple[str, ...]) -> str:
    return (
        f"the data has {classes:,} classes and the model {outputs:,} "
        f"outputs, and {which}; name the classes as the model does, such as "
        f"{', '.join(known)}"
    )


@fact(field="classes")
def no_such_names(names: str) -> str:
    return f"the model knows no class named {names}"


@fact(field="classes")
def names_of_two(names: str) -> str:
    return f"it has two named {names}"


@fact(field="classes")
def order_not_known(classes: int, names: str, outputs: int, by_text: str, by_number: str) -> str:
    """`by_text` and `by_number` are two orders of the names, "" where they are alike."""
    reason = "so their order does not say which output each is" if classes < outputs else "too many"
    if classes == outputs:
        reason = "and nothing says which output each is"
    return (
        f"the data has {classes:,} classes ({names}) and the model "
        f"{outputs:,} outputs, {reason}{_two_orders(by_text, by_number)}"
    )


def _two_orders(by_text: str, by_number: str) -> str:
    return f"; as text they are {by_text}, by their numbers {by_number}" if by_text else ""


@fact(field="data")
def one_number(where: str, value: str) -> str:
    return f"{where} is {value} for every input: there is nothing to tell apart; give other targets"
