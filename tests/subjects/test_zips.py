"""Zips of images with masks or boxes give what their folders give; what could harm is refused."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz.plan import Plan
from pruneviz.plan.reading import Reading
from pruneviz.subjects import accept, load_subject
from pruneviz.subjects.archives.zips import read_zip
from pruneviz.subjects.files import images
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import array_files, coco_files, image_files, mask_files

NET = """
import torch
from torch import nn
from pruneviz.subjects import subject_of
from pruneviz.tasks.detection import Detection
from pruneviz.tasks.single_map import SingleMap


def maps():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))


def boxes():
    torch.manual_seed(0)
    read = SingleMap((8, 8))
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Conv2d(8, 7, 1)
    )
    task = Detection(read.decode, read.objective, 2)
    return subject_of(net, task, example=torch.rand(2, 3, 8, 8))


def rows():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
"""
COUNT = 24


def picture(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def masks(tmp_path) -> Path:
    draw = np.random.RandomState(0)
    for number in range(COUNT):
        picture(tmp_path / "m" / "images" / f"{number:02}.png",
                draw.randint(0, 255, (8, 8, 3)).astype(np.uint8))  # fmt: skip
        picture(tmp_path / "m" / "masks" / f"{number:02}.png",
                draw.randint(0, 3, (8, 8)).astype(np.uint8))  # fmt: skip
    (tmp_path / "m" / "classes.txt").write_text("sky\ntree\nroad\n")
    return tmp_path / "m"


@pytest.fixture
def boxes(tmp_path) -> Path:
    folder = tmp_path / "b"
    for number in range(COUNT):
        picture(folder / "images" / f"{number:02}.png", np.full((8, 8, 3), number, dtype=np.uint8))
    for name, numbers in {"val": range(12), "train": range(12, COUNT)}.items():
        listed = {
            "images": [{"id": n, "file_name": f"{n:02}.png", "width": 8, "height": 8}
                       for n in numbers],
            "annotations": [{"image_id": n, "category_id": n % 2, "bbox": [1, 2, 4, n % 5 + 1]}
                            for n in numbers],
            "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
        }  # fmt: skip
        (folder / "annotations").mkdir(exist_ok=True)
        (folder / "annotations" / f"{name}.json").write_text(json.dumps(listed))
    return folder


def packed(folder: Path, around: str = "", **more: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"{around}{file.relative_to(folder)}")
        for name, content in more.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def load(tmp_path):
    (tmp_path / "net.py").write_text(NET)

    def loaded(net: str, data: str, **more: object):
        plan = Plan(model=f"python:{tmp_path / 'net.py'}:{net}", data=data, **more)
        return load_subject(plan, home=tmp_path / "home")

    return loaded


@pytest.mark.parametrize("around", ["", "scans/", "a/b/"])
@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_a_zip_is_read_as_its_folder_is_and_unpacked_nowhere(
    load, tmp_path, masks, boxes, kind, around
):
    folder, net, form = {"masks": (masks, "maps", "masks"), "boxes": (boxes, "boxes", "coco")}[kind]
    upload = accept("a.zip", packed(folder, around), tmp_path / "home")
    before = {file.name for file in (tmp_path / "home").rglob("*")}
    found, wanted = load(net, upload), load(net, f"{form}:{folder}")
    assert found.data.sha256 == wanted.data.sha256
    assert torch.equal(found.data.y, wanted.data.y)
    assert found.data.classes == wanted.data.classes
    assert found.task.reported == wanted.task.reported
    assert [str(note) for note in found.notes] == [str(note) for note in wanted.notes]
    assert {file.name for file in (tmp_path / "home").rglob("*")} == before


def test_a_zip_of_classes_beside_a_list_stays_one_of_classes(load, tmp_path):
    folder = tmp_path / "c"
    for number in range(COUNT):
        path = folder / f"kind {number % 3}" / f"{number}.png"
        picture(path, np.full((8, 8, 3), number, dtype=np.uint8))
    (folder / "about.json").write_text("{}")
    upload = accept("a.zip", packed(folder), tmp_path / "home")
    assert load("rows", upload, input_shape=(3, 8, 8)).data.labelling is not None


def test_what_could_harm_or_does_not_fit_is_refused(load, tmp_path, masks, boxes):
    home = tmp_path / "home"

    def refused(action) -> object:
        with pytest.raises(RefusedError) as caught:
            action()
        return caught.value.fact

    outside = packed(masks, **{"../masks/9.png": b"1"})
    assert refused(lambda: accept("a.zip", outside, home)) in image_files.leads_outside
    whole = packed(masks)
    broken = whole[: len(whole) // 2]
    assert refused(lambda: accept("a.zip", broken, home)) in image_files.no_whole_zip
    upload = accept("a.zip", whole, home)
    fact = refused(lambda: load("boxes", upload))
    assert fact in mask_files.no_segmentation
    upload = accept("b.zip", packed(boxes), home)
    crop = Reading(resize="crop:9")
    assert refused(lambda: load("boxes", upload, reading=crop)) in coco_files.cut_off
    listed = boxes / "annotations" / "val.json"
    listed.write_text(listed.read_text().replace('"00.png"', '"../00.png"'))
    upload = accept("b.zip", packed(boxes), home)
    assert refused(lambda: load("boxes", upload)) in coco_files.leads_outside
    listed.write_text("{")
    upload = accept("b.zip", packed(boxes), home)
    assert refused(lambda: load("boxes", upload)) in coco_files.unreadable


def small(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def classes() -> dict[str, bytes]:
    drawn = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(drawn, "PNG")
    return {
        f"{label}/{i}.png": drawn.getvalue() for label in ("ash", "elm", "oak") for i in range(8)
    }


@pytest.mark.parametrize("around", ["", "images/"])
def test_another_list_beside_classes_makes_no_boxes_of_them(load, tmp_path, classes, around):
    files = {f"{around}{name}": content for name, content in classes.items()}
    beside = {"about.json": b'{"images": 16}', "seen.png": classes["ash/0.png"]}
    upload = accept("a.zip", small({**files, **beside}), tmp_path / "home")
    assert load("rows", upload, input_shape=(3, 8, 8)).data.classes == ("ash", "elm", "oak")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_what_unpacks_within_bounds_is_read(tmp_path, classes, method):
    with pytest.raises(RefusedError) as caught:
        accept("a.zip", small(classes, method), tmp_path)
    assert caught.value.fact in image_files.other_packing
    with pytest.raises(RefusedError) as caught:
        accept("a.npz", small({"x.npy": b"1"}, method), tmp_path)
    assert caught.value.fact in array_files.not_whole
    with pytest.raises(RefusedError) as caught:
        accept("a.zip", small({f"./{name}": held for name, held in classes.items()}), tmp_path)
    assert caught.value.fact in image_files.roundabout


def test_no_byte_is_unpacked_beyond_what_a_zip_says_it_holds(tmp_path, masks):
    file, size = tmp_path / "a.zip", 60_000_000
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(masks.rglob("*.png")):
            archive.write(path, str(path.relative_to(masks)))
        archive.writestr("classes.txt", b"0" * size)
        archive.getinfo("classes.txt").file_size = 10
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError) as caught:
            read_zip(file, Expectation(shape=(3, 8, 8)))
        assert tracemalloc.get_traced_memory()[1] < size / 3
    finally:
        tracemalloc.stop()
    assert caught.value.fact in image_files.no_whole_zip


def test_damaged_arrays_are_refused(tmp_path):
    whole = bytearray(small({"x.npy": np.random.RandomState(0).bytes(9000)}))
    whole[35:95] = [(each * 7 + 113) % 256 for each in whole[35:95]]  # where its content begins
    with pytest.raises(RefusedError) as caught:
        accept("a.npz", bytes(whole), tmp_path)
    assert caught.value.fact in array_files.not_whole


def test_a_share_of_a_zip_is_read_while_it_is_open(load, tmp_path, monkeypatch, classes):
    monkeypatch.setattr(images, "MAX_TENSOR_BYTES", 8 * 3 * 8 * 8 * 4)  # a share is rounded up
    data = load("rows", accept("a.zip", small(classes), tmp_path / "home"), input_shape=(3, 8, 8))
    assert len(data.data.x) + len(data.data.calibration_x) == 9
    assert "decoded when it is needed" not in data.data.note
