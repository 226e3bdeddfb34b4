"""Images in folders, one folder for each class, on disk or in a zip file."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

import numpy as np
import torch
from torch import Tensor

from pruneviz.subjects.files.image_tree import ImageFile, Tree, is_image, some_of, sort_out
from pruneviz.subjects.files.pixels import BrokenImageError, Pixels, decode
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.values import (
    BYTE,
    WORD,
    Scale,
    joined,
    scale_of,
    scale_of_words,
    white_above_bytes,
)
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.split import Training, stratified
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import image_files

MAX_TENSOR_BYTES = 1_500_000_000
MAX_MEMBERS = 50_000
MAX_UNPACKED_BYTES = 1_000_000_000
SUBSET_SEED = 0
COLOURS = (1, 3)  # channels of an image
DARK = 63  # of 255: what 14 of 16 bits come to
BROKEN = 0.1  # of the images: beyond it, something is wrong with all of them
F = TypeVar("F")
T = TypeVar("T")


def read_folder(path: Path, expects: Expectation) -> RawData:
    """Return the images of a folder that holds one folder for each class."""
    if not path.is_dir():
        raise RefusedError(image_files.no_folder(str(path)))
    inside = [(p, p.relative_to(path).as_posix()) for p in path.rglob("*")]
    files = [name for p, name in inside if p.is_file()]
    folders = [name for p, name in inside if p.is_dir()]
    tree = sort_out(files, folders, lambda name: (path / name).read_bytes(), path.name)
    return _decode_all(tree, path.name, expects)


def read_zip(path: Path, expects: Expectation) -> RawData:
    """Return the images of a zip file with one folder for each class, none unpacked to disk."""
    check_zip(path, path.name)
    with zipfile.ZipFile(path) as archive:
        return _decode_all(_members(archive, path.name), path.name, expects)


def _members(archive: zipfile.ZipFile, name: str) -> Tree:
    members = archive.namelist()
    files = [member for member in members if not member.endswith("/")]
    if not any(is_image(file) for file in files):
        raise RefusedError(image_files.no_images(name))
    folders = {str(parent) for m in members for parent in PurePosixPath(m + "x").parents} - {"."}
    return sort_out(files, folders, archive.read, name)


def check_zip(file: Path | IO[bytes], name: str) -> None:
    """Raise ValueError unless a zip file is small enough, stays in its place, and holds classes."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_members(members, name)
            _members(archive, name)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise RefusedError(image_files.no_whole_zip(name)) from error


def _check_members(members: Sequence[zipfile.ZipInfo], name: str) -> None:
    if len(members) > MAX_MEMBERS:
        raise RefusedError(image_files.too_many_files(name, len(members), MAX_MEMBERS))
    if sum(m.file_size for m in members) > MAX_UNPACKED_BYTES:
        raise RefusedError(image_files.too_large(name))
    for member in members:
        _check_member(member, name)


def _check_member(member: zipfile.ZipInfo, name: str) -> None:
    path = member.filename
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or ":" in path or ".." in parts:
        raise RefusedError(image_files.leads_outside(name, path))
    if stat.S_ISLNK(member.external_attr >> 16):
        raise RefusedError(image_files.holds_a_link(name, path))
    if member.flag_bits & 1:
        raise RefusedError(image_files.encrypted(name))


def _decode_all(tree: Tree, name: str, expects: Expectation) -> RawData:
    """Return every image, or as many of each class as memory allows, in the model's input size."""
    files, notes = list(tree.files), list(tree.notes)
    limit = MAX_TENSOR_BYTES // (4 * int(np.prod(image_form(expects))))
    if len(files) > limit:
        strata = sorted({(f.train, f.label) for f in files})
        index = np.array([strata.index((f.train, f.label)) for f in files], dtype=np.int64)
        chosen, _ = stratified(index, limit / len(files), SUBSET_SEED)
        notes.append(
            f"{len(chosen):,} of {len(files):,} images were taken, the same share of each class."
        )
        files = [files[i] for i in chosen]
    files, pixels = _whole(files, expects, notes)
    notes.append(sized(expects))
    images, scales = scaled(pixels, name, notes)
    classes = tuple(sorted({f.label for f in files}))
    labels = np.array([classes.index(f.label) for f in files], dtype=np.int64)
    train = np.array([f.train for f in files])
    training = Training()
    if train.any():
        training = Training(x=images[train], y=torch.from_numpy(labels[train]))
    return RawData(
        x=images[~train] if train.any() else images,
        labels=labels[~train],
        named=True,
        recorded=True,
        classes=classes,
        note=" ".join(notes),
        notes=(*(note for scale in scales for note in scale.notes), *narrowed(pixels)),
        white=white_above_bytes(scales),
        names=tuple(f.name for f in files if not f.train),
        train=training,
    )


def image_form(expects: Expectation) -> tuple[int, ...]:
    """Return the shape (C, H, W) of images that a model takes; RefusedError where it takes none."""
    if expects.shape is None:
        raise RefusedError(image_files.size_not_known())
    if len(expects.shape) != 3 or expects.shape[0] not in COLOURS:
        raise RefusedError(image_files.model_takes_no_images(expects.shape))
    return expects.shape


def sized(expects: Expectation) -> str:
    """Return how images got their size and colours."""
    assert expects.shape is not None
    _, height, width = expects.shape
    how = (
        f"Images were scaled to {width} × {height} pixels"
        if expects.resize is None
        else f"The shorter side of images was scaled to {expects.resize} pixels and the centre, "
        f"{width} × {height}, cut out"
    )
    colour = {"rgb": "", "bgr": ", blue first", "grey": ", without colour"}[expects.colour]
    return f"{how} ({expects.interpolation}{colour})."


def _whole(
    files: list[ImageFile], expects: Expectation, notes: list[str]
) -> tuple[list[ImageFile], list[Pixels]]:
    """Return the images that are whole and their files; ValueError where too many are not."""
    kept, pixels = whole(files, lambda file: decode(file, expects), notes)
    labels = {f.label for f in kept}
    first = next((f for f in files if f.label not in labels), None)
    if first is not None:
        raise RefusedError(image_files.only_one_not_whole(first.name))
    return kept, pixels


def whole(files: Sequence[F], read: Callable[[F], T], notes: list[str]) -> tuple[list[F], list[T]]:
    """Return the files that are whole and what is read of each, with a note of those that are not.

    ValueError where these are too many.
    """
    kept: list[F] = []
    found: list[T] = []
    broken: list[str] = []
    for file in files:
        try:
            found.append(read(file))
            kept.append(file)
        except BrokenImageError as error:
            broken.append(str(error.fact.values["image"]))
            if len(broken) > max(1, BROKEN * len(files)):
                raise RefusedError(image_files.others_not_whole(error.fact, broken[0])) from error
    if broken:
        what = "images are" if len(broken) > 1 else "image is"
        notes.append(f"Left out: {len(broken):,} {what} broken ({some_of(broken)}).")
    return kept, found


def narrowed(pixels: list[Pixels]) -> tuple[Fact, ...]:
    """Return a note where colours of 16 bits, read with 8, are so dark that fewer may be used."""
    largest = [p.values.max() for p in pixels if p.narrowed]
    brightest = int(max(largest, default=BYTE))
    return () if brightest > DARK else (opened.narrowed_colours(len(largest), brightest),)


def scaled(pixels: list[Pixels], name: str, notes: list[str]) -> tuple[Tensor, list[Scale]]:
    """Return images as (N, C, H, W) in [0, 1], all of one depth on one scale, and these scales."""
    scales: dict[float | None, Scale] = {}
    spans = [p.span for p in pixels if p.span is not None and p.full is None]
    if spans:
        scale = scales[None] = scale_of(joined(spans))
        if not scale.unit:
            raise RefusedError(image_files.white_not_known(name, str(scale.span)))
        notes.append(scale.sentence)
    words = [p.span for p in pixels if p.span is not None and p.full is not None]
    if words:
        scales[WORD] = scale_of_words(joined(words))
    whites = [p.full or 1.0 if p.span is None else scales[p.full].divisor for p in pixels]
    deep = Counter(white for p, white in zip(pixels, whites, strict=True) if p.full == WORD)
    notes += [
        f"Of the images, {count:,} with 16 bits were divided by {white:,.0f}."
        for white, count in deep.items()
    ]
    images = torch.empty(len(pixels), *pixels[0].values.shape)
    for image, one, white in zip(images, pixels, whites, strict=True):
        torch.div(one.values, white, out=image)
    return images, list(scales.values())
