"""Files that a browser sends: checked before they are read, kept under their SHA-256."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from pathlib import Path
from typing import BinaryIO, Literal

from pruneviz.plan import Plan
from pruneviz.sent import SentFile, sent_name
from pruneviz.subjects.archives.zips import check_zip
from pruneviz.subjects.files.arrays import check_npz
from pruneviz.subjects.files.tables import csv_columns
from pruneviz.subjects.models.weights import PICKLES, check_header
from pruneviz.subjects.references import parse_data, parse_upload
from pruneviz.subjects.tables.columns import Columns, taken_apart
from pruneviz.subjects.tables.parquet import check_parquet
from pruneviz.subjects.texts.rows import keys_of
from pruneviz.subjects.texts.windows import as_text, read_plain
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import sending

MAX_FILE_BYTES = 200_000_000
MAX_TOTAL_BYTES = 2_000_000_000
SHOWN = 12  # digits of a digest
KINDS = ("safetensors", "npz", "csv", "parquet", "zip", "jsonl", "txt")
ZIP_START = b"PK\x03\x04"
NAME_ENDING = ".name"  # beside an upload: the name by which it was sent last
FILE_KINDS = ("npz:", "csv:", "parquet:", "zip:", "folder:", "text:", "texts:", "choices:")


def upload_path(reference: str, home: Path) -> Path:
    """Return where the file of `upload:SHA256[.ending]` lies; ValueError when it is not there."""
    path = _path(reference, home)
    if not path.is_file():
        raise RefusedError(sending.gone(_kept_name(path), path.stem[:SHOWN]))
    return path


def is_here(reference: str, home: Path) -> bool:
    """Return whether the file of `upload:SHA256[.ending]` is here; ValueError if it is none."""
    return _path(reference, home).is_file()


def _path(reference: str, home: Path) -> Path:
    name = reference.removeprefix("upload:").partition("?")[0]
    sha256, ending = parse_upload(name)
    return home / "uploads" / f"{sha256}.{ending}"


def sent_file(
    what: Literal["weights", "data"], reference: str | None, home: Path
) -> SentFile | None:
    """Return the file that an `upload:` reference means; None for what is no such reference."""
    if reference is None or not reference.startswith("upload:"):
        return None
    path = _path(reference, home)
    return SentFile(what=what, name=_kept_name(path), sha256=path.stem)


def sent_files(plan: Plan, home: Path) -> tuple[SentFile, ...]:
    """Return the uploaded files that a plan names, weights before data."""
    found = (sent_file("weights", plan.weights, home), sent_file("data", plan.data, home))
    return tuple(sent for sent in found if sent is not None)


def supply(reference: str, wanted: SentFile, given: str, home: Path) -> None:
    """Keep a file of this machine as the upload that a plan's reference means.

    `given` is the file's path, alone or as in `csv:FILE?target=COLUMN`. ValueError, with both
    digests, unless it is that very file; or where another target is given than the plan's.
    """
    file = _given_file(reference, given)
    if file.is_dir():
        raise RefusedError(sending.is_folder(str(file), wanted.title))
    try:
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
            content.seek(0)
            data = content.read(MAX_FILE_BYTES + 1) if found == wanted.sha256 else b""
    except OSError as error:
        reason = error.strerror or str(error)
        why = sending.unreadable(str(file), reason, wanted.what, wanted.title)
        raise RefusedError(why) from error
    if found != wanted.sha256:
        raise RefusedError(
            sending.another_file(str(file), found[:SHOWN], wanted.what, wanted.title)
        )
    accept(wanted.name or f"{file.stem}{_path(reference, home).suffix}", data, home)


def _given_file(reference: str, given: str) -> Path:
    """Return the path that was given, without its kind, and refuse another column of classes."""
    if Path(given).exists() or not given.startswith(FILE_KINDS):
        return Path(given)
    kind, _, rest = given.partition(":")
    name, read = taken_apart(rest)
    asked = parse_data(reference).columns
    if read not in (Columns(), Columns(target=asked.target), asked):
        raise RefusedError(sending.other_columns(str(asked), str(read), f"{kind}:{name}"))
    return Path(name)


def table_columns(reference: str, home: Path) -> list[str]:
    """Return the column names of a table, or of lines of JSON, that a data reference names.

    [] of what is no table; ValueError where the file is not there, or is none.
    """
    parsed = parse_data(reference)
    path = upload_path(reference, home) if parsed.kind == "upload" else Path(parsed.name)
    kind = parse_upload(parsed.name)[1] if parsed.kind == "upload" else parsed.kind
    if kind == "parquet":
        return check_parquet(path, path.name)
    if kind == "jsonl":
        return keys_of(read_plain(path, MAX_FILE_BYTES), path.name)
    return csv_columns(path) if kind == "csv" else []


def accept(name: str, content: bytes | BinaryIO, home: Path) -> str:
    """Check a file, keep it in `home`/uploads, and return its reference.

    Weights (safetensors) become `upload:SHA256`, for a plan's `weights`; data (npz, csv, parquet,
    jsonl, txt, or a zip of images) become `upload:SHA256.ending`, for its `data`. Nothing is
    unpickled. `name` gives the ending, appears in messages and is kept beside the file. ValueError
    says why a file is refused.
    """
    name = sent_name(name) or "file"
    ending = Path(name).suffix.lower().removeprefix(".")
    if ending not in KINDS and f".{ending}" not in PICKLES:
        raise RefusedError(sending.no_kind(name, KINDS))
    data = content if isinstance(content, bytes) else content.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise RefusedError(sending.too_large(name, MAX_FILE_BYTES // 1_000_000))
    _check(name, ending, data)
    sha256 = hashlib.sha256(data).hexdigest()
    folder = home / "uploads"
    _keep(data, folder, f"{sha256}.{ending}")
    _write(name.encode(), folder, f"{sha256}.{ending}{NAME_ENDING}")
    return f"upload:{sha256}" + ("" if ending == "safetensors" else f".{ending}")


def _check(name: str, ending: str, data: bytes) -> None:
    """Raise ValueError unless the bytes are what the ending says."""
    if not data:
        raise RefusedError(sending.empty(name))
    if ending == "safetensors" or f".{ending}" in PICKLES:
        check_header(name, data, len(data))
    elif ending == "csv":
        _check_text(name, data)
    elif ending == "jsonl":
        keys_of(as_text(data, name), name)
    elif ending == "txt":
        as_text(data, name)
    elif ending == "parquet":
        check_parquet(io.BytesIO(data), name)
    elif not data.startswith(ZIP_START):
        raise RefusedError(sending.not_whole(name, ending))
    elif ending == "npz":
        check_npz(io.BytesIO(data), name)
    else:
        check_zip(io.BytesIO(data), name)


def _kept_name(path: Path) -> str:
    """Return by which name an upload was sent, "" where that was not kept."""
    try:
        return sent_name(path.with_name(f"{path.name}{NAME_ENDING}").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""


def _check_text(name: str, data: bytes) -> None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedError(sending.no_utf8(name)) from error
    if "\0" in text:
        raise RefusedError(sending.no_text(name))


def _keep(data: bytes, folder: Path, file: str) -> None:
    """Write the file whole or not at all; ValueError when the folder would grow too large."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / file).is_file():
        return
    total = sum(p.stat().st_size for p in folder.iterdir() if p.is_file())
    if total + len(data) > MAX_TOTAL_BYTES:
        raise RefusedError(sending.no_room(MAX_TOTAL_BYTES // 1_000_000_000, str(folder)))
    _write(data, folder, file)


def _write(data: bytes, folder: Path, file: str) -> None:
    """Write a file whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".incoming-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(temporary).replace(folder / file)
    finally:
        Path(temporary).unlink(missing_ok=True)
