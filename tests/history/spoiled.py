"""Zips of runs, each spoiled in its own way, and what the refusal must say."""

from __future__ import annotations

import json
import pickle
import stat
import struct
import zipfile

import pytest

from pruneviz.history.folder import run_digest
from pruneviz.plan import Plan


def files_of(path):
    with zipfile.ZipFile(path) as whole:
        return {info.filename: whole.read(info) for info in whole.infolist()}


def zipped(path, files, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as whole:
        for name, content in files.items():
            whole.writestr(name, content)
    return path


def climbing(files, digest, path):
    return zipped(path, {**files, f"{digest}/../../evil.json": b"{}"})


def absolute(files, digest, path):
    return zipped(path, {**files, "/tmp/evil.json": b"{}"})


def backwards(files, digest, path):
    return zipped(path, {**files, f"{digest}\\job.json": b"{}"})


def cut_by_nul(files, digest, path):
    zipped(path, {**files, f"{digest}/log.txt#evil": b"{}"})
    path.write_bytes(path.read_bytes().replace(b"log.txt#evil", b"log.txt\0evil"))
    return path


def nested(files, digest, path):
    return zipped(path, {**files, f"{digest}/deep/job.json": b"{}"})


def below_another_folder(files, digest, path):
    return zipped(path, {f"runs/{name}": content for name, content in files.items()})


def unknown_name(files, digest, path):
    return zipped(path, {**files, f"{digest}/script.py": b"print()"})


def checkpoint(files, digest, path):
    return zipped(path, {**files, f"{digest}/checkpoints/1.pt": b""})


def lock(files, digest, path):
    return zipped(path, {**files, f"{digest}/lock": b""})


def no_digest(files, digest, path):
    return zipped(path, {f"{digest[:-1]}g/{n[65:]}": c for n, c in files.items()})


def another_digest(files, digest, path):
    return zipped(path, {f"{'0' * 64}/{n[65:]}": c for n, c in files.items()})


def twice(files, digest, path):
    zipped(path, files)
    with zipfile.ZipFile(path, "a") as whole, pytest.warns(UserWarning, match="Duplicate"):
        whole.writestr(f"{digest}/job.json", files[f"{digest}/job.json"])
    return path


def link(files, digest, path):
    zipped(path, files)
    info = zipfile.ZipInfo(f"{digest}/environment.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as whole:
        whole.writestr(info, "/etc/passwd")
    return path


def encrypted(files, digest, path):
    content = bytearray(zipped(path, files).read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(content)
    return path


def unusual_packing(files, digest, path):
    return zipped(path, files, zipfile.ZIP_LZMA)


def bomb(files, digest, path):
    return zipped(path, {**files, f"{digest}/log.txt": bytes(30_000_000)}, zipfile.ZIP_DEFLATED)


def bomb_of_many(files, digest, path):
    content = {f"{i:064x}/log.txt": bytes(9_000_000) for i in range(3)}
    return zipped(path, {**files, **content}, zipfile.ZIP_DEFLATED)


def too_large(files, digest, path):
    return zipped(path, {**files, f"{digest}/log.txt": bytes(50_000_001)})


def with_announced_size(path, name, size):
    """Write another unpacked size for a member into the zip's directory."""
    content = bytearray(path.read_bytes())
    at = content.rindex(name.encode()) - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    content[at + 24 : at + 28] = struct.pack("<I", size)
    path.write_bytes(content)
    return path


def lying_bomb(files, digest, path):
    name = f"{digest}/log.txt"
    zipped(path, {**files, name: b"x" * 9_000_000}, zipfile.ZIP_DEFLATED)
    return with_announced_size(path, name, 100)


def lying_tensors(files, digest, path):
    name = f"{digest}/weights.safetensors"
    content = files.pop(name)
    zipped(path, {**files, name: content + bytes(1000)}, zipfile.ZIP_DEFLATED)
    return with_announced_size(path, name, len(content))


def all_too_large(files, digest, path):
    zipped(path, files)
    return with_announced_size(path, f"{digest}/weights.safetensors", 2**32 - 2)


def too_many(files, digest, path):
    return zipped(path, {**files, **{f"{i:064x}/log.txt": b"" for i in range(60_001)}})


def nothing(files, digest, path):
    return zipped(path, {})


def no_zip(files, digest, path):
    path.write_bytes(b"PK\x03\x04 no zip")
    return path


def truncated(files, digest, path):
    path.write_bytes(zipped(path, files).read_bytes()[:-500])
    return path


def broken_content(files, digest, path):
    """Change a byte of the masks, which only the sum at its end tells."""
    content = bytearray(zipped(path, files).read_bytes())
    content[content.index(files[f"{digest}/masks.safetensors"]) + 1000] ^= 1
    path.write_bytes(content)
    return path


def with_file(files, digest, name, content):
    changed = {**files, f"{digest}/{name}": content}
    return {key: value for key, value in changed.items() if value is not None}


def replaced(name, content):
    """Return a way to spoil a zip: one file is another, or None and gone."""

    def spoil(files, digest, path):
        return zipped(path, with_file(files, digest, name, content))

    spoil.__name__ = f"{name}: {str(content)[:20]}"
    return spoil


def edited(name, **fields):
    """Return a way to spoil a zip: fields of one JSON file are others."""

    def spoil(files, digest, path):
        whole = {**json.loads(files[f"{digest}/{name}"]), **fields}
        return zipped(path, with_file(files, digest, name, json.dumps(whole).encode()))

    spoil.__name__ = f"{name}: {fields}"
    return spoil


def other_sparsity(files, digest, path):
    spec = json.loads(files[f"{digest}/job.json"])
    spec["plan"]["sparsity"] = 0.9
    return zipped(path, with_file(files, digest, "job.json", json.dumps(spec).encode()))


def other_plan(files, digest, path):
    text = files[f"{digest}/plan.yaml"].replace(b"sparsity: 0.3", b"sparsity: 0.4")
    return zipped(path, with_file(files, digest, "plan.yaml", text))


def of_plan(files, digest, path, kind, plan):
    """Pack a cancelled run of another kind or plan under its own digest."""
    spec = {**json.loads(files[f"{digest}/job.json"]), "kind": kind}
    spec["plan"] = plan.model_dump(mode="json")
    status = json.dumps({"state": "stopped"})
    other = run_digest(kind, plan)
    names = {f"{other}/job.json": json.dumps(spec), f"{other}/status.json": status}
    return zipped(path, {**files, **names})


def kind_that_is_a_path(files, digest, path):
    return of_plan(files, digest, path, "../run", Plan())


def asking(**fields):
    """Return a way to spoil a zip: a run's plan asks for something else."""

    def spoil(files, digest, path):
        return of_plan(files, digest, path, "run", Plan(**fields))

    spoil.__name__ = f"asking for {str(fields)[:40]}"
    return spoil


BAD = [
    (climbing, "is no file of a run"), (absolute, "is no file of a run"),
    (backwards, "is no file of a run"), (cut_by_nul, "is no file of a run|not a whole zip"),
    (nested, "is no file of a run"), (below_another_folder, "is no file of a run"),
    (unknown_name, "is no file of a run"), (checkpoint, "is no file of a run"),
    (lock, "is no file of a run"), (no_digest, "is no file of a run"),
    (another_digest, "is not what its 'job.json' asks for"), (twice, "twice"),
    (link, "is a link"), (encrypted, "is encrypted"), (unusual_packing, "unusual way"),
    (bomb, "as a bomb does"), (bomb_of_many, "as a bomb of many files does"),
    (kind_that_is_a_path, "is of no kind of run"),
    (asking(schedule="sudden"), "unknown here .schedule 'sudden'"),
    (asking(recovery=[{"method": "magic"}]), "unknown here .recovery 'magic'"),
    (asking(recovery=[{"method": "x" * 5000}]), "unknown here .recovery 'xxx"),
    (too_large, "50,000,000 are allowed"),
    (lying_bomb, "not a whole zip file|more than it announces"),
    (lying_tensors, "not a whole zip file|more than it announces"),
    (all_too_large, "2,000,000,000 are allowed"), (too_many, "60,000 at most"),
    (nothing, "holds no runs"), (no_zip, "not a whole zip file"),
    (truncated, "not a whole zip file"), (broken_content, "not a whole zip file"),
    (replaced("job.json", None), "has no job.json"),
    (replaced("status.json", None), "has no status.json"),
    (replaced("report.json", None), "has no report.json"),
    (replaced("masks.safetensors", None), "has no masks.safetensors"),
    (replaced("job.json", b"{"), "'job.json' of the run .* is damaged"),
    (replaced("job.json", b"\xff"), "is no UTF-8 text"),
    (replaced("report.json", b"{}"), "'report.json' of the run .* is damaged"),
    (replaced("label.json", b'{"name": 3}'), "'label.json' of the run .* is damaged"),
    (replaced("label.json", json.dumps({"name": "x" * 90}).encode()), "at most 80 characters"),
    (replaced("plan.yaml", b"[1"), "neither YAML nor JSON"),
    (replaced("curve.json", b"{}"), "is no list of epochs"),
    (replaced("curve.json", b'[{"epoch": "x"}]'), "'curve.json' of the run .* is damaged"),
    (replaced("recipe.json", b"[" * 100_000), "is not JSON"),
    (replaced("surgery.json", b'{"cuts": [{"parameter": "a"}]}'), "'surgery.json' .* is damaged"),
    (replaced("log.txt", b"\0\0"), "is not text"),
    (replaced("weights.safetensors", pickle.dumps({"a": 1})), "is a pickle|not a safetensors"),
    (replaced("weights.safetensors", b"PK\x03\x04" + bytes(90)), "is a pickle"),
    (replaced("masks.safetensors", b""), "not a safetensors"),
    (replaced("masks.safetensors", b"\xff" * 100), "not a safetensors"),
    (edited("report.json", digest="0" * 64), "is another run's report"),
    (edited("status.json", state="running"), "has not ended"),
    (edited("status.json", state="flying"), "'status.json' of the run .* is damaged"),
    (edited("job.json", kind="sensitivity"), "is not what its 'job.json' asks for"),
    (edited("job.json", more=1), "more is unknown"),
    (other_sparsity, "is not what its 'job.json' asks for"),
    (other_plan, "is another run's plan"),
]  # fmt: skip
