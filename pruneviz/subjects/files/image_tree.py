"""Which images of a tree of folders belong to which class and part, and what is left out."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals.subjects import image_files

ENDINGS = (".png", ".apng", ".jpg", ".jpeg", ".jfif", ".jpe", ".jif", ".pjpeg", ".pjp", ".bmp",
           ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")  # fmt: skip
UNSEEN = (".", "__MACOSX", "__pycache__")
JUNK = ("thumbs.db", "desktop.ini")
TRAINING = ("train", "training")
JUDGING = ("test", "testing", "val", "valid", "validation", "eval", "evaluation", "dev",
           "holdout")  # first is best  # fmt: skip
WORDS = TRAINING + JUDGING
ADDED = re.compile(r"(set|data|images|imgs)$")  # to such a word, as in testset
NAMED = 3
Parts = tuple[str, ...]
Place = Path | zipfile.Path  # a file or folder of the disk, or within a zip file


@dataclass(frozen=True)
class ImageFile:
    """An image not yet read: its class, its name for people, how to get its bytes, and its part.

    `path` is that in the folder or archive, `inside` the folder within that of its class, "" where
    it lies in the latter itself.
    """

    label: str
    name: str
    read: Callable[[], bytes]
    train: bool = False
    path: str = ""
    inside: str = ""


@dataclass(frozen=True)
class Tree:
    """The images of a folder or archive in order of their names, and sentences on what was found.

    Where some are to train on, the others are to judge on. `packed` says that they are a zip's.
    """

    files: tuple[ImageFile, ...]
    notes: tuple[str, ...]
    packed: bool = False


def is_image(path: str) -> bool:
    """Say whether a path is an image's by its ending, and nowhere hidden."""
    return path.lower().endswith(ENDINGS) and not is_hidden(path)


def is_hidden(path: str) -> bool:
    """Say whether a file or a folder above it is one that systems write for themselves."""
    parts = _parts(path)
    return any(p.startswith(UNSEEN) for p in parts) or bool(parts and parts[-1].lower() in JUNK)


def _parts(path: str) -> Parts:
    return tuple([part for part in path.split("/") if part and part != "."])


def inside(path: Path) -> tuple[list[str], list[str]]:
    """Return the files and the folders in a folder and in those below it, by their paths there."""
    files, folders, below = list[str](), list[str](), [""]
    while below:
        start = below.pop()
        with suppress(PermissionError), os.scandir(path / start) as entries:
            for entry in entries:
                name = f"{start}{entry.name}"
                if entry.is_file():
                    files.append(name)
                elif entry.is_dir():
                    folders.append(name)
                    below += [] if entry.is_symlink() else [f"{name}/"]
    return files, folders


def files_in(place: Place) -> list[str]:
    """Return the files in a folder and in those below it, by their paths there."""
    if isinstance(place, Path):
        return inside(place)[0]
    start = len(place.at)
    every = (name[start:] for name in place.root.namelist() if name.startswith(place.at))
    return [name for name in every if name and not name.endswith("/")]


def bytes_of(place: Place) -> int:
    """Return how many bytes a file has, as its folder or archive says."""
    if isinstance(place, Path):
        return place.stat().st_size
    return place.root.getinfo(place.at).file_size


def content_of(place: Place) -> bytes:
    """Return what a file holds, of an archive's no more than it says that there is."""
    if isinstance(place, Path):
        return place.read_bytes()
    return unpacked(place.root, place.at)


def unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return what a member of an archive holds: no byte beyond what it says is unpacked."""
    size = archive.getinfo(name).file_size
    with archive.open(name) as member:
        return member.read(size)


def some_of(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def sort_out(
    paths: Iterable[str], folders: Iterable[str], read: Callable[[str], bytes], name: str
) -> Tree:
    """Return the images among paths, each in the class that its folder names.

    Folders around all of them are passed through, folders inside a class belong to it, and `train`
    beside `test` (or val, dev, test_set and the like) keeps both apart. ValueError where there are
    no classes, or a class folder is empty.
    """
    files = sorted((p for p in paths if not is_hidden(p)), key=_parts)
    images = [_parts(p) for p in files if is_image(p)]
    depth = _wrapping(images)
    here = [parts for parts in images if len(parts) > depth + 1]
    if not here:
        raise RefusedError(_no_classes(files, images, name))
    split = _split(here, depth)
    levels = {
        top: _level(here, depth, top) if split else depth for top in split or _tops(here, depth)
    }
    kept = [p for p in here if len(p) > levels.get(p[depth], len(p)) + 1]
    found = [_file(p, depth, levels[p[depth]], split, read) for p in kept]
    _refuse_empty(folders, files, {f.label for f in found}, depth, levels)
    deep = [p for p in kept if len(p) > levels[p[depth]] + 2]
    notes = [f"In folders inside their class's folder: {len(deep):,}."] * bool(deep)
    notes[:0] = [split_note(split)] if split else _alike(here, depth)
    chosen = set(kept)
    others = [p for p in images if p not in chosen]
    spare = [p for p in others if split and len(p) > depth + 2 and word_of(p[depth])]
    left = {
        "of no kind that is read": [p for p in files if not is_image(p)],
        "of parts that are not needed": ["/".join(p) for p in spare],
        "in no class's folder": ["/".join(p) for p in others if p not in spare],
    }
    return Tree(tuple(found), (*notes, *left_out(left)))


def left_out(files: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sentence on the files left out for each reason, by their names."""
    return [
        f"Left out: {len(names):,} {'files' if len(names) > 1 else 'file'} {why} "
        f"({some_of(names)})."
        for why, names in files.items()
        if names
    ]


def _file(
    parts: Parts, depth: int, level: int, split: Mapping[str, bool], read: Callable[[str], bytes]
) -> ImageFile:
    """Return the image at a path below `depth` folders, whose class's folder is at `level`."""
    return ImageFile(
        label=parts[level],
        name="/".join(parts[depth:]),
        read=partial(read, "/".join(parts)),
        train=split.get(parts[depth], False),
        path="/".join(parts),
        inside=parts[level + 1] if len(parts) > level + 2 else "",
    )


def _wrapping(images: list[Parts]) -> int:
    """Return how many folders lie around all classes."""
    depth = 0
    while True:
        here = [p for p in images if len(p) > depth + 1]
        inside = {p[depth + 1] for p in here if len(p) > depth + 2}
        whole = bool(inside) and all(len(p) > depth + 2 for p in images)
        if len({p[depth] for p in here}) != 1 or not (whole or len(inside) > 1):
            return depth
        depth += 1


def _split(images: list[Parts], depth: int) -> dict[str, bool]:
    """Return the folders that are parts, each with whether it is to train on; {} for none.

    A folder whose name is longer than such a word, as training_set, is a part where others hold
    the same classes, or where one is called by the word alone.
    """
    inside = _inside(images, depth)
    words = {top: word for top in inside if (word := word_of(top))}
    plain = {top for top in words if top.lower() in WORDS}
    full = {top for top, classes in inside.items() if classes}
    shared = [inside[top] for top in words if top in full]
    if not plain & full and not (len(shared) > 1 and set.intersection(*shared)):
        words = {top: words[top] for top in plain}
    order = sorted(words, key=lambda top: (WORDS.index(words[top]), top not in plain, top))
    training = [top for top in order if words[top] in TRAINING and top in full]
    judging = [top for top in order if words[top] in JUDGING and top in full]
    if training and judging:
        return {training[0]: True, judging[0]: False}
    if len(judging) > 1 and full == set(judging):  # val trains where test judges
        return {judging[1]: True, judging[0]: False}
    if training and any(word in JUDGING for word in words.values()):
        return {training[0]: False}
    return {}


def word_of(top: str) -> str:
    """Return which word for a part a folder's name holds, "" for none."""
    if top.lower() in WORDS:
        return top.lower()
    apart = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", top).lower())
    return next((word for part in apart if (word := ADDED.sub("", part)) in WORDS), "")


def _tops(images: list[Parts], depth: int) -> set[str]:
    return {p[depth] for p in images}


def _level(images: list[Parts], depth: int, part: str) -> int:
    """Return at which depth the classes of a part lie: a folder around all of them is passed."""
    return depth + 1 + _wrapping([p[depth + 1 :] for p in images if p[depth] == part])


def _inside(images: list[Parts], depth: int) -> dict[str, set[str]]:
    """Return by each folder the names of the classes that it holds if it is a part."""
    levels = {top: _level(images, depth, top) for top in _tops(images, depth)}
    found: dict[str, set[str]] = {top: set() for top in levels}
    for parts in images:
        level = levels[parts[depth]]
        found[parts[depth]].update(parts[level:-1][:1])
    return found


def _alike(images: list[Parts], depth: int) -> list[str]:
    """Return a sentence where all classes hold folders of the same names: they may be parts."""
    inside = _inside(images, depth)
    first = next(iter(inside.values()))
    if len(inside) < 2 or len(first) < 2 or any(names != first for names in inside.values()):
        return []
    return [
        f"The folders {some_of(sorted(inside))} were taken for the classes, and each holds folders "
        f"of the same names ({some_of(sorted(first))}): if these are the classes, call the outer "
        "ones train and test."
    ]


def _no_classes(files: Sequence[str], images: list[Parts], name: str) -> Fact:
    """Return why a folder or archive holds no class."""
    if images or not files:
        return image_files.no_class_folders(name)
    endings = sorted({PurePosixPath(f).suffix or "nothing" for f in files})
    return image_files.no_images_that_are_read(name, some_of(endings))


def split_note(split: dict[str, bool]) -> str:
    """Return which folder trains and which is judged on, as a sentence."""
    if len(split) == 1:
        return f"Of its parts, only '{next(iter(split))}' has folders of classes."
    train, judge = sorted(split, key=lambda top: not split[top])
    return f"The folder '{train}' trains and calibrates, '{judge}' evaluates."


def _refuse_empty(
    folders: Iterable[str],
    files: Sequence[str],
    labels: set[str],
    depth: int,
    levels: Mapping[str, int],
) -> None:
    """Raise ValueError for a class's folder without an image that can be read.

    `levels` are those of the classes by the folder at `depth` above them, or that they are.
    """
    elsewhere = depth if depth in levels.values() else -1
    for folder in sorted(folders):
        parts = PurePosixPath(folder).parts
        level = levels.get(parts[depth], elsewhere) if len(parts) > depth else -1
        if len(parts) != level + 1 or is_hidden(folder) or parts[level] in labels:
            continue
        inside = [f for f in files if PurePosixPath(f).parts[: level + 1] == parts]
        endings = sorted({PurePosixPath(f).suffix or "none" for f in inside})
        raise RefusedError(image_files.empty_class(parts[level], some_of(endings)))
