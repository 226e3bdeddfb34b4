"""Data in CSV tables, class folders and zip files: what is taken, and what each bad one says."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects.files import images, pixels
from pruneviz.subjects.files.tables import csv_columns
from pruneviz.subjects.references import parse_data
from pruneviz.subjects.sample_data import load_split
from pruneviz.subjects.subject import Data


@pytest.fixture
def table(labels: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(np.random.RandomState(0).randn(60, 4), columns=list("abcd"))
    return frame.assign(kind=np.array(["oak", "ash", "elm"])[labels])


class Csv:
    def __init__(self, factory: Path) -> None:
        self.factory = factory
        self.path = factory.parent / "trees.csv"

    def __call__(self, frame: pd.DataFrame, target: str = "?target=kind") -> Data:
        frame.to_csv(self.path, index=False)
        return self.read(target)

    def read(self, target: str = "?target=kind") -> Data:
        plan = Plan(model=f"python:{self.factory}:table", data=f"csv:{self.path}{target}")
        data = load_subject(plan).data
        assert data is not None
        return data


@pytest.fixture
def csv(factory: Path) -> Csv:
    return Csv(factory)


def test_table(csv: Csv, table: pd.DataFrame) -> None:
    data = csv(table)
    assert data.kind == "tabular"
    assert data.features == ("a", "b", "c", "d")
    assert data.classes == ("ash", "elm", "oak")
    assert data.x.shape == (45, 4)
    first = table[np.isclose(table["a"], float(data.x[0, 0]))]
    assert first["kind"].item() == data.classes[int(data.y[0])]


def test_whole_numbers_are_outputs(csv: Csv, table: pd.DataFrame, labels: np.ndarray) -> None:
    for kinds in (labels, labels.astype(float)):
        assert csv(table.assign(kind=kinds)).classes == ("0", "1", "2")
    assert csv_columns(csv.path) == ["a", "b", "c", "d", "kind"]
    with pytest.raises(ValueError, match=r"labels that are no output of the model: 3, 4"):
        csv(table.assign(kind=labels + 2))


def test_labels_of_more_digits_than_numbers_hold_are_names(
    csv: Csv, table: pd.DataFrame, labels: np.ndarray
) -> None:
    long = [str(10**20 + int(label)) for label in labels]
    data = csv(table.assign(kind=long))
    assert set(data.classes) == set(long)


def test_a_sample_finds_its_own_columns_and_classes(tmp_path: Path) -> None:
    split = load_split("tumour")
    frame = pd.DataFrame(split.test_x.numpy(), columns=list(split.features))
    kinds = [split.classes[i] for i in split.test_y.tolist()]
    frame = frame[list(reversed(split.features))].assign(verdict=kinds)
    frame.to_csv(tmp_path / "t.csv", index=False)
    plan = Plan(model="sample:tumour-mlp", data=f"csv:{tmp_path / 't.csv'}?target=verdict")
    subject = load_subject(plan)
    assert subject.data is not None
    assert subject.data.features == split.features
    assert subject.data.classes == split.classes
    with torch.no_grad():
        right = subject.model(subject.data.x).argmax(1) == subject.data.y
    assert float(right.double().mean()) > 0.95


def test_missing_target(csv: Csv, table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"no column 'species'; add .*a, b, c, d, kind"):
        csv(table, "?target=species")
    with pytest.raises(ValueError, match=r"names no target column; add \?target=COLUMN"):
        csv(table, "")


def test_columns_that_are_no_numbers(csv: Csv, table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"not numbers: a holds 'noon' beside numbers; leave such"):
        csv(table.assign(a=[*table.a[:-1].astype(str), "noon"]))
    with pytest.raises(ValueError, match=r"no column besides the target"):
        csv(table[["kind"]])


def test_empty_cells_and_infinities(csv: Csv, table: pd.DataFrame) -> None:
    table.loc[::3, "b"] = np.nan
    with pytest.raises(ValueError, match=r"does not take inputs of shape \[5\]"):
        csv(table)  # a gap is filled, and marked by a feature of its own
    table["b"] = table["b"].fillna(0.5)
    table.loc[3, "b"] = np.inf
    with pytest.raises(ValueError, match=r"1 of the 60 inputs holds NaN or infinite"):
        csv(table)


def test_tables_too_small_or_of_the_wrong_width(csv: Csv, table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"7 inputs; give 8 or more"):
        csv(table[:7])
    with pytest.raises(ValueError, match=r"8 classes .* and the model 3 outputs"):
        csv(table[:8].assign(kind=list("stuvwxyz")))
    with pytest.raises(ValueError, match=r"does not take inputs of shape \[5\]"):
        csv(table.assign(e=1.0))


def test_files_that_are_no_tables(csv: Csv) -> None:
    for content in (b"", b"\xff\xfe\x00\x01", b'a,b\n1,2,3\n4,5\n"'):
        csv.path.write_bytes(content)
        with pytest.raises(ValueError, match=r"not a UTF-8 CSV table"):
            csv.read("?target=a")


def save(folder: Path, shape: tuple[int, ...], count: int = 6) -> None:
    generator = np.random.RandomState(len(folder.name))
    for label in ("cat", "cow", "dog"):
        (folder / label).mkdir(parents=True)
        for i in range(count):
            pixels = generator.randint(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "pets", (12, 10, 3))
    return tmp_path / "pets"


def load(factory: Path, data: str, shape: tuple[int, ...] | None = (1, 8, 8)) -> Data:
    model = "colours" if shape and shape[0] == 3 else "images"
    plan = Plan(model=f"python:{factory}:{model}", data=data, input_shape=shape)
    loaded = load_subject(plan).data
    assert loaded is not None
    return loaded


def pack(folder: Path, root: str = "") -> Path:
    path = folder.parent / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"{root}{file.relative_to(folder)}")
    return path


def test_folder(factory: Path, folder: Path) -> None:
    (folder / ".DS_Store").touch()
    (folder / "cat" / "notes.txt").touch()
    data = load(factory, f"folder:{folder}")
    assert data.classes == ("cat", "cow", "dog")
    assert data.x.shape[1:] == (1, 8, 8)
    assert len(data.y) + len(data.calibration_y) == 18
    assert load(factory, f"folder:{folder}", (3, 16, 16)).x.shape[1:] == (3, 16, 16)


def test_folder_takes_no_more_than_memory_allows(
    factory: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_TENSOR_BYTES", 4 * 64 * 12)
    data = load(factory, f"folder:{folder}")
    assert len(data.y) + len(data.calibration_y) == 12
    assert "12 of 18 images were taken" in data.note


def test_folder_for_a_model_that_names_its_classes(folder: Path) -> None:
    plan = Plan(model="torchvision:squeezenet1_1", data=f"folder:{folder}")
    with pytest.raises(
        ValueError, match=r"3 classes and the model 1,000 outputs.*cat, cow, dog.*such as tench"
    ):
        load_subject(plan, pretrained=False)
    for old, new in (("cat", "tench"), ("cow", "ox"), ("dog", "collie")):
        (folder / old).rename(folder / new)
    data = load_subject(plan, pretrained=False).data
    assert data is not None
    assert {data.classes[i] for i in data.y.tolist()} == {"tench", "ox", "collie"}
    assert data.x.shape[1:] == (3, 224, 224)
    assert data.mean == (0.485, 0.456, 0.406)


def test_bad_folders(factory: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no '.*nowhere' to read data from"):
        load(factory, f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(ValueError, match=r"is no folder"):
        load(factory, f"folder:{factory}")
    with pytest.raises(ValueError, match=r"holds no class folders"):
        load(factory, f"folder:{folder / 'cat'}")
    with pytest.raises(ValueError, match=r"give its input shape, such as 3,32,32"):
        load(factory, f"folder:{folder}", None)
    (folder / "hen").mkdir()
    with pytest.raises(ValueError, match=r"class folder 'hen' has no images"):
        load(factory, f"folder:{folder}")
    for name in ("hen", "cow", "dog"):
        shutil.rmtree(folder / name)
    with pytest.raises(ValueError, match=r"7 inputs|6 inputs"):
        load(factory, f"folder:{folder}")


def test_bad_images(factory: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = (folder / "cow" / "1.png").read_bytes()
    for content in (b"hello", good[:60], b""):
        (folder / "cow" / "1.png").write_bytes(content)
        data = load(factory, f"folder:{folder}")
        assert "Left out: 1 image is broken (cow/1.png)." in data.note
        assert len(data.y) + len(data.calibration_y) == 17
    for label in ("cow", "dog"):
        (folder / label / "2.png").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"'cow/2.png' is not a whole image.*so is 'cow/1.png'"):
        load(factory, f"folder:{folder}")
    for label in ("cow", "dog"):
        (folder / label / "2.png").write_bytes(good)
    monkeypatch.setattr(pixels, "MAX_PIXELS", 100)
    with pytest.raises(ValueError, match=r"'cat/0.png' has 10 by 12 pixels"):
        load(factory, f"folder:{folder}")


def test_image_bombs(factory: Path, folder: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(folder / "cow" / "1.png")
    with pytest.raises(ValueError, match=r"'cow/1.png'"):
        load(factory, f"folder:{folder}")


@pytest.mark.parametrize("root", ["", "pets/", "a/b/"])
def test_zip_gives_what_the_folder_gives(factory: Path, folder: Path, root: str) -> None:
    expects = load_subject(Plan(model=f"python:{factory}:images", input_shape=(1, 8, 8)))
    assert expects.data is None
    from pruneviz.subjects.models.expectation import Expectation

    wanted = Expectation(shape=(1, 8, 8))
    packed = images.read_zip(pack(folder, root), wanted)
    plain = images.read_folder(folder, wanted)
    assert torch.equal(packed.x, plain.x)
    assert packed.classes == plain.classes
    assert (packed.labels == plain.labels).all()


def test_target_may_be_quoted() -> None:
    assert parse_data("csv:a.csv?target=my%20kind").columns.target == ("my kind",)
