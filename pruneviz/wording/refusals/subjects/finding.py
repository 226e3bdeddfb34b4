"""Why a plan's model, weights and data are not found, or do not fit each other."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact(field="model")
def names_no_model(given: str) -> str:
    return (
        f"'{given}' names no model; a model is one of sample:NAME, torchvision:NAME, "
        "timm:NAME, hf:FOLDER, python:FILE.py:FACTORY"
    )


@fact(field="data")
def names_no_data(given: str) -> str:
    return (
        f"'{given}' names no data; a data is one of sample:NAME, npz:FILE, folder:DIRECTORY, "
        "masks:DIRECTORY, coco:DIRECTORY, csv:FILE?target=COLUMN, parquet:FILE?target=COLUMN, "
        "text:FILE?length=128&stride=128, texts:FILE?text=COLUMN&target=COLUMN, "
        "choices:FILE"
    )


@fact(field="data")
def no_such_sample(name: str, known: tuple[str, ...]) -> str:
    return f"unknown sample data '{name}'; choose from {', '.join(known)}"


@fact(field="data")
def no_standard_library(folder: str) -> str:
    return (
        f"there is no text of Python's standard library in '{folder}'; run with a Python that has "
        "it as files, or give a text of your own: text:FILE"
    )


@fact(field="data")
def weights_are_no_data(reference: str) -> str:
    return f"'{reference}' is a weights file, not data; choose an npz, csv or zip"


@fact(field="data")
def no_path(path: str) -> str:
    return f"there is no '{path}' to read data from; correct the path"


@fact()
def file_unreadable(file: str, reason: str) -> str:
    """`file` is "" where it is not known."""
    where = f" '{file}'" if file else ""
    return f"a file{where} cannot be read: {reason}"


@fact(field="weights")
def other_weights(asked: str, found: str) -> str:
    return (
        f"this plan was made for other weights: it asks for {asked[:12]}…, these are "
        f"{found[:12]}…; give the weights it was made for, or remove weights_sha256 from the plan"
    )


@fact(field="data")
def other_data(asked: str, found: str) -> str:
    """`found` is "" where there is no data."""
    there = f"these are {found[:12]}…" if found else "there is none here"
    return (
        f"this plan was made for other data: it asks for {asked[:12]}…, {there}; give the "
        "data it was made for, or remove data_sha256 from the plan"
    )


@fact(field="reading")
def sample_read_otherwise() -> str:
    return (
        "a sample's data are read as they were in training; give data of your own, or "
        "leave the reading out of the plan"
    )


@fact(field="input_shape")
def inputs_of_another_shape(shape: tuple[int, ...], asked: tuple[int, ...]) -> str:
    return (
        f"the data's inputs have shape {list(shape)}, the plan's input shape is "
        f"{list(asked)}; leave the input shape out or correct it"
    )


@fact(field="data")
def more_classes(classes: int, outputs: int) -> str:
    return (
        f"the data has {classes} classes and the model {outputs} outputs; "
        "choose data that the model was made for"
    )


@fact(field="data")
def too_few_inputs(inputs: int, least: int) -> str:
    return f"the data has {inputs} inputs; give {least} or more to split and judge on"


@fact(field="data")
def one_class() -> str:
    return "the data has one class alone; give inputs of two classes or more"


@fact(field="data")
def one_input_a_class() -> str:
    return "every class has one input alone; give two or more for each class"
