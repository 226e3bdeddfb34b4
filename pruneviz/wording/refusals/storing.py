"""Why tensors cannot be packed, and why a run cannot be written or read."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

OTHER_TYPES = {
    "complex": "hold it in complex64 (.to(torch.complex64)), or as pairs of real numbers "
    "(torch.view_as_real(tensor)) that the forward pass makes complex (torch.view_as_complex)",
    "quantised": "hold what it stands for (.dequantize())",
    "other": "hold it in single precision (.float())",
}


@fact()
def no_such_dtype(tensor: str, dtype: str, form: str) -> str:
    return (
        f"'{tensor}' has dtype {dtype}, for which a safetensors file has no place: "
        f"{OTHER_TYPES[form]}"
    )


@fact()
def no_mask(tensor: str) -> str:
    return f"the packed tensor '{tensor}' lacks its mask or its shape"


@fact()
def mask_of_another_size(tensor: str, shape: tuple[int, ...]) -> str:
    return f"the packed tensor '{tensor}' has a mask that does not fit its shape {list(shape)}"


@fact()
def values_for_another_mask(tensor: str, values: int, bits: int) -> str:
    return f"the packed tensor '{tensor}' has {values:,} values for a mask of {bits:,} bits"


@fact()
def reserved_name(tensor: str) -> str:
    return f"a tensor cannot be called '{tensor}': the ending is reserved"


@fact()
def mask_of_no_tensor(tensor: str) -> str:
    return f"there is a mask for '{tensor}', which is no tensor of the model"


@fact()
def no_bool_mask(tensor: str, needed: tuple[int, ...], dtype: str, shape: tuple[int, ...]) -> str:
    return f"the mask of '{tensor}' must be bool of shape {needed}, got {dtype} of shape {shape}"


@fact()
def run_not_written(folder: str, reason: str) -> str:
    return f"the run cannot be written to '{folder}': {reason}"


@fact()
def folder_in_the_way(why: Fact) -> str:
    return f"{why}; name another folder, or overwrite it with --force"


@fact()
def holds_another_run(folder: str, digest: str) -> str:
    return (
        f"'{folder}' holds another run ({digest[:12]}…): "
        "name another folder, or overwrite it with --force"
    )


@fact()
def no_report(file: str, why: Fact) -> str:
    return f"'{file}' is no report of this version: {why}"


@fact()
def not_read(file: str, reason: str) -> str:
    return f"'{file}' cannot be read: {reason}"


@fact()
def no_utf_8(file: str) -> str:
    return f"'{file}' is no UTF-8 text"


@fact()
def is_a_folder(path: str) -> str:
    return f"'{path}' is a folder; give the path of a file"


@fact()
def no_folder(folder: str, name: str) -> str:
    return f"there is no folder '{folder}' to write '{name}' into"


@fact()
def closed_folder(folder: str) -> str:
    return f"nothing can be written into the folder '{folder}'"


@fact()
def not_written(file: str, reason: str) -> str:
    return f"'{file}' cannot be written: {reason}"
