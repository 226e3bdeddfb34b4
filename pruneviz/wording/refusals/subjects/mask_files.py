"""Why images with masks are refused: what belongs together, what a mask holds, who answers so."""

from __future__ import annotations

from pruneviz.wording.fact import fact

FORM = "images in a folder 'images' and masks of the same names in a folder 'masks' beside it"
REMEDY = "save a class number for each pixel, 0, 1, 2 and so on, as a palette or grey PNG"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]:,} × {size[1]:,}"


@fact(field="data")
def no_folder(path: str) -> str:
    return f"'{path}' is no folder; give one with {FORM}"


@fact(field="data")
def no_images(folder: str, kind: str) -> str:
    """`kind` is what is missing: images or masks."""
    return f"'{folder}' holds no {kind} that can be read; put {FORM}"


@fact(field="data")
def no_pairs(folder: str, image: str, mask: str) -> str:
    return (
        f"no image of '{folder}' has a mask of its name ('{image}' is there and '{mask}'); call a "
        "mask as its image, but for the ending"
    )


@fact(field="data")
def same_name(first: str, second: str) -> str:
    return f"'{first}' and '{second}' have the same name; remove or rename one of them"


@fact(field="data")
def other_size(mask: str, size: tuple[int, int], image: tuple[int, int]) -> str:
    return (
        f"the mask '{mask}' has {_size(size)} pixels and its image {_size(image)}; save it in the "
        "size of its image"
    )


@fact(field="data")
def no_class_numbers(mask: str, colours: bool) -> str:
    what = "colours" if colours else "fractions or numbers below 0"
    return f"the mask '{mask}' holds {what} in place of class numbers; {REMEDY}"


@fact(field="data")
def changes_numbers(mask: str, kind: str) -> str:
    return f"the mask '{mask}' is a {kind} file, which may change the numbers of classes; {REMEDY}"


@fact(field="data")
def no_names(file: str, most: int) -> str:
    return f"'{file}' is no text in UTF-8 of at most {most:,} bytes; write one class name a line"


@fact(field="data")
def one_class(number: int) -> str:
    return (
        f"every judged pixel of the masks is of class {number}; give masks that show two classes "
        "or more"
    )


@fact(field="data")
def nothing_judged() -> str:
    return "no pixel of the evaluated masks is judged; give masks that show classes"


@fact(field="data")
def no_segmentation(model: str) -> str:
    return (
        f"{model} gives no class to each pixel, and masks are nothing else's data; choose a "
        "network for segmentation, or other data"
    )


@fact(field="model")
def smaller_maps(answered: tuple[int, int], masks: tuple[int, int]) -> str:
    return (
        f"the model gives classes to {_size(answered)} pixels of images with {_size(masks)}; let "
        "its forward return as many: torch.nn.functional.interpolate(z, x.shape[-2:])"
    )


@fact(field="model")
def single_score() -> str:
    return (
        "the model gives one score a pixel; let its forward return two, one a class: "
        "torch.cat([torch.zeros_like(z), z], 1) for a score z that a sigmoid would follow"
    )
