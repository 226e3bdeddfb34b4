"""Runs in a zip file: taken along, and checked to the last byte before they become runs here."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pruneviz.history.check import (
    KNOWN,
    MAX_TOTAL_BYTES,
    TENSORS,
    Members,
    check_members,
    check_run,
)
from pruneviz.history.folder import SPEC_FILE, UNDER_WAY, RunFolder, now, write_json
from pruneviz.history.index import History
from pruneviz.history.label import read_label, write_label
from pruneviz.history.row import read_row
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import packing

IMPORTING = ".importing-"
CHUNK_BYTES = 1 << 20
RESERVE_BYTES = 1_000_000_000  # what an import leaves free, on a small disk a twentieth of it
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Imported:
    """Digests of the runs that came in, and of those that were here already and stayed as is."""

    added: tuple[str, ...]
    present: tuple[str, ...]


def export_runs(history: History, digests: Iterable[str], path: Path) -> None:
    """Write runs into one zip file, whole or not at all, without checkpoints.

    ValueError where one has not ended, is not there, or the file cannot be written.
    """
    folders = [history.folder(digest) for digest in dict.fromkeys(digests)]
    if not folders:
        raise RefusedError(packing.none_named())
    for folder in folders:
        _refuse_unended(folder)
    if path.is_dir():
        raise RefusedError(packing.is_folder(str(path)))
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".exporting-") as name:
            beside = Path(name) / "runs.zip"
            _pack(folders, beside)
            beside.replace(path)
    except OSError as error:
        raise RefusedError(packing.not_written(str(path), error.strerror or str(error))) from error


def _refuse_unended(folder: RunFolder) -> None:
    row = read_row(folder.path)
    if row is None or row.state in UNDER_WAY:
        raise RefusedError(packing.not_ended(folder.digest[:12]))
    if row.damage:
        raise RefusedError(packing.is_damaged(folder.digest[:12], row.damage))


def _pack(folders: Sequence[RunFolder], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for folder in folders:
            for name in sorted(KNOWN):
                if folder.file(name).is_file():
                    # Tensors stay as they are: masks of ones would look like a bomb when packed.
                    how = zipfile.ZIP_STORED if name in TENSORS else zipfile.ZIP_DEFLATED
                    archive.write(folder.file(name), f"{folder.digest}/{name}", how)


def import_runs(history: History, file: Path | BinaryIO, name: str = "") -> Imported:
    """Take the runs of a zip file into the history; each gets the tag "imported".

    Everything is checked before anything becomes a run. ValueError says what is wrong with the
    file, which messages call `name`; then nothing of it is kept.
    """
    name = name or (file.name if isinstance(file, Path) else "the zip file")
    try:
        with zipfile.ZipFile(file) as archive:
            runs = check_members(archive, name)
            present = tuple(digest for digest in runs if (history.directory / digest).exists())
            added = {digest: runs[digest] for digest in runs if digest not in present}
            for digest, members in added.items():
                check_run(archive, digest, members)
            _unpack(archive, added, history.directory)
    except BROKEN as error:
        raise RefusedError(packing.no_whole_zip(name, str(error))) from error
    except OSError as error:
        reason = error.strerror or error
        raise RefusedError(packing.not_imported(name, str(reason))) from error
    history.sync()
    return Imported(tuple(added), present)


def _unpack(archive: zipfile.ZipFile, runs: dict[str, Members], directory: Path) -> None:
    """Unpack beside the runs, then rename; a run that another process made meanwhile stays."""
    total = sum(member.file_size for members in runs.values() for member in members.values())
    disk = shutil.disk_usage(directory)
    spare = disk.free - min(RESERVE_BYTES, disk.total // 20)
    if total > spare:
        raise RefusedError(packing.no_room(total, max(spare, 0)))
    with tempfile.TemporaryDirectory(dir=directory, prefix=IMPORTING) as name:
        left = MAX_TOTAL_BYTES
        for digest, members in runs.items():
            folder = RunFolder(Path(name) / digest)
            folder.path.mkdir()
            for file, member in members.items():
                left -= _copy(archive, member, folder.file(file), left)
            _mark_imported(folder)
        for digest in runs:
            try:
                (Path(name) / digest).rename(directory / digest)
            except OSError:
                if not (directory / digest).exists():  # else another process was quicker
                    raise


def _mark_imported(folder: RunFolder) -> None:
    """Note that the run comes from elsewhere, and forget how it was computed there.

    The options name a folder and limits of that machine, and a plan may be resumed here.
    """
    label, _ = read_label(folder)
    write_label(folder, label.model_copy(update={"imported": now()}))
    spec = folder.spec()
    assert spec is not None  # it was checked
    here = spec.model_copy(update={"options": {}})
    write_json(folder.file(SPEC_FILE), here.model_dump(mode="json"))


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Unpack one file and return its bytes; ValueError where there are more than announced."""
    count = 0
    with archive.open(member) as source, path.open("xb") as goal:
        while chunk := source.read(CHUNK_BYTES):
            count += len(chunk)
            if count > min(member.file_size, left):
                raise RefusedError(packing.more_than_announced(member.filename))
            goal.write(chunk)
    return count
