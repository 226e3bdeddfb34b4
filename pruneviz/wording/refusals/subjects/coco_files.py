"""Why a folder of images with COCO's annotations is refused."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact(field="reading")
def cut_off() -> str:
    return "images with boxes are not cropped, or boxes would be cut off: leave --resize at squeeze"


@fact(field="data")
def no_folder(path: str) -> str:
    return f"'{path}' is no folder; give one with images and COCO's annotations as JSON"


@fact(field="data")
def which_annotations(folder: str, found: str) -> str:
    return (
        f"'{folder}' must hold train.json and val.json, or a single JSON file of annotations, and "
        f"holds {found or 'none'}: name two of them so"
    )


@fact(field="data")
def too_large(file: str) -> str:
    return f"'{file}' is larger than 500 MB; list fewer images"


@fact(field="data")
def unreadable(file: str, why: str | Fact) -> str:
    return (
        f"'{file}' is no file of COCO's annotations ({why}): it lists images (id, file_name, "
        "width, height), annotations (image_id, category_id, bbox of x, y, width, height) and "
        "categories (id from 0 to 9,999, name)"
    )


@fact(field="data")
def no_class(given: str) -> str:
    return f"the id {given}"


@fact(field="data")
def no_box(given: str) -> str:
    return f"the bbox {given}"


@fact(field="data")
def empty(file: str) -> str:
    return f"'{file}' lists no images or no categories; add some"


@fact(field="data")
def images_wrong(file: str) -> str:
    return f"'{file}' lists images of one id twice or without a size in pixels; mend it"


@fact(field="data")
def unknown_category(file: str, category: int) -> str:
    return f"'{file}' has boxes of category {category}, which it does not list; add it"


@fact(field="data")
def categories_twice(file: str) -> str:
    return f"'{file}' lists two categories of one id; give each its own"


@fact(field="data")
def other_size(file: str, size: tuple[int, int], listed: tuple[float, float]) -> str:
    (width, height), (across, down) = size, listed
    return (
        f"'{file}' shows {width:,} × {height:,} pixels and is listed with {across:,g} × {down:,g}, "
        "so that its boxes may lie elsewhere: list size and boxes of the image as it is shown"
    )


@fact(field="data")
def turned(file: str) -> str:
    return (
        f"'{file}' is stored turned or mirrored (EXIF's orientation), and its size does not tell "
        "whether its boxes lie in the image as it is stored or as it is shown: save it as it is "
        "shown, without that mark, and list the boxes of that image"
    )


@fact(field="data")
def unknown_image(file: str) -> str:
    return f"'{file}' has boxes of images that it does not list; add these or remove the boxes"


@fact(field="data")
def too_many_boxes(file: str, boxes: int, most: int) -> str:
    return f"'{file}' has an image with {boxes:,} boxes; {most:,} are read at most"


@fact(field="data")
def too_many_images(folder: str, images: int, most: int) -> str:
    return f"'{folder}' lists {images:,} images, and memory holds {most:,} in this size; list fewer"


@fact(field="data")
def missing_images(count: int, first: str) -> str:
    what = f"{count:,} images are" if count > 1 else "1 image is"
    return f"{what} listed and not there, the first '{first}': add them, or list them no more"


@fact(field="data")
def broken_image(why: Fact) -> str:
    return f"{why}; mend it, or list it no more"


@fact(field="data")
def unknown_white(file: str) -> str:
    return f"what is white in '{file}' is not known; save it as PNG or JPEG"


@fact(field="data")
def leads_outside(name: str) -> str:
    return f"the image '{name}' leads outside its folder; name images inside it"
