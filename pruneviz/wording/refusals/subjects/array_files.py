"""Why an npz file is refused: what it lacks, what its arrays hold, and their shapes."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact(field="data")
def not_whole(file: str) -> str:
    return f"'{file}' is not a whole npz file; save it with numpy.savez and copy it again"


@fact(field="data")
def too_large(file: str) -> str:
    return f"'{file}' unpacks to more than 1 GB; give fewer inputs"


@fact(field="data")
def lacks(file: str, missing: tuple[str, ...], there: tuple[str, ...]) -> str:
    return (
        f"'{file}' lacks the array {' and '.join(missing)}; it holds "
        f"{', '.join(there) or 'nothing'}; save it with numpy.savez(file, x=…, y=…)"
    )


@fact(field="data")
def no_array(member: str) -> str:
    return f"'{member}' in the npz file is no array; save it with numpy.savez"


@fact(field="data")
def holds_objects(array: str) -> str:
    return (
        f"the array '{array}' holds Python objects, which could run code when opened; "
        "save it as numbers: numpy.asarray(…, dtype='float32')"
    )


@fact(field="data")
def too_many_values(array: str, values: int, most: int) -> str:
    return f"the array '{array}' has {values:,} values; give {most:,} at most"


@fact(field="data")
def shorter_than_said(array: str) -> str:
    return f"the array '{array}' is shorter than it says; save the file again"


@fact(field="data")
def half_a_training_part(given: tuple[str, ...], needed: tuple[str, ...]) -> str:
    both = "both " if len(needed) == 2 else ""
    return f"the file has {' and '.join(given)} alone; give {both}{' and '.join(needed)}"


@fact(field="data")
def not_a_label_each(part: str, array: str, inputs: int, labels: int) -> str:
    return (
        f"{part}{array} has {inputs:,} inputs and {part}y {labels:,} labels; give one label for "
        "each input"
    )


@fact(field="data")
def of_no_numbers(array: str, dtype: str) -> str:
    return f"{array} holds {dtype} values; save it as uint8 images or as float32"


@fact(field="data")
def of_no_inputs(array: str, shape: tuple[int, ...]) -> str:
    return (
        f"{array} has shape {list(shape)}; "
        "give (N, H, W) or (N, C, H, W) images, (N, F) rows, or (N, channels, steps) series"
    )


@fact(field="data")
def parts_differ(train: tuple[int, ...], held_out: tuple[int, ...]) -> str:
    return (
        f"the inputs of train_x have shape {list(train)} and those of x {list(held_out)}; save "
        "both in the same way"
    )


@fact(field="data")
def no_flip(given: int) -> str:
    return f"train_flip is {given}; give 1 where training mirrored images, else 0"


@fact(field="data")
def no_shift(given: int, sides: tuple[int, ...]) -> str:
    return (
        f"train_shift_pixels is {given}; give 0 or more, and less than the "
        f"image's {' by '.join(map(str, sides))} pixels"
    )


@fact(field="data")
def changes_no_images(shape: tuple[int, ...]) -> str:
    return (
        f"flip and shift are for images (N, C, H, W), and the inputs are {list(shape)}; "
        "leave train_flip and train_shift_pixels out"
    )


@fact(field="data")
def changes_one_tensor() -> str:
    return (
        "flip and shift are for images given as one tensor, and these inputs are several; leave "
        "train_flip and train_shift_pixels out"
    )


@fact(field="data")
def scales_one_tensor() -> str:
    return (
        "mean and std are for inputs given as one tensor, and these are several; give each as the "
        "model takes it, and leave mean and std out"
    )


@fact(field="data")
def scales_no_tokens() -> str:
    return (
        "the model's first layer looks whole numbers up, which have no mean and std; leave mean "
        "and std out"
    )


@fact(field="data")
def no_tokens(array: str, shape: tuple[int, ...], dtype: str) -> str:
    return (
        f"{array} is {dtype} of shape {list(shape)}, and x whole numbers that the model's first "
        "layer looks up; give both as whole numbers, (inputs, places)"
    )


@fact(field="data")
def beyond_the_layer(array: str, low: int, high: int, known: int) -> str:
    return (
        f"{array} has numbers from {low:,} to {high:,}, and the model's first layer, an embedding, "
        f"knows 0 to {known - 1:,}; number the tokens as in its training"
    )


@fact(field="data")
def other_inputs(file: str, there: tuple[str, ...], takes: tuple[str, ...]) -> str:
    return (
        f"'{file}' holds {', '.join(there)}, and the model takes {', '.join(takes)}; save each "
        f"input under its name, numpy.savez(file, {'=…, '.join(takes)}=…, y=…), or as x0, x1, … "
        "in their order"
    )


@fact(field="data")
def no_whole_number(array: str) -> str:
    return f"{array} must be one whole number; save it as numpy.savez(…, {array}=4)"


@fact(field="data")
def not_one_a_channel(array: str, values: int, channels: int) -> str:
    return f"{array} has {values} values; give one for each of {channels} channels"


@fact(field="data")
def no_std() -> str:
    return "std must be above 0 for every channel; correct it in the file"
