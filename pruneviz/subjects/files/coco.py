"""Images with boxes, as COCO's annotations have them: a folder of images and JSON files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite, prod
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pruneviz.subjects.files.image_tree import (
    ImageFile,
    Place,
    bytes_of,
    content_of,
    is_hidden,
    some_of,
)
from pruneviz.subjects.files.pixels import BrokenImageError, decode
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.split import Training
from pruneviz.subjects.stored.images import WHITE, InMemory, StoredImages
from pruneviz.tasks import IGNORED
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import coco_files, image_files

MAX_JSON_BYTES = 500_000_000
MAX_TENSOR_BYTES = 1_500_000_000
MAX_CLASS = 10_000
MAX_BOXES = 1_000  # of one image
LEAST = 0.01  # pixels: a box that is narrower in its image is none
TRAIN, JUDGE = "train.json", "val.json"


@dataclass(frozen=True)
class Listed:
    """What a JSON file lists: images in order, each with its boxes, (k, 5) in its own pixels."""

    images: tuple[Mapping[str, Any], ...]
    boxes: tuple[Tensor, ...]
    classes: Mapping[int, str]
    left_out: Counter[str]


def read_coco(folder: Place, expects: Expectation) -> RawData:
    """Return the images of a folder, stretched to the model's input, and their boxes.

    `val.json` evaluates and `train.json` trains and calibrates; a single other file is split. A
    category's id is the number of the model's class. RefusedError for what is missing or does not
    belong together.
    """
    if not folder.is_dir():
        raise RefusedError(coco_files.no_folder(str(folder)))
    shape = expects.shape
    if shape is None:
        raise RefusedError(image_files.size_not_known())
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise RefusedError(image_files.model_takes_no_images(shape))
    expects = replace(expects, resize=None)  # nothing is cut off in which a box may lie
    listed = [_listed(file) for file in _annotations(folder)]
    total = sum(len(each.images) for each in listed)
    padding = max(1, *(len(rows) for each in listed for rows in each.boxes))
    _refuse_many(folder, total, prod(shape))
    _refuse_many(folder, total, padding * 5 * 4)
    (x, y), *trained = [_read(folder, each, expects, padding) for each in listed]
    left_out = sum((each.left_out for each in listed), Counter[str]())
    without = "".join(
        f" Left out: {count:,} {'boxes' if count > 1 else 'box'} {why}."
        for why, count in sorted(left_out.items())
    )
    _, height, width = shape
    return RawData(
        x=x,
        labels=np.zeros(len(x), dtype=np.int64),  # a split keeps nothing in proportion
        named=False,
        recorded=True,
        classes=_names(listed),
        note=f"Images and boxes were stretched to {width} × {height} pixels.{without}",
        names=tuple(str(each["file_name"]) for each in listed[0].images),
        train=Training(x=trained[0][0], y=trained[0][1]) if trained else Training(),
        targets=y,
    )


def _refuse_many(folder: Place, images: int, bytes_each: int) -> None:
    """Raise RefusedError where so many images, or their boxes, are more than memory should hold."""
    most = MAX_TENSOR_BYTES // bytes_each
    if images > most:
        raise RefusedError(coco_files.too_many_images(folder.name, images, most))


def _names(listed: list[Listed]) -> tuple[str, ...]:
    """Return a name for each class up to the last, its number where no category has it."""
    known: dict[int, str] = {}
    for each in listed:
        known |= each.classes
    return tuple(known.get(number, str(number)) for number in range(max(known) + 1))


def _annotations(folder: Place) -> list[Place]:
    """Return the file to judge on and, where there is one, that to train on."""
    here: list[Place] = [folder, folder / "annotations"]
    pairs = [(place / JUDGE, place / TRAIN) for place in here]
    for judge, train in pairs:
        if judge.is_file() and train.is_file():
            return [judge, train]
    found = [file for place in here if place.is_dir() for file in place.iterdir()]
    found = [f for f in found if f.name.endswith(".json") and not is_hidden(f.name)]
    if len(found) != 1:
        names = sorted(file.name for file in found)
        raise RefusedError(coco_files.which_annotations(folder.name, some_of(names)))
    return found


def _listed(file: Place) -> Listed:
    """Return what a JSON file lists, checked; RefusedError says what is wrong in it."""
    if bytes_of(file) > MAX_JSON_BYTES:
        raise RefusedError(coco_files.too_large(file.name))
    try:
        content = json.loads(content_of(file))
        images = tuple(sorted(content["images"], key=lambda each: str(each["file_name"])))
        named = [(_number(each["id"]), str(each["name"])) for each in content["categories"]]
        classes = dict(named)
        place = {each["id"]: index for index, each in enumerate(images)}
        sizes = [(float(each["width"]), float(each["height"])) for each in images]
        annotations = [_annotation(each, place) for each in content["annotations"]]
    except RefusedError as error:
        raise RefusedError(coco_files.unreadable(file.name, error.fact)) from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise RefusedError(coco_files.unreadable(file.name, repr(error)[:100])) from error
    if not images or not classes:
        raise RefusedError(coco_files.empty(file.name))
    if len(place) < len(images) or not all(isfinite(s) and s > 0 for pair in sizes for s in pair):
        raise RefusedError(coco_files.images_wrong(file.name))
    if len(classes) < len(named):
        raise RefusedError(coco_files.categories_twice(file.name))
    strange = sorted({each.kind for each in annotations} - classes.keys())
    if strange:
        raise RefusedError(coco_files.unknown_category(file.name, strange[0]))
    boxes, left_out = _sorted_out(annotations, sizes, file.name)
    return Listed(images, boxes, classes, left_out)


@dataclass(frozen=True)
class Annotation:
    """A box of image number `place`, -1 for one that is not listed, and its class."""

    place: int
    kind: int
    corners: list[float]
    crowd: bool


def _annotation(each: Any, place: Mapping[Any, int]) -> Annotation:
    """Return an annotation as it is listed; ValueError, KeyError, TypeError for what is none."""
    kind, corners = _number(each["category_id"]), _corners(each["bbox"])
    return Annotation(place.get(each["image_id"], -1), kind, corners, bool(each.get("iscrowd", 0)))


def _sorted_out(
    annotations: Sequence[Annotation], sizes: Sequence[tuple[float, float]], file: str
) -> tuple[tuple[Tensor, ...], Counter[str]]:
    """Return each image's boxes, (k, 5), and how many are left out and why."""
    rows: list[list[list[float]]] = [[] for _ in sizes]
    left_out = Counter[str]()
    for each in annotations:
        if each.place < 0:
            raise RefusedError(coco_files.unknown_image(file))
        size = sizes[each.place]
        low, high = _within(each.corners[:2], size), _within(each.corners[2:], size)
        if each.crowd:
            left_out["around crowds"] += 1
        elif min(high[0] - low[0], high[1] - low[1]) < LEAST:
            left_out["without area in their image"] += 1
        else:
            rows[each.place].append([*low, *high, each.kind])
    largest = max(map(len, rows))
    if largest > MAX_BOXES:
        raise RefusedError(coco_files.too_many_boxes(file, largest, MAX_BOXES))
    return tuple(torch.tensor(r, dtype=torch.float64).reshape(-1, 5) for r in rows), left_out


def _number(given: Any) -> int:
    """Return a class's number; RefusedError for what is none."""
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < MAX_CLASS:
        raise RefusedError(coco_files.no_class(repr(given)[:100]))
    return given


def _corners(box: Any) -> list[float]:
    """Return x1, y1, x2, y2 of x, y, width, height; RefusedError for what is no box."""
    x, y, width, height = map(float, box)
    if not all(map(isfinite, (x, y, width, height))):
        raise RefusedError(coco_files.no_box(repr(box)[:100]))
    return [x, y, x + width, y + height]


def _within(point: list[float], size: tuple[float, float]) -> list[float]:
    return [min(max(value, 0.0), most) for value, most in zip(point, size, strict=True)]


def _read(
    folder: Place, listed: Listed, expects: Expectation, padding: int
) -> tuple[Tensor, Tensor]:
    """Return images (N, C, H, W) in [0, 1] and boxes (N, padding, 5) in their pixels.

    Many images are stored as bytes, but where some are deeper.
    """
    paths = [_path(folder, str(each["file_name"])) for each in listed.images]
    gone = [path.name for path in paths if not path.is_file()]
    if gone:
        raise RefusedError(coco_files.missing_images(len(gone), gone[0]))
    assert expects.shape is not None
    channels, height, width = expects.shape
    x = torch.empty(len(paths), channels, height, width, dtype=torch.uint8)
    deep: dict[int, Tensor] = {}
    y = torch.full((len(paths), padding, 5), float(IGNORED))
    for index, (path, image, rows) in enumerate(
        zip(paths, listed.images, listed.boxes, strict=True)
    ):
        try:
            pixels = decode(ImageFile("", path.name, partial(content_of, path)), expects)
        except BrokenImageError as error:
            raise RefusedError(coco_files.broken_image(error.fact)) from error
        listed_size = float(image["width"]), float(image["height"])
        if pixels.size != listed_size:
            raise RefusedError(coco_files.other_size(path.name, pixels.size, listed_size))
        if pixels.turned and len(rows):
            raise RefusedError(coco_files.turned(path.name))
        if pixels.full is None:
            raise RefusedError(coco_files.unknown_white(path.name))
        if pixels.full == WHITE:
            x[index] = pixels.values
        else:
            deep[index] = pixels.values / pixels.full
        across, down = width / float(image["width"]), height / float(image["height"])
        scale = torch.tensor([across, down, across, down, 1.0], dtype=torch.float64)
        y[index, : len(rows)] = (rows * scale).float()
    stored = StoredImages(InMemory(x))
    if not deep:
        return stored.taken(torch.arange(len(paths))), y
    _refuse_many(folder, len(paths), 4 * x[:1].numel())
    numbers = stored.whole()
    for index, values in deep.items():
        numbers[index] = values
    return numbers, y


def _path(folder: Place, name: str) -> Place:
    """Return where an image lies, in `images` or beside it; RefusedError for one outside."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
        raise RefusedError(coco_files.leads_outside(name))
    inside = folder / "images" / name
    return inside if inside.is_file() else folder / name
