"""Files that a browser sends: checked before they are read, kept under their SHA-256."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from pruneviz.subjects.arrays import check_npz
from pruneviz.subjects.images import check_zip
from pruneviz.subjects.references import parse_upload
from pruneviz.subjects.tables import csv_columns
from pruneviz.subjects.weights import PICKLES, check_header

MAX_FILE_BYTES = 200_000_000
MAX_TOTAL_BYTES = 2_000_000_000
KINDS = ("safetensors", "npz", "csv", "zip")
ZIP_START = b"PK\x03\x04"


def upload_path(reference: str, home: Path) -> Path:
    """Return where the file of `upload:SHA256[.ending]` lies; ValueError when it is not there."""
    name = reference.removeprefix("upload:").partition("?")[0]
    sha256, ending = parse_upload(name)
    path = home / "uploads" / f"{sha256}.{ending}"
    if not path.is_file():
        raise ValueError(f"the upload {sha256[:12]}… is not here (any more); upload the file again")
    return path


def upload_columns(reference: str, home: Path) -> list[str]:
    """Return the column names of an uploaded CSV table, to choose `?target=COLUMN` from."""
    return csv_columns(upload_path(reference, home))


def accept(name: str, content: bytes | BinaryIO, home: Path) -> str:
    """Check a file, keep it in `home`/uploads, and return its reference.

    Weights (safetensors) become `upload:SHA256`, for a plan's `weights`; data (npz, csv, or a zip
    of class folders) become `upload:SHA256.ending`, for its `data`. Nothing is unpickled.
    `name` gives the ending alone and appears in messages. ValueError says why a file is refused.
    """
    name = Path(name.replace("\\", "/")).name or "file"
    ending = Path(name).suffix.lower().removeprefix(".")
    if ending not in KINDS and f".{ending}" not in PICKLES:
        raise ValueError(f"'{name}' is no kind of file that can be used; upload {', '.join(KINDS)}")
    data = content if isinstance(content, bytes) else content.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(
            f"'{name}' is larger than {MAX_FILE_BYTES // 1_000_000} MB; "
            "give the path of a file on the server with the command line"
        )
    _check(name, ending, data)
    sha256 = hashlib.sha256(data).hexdigest()
    _keep(data, home / "uploads", f"{sha256}.{ending}")
    return f"upload:{sha256}" + ("" if ending == "safetensors" else f".{ending}")


def _check(name: str, ending: str, data: bytes) -> None:
    """Raise ValueError unless the bytes are what the ending says."""
    if not data:
        raise ValueError(f"'{name}' is empty; upload it again")
    if ending == "safetensors" or f".{ending}" in PICKLES:
        check_header(name, data, len(data))
    elif ending == "csv":
        _check_text(name, data)
    elif not data.startswith(ZIP_START):
        raise ValueError(f"'{name}' is not a whole {ending} file; make it again and upload it")
    elif ending == "npz":
        check_npz(io.BytesIO(data), name)
    else:
        check_zip(io.BytesIO(data), name)


def _check_text(name: str, data: bytes) -> None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"'{name}' is not UTF-8 text; export the table as UTF-8 CSV") from error
    if "\0" in text:
        raise ValueError(f"'{name}' is not a table but a binary file; export it as UTF-8 CSV")


def _keep(data: bytes, folder: Path, file: str) -> None:
    """Write the file whole or not at all; ValueError when the folder would grow too large."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / file).is_file():
        return
    total = sum(p.stat().st_size for p in folder.iterdir() if p.is_file())
    if total + len(data) > MAX_TOTAL_BYTES:
        raise ValueError(
            f"the uploads would take more than {MAX_TOTAL_BYTES // 1_000_000_000} GB; "
            f"remove some from '{folder}'"
        )
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".incoming-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(temporary).replace(folder / file)
    finally:
        Path(temporary).unlink(missing_ok=True)
