"""Why a weights file is refused, and why weights do not fit a model."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

REMEDY = (
    "save it as safetensors: safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
)


@fact(field="weights")
def no_file(path: str) -> str:
    return f"there is no weights file '{path}'; give the path of a safetensors file"


@fact(field="weights")
def not_valid(file: str, reason: str) -> str:
    return f"'{file}' is not a valid safetensors file: {reason}"


@fact(field="weights")
def pickled(file: str) -> str:
    return f"'{file}' is a pickle, which could run code when opened; {REMEDY}"


@fact(field="weights")
def no_safetensors(file: str) -> str:
    return f"'{file}' is not a safetensors file; {REMEDY}"


@fact(field="weights")
def truncated(file: str, expected: int, size: int) -> str:
    return (
        f"'{file}' is truncated: it should have {expected:,} bytes or more and has {size:,}; "
        "copy or download it again"
    )


@fact(field="weights")
def header_damaged(file: str) -> str:
    return f"the header of '{file}' is damaged; copy the file again"


@fact(field="weights")
def not_finite(file: str, tensors: str) -> str:
    return (
        f"'{file}' holds NaN or infinite values in {tensors}; "
        "use weights from before the training diverged"
    )


@fact(field="weights")
def not_fitting(file: str, faults: tuple[Fact, ...]) -> str:
    return (
        f"the weights '{file}' do not fit the model; {'; '.join(map(str, faults))}; "
        "choose the model that they were saved from"
    )


@fact(field="weights")
def other_names(file: str, tensors: int, needed: str, found: str) -> str:
    """safetensors files are sorted by name, so that their order says nothing."""
    return (
        f"the weights '{file}' have the shapes of the model's {tensors:,} tensors and other names, "
        f"such as {found} where the model has {needed}, and the order of the file does not tell "
        "which is which; save them under the names in model.state_dict()"
    )


@fact(field="weights")
def misfits(some: tuple[Fact, ...], more: int) -> str:
    others = f", +{more} more" if more else ""
    return f"tensors that do not fit: {', '.join(map(str, some))}{others}"


@fact(field="weights")
def of_another_shape(tensor: str, shape: tuple[int, ...], needed: tuple[int, ...]) -> str:
    return f"{tensor} has shape {list(shape)}, the model needs {list(needed)}"


@fact(field="weights")
def missing(tensors: str) -> str:
    return f"missing tensors: {tensors}"


@fact(field="weights")
def unexpected(tensors: str) -> str:
    return f"unexpected tensors: {tensors}"
