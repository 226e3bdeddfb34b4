"""Which images of a tree of folders belong to which class and part, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

ENDINGS = (".png", ".apng", ".jpg", ".jpeg", ".jfif", ".jpe", ".jif", ".pjpeg", ".pjp", ".bmp",
           ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")  # fmt: skip
UNSEEN = (".", "__MACOSX", "__pycache__")
JUNK = ("thumbs.db", "desktop.ini")
TRAINING = ("train", "training")
JUDGING = ("test", "testing", "val", "valid", "validation", "eval", "evaluation")  # first is best
NAMED = 3
Parts = tuple[str, ...]


@dataclass(frozen=True)
class ImageFile:
    """An image not yet read: its class, its name for people, how to get its bytes, and its part."""

    label: str
    name: str
    read: Callable[[], bytes]
    train: bool = False


@dataclass(frozen=True)
class Tree:
    """The images of a folder or archive in order of their names, and sentences on what was found.

    Where some are to train on, the others are to judge on.
    """

    files: tuple[ImageFile, ...]
    notes: tuple[str, ...]


def is_image(path: str) -> bool:
    """Say whether a path is an image's by its ending, and nowhere hidden."""
    return path.lower().endswith(ENDINGS) and not is_hidden(path)


def is_hidden(path: str) -> bool:
    """Say whether a file or a folder above it is one that systems write for themselves."""
    parts = PurePosixPath(path).parts
    return any(p.startswith(UNSEEN) for p in parts) or bool(parts and parts[-1].lower() in JUNK)


def some_of(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def sort_out(
    paths: Iterable[str], folders: Iterable[str], read: Callable[[str], bytes], name: str
) -> Tree:
    """Return the images among paths, each in the class that its folder names.

    Folders around all of them are passed through, folders inside a class belong to it, and `train`
    beside `test` (or val, valid, validation) keeps both apart. ValueError where there are no
    classes, or a class folder is empty.
    """
    files = sorted((p for p in paths if not is_hidden(p)), key=lambda p: PurePosixPath(p).parts)
    images = [PurePosixPath(p).parts for p in files if is_image(p)]
    depth = _wrapping(images)
    here = [parts for parts in images if len(parts) > depth + 1]
    if not here:
        raise ValueError(
            f"'{name}' holds no class folders; make one folder of images for each class"
        )
    split = _split(here, depth)
    level = depth + 1 if split else depth
    kept = [p for p in here if len(p) > level + 1 and (not split or p[depth] in split)]
    found = [
        ImageFile(p[level], "/".join(p[depth:]), _reader(read, p), bool(split) and split[p[depth]])
        for p in kept
    ]
    _refuse_empty(folders, files, {f.label for f in found}, depth, level, split)
    deep = [p for p in kept if len(p) > level + 2]
    notes = [f"In folders inside their class's folder: {len(deep):,}."] * bool(deep)
    if split:
        notes.insert(0, _split_note(split))
    chosen = set(kept)
    left = {
        "of no kind that is read": [p for p in files if not is_image(p)],
        "in no class's folder": ["/".join(p) for p in images if p not in chosen],
    }
    notes += [
        f"Left out: {len(names):,} {'files' if len(names) > 1 else 'file'} {why} "
        f"({some_of(names)})."
        for why, names in left.items()
        if names
    ]
    return Tree(tuple(found), tuple(notes))


def _reader(read: Callable[[str], bytes], parts: Parts) -> Callable[[], bytes]:
    return lambda: read("/".join(parts))


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
    """Return the folders that are parts, each with whether it is to train on; {} for none."""
    tops = {p[depth] for p in images}
    full = {p[depth] for p in images if len(p) > depth + 2}
    judging = sorted((t for t in full if t.lower() in JUDGING), key=lambda t: _rank(t, JUDGING))
    training = sorted((t for t in full if t.lower() in TRAINING), key=lambda t: _rank(t, TRAINING))
    if training and judging:
        return {training[0]: True, judging[0]: False}
    if len(judging) > 1 and full == set(judging):  # val trains where test judges
        return {judging[1]: True, judging[0]: False}
    if training and any(t.lower() in JUDGING for t in tops):
        return {training[0]: False}
    return {}


def _rank(top: str, words: Sequence[str]) -> tuple[int, str]:
    return (words.index(top.lower()) if top.lower() in words else len(words), top)


def _split_note(split: dict[str, bool]) -> str:
    if len(split) == 1:
        return f"Of its parts, only '{next(iter(split))}' has folders of classes."
    train, judge = sorted(split, key=lambda top: not split[top])
    return f"The folder '{train}' trains and calibrates, '{judge}' evaluates."


def _refuse_empty(
    folders: Iterable[str],
    files: Sequence[str],
    labels: set[str],
    depth: int,
    level: int,
    split: dict[str, bool],
) -> None:
    """Raise ValueError for a class's folder without an image that can be read."""
    for folder in sorted(folders):
        parts = PurePosixPath(folder).parts
        in_part = not split or (len(parts) > depth and parts[depth] in split)
        if len(parts) != level + 1 or is_hidden(folder) or not in_part or parts[level] in labels:
            continue
        inside = [f for f in files if PurePosixPath(f).parts[: level + 1] == parts]
        endings = sorted({PurePosixPath(f).suffix or "none" for f in inside})
        what = f" that can be read, its files end in {some_of(endings)}" if inside else ""
        raise ValueError(
            f"the class folder '{parts[level]}' has no images{what}; add some or remove it"
        )
