"""Inputs that are not new are counted and said; held out is said only where it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pruneviz.figures.kit import format as fmt
from pruneviz.plan import Plan
from pruneviz.subjects import Subject, load_subject, split
from pruneviz.subjects.finite import refuse_not_finite
from pruneviz.subjects.overlap import near, repeated, rescaled
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


class Largest(TorchFunctionMode):
    """Notes how many values the largest tensor has that is computed meanwhile."""

    values = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        found = func(*args, **(kwargs or {}))
        given = {t.untyped_storage().data_ptr() for t in tensors_of((args, kwargs))}
        for tensor in tensors_of(found):  # a view takes no memory
            if tensor.untyped_storage().data_ptr() not in given:
                self.values = max(self.values, tensor.numel())
        return found


def tensors_of(tree: object) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def test_large_inputs_are_compared_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(24, 3, 16, 16)
    other = torch.cat([torch.rand(24, 3, 16, 16), x[:8]])
    measure = measure_of(other)
    looks = (
        lambda: near(x, other),
        lambda: rescaled(x, other[:24], 1, *measure),
        lambda: repeated(x, other),
        lambda: refuse_not_finite(x),
    )
    before = [look() for look in looks]
    monkeypatch.setattr(split, "PART_VALUES", 4 * x[0].numel())
    for look, wanted in zip(looks, before, strict=True):
        with Largest() as largest:
            found = look()
        assert largest.values <= 16 * x[0].numel()  # the random sums that inputs are sought by
        assert found is None if wanted is None else torch.equal(found, wanted)
    assert before[0].tolist() == [True] * 8 + [False] * 16
    assert not before[1].any()
    assert before[2].tolist() == before[0].tolist()


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


def standardised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


UNITS = {
    "bytes to fractions": lambda x: x / 255,
    "from -1 to 1": lambda x: x / 127.5 - 1,
    "standardised": standardised,
    "another gain": lambda x: 1.1 * x,
    "an offset": lambda x: x + 30,
    "single precision": lambda x: (x / 4095).astype("float32"),
}


def pictures(generator: np.random.RandomState, count: int) -> np.ndarray:
    return generator.randint(0, 256, (count, 3, 8, 8)) / 1.0


def measured(generator: np.random.RandomState, count: int) -> np.ndarray:
    return generator.randn(count, 30) * 10.0 ** generator.uniform(-1, 3, 30) + 5


def waves(generator: np.random.RandomState, count: int) -> np.ndarray:
    return generator.randn(count, 2, 40) * 50


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("make", [pictures, measured, waves])
def test_copies_in_other_units_are_counted(units, make) -> None:
    generator = np.random.RandomState(0)
    train, new = make(generator, 120), make(generator, 50)
    mixed = np.concatenate([new, train[:20]])
    x = torch.from_numpy(UNITS[units](mixed)).float()
    other = torch.from_numpy(train).float()
    found = rescaled(x, other, 1, *measure_of(other))
    assert found.tolist() == [False] * 50 + [True] * 20
    alone = torch.from_numpy(UNITS[units](new)).float()
    assert not rescaled(alone, other, 1, *measure_of(other)).any()


def measure_of(other: torch.Tensor) -> tuple[float, torch.Tensor, torch.Tensor]:
    axes = [axis for axis in range(other.dim()) if axis != 1]
    spread, centre = torch.std_mean(other, axes, keepdim=True)
    return 0.02 if other.dim() == 4 else 0.005, centre, spread


def test_channels_may_have_units_of_their_own() -> None:
    generator = np.random.RandomState(0)
    train = torch.from_numpy(pictures(generator, 60) / 255).float()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.25]))
    x = (train[10:40] - mean) / std
    assert rescaled(x, train, 1, *measure_of(train)).all()


def counts(generator: np.random.RandomState, count: int) -> np.ndarray:
    return generator.poisson(0.3, (count, 20))


ALIKE = {
    "constant rows": lambda g, n: np.repeat(g.randint(0, 5, (n, 1)), 20, 1),
    "nearly constant": lambda g, n: np.repeat(g.rand(n, 1), 20, 1) + 1e-7 * g.rand(n, 20),
    "one value": lambda g, n: np.full((n, 20), 3),
    "truth": lambda g, n: g.randint(0, 2, (n, 20)),
    "counts": counts,
    "one count": lambda g, n: np.eye(20)[g.randint(0, 20, n)] * g.randint(1, 9, (n, 1)),
    "answers from 1 to 5": lambda g, n: g.randint(1, 6, (n, 12)),
    "one large column": lambda g, n: np.c_[g.rand(n, 11), 5e4 + 1e4 * g.randn(n, 1)],
    "multiples of one row": lambda g, n: np.arange(20) * g.randint(1, 400, (n, 1)),
    "constant images": lambda g, n: np.full((n, 1, 8, 8), 1) * g.rand(n, 1, 1, 1),
    "squares": lambda g, n: np.kron(g.randint(0, 2, (n, 1, 2, 2)), np.ones((4, 4))),
    "few columns": lambda g, n: g.randn(n, 4).round(1),
}


@pytest.mark.parametrize("kind", ALIKE)
@pytest.mark.parametrize("seed", range(3))
def test_inputs_that_are_alike_by_chance_are_no_copies_in_other_units(kind, seed) -> None:
    generator = np.random.RandomState(seed)
    train, x = (torch.from_numpy(ALIKE[kind](generator, n) * 1.0).float() for n in (300, 100))
    assert not rescaled(x, train, 1, *measure_of(train)).any()


def test_copies_in_other_units_are_said(tmp_path: Path) -> None:
    split = load_split("digits")
    x, y = split.test_x.numpy(), split.test_y.numpy()
    np.savez(tmp_path / "d.npz", x=x[:100] * 2 - 1, y=y[:100], train_x=x[93:], train_y=y[93:])
    subject = load_subject(Plan(data=f"npz:{tmp_path / 'd.npz'}"))
    said = [str(note) for note in subject.notes if note in opened.in_other_units]
    assert len(said) == 1
    assert said[0].startswith("7 of the 100 evaluated inputs are in its training part, too, in oth")


@pytest.mark.parametrize("units", [lambda x: x * 2 - 1, lambda x: (x - 62.0) / 230.0])
@pytest.mark.parametrize("part", ["train", "test"])
def test_a_samples_training_data_is_found_in_other_units(tmp_path: Path, units, part) -> None:
    split = load_split("tumour")
    x, y = getattr(split, f"{part}_x"), getattr(split, f"{part}_y")
    subject = cells(tmp_path, units(x.double()), y, 9)
    assert subject.data is not None
    count = len(subject.data.x)
    said = about_training(subject)
    assert [note.partition(" ev")[0] for note in said] == [f"{count} of the {count}"] * (
        part == "train"
    )
