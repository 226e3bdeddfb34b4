"""Inputs that are not new are counted and said; held out is said only where it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from pruneviz.figures.kit import format as fmt
from pruneviz.plan import Plan
from pruneviz.subjects import Subject, load_subject
from pruneviz.subjects.overlap import near
from pruneviz.subjects.sample_data import load_split
from pruneviz.wording import opened


def cells(tmp_path: Path, x: torch.Tensor, y: torch.Tensor, digits: int) -> Subject:
    split = load_split("tumour")
    frame = pd.DataFrame(x.numpy().astype(np.float64).round(digits), columns=list(split.features))
    frame.assign(verdict=[split.classes[i] for i in y.tolist()]).to_csv(
        tmp_path / "t.csv", index=False
    )
    data = f"csv:{tmp_path / 't.csv'}?target=verdict"
    return load_subject(Plan(model="sample:tumour-mlp", data=data))


def about_training(subject: Subject) -> list[str]:
    return [str(note) for note in subject.notes if note in opened.known_from_training]


@pytest.mark.parametrize("digits", [3, 4, 9])
def test_rows_of_a_samples_training_data_are_counted(tmp_path: Path, digits: int) -> None:
    split = load_split("tumour")
    trained = cells(tmp_path, split.train_x, split.train_y, digits)
    assert trained.data is not None
    count = len(trained.data.x)
    assert about_training(trained)[0].startswith(f"{count} of the {count} evaluated inputs")
    new = cells(tmp_path, split.test_x, split.test_y, digits)
    assert about_training(new) == []
    assert new.data is not None
    assert not new.data.held_out


def test_images_are_found_whatever_they_are_saved_as(tmp_path: Path) -> None:
    split = load_split("digits")
    bytes_ = (split.train_x * 255).round().to(torch.uint8).numpy()
    np.savez(tmp_path / "d.npz", x=bytes_, y=split.train_y.numpy())
    subject = load_subject(Plan(data=f"npz:{tmp_path / 'd.npz'}"))
    assert subject.data is not None
    assert f"of the {len(subject.data.x):,} evaluated" in about_training(subject)[0]


def test_images_are_found_after_a_lossy_file(tmp_path: Path) -> None:
    split = load_split("digits")
    for part, x, y in (
        ("train", split.train_x, split.train_y),
        ("new", split.test_x, split.test_y),
    ):
        for i, image in enumerate((x[:120, 0] * 255).round().to(torch.uint8).numpy()):
            folder = tmp_path / part / f"{y[i]}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{i}.jpg", quality=90)
    trained, new = (load_subject(Plan(data=f"folder:{tmp_path / p}")) for p in ("train", "new"))
    assert trained.data is not None
    count = len(trained.data.x)
    assert about_training(trained)[0].startswith(f"{count} of the {count} evaluated inputs")
    assert about_training(new) == []


@pytest.mark.parametrize("shape", [(1, 8, 8), (40,), (4,), (6, 20)], ids=str)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_rounding_hides_no_input(shape: tuple[int, ...], scale: float) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn((200, *shape), generator=random)
    spread = torch.full((1, *[1] * len(shape)), scale)
    moved = (x[:60] * 1e4).round() / 1e4
    found = near(moved * scale, x[30:] * scale, 0.005, 0.0, spread)
    assert found.tolist() == [False] * 30 + [True] * 30


def test_a_test_part_that_repeats_the_training_part_is_said(tmp_path: Path) -> None:
    split = load_split("digits")
    x, y = (split.test_x * 255).round().to(torch.uint8).numpy(), split.test_y.numpy()
    np.savez(tmp_path / "d.npz", x=x[:100], y=y[:100], train_x=x[93:], train_y=y[93:])
    subject = load_subject(Plan(data=f"npz:{tmp_path / 'd.npz'}"))
    assert subject.data is not None
    assert subject.data.held_out
    assert any(
        "7 of the 100 evaluated inputs are in its training part" in str(n) for n in subject.notes
    )


def test_held_out_is_said_of_what_is_known_to_be() -> None:
    assert load_subject(Plan()).notes == ()
    assert fmt.inputs_of(599, Plan()) == "599 held-out inputs"
    assert fmt.inputs_of(599, Plan(data="sample:digits")) == "599 held-out inputs"
    assert fmt.inputs_of(1_204, Plan(data="csv:t.csv?target=a")) == "1,204 of your inputs"
