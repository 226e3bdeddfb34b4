"""Image files: every kind and depth gives its pixels, and what is left out is said."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz.subjects.files.images import read_folder, read_zip
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.models.expectation import Expectation

GREY, COLOUR = Expectation(shape=(1, 8, 8)), Expectation(shape=(3, 8, 8))
CLASSES = ("ash", "oak")
COUNT = 3


def tiles() -> np.ndarray:
    """Return grey images (6, 8, 8), uint8, the first three of class ash."""
    return np.random.RandomState(0).randint(0, 256, (2 * COUNT, 8, 8), dtype=np.uint8)


def save(folder: Path, make: Callable[[np.ndarray], Image.Image], ending: str, **more) -> None:
    for i, tile in enumerate(tiles()):
        path = folder / CLASSES[i // COUNT] / f"{i}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        make(tile).save(path, **more)


def words(tile: np.ndarray) -> Image.Image:
    return Image.fromarray(tile.astype("uint16") * 257)


FORMS = {
    "png": (Image.fromarray, ".png", {}),
    "16 bits": (words, ".png", {}),
    "16 bits in tiff": (words, ".tif", {}),
    "16 bits in pgm": (words, ".pgm", {}),
    "32 bits in tiff": (lambda t: Image.fromarray(t.astype("int32") * 257), ".tiff", {}),
    "bytes in 32 bits": (lambda t: Image.fromarray(t.astype("int32")), ".tiff", {}),
    "floats to 1": (lambda t: Image.fromarray(t.astype("float32") / 255), ".tiff", {}),
    "floats to 255": (lambda t: Image.fromarray(t.astype("float32")), ".tiff", {}),
    "grey with alpha": (
        lambda t: Image.fromarray(np.stack([t, np.full_like(t, 255)], 2), "LA"), ".png", {},
    ),
    "jfif": (Image.fromarray, ".jfif", {"format": "PNG"}),
    "upper case": (Image.fromarray, ".JPE", {"format": "PNG"}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("expects", [GREY, COLOUR], ids=["grey", "colour"])
def test_every_kind_of_file_gives_its_pixels(tmp_path, form, expects):
    make, ending, more = FORMS[form]
    save(tmp_path, make, ending, **more)
    raw = read_folder(tmp_path, expects)
    wanted = torch.from_numpy(tiles()).float().unsqueeze(1).expand(-1, expects.shape[0], -1, -1)
    torch.testing.assert_close(raw.x, wanted / 255, atol=1e-6, rtol=0)
    assert raw.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert ("16 bits" in raw.note or "divided by 65,535" in raw.note) == form.startswith(
        ("16 bits", "32 bits")
    )


def test_depths_may_be_mixed(tmp_path):
    save(tmp_path, Image.fromarray, ".png")
    words(tiles()[0]).save(tmp_path / "ash" / "0.png")
    raw = read_folder(tmp_path, GREY)
    torch.testing.assert_close(raw.x[:, 0], torch.from_numpy(tiles()).float() / 255)
    assert "1 with 16 bits" in raw.note


def deep(bits: int) -> np.ndarray:
    """Return grey images (6, 8, 8), int64, the brightest of them just below white."""
    images = np.random.RandomState(bits).randint(0, 2**bits - 9, (2 * COUNT, 8, 8))
    images[COUNT, 2, 2] = 2**bits - 3
    return images


@pytest.mark.parametrize("ending", [".png", ".tif", ".pgm", ".tiff"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_images_that_use_fewer_than_16_bits_are_as_bright_as_they_were(tmp_path, ending, bits):
    images = deep(bits)
    for i, image in enumerate(images):  # the brightest is in one part alone
        path = tmp_path / ("test" if i < COUNT else "train") / CLASSES[i % 2] / f"{i}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.astype("int32" if ending == ".tiff" else "uint16")).save(path)
    raw = read_folder(tmp_path, GREY)
    white = 2**bits - 1
    for x, wanted, names in ((raw.x, images[:COUNT], raw.names), (raw.train.x, images[COUNT:], ())):
        order = [int(Path(name).stem) for name in names] or [1, 0, 2]
        got = torch.from_numpy(wanted[order] / white).float().unsqueeze(1)
        torch.testing.assert_close(x, got, atol=1e-6, rtol=0)
    assert raw.white == (65_535 if bits == 8 else white)
    assert len(raw.notes) == (bits in (10, 12, 14))
    assert all(f"{bits}-bit images in 16-bit files" in str(note) for note in raw.notes)


def test_a_pgm_that_names_its_white_is_on_its_own_scale(tmp_path):
    images = deep(12)
    save(tmp_path, words, ".png")
    for i, image in enumerate(images):
        body = (image // 8).astype(">u2").tobytes()
        (tmp_path / CLASSES[i // COUNT] / f"{i}.pgm").write_bytes(b"P5 8 8 4095\n" + body)
    raw = read_folder(tmp_path, GREY)
    named = [i for i, name in enumerate(raw.names) if name.endswith("pgm")]
    wanted = torch.from_numpy(images // 8 / 4095).float().unsqueeze(1)
    torch.testing.assert_close(raw.x[named], wanted, atol=1e-5, rtol=0)


def png_of_words(image: np.ndarray) -> bytes:
    """Return a PNG of 16 bits a colour, (H, W, 3), as its specification lays it out."""
    height, width, _ = image.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0),
             b"IDAT": zlib.compress(rows), b"IEND": b""}  # fmt: skip
    chunks = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_colours_that_may_be_of_fewer_bits_than_their_files_are_said(tmp_path, bits):
    for i in range(2 * COUNT):
        image = np.random.RandomState(i).randint(0, 2**bits, (8, 8, 3))
        lay(tmp_path / "data", {f"{CLASSES[i // COUNT]}/{i}.png": png_of_words(image)})
    for raw in read_both(tmp_path / "data", COLOUR):
        said = [str(note) for note in raw.notes]
        assert len(said) == (bits < 16)
        brightest = 2 ** (bits - 8) - 1
        assert all("6 images have 16 bits a colour" in note for note in said)
        assert all(f"none is brighter than {brightest} of 255" in note for note in said)
        if bits < 16:
            assert float(raw.x.max()) == pytest.approx(brightest / 255)


def test_values_without_a_white_are_refused(tmp_path):
    save(tmp_path, lambda t: Image.fromarray(t.astype("float32") * 10 - 1000), ".tiff")
    with pytest.raises(
        ValueError, match=r"from .1,000 to 1,550, which does not tell what white is"
    ):
        read_folder(tmp_path, GREY)


def read_both(folder: Path, expects: Expectation = GREY) -> list[RawData]:
    """Return what the folder gives and what a zip of it gives."""
    archive = folder.parent / f"{folder.name}.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, path.relative_to(folder).as_posix())
    return [read_folder(folder, expects), read_zip(archive, expects)]


def png(value: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 8), value).save(out, "PNG")
    return out.getvalue()


def lay(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def plain(prefix: str = "", count: int = 3) -> dict[str, bytes]:
    return {
        f"{prefix}{label}/{i}.png": png(10 * i + 100 * k)
        for k, label in enumerate(CLASSES)
        for i in range(count)
    }


def test_folders_inside_a_class_belong_to_it(tmp_path):
    files = {**plain(), "ash/more/9.png": png(9), "oak/a/b/8.png": png(8)}
    for raw in read_both(lay(tmp_path / "data", files)):
        assert raw.classes == CLASSES
        assert raw.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
        assert "In folders inside their class's folder: 2." in raw.note
        assert raw.names == ("ash/0.png", "ash/1.png", "ash/2.png", "ash/more/9.png",
                             "oak/0.png", "oak/1.png", "oak/2.png", "oak/a/b/8.png")  # fmt: skip


def test_folders_inside_classes_are_groups_of_the_evaluated_images(tmp_path):
    sites = {"ash/east": 2, "ash/west": 3, "oak/west": 2, "oak/east/scanner": 1, "oak": 1}
    files = {
        f"{part}/{site}/{i}.png": png(10 * i + len(site))
        for part in ("train", "test")
        for site, count in sites.items()
        for i in range(count * (1 if part == "test" else 2))
    }
    for raw in read_both(lay(tmp_path / "data", files)):
        names, index = raw.groups["folder"]
        assert sorted(names) == ["(none)", "east", "west"]
        inner = [name.split("/")[2:-1] for name in raw.names]
        assert [names[place] for place in index] == [folders[0] if folders else "(none)"
                                                     for folders in inner]  # fmt: skip
        assert len(index) == len(raw.x) == 9
    each_apart = {f"{label}/{label}{i}/a.png": png(i) for label in "ab" for i in range(3)}
    for number, lone in enumerate((plain(), each_apart)):
        for raw in read_both(lay(tmp_path / f"lone-{number}", lone)):
            assert raw.groups == {}, "one folder, or one for each image"


def test_what_is_left_out_is_counted_and_named(tmp_path):
    files = {
        **plain(count=12),
        "ash/scan.dcm": b"x",
        "oak/labels.txt": b"x",
        "loose.png": png(0),
        "oak/5.png": b"",
        "oak/.hidden.png": b"",
        "Thumbs.db": b"x",
        ".ipynb_checkpoints/a.png": png(1),
        "__pycache__/a.pyc": b"x",
        "__MACOSX/ash/0.png": b"x",
    }
    for raw in read_both(lay(tmp_path / "data", files)):
        assert raw.classes == CLASSES
        assert len(raw.x) == 23
        assert "2 files of no kind that is read (ash/scan.dcm, oak/labels.txt)" in raw.note
        assert "1 file in no class's folder (loose.png)" in raw.note
        assert "1 image is broken (oak/5.png)" in raw.note
        assert not any(word in raw.note for word in ("hidden", "Thumbs", "MACOSX", "pyc"))


def test_class_folders_without_images_are_named(tmp_path):
    root = lay(tmp_path / "data", plain())
    (root / "elm").mkdir()
    with pytest.raises(ValueError, match="class folder 'elm' has no images; add some"):
        read_folder(root, GREY)
    lay(root, {"elm/1.jp2": b"x"})
    with pytest.raises(ValueError, match=r"'elm' has no images that can be read.*end in \.jp2"):
        read_folder(root, GREY)
    lay(root, {"elm/2.png": b"x"})
    with pytest.raises(ValueError, match=r"'elm/2.png' is not a whole image, and its class"):
        read_folder(root, GREY)


@pytest.mark.parametrize("wrap", ["", "pets/", "a/pets/"])
@pytest.mark.parametrize(
    "names",
    [
        *(("train", "test"), ("Train", "val"), ("training", "VALID"), ("train", "validation")),
        *(("training_set", "test_set"), ("seg_train", "seg_test"), ("TrainSet", "testset")),
        *(("training_set/training_set", "test_set/test_set"), ("train/train", "test")),
        *(("train", "dev"), ("train-images", "val images"), ("train", "holdout")),
    ],
)
def test_a_split_is_kept(tmp_path, wrap, names):
    train, judge = names
    files = {**plain(f"{wrap}{train}/", 5), **plain(f"{wrap}{judge}/", 3)}
    for raw in read_both(lay(tmp_path / "data", files)):
        assert raw.classes == CLASSES
        assert (len(raw.x), len(raw.train.x)) == (6, 10)
        assert raw.train.y.tolist() == [0] * 5 + [1] * 5
        torch.testing.assert_close(raw.train.x[4] * 255, torch.full((1, 8, 8), 40.0))
        parts = [name.split("/")[0] for name in names]
        assert "'{}' trains and calibrates, '{}' evaluates".format(*parts) in raw.note
        assert raw.names[0] == f"{judge}/ash/0.png"


def test_three_parts_and_parts_without_classes(tmp_path):
    files = {**plain("train/", 5), **plain("val/", 4), **plain("test/", 3), "notes/a.png": png(3)}
    for raw in read_both(lay(tmp_path / "three", files)):
        assert (len(raw.x), len(raw.train.x)) == (6, 10)
        assert "Left out: 8 files of parts that are not needed (val/ash" in raw.note
        assert "Left out: 1 file in no class's folder (notes/a.png)" in raw.note
    flat = {**plain("train/", 5), "test/1.png": png(1), "test/2.png": png(2)}
    for raw in read_both(lay(tmp_path / "flat", flat)):
        assert (len(raw.x), raw.train.x, raw.classes) == (10, None, CLASSES)
        assert "only 'train' has folders of classes" in raw.note
        assert "2 files in no class's folder (test/1.png" in raw.note


def test_a_class_may_be_absent_from_one_part(tmp_path):
    files = {**plain("train/", 5), **plain("test/", 3)}
    files = {name: v for name, v in files.items() if not name.startswith("test/ash")}
    root = lay(tmp_path / "data", files)
    (root / "test" / "ash").mkdir()
    for raw in read_both(root):
        assert raw.classes == CLASSES
        assert raw.labels.tolist() == [1, 1, 1]


def test_folders_of_the_same_names_in_every_class_are_said(tmp_path):
    files = {**plain("fold1/", 5), **plain("fold2/", 3)}
    for raw in read_both(lay(tmp_path / "data", files)):
        assert raw.classes == ("fold1", "fold2")
        assert "each holds folders of the same names (ash, oak)" in raw.note
    own = {f"{c}/{c}{i}/{i}.png": png(i) for c in ("ash", "oak") for i in range(3)}
    for raw in read_both(lay(tmp_path / "own", own)):
        assert "of the same names" not in raw.note


def test_files_without_an_images_ending_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no images that can be read: its files end in \.dcm"):
        read_folder(lay(tmp_path / "data", {"ash/1.dcm": b"x", "oak/2.dcm": b"x"}), GREY)


def test_classes_that_are_called_like_parts_are_classes(tmp_path):
    files = {f"{c}/{i}.png": png(i) for c in ("bus", "plane", "train") for i in range(3)}
    for raw in read_both(lay(tmp_path / "data", files)):
        assert raw.classes == ("bus", "plane", "train")
