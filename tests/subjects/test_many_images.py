"""Images decoded when needed are those of a folder that is read at once, and none is broken."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz.network.inputs import batches
from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.subjects import overlap
from pruneviz.subjects.files import images
from pruneviz.subjects.files.images import read_folder
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.load import load_subject
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.references import parse_data
from pruneviz.subjects.stored import images as stored_images
from pruneviz.subjects.stored import kept, many
from pruneviz.subjects.stored.images import StoredImages
from pruneviz.wording import RefusedError
from tests.subjects.test_stored_images import FACTORY

EXPECTS = Expectation(shape=(3, 8, 8), resize=9)
ALL = 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.RandomState(0)
    for part in ("train", "test"):
        for label, dark in (("ash", 160), ("oak", 256)):
            (tmp_path / "data" / part / label).mkdir(parents=True)
            for i, ending in enumerate(["jpg", "png", "webp", "bmp"] * 5):
                pixels = random.randint(0, dark, (11, 14, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / part / label / f"{i}.{ending}")
    return tmp_path / "data"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def little_memory(monkeypatch):
    """Let memory hold ten images, and keep the smallest choice of them stored."""
    monkeypatch.setattr(images, "MAX_TENSOR_BYTES", 10 * 3 * 8 * 8 * 4)
    monkeypatch.setattr(stored_images, "WHOLE_BYTES", 0)


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Return the names of the images that are decoded from now on."""
    names: list[str] = []

    def noting(file, expects):
        names.append(file.name)
        return decode(file, expects)

    decode = many.decode
    monkeypatch.setattr(many, "decode", noting)
    return names


def numbers(raw: RawData) -> list[torch.Tensor]:
    return [torch.cat(list(batches(each, 7))) for each in (raw.x, raw.train.x)]


def same(one: RawData, other: RawData) -> bool:
    alike = all(map(torch.equal, numbers(one), numbers(other)))
    return alike and one.labels.tolist() == other.labels.tolist() and one.names == other.names


def test_they_are_those_that_are_read_at_once(folder, home, monkeypatch, little_memory, decoded):
    raw = read_folder(folder, EXPECTS, home, ALL)
    assert isinstance(raw.x, StoredImages)
    assert "Each is decoded when it is needed" in raw.note
    looked = set(decoded)
    assert {name[-3:] for name in looked} == {"ebp", "bmp"}  # whose ends say nothing
    monkeypatch.setattr(images, "MAX_TENSOR_BYTES", 10**9)
    at_once = read_folder(folder, EXPECTS)
    assert same(raw, at_once)
    assert raw.classes == at_once.classes
    count = len(decoded)
    assert same(raw, at_once)
    assert len(decoded) == count  # all are kept


def test_another_time_none_is_looked_at_or_decoded(folder, home, little_memory, decoded):
    first = read_folder(folder, EXPECTS, home, ALL)
    before = numbers(first)
    decoded.clear()
    again = read_folder(folder, EXPECTS, home, ALL)
    assert same(first, again)
    assert list(map(len, before)) == [40, 40]
    assert decoded == []


def test_a_file_that_changed_is_read_anew_and_damage_is_noticed(
    folder, home, little_memory, decoded
):
    first = read_folder(folder, EXPECTS, home, ALL)
    before = numbers(first)[0]
    shutil.copy(folder / "test" / "oak" / "4.jpg", folder / "test" / "oak" / "0.jpg")
    changed = numbers(read_folder(folder, EXPECTS, home, ALL))[0]
    differ = (changed != before).flatten(1).any(1).nonzero().flatten().tolist()
    assert [first.names[i] for i in differ] == ["test/oak/0.jpg"]
    for file in (home / "images").iterdir():
        with file.open("r+b") as opened:
            opened.seek(-50, 2)
            opened.write(b"\x01\x02\x03")
    again = read_folder(folder, EXPECTS, home, ALL)
    decoded.clear()
    assert torch.equal(numbers(again)[0], changed)
    assert len(decoded) == 1


TROUBLES = ["too many for what is kept", "a full disk", "a home that cannot be written"]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_without_room_each_is_decoded_when_it_is_read(
    folder, home, monkeypatch, little_memory, decoded, trouble
):
    if trouble == TROUBLES[0]:
        monkeypatch.setattr(kept, "MOST_BYTES", 100)
    elif trouble == TROUBLES[1]:

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    else:
        home.write_text("no folder")
    raw = read_folder(folder, EXPECTS, home, ALL)
    first = numbers(raw)
    decoded.clear()
    assert all(map(torch.equal, numbers(raw), first))
    assert len(decoded) == 80


def test_what_is_no_whole_image_is_left_out_by_its_name(folder, home, little_memory):
    cut = folder / "test" / "ash" / "0.jpg"
    cut.write_bytes(cut.read_bytes()[:-40])
    (folder / "test" / "oak" / "1.png").write_bytes(b"no image")
    raw = read_folder(folder, EXPECTS, home, ALL)
    assert len(raw.x) == len(raw.labels) == 38
    assert "Left out: 2 images are broken (test/ash/0.jpg, test/oak/1.png)" in raw.note
    assert "test/ash/0.jpg" not in raw.names
    whole = folder / "test" / "ash" / "5.png"
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 255  # between a sound beginning and a sound end
    whole.write_bytes(content)
    raw = read_folder(folder, EXPECTS, home, ALL)
    assert "Left out: 3 images are broken" in raw.note
    assert "test/ash/5.png" not in raw.names


def test_what_only_decoding_shows_is_said_and_left_out_from_then_on(
    folder, home, monkeypatch, little_memory
):
    hurt = folder / "test" / "ash" / "5.png"
    content = bytearray(hurt.read_bytes())
    content[len(content) // 2] ^= 255
    hurt.write_bytes(content)
    monkeypatch.setattr(many, "is_deep", lambda file: (file.name[-3:].upper(), False))
    raw = read_folder(folder, EXPECTS, home, ALL)
    with pytest.raises(RefusedError, match=r"'test/ash/5\.png' is no whole image"):
        numbers(raw)
    again = read_folder(folder, EXPECTS, home, ALL)
    assert len(numbers(again)[0]) == 39
    assert "Left out: 1 image is broken (test/ash/5.png)" in again.note


def test_a_file_that_is_another_by_now_is_never_taken_for_the_first(folder, home, little_memory):
    raw = read_folder(folder, EXPECTS, home, ALL)
    deep = Image.fromarray(np.full((11, 14), 40_000, np.uint16))
    deep.save(folder / "test" / "oak" / "1.png")
    with pytest.raises(RefusedError, match=r"'test/oak/1\.png' is another file"):
        numbers(raw)
    (folder / "test" / "oak" / "1.png").unlink()
    with pytest.raises(RefusedError, match=r"'test/oak/1\.png' is another file"):
        numbers(raw)


def test_of_files_that_changed_alone_new_images_are_made(folder, home, little_memory, decoded):
    before = numbers(read_folder(folder, EXPECTS, home, ALL))
    decoded.clear()
    os.utime(folder / "train" / "ash" / "1.png")
    assert all(map(torch.equal, before, numbers(read_folder(folder, EXPECTS, home, ALL))))
    assert decoded == ["train/ash/1.png"]
    decoded.clear()
    numbers(read_folder(folder, EXPECTS, home, 40))
    assert decoded == []


def test_as_many_are_kept_as_there_is_room_for(folder, home, monkeypatch, little_memory, decoded):
    monkeypatch.setattr(kept, "MOST_BYTES", 30 * 3 * 8 * 8)
    raw = read_folder(folder, EXPECTS, home, ALL)
    first = numbers(raw)
    decoded.clear()
    assert all(map(torch.equal, numbers(raw), first))
    assert len(decoded) == 80 - 30


def test_deeper_images_are_refused_by_their_name(folder, home, little_memory):
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(folder / "test" / "oak" / "deep.png")
    with pytest.raises(RefusedError, match=r"'test/oak/deep\.png' has more than 8 bits"):
        read_folder(folder, EXPECTS, home, ALL)


def test_as_many_are_taken_as_were_asked_for(folder, home, little_memory):
    raw = read_folder(folder, EXPECTS, home, 40)
    assert (len(raw.x), len(raw.train.x)) == (20, 20)
    assert "40 of 80 images were taken, the same share of each class." in raw.note
    share = read_folder(folder, EXPECTS, home)
    assert len(share.x) + len(share.train.x) == 8
    assert "(?images=all behind the folder takes all)" in share.note


@pytest.mark.parametrize("end", ["images=0", "images=some", "images=-3", "images=3&a=b"])
def test_another_choice_is_refused(end):
    with pytest.raises(RefusedError, match=r"write folder:DIR\?images=all"):
        parse_data(f"folder:x?{end}")
    for name in ("what?", "what?pictures=3"):
        assert parse_data(f"folder:{name}").name == name


def test_a_run_on_them_is_that_on_numbers(folder, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(FACTORY)
    plan = Plan(
        model=f"python:{tmp_path / 'net.py'}:make",
        data=f"folder:{folder}?images=all",
        input_shape=(3, 8, 8),
        sparsity=0.4,
    )
    expected = run(plan, latency_runs=1)[2]
    before = load_subject(plan).data.sha256
    monkeypatch.setattr(images, "MAX_TENSOR_BYTES", 10 * 3 * 8 * 8 * 4)
    monkeypatch.setattr(stored_images, "WHOLE_BYTES", 0)
    found = run(plan, latency_runs=1)[2]
    assert found.quality == expected.quality
    assert found.parameters == expected.parameters
    # what they are known by holds for their files alone, and changes with any of them
    known = load_subject(plan).data.sha256
    assert known != before
    assert load_subject(plan, home=tmp_path / "elsewhere").data.sha256 == known
    first = folder / "test" / "oak" / "1.png"
    first.write_bytes((folder / "test" / "oak" / "5.png").read_bytes())
    assert load_subject(plan).data.sha256 != known


def test_some_are_compared_with_what_trains_and_it_is_said(
    folder, tmp_path, monkeypatch, little_memory, decoded
):
    (tmp_path / "net.py").write_text(FACTORY)
    for i in range(20):  # all of one class are in both parts
        ending = ["jpg", "png", "webp", "bmp"][i % 4]
        content = (folder / "train" / "oak" / "0.jpg").read_bytes()
        for part in ("train", "test"):
            (folder / part / "oak" / f"{i}.{ending}").write_bytes(content)
    monkeypatch.setattr(overlap, "COMPARED", 10)
    plan = Plan(
        model=f"python:{tmp_path / 'net.py'}:make",
        data=f"folder:{folder}?images=all",
        input_shape=(3, 8, 8),
    )
    said = [str(note) for note in load_subject(plan, home=tmp_path).notes]
    assert any("Of the 40 evaluated images 10, spread evenly, were compared" in n for n in said)
    assert any("20 of the 40 evaluated inputs are in its training part, too:" in n for n in said)
    assert len([n for n in said if "in its training part" in n]) == 1
    for path in (folder / "test" / "oak").iterdir():  # the same pictures in other files
        path.write_bytes(path.read_bytes() + b" ")
    said = [str(note) for note in load_subject(plan, home=tmp_path).notes]
    assert any("5 of the 10 evaluated inputs are in its training part, too" in n for n in said)
    # of few to judge, which memory holds, and many to train on, no more are decoded than that
    monkeypatch.setattr(stored_images, "WHOLE_BYTES", 8 * 3 * 8 * 8 * 4)
    for path in sorted((folder / "test").rglob("*.*")):
        if int(path.stem) > 3:
            path.unlink()
    monkeypatch.setattr(kept, "MOST_BYTES", 0)
    decoded.clear()
    found = load_subject(plan, home=tmp_path / "other")
    assert not isinstance(found.data.x, StoredImages)
    assert any("compared with 10 that train" in str(note) for note in found.notes)
    assert len(decoded) < 3 * len(found.data.train_x)
