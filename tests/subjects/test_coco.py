"""A detector is opened with images and boxes in COCO's form, or refused with what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz import run
from pruneviz.plan import Plan
from pruneviz.plan.reading import Reading
from pruneviz.subjects import load_subject
from pruneviz.subjects.files import coco
from pruneviz.subjects.stored import images as stored
from pruneviz.subjects.stored.images import StoredImages
from pruneviz.tasks import IGNORED
from pruneviz.tasks.detection import Detection
from pruneviz.wording import RefusedError, misfits
from pruneviz.wording.refusals.subjects import answering, coco_files, finding, image_files
from tests.metrics.judged import judged_as_coco

NET = """
import torch
from torch import nn
from pruneviz.subjects import subject_of
from pruneviz.tasks.detection import Detection
from pruneviz.tasks.single_map import SingleMap

def build():  # images half as high and a quarter as wide as the files
    read = SingleMap((20, 10))
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Conv2d(8, 9, 1)
    )
    task = Detection(read.decode, read.objective, 4)
    return subject_of(net, task, example=torch.rand(2, 3, 20, 10))

def row():
    return nn.Linear(30, 2)

def classes():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))

class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        boxes = torch.tensor([[1.0, 4, 4, 14], [0, 0, 2, 4]])
        sure = self.last(self.first(x)).mean((1, 2, 3)).sigmoid()
        kinds = torch.tensor([3, 0])
        return [
            {"boxes": boxes, "labels": kinds, "scores": torch.stack([each, each / 2])}
            for each in sure
        ]
"""
CATEGORIES = [{"id": 0, "name": "cat"}, {"id": 3, "name": "dog"}]


def image(number, **other):
    return {"id": number, "file_name": f"{number:02}.png", "width": 40, "height": 40, **other}


def box(number, corners, category=3, **other):
    return {"image_id": number, "category_id": category, "bbox": corners, **other}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    found = tmp_path / "scenes"
    (found / "images").mkdir(parents=True)
    for number in range(24):
        pixels = np.full((40, 40, 3), (number, 0, 255), dtype=np.uint8)
        Image.fromarray(pixels).save(found / "images" / f"{number:02}.png")
    write(found, "val.json", range(12), [box(1, [4, 8, 12, 20]), box(1, [0, 0, 8, 8], 0)])
    write(found, "train.json", range(12, 24), [box(12, [0, 0, 40, 40])])
    return found


def plan_of(folder, factory="build", **given):
    net = f"python:{folder.parent / 'net.py'}:{factory}"
    return Plan(**{"model": net, "data": f"coco:{folder}", **given})


def read(folder, **given):
    return load_subject(plan_of(folder, **given)).data


def refused(folder, **given):
    with pytest.raises(RefusedError) as caught:
        read(folder, **given)
    return caught.value.fact


def write(folder, name, numbers, boxes, images=None, categories=CATEGORIES):
    listed = [image(number) for number in numbers] if images is None else images
    content = {"images": listed, "annotations": boxes, "categories": categories}
    (folder / name).write_text(json.dumps(content))


def test_images_are_stretched_and_boxes_with_them(folder):
    data = read(folder)
    assert data.x.shape == (12, 3, 20, 10)
    assert data.x[5, :, 7, 3].tolist() == pytest.approx([5 / 255, 0, 1])
    assert data.y.shape == (12, 2, 5)
    assert data.y[1].tolist() == [[1, 4, 4, 14, 3], [0, 0, 2, 4, 0]]
    assert bool((data.y[0] == IGNORED).all())
    assert data.train_y[0, 0].tolist() == [0, 0, 10, 20, 3]
    assert data.classes == ("cat", "1", "2", "dog")
    assert data.name(1) == "01.png"
    assert "Evaluated on 12 inputs, calibrated on 12 of the 12 training inputs" in data.note
    assert "stretched to 10 × 20 pixels" in data.note
    assert "Left out" not in data.note
    assert torch.equal(data.calibration_y, data.train_y)


def test_a_detector_with_its_own_reading_of_a_map_is_cut_and_judged(folder):
    plan = plan_of(folder, sparsity=0.5)
    prepared, pruned, report = run.run(plan, latency_runs=3)
    assert isinstance(prepared.subject.task, Detection)
    assert pruned.model[0].out_channels == 4
    assert [pair.metric for pair in report.quality] == ["map_50", "map", "box_recall"]
    assert load_subject(report.plan).data.sha256 == prepared.subject.data.sha256


def test_boxes_listed_by_a_network_are_judged_as_torchmetrics_judges_them(folder):
    write(folder, "val.json", range(12), [
        box(1, [4, 8, 12, 20]), box(1, [0, 0, 8, 8], 0), box(2, [0, 0, 9, 8], 0),
        box(3, [9, 9, 9, 9]),
    ])  # fmt: skip
    plan = plan_of(folder, "Listed", input_shape=(3, 20, 10))
    prepared = run.prepare(load_subject(plan), plan)
    data, answers = prepared.subject.data, prepared.baseline.answers
    metric = prepared.subject.metrics[0]
    found = metric.combine(prepared.subject.task.tally(answers, data.y))
    assert found == pytest.approx(float(judged_as_coco(answers, data.y)["map_50"]), abs=1e-6)
    assert 0 < found < 1


def test_colours_and_normalisation_are_those_asked_for(folder):
    data = read(folder, reading=Reading(colour="bgr", mean=(0.5,), std=(0.25,)))
    assert data.x[0, :, 0, 0].tolist() == pytest.approx([2, -2, -2])
    cropped = refused(folder, reading=Reading(resize="crop:30"))
    assert cropped == coco_files.cut_off()


@pytest.mark.parametrize("deep", [False, True], ids=["bytes", "one of 16 bits"])
def test_many_images_stay_bytes_and_are_the_same_numbers(folder, monkeypatch, deep):
    if deep:
        pixels = np.arange(1600).reshape(40, 40).astype(np.uint16) * 40
        Image.fromarray(pixels).save(folder / "images" / "03.png")
    reading = Reading(mean=(0.5,), std=(0.25,))
    plain = read(folder, reading=reading)
    monkeypatch.setattr(stored, "WHOLE_BYTES", 0)
    data = read(folder, reading=reading)
    assert isinstance(data.x, StoredImages) != deep
    assert isinstance(data.train_x, StoredImages)
    assert data.sha256 == plain.sha256
    assert torch.equal(data.x + 0, plain.x)
    if deep:
        assert data.x[3, 0].unique().numel() > 256 / 2


def test_a_single_file_is_split_by_a_seed(folder):
    (folder / "train.json").unlink()
    first, again = (read(folder) for _ in range(2))
    assert (len(first.y), len(first.calibration_y)) == (9, 3)
    assert first.sha256 == again.sha256
    kept = {*(255 * first.x[:, 0, 0, 0]).round().tolist()}
    apart = {*(255 * first.calibration_x[:, 0, 0, 0]).round().tolist()}
    assert not kept & apart
    assert len(kept | apart) == 12
    assert "calibrated on 3 others; split with seed 0" in first.note


def test_boxes_are_cut_at_the_image_and_those_without_area_or_around_crowds_left_out(folder):
    write(folder, "val.json", range(12), [
        box(2, [-10, 30, 20, 90]), box(2, [50, 0, 5, 5]), box(2, [3, 3, 0, 9]),
        box(2, [9, 9, -5, 5]), box(3, [0, 0, 9, 9], iscrowd=1),
    ])  # fmt: skip
    data = read(folder)
    assert data.y[2].tolist() == [[0, 15, 2.5, 20, 3]]
    assert "Left out: 1 box around crowds." in data.note
    assert "Left out: 3 boxes without area in their image." in data.note


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"boxes": [box(1, [0, 0, 5, 5], 7)]}, coco_files.unknown_category("val.json", 7)),
        ({"boxes": [box(99, [0, 0, 5, 5])]}, coco_files.unknown_image("val.json")),
        ({"images": [image(0, file_name="../a.png")] * 1}, coco_files.leads_outside("../a.png")),
        ({"images": [image(0, file_name="/a.png")]}, coco_files.leads_outside("/a.png")),
        ({"images": [image(77), image(78)]}, coco_files.missing_images(2, "77.png")),
        ({"images": [image(1), image(1)]}, coco_files.images_wrong("val.json")),
        ({"images": [image(1, width=0)]}, coco_files.images_wrong("val.json")),
        ({"images": []}, coco_files.empty("val.json")),
        ({"categories": []}, coco_files.empty("val.json")),
        ({"numbers": range(7)}, finding.too_few_inputs(7, 8)),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_refused(folder, given, expected):
    write(folder, "val.json", **{"numbers": range(12), "boxes": [], **given})
    assert refused(folder) == expected


def listing(annotations, categories=CATEGORIES):
    return json.dumps({"images": [image(1)], "annotations": annotations, "categories": categories})


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"images": 3}', "NaN",
        listing([{}]), listing([box(1, [0, 0, 1])]), listing([box(1, [0, 0, 1, 1e999])]),
        listing([box(1, [0, 0, 1, 10**400])]), listing([box(1, [0, 0, 1, 1], True)]),
        listing([], [{"id": 1e9, "name": ""}]),
    ],
)  # fmt: skip
def test_what_is_no_annotations_is_refused(folder, text):
    (folder / "val.json").write_text(text)
    assert refused(folder) in coco_files.unreadable


def test_folders_and_images_that_do_not_fit_are_refused(folder):
    (folder / "images" / "03.png").write_bytes(b"none")
    broken = refused(folder)
    assert broken in coco_files.broken_image
    assert "'03.png'" in str(RefusedError(broken))
    (folder / "more.json").write_text("{}")
    (folder / "val.json").unlink()
    assert refused(folder) == coco_files.which_annotations(folder.name, "more.json, train.json")
    assert refused(folder, data=f"coco:{folder}/more.json") in coco_files.no_folder
    assert refused(folder, data=f"coco:{folder}/nowhere") in finding.no_path


def test_models_that_find_no_boxes_are_refused(folder):
    assert refused(folder, factory="row") == image_files.size_not_known()
    row = refused(folder, factory="row", input_shape=(30,))
    assert row == image_files.model_takes_no_images((30,))
    small = {"input_shape": (3, 20, 10), "factory": "classes"}
    fact = refused(folder, **small)
    assert fact in answering.of_another_task
    assert fact.values["why"] in misfits.answers_otherwise
    fact = refused(folder, **small, task="classification")
    assert fact in answering.of_another_task
    assert fact.values["why"] in misfits.targets_otherwise


def test_an_image_of_another_size_than_listed_is_refused_turned_ones_too(folder):
    shown = Image.new("RGB", (80, 40))
    shown.save(folder / "images" / "03.png")
    assert refused(folder) == coco_files.other_size("03.png", (80, 40), (40, 40))
    turned = Image.Exif()
    turned[0x0112] = 6  # on its side
    Image.new("RGB", (80, 40)).save(folder / "images" / "03.jpg", exif=turned)
    listed = [image(number) for number in range(12)]
    listed[3] |= {"file_name": "03.jpg", "width": 80}
    write(folder, "val.json", (), [], listed)
    assert refused(folder) == coco_files.other_size("03.jpg", (40, 80), (80, 40))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_whose_size_hides_that_it_is_turned_is_refused_where_it_has_boxes(
    folder, orientation
):
    mark = Image.Exif()
    mark[0x0112] = orientation
    Image.new("RGB", (40, 40)).save(folder / "images" / "03.jpg", exif=mark)
    listed = [image(number) for number in range(12)]
    listed[3] |= {"file_name": "03.jpg"}
    write(folder, "val.json", (), [box(1, [4, 8, 12, 20])], listed)
    read(folder)
    write(folder, "val.json", (), [box(3, [4, 8, 12, 20])], listed)
    assert refused(folder) == coco_files.turned("03.jpg")


def test_sizes_may_be_listed_as_text(folder):
    before = read(folder)
    for name in ("val.json", "train.json"):
        text = (folder / name).read_text()
        assert '"width": 40' in text
        (folder / name).write_text(text.replace('"width": 40', '"width": "40.0"'))
    assert read(folder).sha256 == before.sha256


def test_more_images_or_boxes_than_memory_holds_are_refused(folder, monkeypatch):
    size = 3 * 20 * 10
    monkeypatch.setattr(coco, "MAX_TENSOR_BYTES", 24 * size - 1)
    assert refused(folder) in coco_files.too_many_images
    monkeypatch.setattr(coco, "MAX_TENSOR_BYTES", 24 * size)
    read(folder)
    write(folder, "val.json", range(12), [box(1, [4, 8, 12, 20])] * 31)
    assert refused(folder) in coco_files.too_many_images
    write(folder, "val.json", range(12), [box(1, [4, 8, 12, 20])])
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(folder / "images" / "03.png")
    assert refused(folder) in coco_files.too_many_images  # four bytes a number where one is deep


def test_a_category_twice_and_one_beyond_the_model_are_refused(folder):
    twice = [*CATEGORIES, {"id": 0, "name": "bird"}]
    write(folder, "val.json", range(12), [box(1, [4, 8, 12, 20])], categories=twice)
    assert refused(folder) == coco_files.categories_twice("val.json")
    beyond = [*CATEGORIES, {"id": 7, "name": "bird"}]
    write(folder, "val.json", range(12), [box(1, [4, 8, 12, 20])])
    write(folder, "train.json", range(12, 24), [box(12, [0, 0, 9, 9], 7)], categories=beyond)
    assert misfits.labels_beyond_outputs(7, 7, 4) in refused(folder).values.values()
