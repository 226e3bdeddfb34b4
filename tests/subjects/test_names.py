"""Every input to judge on has the name that its source gives it, whatever part it comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects.sample_data import load_sample_data
from pruneviz.subjects.subject import Data


def load(factory: Path, model: str, data: str, shape: tuple[int, ...] | None = None) -> Data:
    plan = Plan(model=f"python:{factory}:{model}", data=data, input_shape=shape)
    found = load_subject(plan).data
    assert found is not None
    assert len(found.names) == len(found.y)
    return found


def test_rows_of_arrays(factory, pixels, labels, tmp_path):
    np.savez(tmp_path / "a.npz", x=pixels, y=labels)
    data = load(factory, "images", f"npz:{tmp_path / 'a.npz'}")
    for i in range(len(data.y)):
        row = int(data.name(i).removeprefix("row "))
        torch.testing.assert_close(data.x[i, 0], torch.from_numpy(pixels[row] / 255).float())
    np.savez(tmp_path / "b.npz", x=pixels, y=labels, train_x=pixels, train_y=labels)
    both = load(factory, "images", f"npz:{tmp_path / 'b.npz'}")
    assert both.names == tuple(f"row {i}" for i in range(60))


def test_lines_of_tables(factory, labels, tmp_path):
    values = np.arange(240).reshape(60, 4)
    lines = ["a,b,c,d,kind"] + [
        ",".join(map(str, [*row, kind])) for row, kind in zip(values.tolist(), labels, strict=True)
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    data = load(factory, "table", f"csv:{tmp_path / 'a.csv'}?target=kind")
    for i in range(len(data.y)):
        line = lines[int(data.name(i).removeprefix("line ")) - 1]
        assert line.startswith(f"{data.x[i, 0]:.0f},")


def test_files_of_folders(factory, tmp_path):
    for k, label in enumerate(("a", "b", "c")):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(8):
            grey = np.full((8, 8), 8 * i + 64 * k, dtype=np.uint8)
            Image.fromarray(grey).save(tmp_path / "data" / label / f"<b>{i}.png")
    data = load(factory, "images", f"folder:{tmp_path / 'data'}", (1, 8, 8))
    for i in range(len(data.y)):
        with Image.open(tmp_path / "data" / data.name(i)) as image:
            assert image.getpixel((0, 0)) == round(255 * float(data.x[i, 0, 0, 0]))


@pytest.mark.parametrize("name", ["digits", "tumour"])
def test_test_rows_of_samples(name):
    data = load_sample_data(name)
    assert data.name(17) == "test row 17"
    assert len(data.names) == len(data.y)
