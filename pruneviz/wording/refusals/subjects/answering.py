"""Why what a model answers cannot be followed or judged, with the remedy."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

WITHOUT = "load it without data"


def _output_is(output: str) -> str:
    return f"the model's output ({output})"


def _no_tensor(output: str) -> str:
    return f"{_output_is(output)} has no tensor that can be followed"


@fact(field="model")
def changes_its_inputs(given: str) -> str:
    return (
        f"the model changes the inputs it is given ({given}), and others would "
        "read them changed: let its forward begin with a copy (x = x.clone())"
    )


@fact(field="model")
def not_finite(module: str, given: str) -> str:
    """`module` is where that begins, "" for the model's own code."""
    where = f"it begins in {module}" if module else "it begins in the model's own code"
    return (
        f"the model answers with NaN or infinite values alone: {where}; it was given "
        f"{given}; look for a division by zero or a logarithm there, or give the data that "
        "it was made for"
    )


@fact(field="model")
def nothing_returned(output: str) -> str:
    return f"{_no_tensor(output)}: let its forward return its answer"


@fact(field="model")
def no_tensor_returned(output: str) -> str:
    return (
        f"{_no_tensor(output)}: let its forward return tensors, alone or in lists, tuples or "
        "dictionaries"
    )


@fact(field="model")
def scores_inside(output: str, code: str) -> str:
    return f"{_no_tensor(output)}: return {code} from its forward"


@fact(field="model")
def no_classifier(output: str, why: Fact) -> str:
    return f"one class an input judges classifiers alone, and {_output_is(output)} {why}"


@fact(field="model")
def one_number_for_all() -> str:
    return (
        "is one number for all inputs, such as a loss; return the class scores from its forward, "
        f"or {WITHOUT}"
    )


@fact(field="model")
def one_number_an_input() -> str:
    return f"is one number an input; return a score for each class, or {WITHOUT}"


@fact(field="model")
def boxes() -> str:
    return f"holds boxes, as a detector's does: give images with boxes (coco:FOLDER), or {WITHOUT}"


@fact(field="model")
def maps() -> str:
    return (
        "holds a map for each input, as of a segmentation: give images with masks (masks:FOLDER), "
        f"or {WITHOUT}"
    )


@fact(field="model")
def scores_beside_others(code: str) -> str:
    return (
        f"is not one row of class scores for each input; return {code} alone from its forward, "
        f"or {WITHOUT}"
    )


@fact(field="model")
def no_rows() -> str:
    return (
        "is not one row of class scores for each input; return one row for each from its forward, "
        f"or {WITHOUT}"
    )


@fact(field="model")
def other_rows(output: str, inputs: int) -> str:
    return (
        f"{_output_is(output)} is not one row for each of {inputs} inputs: let its forward keep "
        f"the first axis of its input, or {WITHOUT}"
    )


@fact(field="model")
def of_complex(output: str) -> str:
    return f"{_output_is(output)} is complex, and class scores are real: return their .abs()"


@fact(field="model")
def yes_or_no(output: str) -> str:
    return f"{_output_is(output)} is yes or no, and no score: return what it compares"


@fact(field="model")
def single_score() -> str:
    return (
        "the model has one output, and classifiers with a single score are not supported yet: "
        f"a second output makes it one of two classes; or {WITHOUT}"
    )


@fact(field="task")
def of_another_task(title: str, why: Fact, tasks: tuple[str, ...]) -> str:
    return (
        f"this is no {title[:1].lower()}{title[1:]}: {why}; choose the task that the model is for "
        f"({', '.join(tasks)}), or other data"
    )


@fact(field="metric")
def of_another_metric(title: str, metrics: tuple[str, ...]) -> str:
    return f"{title} says nothing of this task: choose one of {', '.join(metrics)}"


@fact(field="metric")
def parameters_of_no_metric(names: tuple[str, ...]) -> str:
    return f"{', '.join(names)} is asked of no metric: name the metric that takes it, too"
