"""Images with masks: folders `images` and `masks`, in which the same name belongs together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.subjects.files.image_tree import (
    JUDGING,
    TRAINING,
    WORDS,
    ImageFile,
    Parts,
    Place,
    bytes_of,
    content_of,
    files_in,
    is_hidden,
    is_image,
    left_out,
    split_note,
    word_of,
)
from pruneviz.subjects.files.images import (
    COLOURS,
    MAX_TENSOR_BYTES,
    attempts,
    image_form,
    sized,
    whole,
)
from pruneviz.subjects.files.pixels import Pixels, decode, decode_mask, size_of
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.values import BYTE, WORD, white_above_bytes
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.split import Training, spread
from pruneviz.subjects.stored.whites import divided, narrowed, whites_of
from pruneviz.tasks import IGNORED
from pruneviz.tasks.segmentation import Segmentation
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import mask_files

IMAGES, MASKS, NAMES = "images", "masks", "classes.txt"
MOST_NAME_BYTES = 1_000_000
SELDOM = 4  # images: of fewer a split takes no quarter


@dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    image: ImageFile
    mask: ImageFile


def read_masks(path: Place, expects: Expectation) -> RawData:
    """Return the images of a folder, each with its mask as targets (N, H, W), int64.

    A mask's numbers are classes; `classes` are those that a file `classes.txt` names, one a line.
    The largest number that its file can hold is the second class of two, or else IGNORED.
    """
    if not path.is_dir():
        raise RefusedError(mask_files.no_folder(str(path)))
    pairs, notes = _pairs(path)
    if expects.shape is None:
        expects = _of_one_size(pairs, expects)
    form = image_form(expects)
    limit = MAX_TENSOR_BYTES // (4 * int(np.prod(form)) + 8 * int(np.prod(form[1:])))
    if len(pairs) > limit:
        notes.append(f"{limit:,} of {len(pairs):,} images were taken, evenly by their names.")
        pairs = [pairs[place] for place in spread(len(pairs), limit).tolist()]
    pairs, read = whole(pairs, attempts(pairs, lambda pair: _read(pair, expects)), notes)
    pixels = [image for image, _ in read]
    notes.append(f"{sized(expects)} Masks have the nearest pixel's class.")
    whites, scales = whites_of(pixels, path.name, notes)
    targets, said = class_numbers(torch.stack([mask for _, mask in read]))
    train = np.array([pair.image.train for pair in pairs])
    if train.all():
        raise RefusedError(mask_files.no_images(path.name, "images to judge on"))
    training = Training()
    if train.any():
        x = divided(pixels, whites, np.flatnonzero(train))
        training = Training(x=x, y=targets[train])
    judged = targets[~train]
    _refuse_one_class(judged)
    return RawData(
        x=divided(pixels, whites, np.flatnonzero(~train)),
        labels=kept_in_proportion(judged),
        named=False,
        recorded=True,
        by_place=True,
        classes=_names(path),
        note=" ".join(notes),
        notes=(*said, *(note for scale in scales for note in scale.notes), *narrowed(pixels)),
        white=white_above_bytes(scales),
        names=tuple(pair.image.name for pair in pairs if not pair.image.train),
        train=training,
        targets=judged,
    )


def class_numbers(masks: Tensor) -> tuple[Tensor, tuple[Fact, ...]]:
    """Return masks (N, H, W) as classes, int64, and what was decided of their largest number.

    That is 255, or 65,535 where some number is above it: beside 0 alone it is class 1, beside
    others IGNORED.
    """
    white = int(BYTE if int(masks.max()) <= BYTE else WORD)
    found = {int(number) for number in masks.unique()}
    if white not in found:
        return masks.long(), ()
    largest = masks == white
    if found <= {0, white}:
        return largest.long(), (opened.masks_of_two(white),)
    seen = int(largest.flatten(1).any(1).sum())
    unjudged = opened.pixels_not_judged(white, seen, len(masks))
    return masks.long().masked_fill(largest, IGNORED), (unjudged,)


def shown_classes(targets: Tensor) -> NDArray[np.int64]:
    """Return the classes that each mask (N, H, W) shows, one after the other."""
    every = np.concatenate([np.unique(mask.numpy()) for mask in targets])
    shown: NDArray[np.int64] = every[every != IGNORED]
    return shown


def in_outputs(targets: Tensor, outputs: Mapping[int, int]) -> Tensor:
    """Return masks (N, H, W) with the output that each class is, and IGNORED as it is."""
    found = targets.clone()
    for number, output in outputs.items():
        found[targets == number] = output
    return found


def _read(pair: Pair, expects: Expectation) -> tuple[Pixels, Tensor]:
    pixels = decode(pair.image, expects)
    return pixels, decode_mask(pair.mask, expects, pixels.size)


def _of_one_size(pairs: Sequence[Pair], expects: Expectation) -> Expectation:
    """Return what is expected, with the size that all images have, where a convolution takes any.

    Without such a size nothing is changed.
    """
    sizes = {size_of(pair.image) for pair in pairs} - {None}
    if len(sizes) != 1 or expects.channels not in COLOURS:
        return expects
    width, height = sizes.pop() or (0, 0)
    return replace(expects, shape=(expects.channels, height, width))


def _pairs(path: Place) -> tuple[list[Pair], list[str]]:
    """Return a folder's images with their masks in order of their names, and what is to be said."""
    seen = sorted((name for name in files_in(path) if not is_hidden(name)), key=_key)
    images, masks = (_named([n for n in seen if kind_of(n) == kind]) for kind in (IMAGES, MASKS))
    for kind, found in ((IMAGES, images), (MASKS, masks)):
        if not found:
            raise RefusedError(mask_files.no_images(path.name, kind))
    both = [key for key in images if key in masks]
    if not both:
        first, second = (next(iter(found.values())) for found in (images, masks))
        raise RefusedError(mask_files.no_pairs(path.name, first, second))
    split = _split(both)
    kept = {key: split.get(_part(key)) for key in both if not split or _part(key) in split}
    known = {*images.values(), *masks.values(), NAMES}
    left = {
        "of no kind that is read": [name for name in seen if name not in known],
        "without a mask": [name for key, name in images.items() if key not in masks],
        "without an image": [name for key, name in masks.items() if key not in images],
        "of parts that are not needed": [images[key] for key in both if key not in kept],
    }
    pairs = [
        Pair(*(_file(path, name, bool(train)) for name in (images[key], masks[key])))
        for key, train in kept.items()
    ]
    return pairs, [*([split_note(split)] if split else []), *left_out(left)]


def _file(path: Place, name: str, train: bool) -> ImageFile:
    return ImageFile("", name, lambda: content_of(path / name), train)


def kind_of(name: str) -> str:
    """Return in which of both folders an image lies, "" for neither and for other files."""
    above = (part.lower() for part in PurePosixPath(name).parts[:-1])
    return next((part for part in above if part in (IMAGES, MASKS)), "") if is_image(name) else ""


def _key(name: str) -> Parts:
    """Return what an image and its mask share: the way to them and their name, without ending."""
    *above, last = PurePosixPath(name).parts
    place = next((i for i, part in enumerate(above) if part.lower() in (IMAGES, MASKS)), None)
    rest = above if place is None else [*above[:place], *above[place + 1 :]]
    return (*rest, PurePosixPath(last).stem)


def _named(names: Iterable[str]) -> dict[Parts, str]:
    """Return files by what they share with their other; RefusedError where two share it."""
    found: dict[Parts, str] = {}
    for name in names:
        if _key(name) in found:
            raise RefusedError(mask_files.same_name(found[_key(name)], name))
        found[_key(name)] = name
    return found


def _part(key: Parts) -> str:
    """Return the folder that is called as a part, such as train or test, "" for none."""
    return next((folder for folder in key[:-1] if word_of(folder)), "")


def _split(keys: Iterable[Parts]) -> dict[str, bool]:
    """Return the folders that are parts, each with whether it is to train on; {} for none."""
    parts = {part for part in map(_part, keys) if part}
    order = sorted(parts, key=lambda part: (WORDS.index(word_of(part)), part))
    training = [part for part in order if word_of(part) in TRAINING]
    judging = [part for part in order if word_of(part) in JUDGING]
    training = training or judging[1:]  # val trains where test judges
    return {training[0]: True, judging[0]: False} if training and judging else {}


def _names(path: Place) -> tuple[str, ...]:
    """Return the names of the classes that a folder's list has, in order; () without a list."""
    file = path / NAMES
    if not file.is_file():
        return ()
    if bytes_of(file) > MOST_NAME_BYTES:
        raise RefusedError(mask_files.no_names(NAMES, MOST_NAME_BYTES))
    try:
        lines = content_of(file).decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise RefusedError(mask_files.no_names(NAMES, MOST_NAME_BYTES)) from error
    return tuple(line.strip() or str(place) for place, line in enumerate(lines))


def _refuse_one_class(targets: Tensor) -> None:
    found = set(shown_classes(targets).tolist())
    if not found:
        raise RefusedError(mask_files.nothing_judged())
    if len(found) == 1:
        raise RefusedError(mask_files.one_class(found.pop()))


def kept_in_proportion(targets: Tensor) -> NDArray[np.int64]:
    """Return a number for each set of classes that a mask shows, one for all seldom sets, (N,)."""
    sets = Segmentation().strata(targets).numpy()
    _, places, counts = np.unique(sets, return_inverse=True, return_counts=True)
    kept: NDArray[np.int64] = np.where(counts[places] < SELDOM, -1, sets)
    return kept
