"""Why a model or data cannot be opened: what is said of references, files and networks."""

from pruneviz.wording.refusals.subjects import (
    answering,
    array_files,
    coco_files,
    finding,
    image_files,
    labelled,
    mask_files,
    opening,
    scaling,
    sending,
    tables,
    text_files,
    weight_files,
)

__all__ = [
    "answering",
    "array_files",
    "coco_files",
    "finding",
    "image_files",
    "labelled",
    "mask_files",
    "opening",
    "scaling",
    "sending",
    "tables",
    "text_files",
    "weight_files",
]
