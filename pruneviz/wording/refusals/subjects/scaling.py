"""Why values, mean and std, or colours cannot be taken as they are, or as a plan reads them."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact(field="data")
def parts_in_two_units(small: str, small_span: str, large: str, large_span: str) -> str:
    return (
        f"{small} runs {small_span} and {large} {large_span}: these are "
        "different units; save both in the same way"
    )


@fact(field="data")
def beyond_single_precision(array: str, largest: float) -> str:
    return f"{array} holds values up to {largest:.3g}; scale them below 3e38"


@fact()
def statistics_in_two_units(mean: float, std: float) -> str:
    return (
        f"mean is at most {mean:.4g} and std up to {std:.4g}: these are different "
        "units; give both for values from 0 to 1, or both for values from 0 to 255"
    )


@fact(field="reading")
def reads_one_tensor() -> str:
    return (
        "mean, std and colours are for inputs given as one tensor, and these are several; save "
        "each as the model takes it, and leave the reading out"
    )


@fact(field="reading")
def reads_no_tokens() -> str:
    return (
        "the model's first layer looks whole numbers up, which have no mean, std and colours; "
        "leave the reading out"
    )


@fact(field="reading")
def not_resized(kind: str) -> str:
    return f"inputs of a {kind} file have the size they have; leave resize and interpolation out"


@fact(field="reading")
def no_images(shape: tuple[int, ...]) -> str:
    return f"colours are for images, and the inputs are {list(shape)}"


@fact(field="reading")
def no_colours(channels: int) -> str:
    return f"colours are for images of 3 channels, and these have {channels}"


@fact(field="reading")
def not_one_a_channel(name: str, values: int, channels: int, table: bool) -> str:
    return (
        f"{name} has {values} values; give one, or one for each of {channels} "
        f"{'features' if table else 'channels'}"
    )
