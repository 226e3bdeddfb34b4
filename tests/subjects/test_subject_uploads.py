"""Uploads: what goes in comes out, and what could do harm stays outside."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save as save_tensors

from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject, needs_operator, uploads
from pruneviz.subjects.models.samples import DigitsCnn
from pruneviz.subjects.uploads import accept, table_columns


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def picture(value: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 8), value).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def pictures() -> dict[str, bytes]:
    return {f"{label}/{i}.png": picture(20 * i + label) for label in range(3) for i in range(6)}


@pytest.fixture
def npz(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, x=pixels, y=labels)
    return out.getvalue()


def test_weights_round_trip(tmp_path: Path) -> None:
    state = DigitsCnn().state_dict()
    reference = accept("mine.safetensors", save_tensors(state), tmp_path)
    assert not needs_operator(reference)
    subject = load_subject(Plan(weights=reference), home=tmp_path)
    assert subject.weights_label == "your weights"
    assert torch.equal(subject.model.state_dict()["conv1.weight"], state["conv1.weight"])


def test_npz_round_trip(tmp_path: Path, npz: bytes) -> None:
    first = accept("a.npz", npz, tmp_path)
    assert accept("b.NPZ", io.BytesIO(npz), tmp_path) == first
    assert len(list((tmp_path / "uploads").glob("*.npz"))) == 1
    data = load_subject(Plan(data=first), home=tmp_path).data
    assert data is not None
    assert data.reference == first
    assert data.x.shape == (45, 1, 8, 8)


def test_csv_round_trip(tmp_path: Path) -> None:
    rows = [",".join(str(i * j % 7) for j in range(30)) + f",{i % 2}" for i in range(40)]
    header = ",".join([*(f"f{j}" for j in range(30)), "kind"])
    reference = accept("t.csv", "\n".join([header, *rows]).encode(), tmp_path)
    plan = Plan(model="sample:tumour-mlp", data=f"{reference}?target=kind")
    data = load_subject(plan, home=tmp_path).data
    assert data is not None
    assert len(data.y) == 30
    assert table_columns(reference, tmp_path)[-2:] == ["f29", "kind"]
    with pytest.raises(ValueError, match=r"names no target column"):
        load_subject(Plan(model="sample:tumour-mlp", data=reference), home=tmp_path)


def test_zip_round_trip(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    reference = accept("digits.zip", zipped(pictures), tmp_path)
    data = load_subject(Plan(data=reference), home=tmp_path).data
    assert data is not None
    assert set(data.y.tolist()) == {0, 1, 2}
    assert data.classes == tuple(map(str, range(10)))


def test_names_lead_nowhere(tmp_path: Path, npz: bytes) -> None:
    for name in ("../../a.npz", "/etc/a.npz", "..\\..\\a.npz", "C:\\a.npz"):
        accept(name, npz, tmp_path / "home")
    assert [p.name for p in tmp_path.iterdir()] == ["home"]
    assert len(list((tmp_path / "home" / "uploads").glob("*.npz"))) == 1


@pytest.mark.parametrize("name", ["a.exe", "a", "", "a.tar.gz", "a.py"])
def test_other_kinds(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ValueError, match=r"no kind of file .* safetensors, npz, csv, .* jsonl, txt"
    ):
        accept(name, b"content", tmp_path)


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.bin", "a.pkl", "a.ckpt"])
def test_pickles(tmp_path: Path, name: str) -> None:
    out = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, out)
    with pytest.raises(ValueError, match=r"pickle, which could run code when opened; save it as"):
        accept(name, out.getvalue(), tmp_path)
    with pytest.raises(ValueError, match=r"pickle"):
        accept("renamed.safetensors", out.getvalue(), tmp_path)


def test_content_must_be_what_the_ending_says(tmp_path: Path, npz: bytes) -> None:
    state = save_tensors(DigitsCnn().state_dict())
    with pytest.raises(ValueError, match=r"'a.npz' is not a whole npz file"):
        accept("a.npz", state, tmp_path)
    with pytest.raises(ValueError, match=r"'a.zip' holds no images"):
        accept("a.zip", npz, tmp_path)
    with pytest.raises(ValueError, match=r"'a.csv' is not"):
        accept("a.csv", npz, tmp_path)
    with pytest.raises(ValueError, match=r"'a.csv' is not a table but a binary file"):
        accept("a.csv", b"a,b\0\n", tmp_path)
    with pytest.raises(ValueError, match=r"'a.safetensors' is truncated"):
        accept("a.safetensors", state[:-8], tmp_path)
    with pytest.raises(ValueError, match=r"'a.csv' is empty"):
        accept("a.csv", b"", tmp_path)
    with pytest.raises(ValueError, match=r"'a.npz' is not a whole npz file"):
        accept("a.npz", npz[:-30], tmp_path)
    assert not (tmp_path / "uploads").exists()


def test_object_arrays(tmp_path: Path) -> None:
    out = io.BytesIO()
    np.savez(out, x=np.array([print], dtype=object), y=np.zeros(1))
    with pytest.raises(ValueError, match=r"'x' holds Python objects, which could run code"):
        accept("a.npz", out.getvalue(), tmp_path)


def test_sizes(tmp_path: Path, npz: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", len(npz) - 1)
    for content in (npz, io.BytesIO(npz)):
        with pytest.raises(ValueError, match=r"'a.npz' is larger than 0 MB; give the path"):
            accept("a.npz", content, tmp_path)
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", len(npz))
    monkeypatch.setattr(uploads, "MAX_TOTAL_BYTES", len(npz) + 5)
    accept("a.npz", npz, tmp_path)
    accept("a.npz", npz, tmp_path)
    with pytest.raises(ValueError, match=r"uploads would take more than .* GB; remove some"):
        accept("b.csv", b"a,b\n1,2\n", tmp_path)
    assert len(list((tmp_path / "uploads").glob("*.[nc]*[!e]"))) == 1


@pytest.mark.parametrize("path", ["../x/a.png", "/x/a.png", "x/../../a.png", "C:/x/a.png"])
def test_paths_that_leave_the_zip(tmp_path: Path, pictures: dict[str, bytes], path: str) -> None:
    with pytest.raises(ValueError, match=r"holds the path '.*', which leads outside it"):
        accept("a.zip", zipped({**pictures, path: picture(1)}), tmp_path)


def test_links_and_passwords_in_a_zip(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("cat/a.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ValueError, match=r"holds the link 'cat/a.png'"):
        accept("a.zip", out.getvalue(), tmp_path)
    locked = bytearray(zipped({"cat/a.png": picture(1)}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ValueError, match=r"is encrypted; pack it without"):
        accept("a.zip", bytes(locked), tmp_path)


def test_zip_bombs(
    tmp_path: Path, pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pruneviz.subjects.files import arrays, images

    monkeypatch.setattr(images, "MAX_UNPACKED_BYTES", 10_000)
    monkeypatch.setattr(arrays, "MAX_UNPACKED_BYTES", 10_000)
    bomb = {"cat/a.png": bytes(10_001)}
    with pytest.raises(ValueError, match=r"unpacks to more than 1 GB; pack fewer"):
        accept("a.zip", zipped(bomb), tmp_path)
    with pytest.raises(ValueError, match=r"unpacks to more than 1 GB; give fewer"):
        accept("a.npz", zipped(bomb), tmp_path)
    monkeypatch.setattr(images, "MAX_MEMBERS", 17)
    with pytest.raises(ValueError, match=r"holds 18 files; pack 17 at most"):
        accept("a.zip", zipped(pictures), tmp_path)


def test_zip_without_class_folders(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match=r"'a.zip' holds no images"):
        accept("a.zip", zipped({"a/read.me": b"hello"}), tmp_path)
    with pytest.raises(ValueError, match=r"make one folder of images for each class"):
        accept("a.zip", zipped({"a.png": picture(1), "b.png": picture(2)}), tmp_path)
    with pytest.raises(ValueError, match=r"class folder 'empty' has no images"):
        accept("a.zip", zipped({**pictures, "empty/": b""}), tmp_path)


def test_zip_whose_content_is_damaged(tmp_path: Path, pictures: dict[str, bytes]) -> None:
    content = bytearray(zipped(pictures))
    content[60] ^= 255
    data = load_subject(Plan(data=accept("a.zip", bytes(content), tmp_path)), home=tmp_path).data
    assert data is not None
    assert len(data.y) + len(data.calibration_y) == len(pictures) - 1
    assert "Left out: 1 image is broken (0/0.png)." in data.note


def test_home_is_chosen_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("PRUNEVIZ_HOME")
    assert default_home().name == "pruneviz"
