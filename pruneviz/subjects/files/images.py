"""Images in folders, one folder for each class, on disk or in a zip file."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.subjects.files.decoded import Shelf, decoded
from pruneviz.subjects.files.image_tree import (
    ImageFile,
    Tree,
    inside,
    is_image,
    some_of,
    sort_out,
    unpacked,
)
from pruneviz.subjects.files.pixels import BrokenImageError, Pixels
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.values import Scale, white_above_bytes
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.split import Training, stratified
from pruneviz.subjects.stored.images import StoredImages
from pruneviz.subjects.stored.many import many_images
from pruneviz.subjects.stored.whites import divided, narrowed, whites_of
from pruneviz.subjects.subject import Groups
from pruneviz.subjects.tables.grouped import groups_of
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import image_files

MAX_TENSOR_BYTES = 1_500_000_000
MAX_MEMBERS = 50_000
MAX_UNPACKED_BYTES = 1_000_000_000
SUBSET_SEED = 0
COLOURS = (1, 3)  # channels of an image
DIRECTLY = "(none)"  # the group of images in a class's folder itself
BROKEN = 0.1  # of the images: beyond it, something is wrong with all of them
F = TypeVar("F")
T = TypeVar("T")


def read_folder(
    path: Path, expects: Expectation, home: Path | None = None, most: int | None = None
) -> RawData:
    """Return the images of a folder that holds one folder for each class.

    With a `home` they are kept there as they were decoded, for the next time. `most` says how many
    are taken; of more than memory should hold each is decoded when it is needed.
    """
    if not path.is_dir():
        raise RefusedError(image_files.no_folder(str(path)))
    files, folders = inside(path)
    tree = sort_out(files, folders, lambda name: (path / name).read_bytes(), path.name)

    def stamp(name: str) -> str:
        state = (path / name).stat()
        return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"

    shelf = Shelf.of(home, path, expects, stamp) if home else None
    return _decode_all(tree, path.name, expects, shelf, most)


def read_zip(path: Path, expects: Expectation, home: Path | None = None) -> RawData:
    """Return the images of a zip file with one folder for each class, none unpacked to disk.

    With a `home` they are kept there as they were decoded, for the next time.
    """
    check_zip(path, path.name)
    with zipfile.ZipFile(path) as archive:

        def stamp(name: str) -> str:
            member = archive.getinfo(name)
            return f"{member.file_size} {member.CRC}"

        shelf = Shelf.of(home, path, expects, stamp) if home else None
        tree = replace(_members(archive, path.name), packed=True)
        return _decode_all(tree, path.name, expects, shelf)


def _members(archive: zipfile.ZipFile, name: str) -> Tree:
    members = archive.namelist()
    files = [member for member in members if not member.endswith("/")]
    if not any(is_image(file) for file in files):
        raise RefusedError(image_files.no_images(name))
    folders = {str(parent) for m in members for parent in PurePosixPath(m + "x").parents} - {"."}
    return sort_out(files, folders, partial(unpacked, archive), name)


def check_zip(file: Path | IO[bytes], name: str) -> None:
    """Raise ValueError unless a zip file is small enough, stays in its place, and holds classes."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_members(members, name)
            _members(archive, name)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise RefusedError(image_files.no_whole_zip(name)) from error


def check_members(members: Sequence[zipfile.ZipInfo], name: str) -> None:
    """Raise ValueError where an archive has too many files, too large ones, or some elsewhere."""
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
    if path.removesuffix("/") != str(PurePosixPath(path)):
        raise RefusedError(image_files.roundabout(name, path))
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedError(image_files.other_packing(name, path))
    if stat.S_ISLNK(member.external_attr >> 16):
        raise RefusedError(image_files.holds_a_link(name, path))
    if member.flag_bits & 1:
        raise RefusedError(image_files.encrypted(name))


def _decode_all(
    tree: Tree, name: str, expects: Expectation, shelf: Shelf | None, most: int | None = None
) -> RawData:
    """Return images in the model's input size: `most` of them, or as many as memory should hold."""
    files, notes = list(tree.files), list(tree.notes)
    held = MAX_TENSOR_BYTES // (4 * int(np.prod(image_form(expects))))
    limit = most or held
    if len(files) > limit:
        strata = {s: i for i, s in enumerate(sorted({(f.train, f.label) for f in files}))}
        index = np.array([strata[f.train, f.label] for f in files], dtype=np.int64)
        chosen, _ = stratified(index, limit / len(files), SUBSET_SEED)
        notes.append(
            f"{len(chosen):,} of {len(files):,} images were taken, the same share of each class"
            f"{'' if most or tree.packed else ' (?images=all behind the folder takes all)'}."
        )
        files = [files[i] for i in chosen]
    pixels, scales = list[Pixels](), list[Scale]()
    if most and len(files) > held and shelf is not None:
        many = many_images(files, expects, shelf)
        files, rows = _whole(files, many.look(), notes)
        notes.append(f"{sized(expects)} Each is decoded when it is needed.")

        def taken(chosen: NDArray[np.int64]) -> Tensor:
            return StoredImages(many).taken(torch.tensor(rows)[chosen])
    else:
        room, read = decoded(files, expects, shelf)
        files, pixels = _whole(files, read, notes)
        notes.append(sized(expects))
        whites, scales = whites_of(pixels, name, notes)

        def taken(chosen: NDArray[np.int64]) -> Tensor:
            return divided(pixels, whites, chosen, room)

    classes = tuple(sorted({f.label for f in files}))
    labels = np.array([classes.index(f.label) for f in files], dtype=np.int64)
    train = np.array([f.train for f in files])
    training = Training()
    if train.any():
        training = Training(x=taken(np.flatnonzero(train)), y=torch.from_numpy(labels[train]))
    return RawData(
        x=taken(np.flatnonzero(~train)),
        labels=labels[~train],
        named=True,
        recorded=True,
        classes=classes,
        note=" ".join(notes),
        notes=(*(note for scale in scales for note in scale.notes), *narrowed(pixels)),
        white=white_above_bytes(scales),
        names=tuple(f.name for f in files if not f.train),
        groups=_groups([f for f in files if not f.train]),
        train=training,
    )


def _groups(files: Sequence[ImageFile]) -> Groups:
    """Return images by the folders within their class's folder; {} where these do not group them.

    As where there is one at most, or hardly more images than folders.
    """
    inside = pd.Series([f.inside or DIRECTLY for f in files], dtype=object)
    return {"folder": groups_of(inside)} if 1 < inside.nunique() <= len(files) / 2 else {}


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
    files: list[ImageFile], images: Iterator[T | RefusedError], notes: list[str]
) -> tuple[list[ImageFile], list[T]]:
    """Return the images that are whole and their files; ValueError where too many are not."""
    kept, pixels = whole(files, images, notes)
    labels = {f.label for f in kept}
    first = next((f for f in files if f.label not in labels), None)
    if first is not None:
        raise RefusedError(image_files.only_one_not_whole(first.name))
    return kept, pixels


def attempts(files: Iterable[F], read: Callable[[F], T]) -> Iterator[T | RefusedError]:
    """Yield what is read of each file, or why it is not."""
    for file in files:
        try:
            yield read(file)
        except RefusedError as error:
            yield error


def whole(
    files: Sequence[F], read: Iterable[T | RefusedError], notes: list[str]
) -> tuple[list[F], list[T]]:
    """Return the files that are whole and what was read of each, with a note of the others.

    ValueError where these are too many, and for what is wrong with more than one image.
    """
    kept: list[F] = []
    found: list[T] = []
    broken: list[str] = []
    for file, each in zip(files, read, strict=True):  # to the end, where images are kept
        if not isinstance(each, RefusedError):
            found.append(each)
            kept.append(file)
            continue
        if not isinstance(each, BrokenImageError):
            raise each
        broken.append(str(each.fact.values["image"]))
        if len(broken) > max(1, BROKEN * len(files)):
            raise RefusedError(image_files.others_not_whole(each.fact, broken[0])) from each
    if broken:
        what = "images are" if len(broken) > 1 else "image is"
        notes.append(f"Left out: {len(broken):,} {what} broken ({some_of(broken)}).")
    return kept, found
