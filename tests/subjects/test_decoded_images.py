"""Images kept as they were decoded: the same to the bit, and never those of other files."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from pruneviz.subjects.files import decoded, images
from pruneviz.subjects.files.images import read_folder, read_zip
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.models.expectation import Expectation

COLOUR = Expectation(shape=(3, 8, 8))
Read = Callable[..., RawData]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of JPEG files, of images with 16 bits, and of one that is broken."""
    random = np.random.RandomState(0)
    for part in ("train", "test"):
        for label in ("ash", "oak"):
            (tmp_path / "data" / part / label).mkdir(parents=True)
            for i in range(6):
                path = tmp_path / "data" / part / label / f"{i}.jpg"
                Image.fromarray(random.randint(0, 256, (11, 13, 3), dtype=np.uint8)).save(path)
    deep = Image.fromarray(random.randint(0, 65_536, (9, 9)).astype("uint16"))
    deep.save(tmp_path / "data" / "test" / "ash" / "deep.png")
    (tmp_path / "data" / "test" / "oak" / "broken.jpg").write_bytes(b"no image")
    return tmp_path / "data"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the images that are decoded from now on."""
    names: list[str] = []

    def noting(file, expects):
        names.append(file.name)
        return decode(file, expects)

    decode = decoded.decode
    monkeypatch.setattr(decoded, "decode", noting)
    return names


def same(one: RawData, other: RawData) -> bool:
    assert one.train.x is not None
    assert other.train.x is not None
    return (
        torch.equal(one.x, other.x)
        and torch.equal(one.train.x, other.train.x)
        and (one.labels == other.labels).all()
        and (one.names, one.note, one.notes) == (other.names, other.note, other.notes)
    )


def kept(home: Path) -> list[Path]:
    return sorted((home / "images").iterdir())


WAYS = [
    COLOUR,
    Expectation(shape=(1, 8, 8)),
    Expectation(shape=(3, 8, 8), colour="bgr", resize=10),
    Expectation(shape=(3, 8, 8), colour="grey", interpolation="bicubic"),
]


def test_kept_images_are_those_of_their_files_to_the_bit(folder, home, opened):
    count = len([*folder.rglob("*.*")])
    for number, expects in enumerate(WAYS, 1):
        opened.clear()
        plain = read_folder(folder, expects)
        assert len(opened) == count
        assert same(read_folder(folder, expects, home), plain)
        opened.clear()
        assert same(read_folder(folder, expects, home), plain)
        assert sorted(opened) == ["test/ash/deep.png", "test/oak/broken.jpg"]
        assert len(kept(home)) == number


def test_every_byte_is_its_share_of_white(tmp_path):
    for label in ("ash", "oak"):
        (tmp_path / label).mkdir()
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        Image.fromarray(grey).save(tmp_path / label / "1.png")
    x = read_folder(tmp_path, Expectation(shape=(1, 16, 16))).x
    wanted = torch.arange(256.0) / 255
    assert torch.equal(x, wanted.view(1, 1, 16, 16).expand(2, -1, -1, -1))


def test_a_zip_is_kept_by_its_members(folder, home, opened, tmp_path):
    archive = tmp_path / "data.zip"

    def pack() -> None:
        with zipfile.ZipFile(archive, "w") as out:
            for path in sorted(folder.rglob("*.*")):
                out.write(path, path.relative_to(folder).as_posix())

    pack()
    plain = read_zip(archive, COLOUR)
    assert same(read_zip(archive, COLOUR, home), plain)
    Image.new("RGB", (11, 13), "red").save(folder / "test" / "ash" / "3.jpg")
    pack()
    opened.clear()
    found = read_zip(archive, COLOUR, home)
    assert "test/ash/3.jpg" in opened
    assert len(opened) == 3
    assert same(found, read_zip(archive, COLOUR))
    assert not torch.equal(found.x, plain.x)


@pytest.mark.parametrize("keeps_times", [False, True])
def test_a_file_that_changed_is_decoded_again_and_no_other(folder, home, opened, keeps_times):
    read_folder(folder, COLOUR, home)
    path = folder / "test" / "oak" / "2.jpg"
    state, size = path.stat(), path.stat().st_size
    Image.new("RGB", (11, 13), "blue").save(path)
    if keeps_times:  # and the size
        path.write_bytes(path.read_bytes()[:size].ljust(size, b"\0"))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    (folder / "train" / "oak" / "5.jpg").unlink()
    opened.clear()
    found = read_folder(folder, COLOUR, home)
    assert "test/oak/2.jpg" in opened
    assert len(opened) == 3
    assert same(found, read_folder(folder, COLOUR))


def damage_header(content: bytes) -> bytes:
    return b"\xff" * 16 + content[16:]


def damage_pixel(content: bytes) -> bytes:
    return content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]


@pytest.mark.parametrize(
    "damage",
    [damage_header, damage_pixel, lambda content: content[:-50], lambda content: b""],
    ids=["header", "one bit", "cut short", "empty"],
)
def test_what_is_damaged_is_made_again(folder, home, opened, damage):
    plain = read_folder(folder, COLOUR, home)
    (file,) = kept(home)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    opened.clear()
    assert same(read_folder(folder, COLOUR, home), plain)
    assert len(opened) == len([*folder.rglob("*.*")])
    opened.clear()
    assert same(read_folder(folder, COLOUR, home), plain)
    assert len(opened) == 2


def test_a_process_that_is_killed_leaves_nothing_that_is_read(folder, home, opened, monkeypatch):
    save, left = safetensors.torch.save_file, home / "images" / "left.part"

    def watched(tensors, file, told):
        assert kept(home) == [Path(file)]  # what is not whole is nowhere else
        save(tensors, file, told)
        left.write_bytes(Path(file).read_bytes()[:-50])

    monkeypatch.setattr(safetensors.torch, "save_file", watched)
    read_folder(folder, COLOUR, home)
    monkeypatch.setattr(safetensors.torch, "save_file", save)
    (whole,) = set(kept(home)) - {left}
    whole.unlink()
    opened.clear()
    plain = read_folder(folder, COLOUR)
    for _ in range(2):  # another may still be writing that file
        assert same(read_folder(folder, COLOUR, home), plain)
        assert kept(home) == sorted([whole, left])
    monkeypatch.setattr(decoded, "UNFINISHED_SECONDS", -1)
    assert same(read_folder(folder, WAYS[2], home), read_folder(folder, WAYS[2]))
    assert left not in kept(home)


def test_two_that_open_a_folder_at_once_both_have_it(folder, home, monkeypatch):
    """Another process comes to its end between the first one's look and its writing."""
    make_room, others = decoded.make_room, []

    def meanwhile(file, size):
        monkeypatch.setattr(decoded, "make_room", make_room)
        others.append(read_folder(folder, COLOUR, home))
        make_room(file, size)

    monkeypatch.setattr(decoded, "make_room", meanwhile)
    first = read_folder(folder, COLOUR, home)
    plain = read_folder(folder, COLOUR)
    assert same(first, plain)
    assert same(others[0], plain)
    assert same(read_folder(folder, COLOUR, home), plain)
    assert len(kept(home)) == 1


def test_what_was_not_used_the_longest_goes(folder, home, monkeypatch):
    read_folder(folder, WAYS[0], home)
    (first,) = kept(home)
    read_folder(folder, WAYS[2], home)
    second = next(path for path in kept(home) if path != first)
    for age, path in ((50, first), (90, second)):
        os.utime(path, (time.time() - age, time.time() - age))
    monkeypatch.setattr(decoded, "MOST_BYTES", 2 * first.stat().st_size)
    read_folder(folder, WAYS[3], home)
    assert first in kept(home)
    assert second not in kept(home)
    assert len(kept(home)) == 2


def test_what_a_folder_leaves_behind_goes(folder, home):
    read_folder(folder, COLOUR, home)
    moved = folder.rename(folder.with_name("moved"))
    read_folder(moved, COLOUR, home)
    assert len(kept(home)) == 1


def test_without_room_or_leave_to_write_images_are_read_all_the_same(
    folder, home, monkeypatch, caplog
):
    plain = read_folder(folder, COLOUR)
    monkeypatch.setattr(decoded, "SPARE_BYTES", 10**18)
    assert same(read_folder(folder, COLOUR, home), plain)
    assert kept(home) == []
    assert "of the disk would be left" in caplog.text
    (home / "images").rmdir()
    (home / "images").write_bytes(b"")  # no folder can be made
    assert same(read_folder(folder, COLOUR, home), plain)
    assert caplog.text.count("decoded images are not kept") == 2


def test_many_more_images_than_workers_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "TOGETHER", 7)
    for i in range(40):
        path = tmp_path / "data" / f"class{i % 2}" / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (400 - 9 * i, 400 - 9 * i), i).save(path)
    monkeypatch.setattr(images, "MAX_TENSOR_BYTES", 4 * 64 * 20)
    for _ in range(2):
        raw = read_folder(tmp_path / "data", Expectation(shape=(1, 8, 8)), tmp_path / "home")
        assert "20 of 40 images were taken" in raw.note
        assert (raw.x[:, 0, 0, 0] * 255).round().int().tolist() == [
            int(Path(name).stem) for name in raw.names
        ]
