"""Images with masks: what their numbers mean, what belongs together, and what is refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.subjects import Subject, load_subject
from pruneviz.subjects import load as loading
from pruneviz.subjects.files.masks import read_masks
from pruneviz.subjects.labelling import UnknownClassesError
from pruneviz.subjects.models.expectation import Expectation, Source
from pruneviz.tasks import IGNORED
from pruneviz.tasks.segmentation import Segmentation
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import finding, image_files, mask_files

COUNT, SIDE = 12, 8
FORM = Expectation(shape=(1, SIDE, SIDE))
NETS = """
import torch
from torch import nn
def net(outputs=3):
    return nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, outputs, 1))
def sky():
    made = net()
    made.classes = ("sky", "tree", "road")
    return made
def one(): return net(1)
def seven(): return net(7)
def half(): return nn.Sequential(net(), nn.MaxPool2d(2))
def labels(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
"""
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (COUNT, SIDE, SIDE), dtype=np.uint8)
CLASSES = RANDOM.integers(0, 3, (COUNT, SIDE, SIDE), dtype=np.uint8)


def palette(numbers: np.ndarray) -> Image.Image:
    made = Image.fromarray(numbers, "P")
    made.putpalette([9, 200, 30, 77, 5, 250, 120, 120, 0])
    return made


def deep(numbers: np.ndarray) -> Image.Image:
    return Image.fromarray(numbers.astype(np.uint16))


@pytest.fixture
def folder(tmp_path):
    """Write images and masks, of these numbers and names, into a folder."""

    def written(numbers=CLASSES, make=palette, ending=".png", images="images", masks="masks"):
        for i, (picture, mask) in enumerate(zip(PICTURES, numbers, strict=True)):
            for name in (images, masks):
                (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(tmp_path / "data" / images / f"{i:02}.jpg", quality=95)
            made = make(mask) if callable(make) else mask
            made.save(tmp_path / "data" / masks / f"{i:02}{ending}")
        return tmp_path / "data"

    return written


def load(data: Path, net: str = "net", **plan) -> Subject:
    (data.parent / "net.py").write_text(NETS)
    given = {"input_shape": (1, SIDE, SIDE), **plan}
    return load_subject(
        Plan(model=f"python:{data.parent}/net.py:{net}", data=f"masks:{data}", **given)
    )


def refused(action) -> Fact:
    with pytest.raises(RefusedError) as caught:
        action()
    return caught.value.fact


FORMS = {
    "palette": (palette, ".png"),
    "grey": (Image.fromarray, ".png"),
    "16 bits": (deep, ".png"),
    "16 bits in tiff": (deep, ".tif"),
    "bmp": (Image.fromarray, ".bmp"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_numbers_of_a_mask_are_its_classes_in_every_kind_of_file(folder, form):
    raw = read_masks(folder(CLASSES, *FORMS[form]), FORM)
    assert raw.targets.tolist() == CLASSES.tolist()
    assert raw.names == tuple(f"images/{i:02}.jpg" for i in range(COUNT))
    assert float((raw.x[:, 0] * 255 - torch.from_numpy(PICTURES)).abs().mean()) < 12  # of a JPEG
    assert not raw.notes


def grey_png(numbers: np.ndarray, bits: int) -> bytes:
    """Return a grey PNG of few bits a pixel, as its specification lays it out."""
    height, width = numbers.shape
    packed = numbers.reshape(height, -1, 8 // bits)
    shifts = np.arange(8 - bits, -1, -bits)
    rows = (packed << shifts).sum(-1).astype(np.uint8)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = {b"IHDR": head, b"IDAT": body, b"IEND": b""}
    chunks = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_few_bits_keeps_its_numbers(folder, bits):
    data = folder()
    for i, mask in enumerate(CLASSES):
        (data / "masks" / f"{i:02}.png").write_bytes(grey_png(mask, bits))
    assert read_masks(data, FORM).targets.tolist() == CLASSES.tolist()


@pytest.mark.parametrize("white", [255, 65_535])
def test_the_largest_number_is_a_class_beside_0_and_else_not_judged(folder, white):
    of_two = (CLASSES == 1).astype(np.int32) * white
    make = Image.fromarray if white == 255 else deep
    kind = np.uint8 if white == 255 else np.uint16
    raw = read_masks(folder(of_two.astype(kind), make), FORM)
    assert raw.targets.tolist() == (CLASSES == 1).astype(int).tolist()
    assert raw.notes == (opened.masks_of_two(white),)
    several = CLASSES.astype(np.int32)
    several[:5, 0] = white
    raw = read_masks(folder(several.astype(kind), make), FORM)
    assert raw.targets.tolist() == np.where(several == white, IGNORED, several).tolist()
    assert raw.notes == (opened.pixels_not_judged(white, 5, COUNT),)


def test_a_black_and_white_mask_is_of_two_classes(folder):
    signs = CLASSES == 1
    raw = read_masks(folder(signs, lambda mask: Image.fromarray(mask).convert("1")), FORM)
    assert raw.targets.tolist() == signs.astype(int).tolist()


def test_a_mask_is_sized_by_the_nearest_pixel_and_cut_as_its_image(folder):
    large = CLASSES.repeat(3, 1).repeat(3, 2)
    data = folder(large)
    for i in range(COUNT):
        Image.fromarray(PICTURES[i].repeat(3, 0).repeat(3, 1)).save(data / f"images/{i:02}.jpg")
    assert read_masks(data, FORM).targets.tolist() == CLASSES.tolist()
    cut = read_masks(data, Expectation(shape=(1, 4, 4), resize=SIDE))
    assert cut.targets.tolist() == CLASSES[:, 2:6, 2:6].tolist()


def test_a_network_that_says_no_size_takes_that_of_the_images(folder):
    data = folder()
    assert load(data, input_shape=None).shape == (1, SIDE, SIDE)
    wide = Image.fromarray(PICTURES[3].repeat(2, 0))
    wide.save(data / "images/03.jpg")
    assert refused(lambda: load(data, input_shape=None)) == image_files.size_not_known()


def test_accuracy_and_mean_iou_are_those_of_the_formula(folder):
    numbers = CLASSES.copy()
    numbers[:, 0, 0] = 255
    data = folder(numbers, Image.fromarray)
    subject = load(data, sparsity=0.5)
    assert isinstance(subject.task, Segmentation)
    plan = Plan(model=subject.reference, data=subject.data.reference, sparsity=0.5,
                input_shape=(1, SIDE, SIDE))  # fmt: skip
    pair = run(plan, latency_runs=3)[2].quality[0]
    assert pair.metric == "mean_iou"
    with torch.no_grad():
        answered = subject.model(subject.data.x).argmax(1).numpy()
    names = [int(Path(name).stem) for name in subject.data.names]
    truth = numbers[names].astype(int)
    judged = truth != 255
    shares = []
    for each in range(3):
        a, b = (answered == each) & judged, truth == each
        shares.append((a & b).sum() / (a | b).sum())
    assert pair.original == pytest.approx(np.mean(shares), rel=1e-12)
    tally = subject.task.tally(
        subject.task.answers(subject.model(subject.data.x).detach(), subject.data.y),
        subject.data.y,
    )
    assert tally["correct"].tolist() == (answered == truth).sum((1, 2)).tolist()
    assert tally["pixels"].tolist() == judged.sum((1, 2)).tolist()


def test_a_quarter_calibrates_though_few_masks_show_the_same_classes(folder):
    masks = CLASSES % 2
    for i, mask in enumerate(masks):  # two masks of each of six sets
        mask += i % 6
    data = load(folder(masks, Image.fromarray), "seven").data
    assert (len(data.y), len(data.calibration_y)) == (COUNT * 3 // 4, COUNT // 4)


@pytest.mark.parametrize("outer", ["", "pets/"])
@pytest.mark.parametrize("form", ["{part}/{kind}", "{kind}/{part}"])
def test_parts_are_told_by_their_folders(folder, form, outer):
    for part in ("train", "val"):
        data = folder(
            images=outer + form.format(part=part, kind="images"),
            masks=outer + form.format(part=part, kind="Masks"),
        )
    raw = read_masks(data, FORM)
    assert (len(raw.x), len(raw.train.x)) == (COUNT, COUNT)
    assert raw.train.y.tolist() == CLASSES.tolist()
    assert all("val" in name for name in raw.names)
    assert "'train' trains and calibrates, 'val' evaluates" in raw.note
    first, *others = sorted(p for p in data.rglob("*.jpg") if "val" in p.parts)
    first.write_bytes(b"")
    for path in others:
        path.unlink()
    left = refused(lambda: read_masks(data, FORM))
    assert left == mask_files.no_images("data", "images to judge on")


def test_what_has_no_other_is_left_out_named_and_counted(folder):
    data = folder()
    (data / "masks" / "03.png").unlink()
    (data / "images" / "05.jpg").unlink()
    (data / "images" / "07.jpg").write_bytes(b"")
    (data / "read.me").write_text("x")
    raw = read_masks(data, FORM)
    left = {3, 5, 7}
    assert raw.targets.tolist() == [CLASSES[i].tolist() for i in range(COUNT) if i not in left]
    assert "1 file without a mask (images/03.jpg)" in raw.note
    assert "1 file without an image (masks/05.png)" in raw.note
    assert "1 image is broken (images/07.jpg)" in raw.note
    assert "1 file of no kind that is read (read.me)" in raw.note


def test_classes_are_named_by_a_list_the_model_or_the_plan(folder):
    data = folder()
    assert load(data).data.classes == ("0", "1", "2")
    assert load(data, classes={"tree": 1}).data.classes == ("0", "tree", "2")
    (data / "classes.txt").write_text("road\nsky\ntree\n")
    named = load(data).data
    assert named.classes == ("road", "sky", "tree")
    assert dict(named.labelling.counts) == dict.fromkeys("012", COUNT)
    # a model that knows these names has its own order
    known = load(data, "sky").data
    assert known.classes == ("sky", "tree", "road")
    order = torch.tensor([2, 0, 1])
    assert torch.equal(known.y, order[named.y])
    moved = load(data, classes={"road": 2, "tree": 0, "sky": 1}).data
    assert torch.equal(moved.y, 2 - named.y)


REFUSED = {
    "size": (
        lambda d: Image.new("P", (3, 9)).save(d / "masks/02.png"),
        mask_files.other_size("masks/02.png", (3, 9), (SIDE, SIDE)),
    ),
    "colours": (
        lambda d: Image.new("RGB", (SIDE, SIDE)).save(d / "masks/02.png"),
        mask_files.no_class_numbers("masks/02.png", True),
    ),
    "a JPEG": (
        lambda d: (
            (d / "masks/02.png").unlink(), Image.new("L", (SIDE, SIDE)).save(d / "masks/02.jpg"),
        ),
        mask_files.changes_numbers("masks/02.jpg", "JPEG"),
    ),
    "a gif": (
        lambda d: (
            (d / "masks/02.png").unlink(), Image.new("L", (SIDE, SIDE)).save(d / "masks/02.gif"),
        ),
        mask_files.changes_numbers("masks/02.gif", "GIF"),
    ),
    "fractions": (
        lambda d: (
            (d / "masks/02.png").unlink(), Image.new("F", (SIDE, SIDE)).save(d / "masks/02.tif"),
        ),
        mask_files.no_class_numbers("masks/02.tif", False),
    ),
    "a name twice": (
        lambda d: Image.new("L", (SIDE, SIDE)).save(d / "masks/02.bmp"),
        mask_files.same_name("masks/02.bmp", "masks/02.png"),
    ),
    "no masks": (
        lambda d: (d / "masks").rename(d / "labels"), mask_files.no_images("data", "masks"),
    ),
    "no images": (
        lambda d: [p.unlink() for p in (d / "images").iterdir()],
        mask_files.no_images("data", "images"),
    ),
    "other names": (
        lambda d: [p.rename(p.with_stem(f"m{p.stem}")) for p in [*(d / "masks").iterdir()]],
        mask_files.no_pairs("data", "images/00.jpg", "masks/m00.png"),
    ),
    "one class": (
        lambda d: [
            Image.new("L", (SIDE, SIDE), 2).save(d / f"masks/{i:02}.png") for i in range(COUNT)
        ],
        mask_files.one_class(2),
    ),
    "broken": (
        lambda d: [(d / f"masks/0{i}.png").write_bytes(b"\x89PNG") for i in range(3)],
        image_files.others_not_whole(image_files.not_whole("masks/01.png"), "masks/00.png"),
    ),
    "no text": (
        lambda d: (d / "classes.txt").write_bytes(b"\xff\xfe\xff"),
        mask_files.no_names("classes.txt", 1_000_000),
    ),
    "too few": (
        lambda d: [(d / f"images/{i:02}.jpg").unlink() for i in range(5)],
        finding.too_few_inputs(7, 8),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_named_with_the_remedy(folder, case):
    spoil, expected = REFUSED[case]
    data = folder()
    spoil(data)
    assert refused(lambda: load(data)) == expected


def test_models_that_give_no_classes_to_pixels_are_told(folder):
    data = folder()
    assert refused(lambda: load(data, "one")) == mask_files.single_score()
    assert refused(lambda: load(data, "half")) == mask_files.smaller_maps((4, 4), (SIDE, SIDE))
    title = load(data).title
    other = refused(lambda: load(data, task="regression"))
    assert other == mask_files.no_segmentation(title)
    with pytest.raises(RefusedError, match=r"this is no segmentation: this model answers with"):
        load(data, "labels")
    path = data.parent / "file"
    path.write_text("x")
    assert refused(lambda: load(path)) == mask_files.no_folder(str(path))


def test_a_class_beyond_the_outputs_is_named(folder):
    beyond = CLASSES.copy()
    beyond[4] = 7
    data = folder(beyond, Image.fromarray)
    with pytest.raises(UnknownClassesError, match=r"no output of the model: 7; it has 3 outputs"):
        load(data)
    # once the plan says which output it is, it is judged as such
    assert int(load(data, classes={"7": 1}).data.y.max()) == 2


def test_a_model_that_masks_judge_is_not_said_to_be_unjudged(folder):
    data, unjudged = load(folder()).data, opened.not_judged("segmentation")
    source = Source(
        model=torch.nn.Identity(), title="", sentence="", weights_label="", expects=FORM,
        notes=(opened.random_weights(), unjudged),
    )  # fmt: skip
    assert loading._of_the_model(source, None) == source.notes
    assert loading._of_the_model(source, data) == (opened.random_weights(),)


def test_an_image_and_its_mask_are_turned_upright_alike(folder):
    data = folder()
    turn = Image.Exif()
    turn[0x0112] = 6  # a quarter to the right
    for i, (picture, mask) in enumerate(zip(PICTURES, CLASSES, strict=True)):
        on_its_side = Image.fromarray(np.rot90(picture[:4]))
        on_its_side.save(data / f"images/{i:02}.jpg", exif=turn, quality=95)
        palette(mask[:4]).save(data / f"masks/{i:02}.png")
    subject = load(data, input_shape=None)
    assert subject.shape == (1, 4, SIDE)
    raw = read_masks(data, Expectation(shape=(1, 4, SIDE)))
    assert raw.targets.tolist() == CLASSES[:, :4].tolist()
    assert float((raw.x[:, 0] * 255 - torch.from_numpy(PICTURES[:, :4])).abs().mean()) < 12
