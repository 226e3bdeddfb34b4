"""Why a folder or a zip file of images is refused, and why one image is."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact(field="data")
def no_folder(path: str) -> str:
    return f"'{path}' is no folder; give a folder with one folder for each class"


@fact(field="data")
def no_images(file: str) -> str:
    return f"'{file}' holds no images; pack one folder of images for each class"


@fact(field="data")
def no_class_folders(name: str) -> str:
    return f"'{name}' holds no class folders; make one folder of images for each class"


@fact(field="data")
def no_images_that_are_read(name: str, endings: str) -> str:
    return (
        f"'{name}' holds no images that can be read: its files end in {endings}; save "
        "them as PNG or JPEG, in one folder for each class"
    )


@fact(field="data")
def empty_class(label: str, endings: str) -> str:
    """`endings` are those of the files that are there."""
    what = f" that can be read, its files end in {endings}" if endings else ""
    return f"the class folder '{label}' has no images{what}; add some or remove it"


@fact(field="data")
def deep_among_many(image: str) -> str:
    return (
        f"'{image}' has more than 8 bits a colour; images that are decoded when they are needed "
        "have 8: convert it, or leave ?images= out, and a share of the images is taken"
    )


@fact(field="data")
def not_whole_after_all(image: str) -> str:
    return (
        f"'{image}' is no whole image, which only decoding it showed: open the folder again, and "
        "it is left out"
    )


@fact(field="data")
def another_by_now(image: str) -> str:
    return f"'{image}' is another file than when its folder was opened: open the folder again"


@fact(field="data")
def no_count_of_images(given: str) -> str:
    return f"'{given}' is no choice for a folder; write folder:DIR?images=all, or how many"


@fact(field="data")
def no_whole_zip(file: str) -> str:
    return f"'{file}' is not a whole zip file; pack it again"


@fact(field="data")
def too_many_files(file: str, files: int, most: int) -> str:
    return f"'{file}' holds {files:,} files; pack {most:,} at most"


@fact(field="data")
def too_large(file: str) -> str:
    return f"'{file}' unpacks to more than 1 GB; pack fewer images"


@fact(field="data")
def leads_outside(file: str, path: str) -> str:
    return f"'{file}' holds the path '{path}', which leads outside it; pack it again"


@fact(field="data")
def roundabout(file: str, path: str) -> str:
    return (
        f"'{file}' holds the path '{path}', which is no plain one; pack it again without ./ and //"
    )


@fact(field="data")
def other_packing(file: str, path: str) -> str:
    return f"'{path}' in '{file}' is packed in a way that is not read; pack it again by deflate"


@fact(field="data")
def holds_a_link(file: str, path: str) -> str:
    return f"'{file}' holds the link '{path}'; pack the images themselves"


@fact(field="data")
def encrypted(file: str) -> str:
    return f"'{file}' is encrypted; pack it without a password"


@fact(field="input_shape")
def size_not_known() -> str:
    return (
        "it is not known which size of image the model takes: give its input shape, such as "
        "3,32,32 (1 or 3 channels, height, width)"
    )


@fact(field="data")
def model_takes_no_images(shape: tuple[int, ...]) -> str:
    return (
        f"the model takes inputs of {' × '.join(map(str, shape))}, which are no images "
        "(1 or 3 channels, height, width): choose data of that shape, or another model"
    )


@fact(field="data")
def not_whole(image: str) -> str:
    return f"'{image}' is not a whole image; remove it or save it again"


@fact(field="data")
def others_not_whole(why: Fact, other: str) -> str:
    return f"{why} (so is '{other}')"


@fact(field="data")
def only_one_not_whole(image: str) -> str:
    return f"'{image}' is not a whole image, and its class has no other; save it again"


@fact(field="data")
def too_many_pixels(image: str, width: int, height: int, millions: int) -> str:
    """A width of 0 is not known."""
    size = f"{width:,} by {height:,} pixels" if width else "far too many pixels"
    return f"'{image}' has {size}; scale it to {millions} million or fewer"


@fact(field="data")
def white_not_known(name: str, span: str) -> str:
    return (
        f"the images of '{name}' hold values {span}, which does not tell what white "
        "is; save them with 8 or 16 bits, or as values from 0 to 1"
    )
