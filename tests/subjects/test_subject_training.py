"""The training part: where it comes from, what it changes, and what each bad one says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pruneviz.plan import Plan
from pruneviz.subjects import Augmentation, load_subject
from pruneviz.subjects.sample_data import load_sample_data, load_split
from pruneviz.subjects.split import normalise, spread
from pruneviz.subjects.subject import Data


@pytest.fixture
def load(factory: Path):
    def run(model: str = "images", **arrays: object) -> Data:
        np.savez(factory.parent / "data.npz", **arrays)  # type: ignore[arg-type]
        path = factory.parent / "data.npz"
        data = load_subject(Plan(model=f"python:{factory}:{model}", data=f"npz:{path}")).data
        assert data is not None
        return data

    return run


def test_samples_train_on_their_whole_training_part():
    data, split = load_sample_data("digits"), load_split("digits")
    assert torch.equal(data.train_y, split.train_y)
    assert torch.equal(data.train_x, normalise(split.train_x, split.mean, split.std))
    assert data.augmentation == Augmentation(shift_pixels=1, known=True)
    assert data.train_note is None
    assert load_sample_data("tumour").augmentation == Augmentation(known=True)


@pytest.mark.parametrize(
    ("name", "digest"), [("digits", "77ba3d5ee052"), ("tumour", "81c377f450da")]
)
def test_digests_of_samples_are_what_they_were(name, digest):
    assert load_sample_data(name).sha256.startswith(digest)


def test_without_a_training_part_calibration_trains_and_says_so(load, pixels, labels):
    data = load(x=pixels, y=labels)
    assert data.train_x is data.calibration_x
    assert "only 15 inputs to train on" in str(data.train_note)
    assert not data.augmentation.known


def test_with_a_training_part_all_of_x_is_held_out(load, pixels, labels):
    train = np.repeat(255 - pixels, 10, 0)
    data = load(x=pixels, y=labels, train_x=train, train_y=np.repeat(labels, 10))
    assert len(data.y) == 60
    assert torch.equal(data.y, torch.from_numpy(labels))
    assert len(data.train_y) == 600
    assert len(data.calibration_y) == 512
    assert data.calibration_y.bincount().min() > 150
    torch.testing.assert_close(data.train_x[0], 1 - data.x[0])
    assert "calibrated on 512 of the 600 training inputs" in data.note
    assert data.train_note is None


def test_the_digest_covers_training_arrays_and_augmentation(load, pixels, labels):
    seen = {load(x=pixels, y=labels).sha256}
    seen.add(load(x=pixels, y=labels, train_flip=0).sha256)
    seen.add(load(x=pixels, y=labels, train_flip=1).sha256)
    seen.add(load(x=pixels, y=labels, train_shift_pixels=2).sha256)
    train, train_y = np.repeat(pixels, 10, 0), np.repeat(labels, 10)
    seen.add(load(x=pixels, y=labels, train_x=train, train_y=train_y).sha256)
    [spared, *_] = sorted(set(range(600)) - set(spread(600).tolist()))  # it calibrates nothing
    train[spared, 0, 0] ^= 1
    seen.add(load(x=pixels, y=labels, train_x=train, train_y=train_y).sha256)
    assert len(seen) == 6
    data = load(x=pixels, y=labels, train_flip=True, train_shift_pixels=2)
    assert data.augmentation == Augmentation(flip=True, shift_pixels=2, known=True)
    assert str(data.augmentation) == "flip and 2-pixel shift"


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"train_y": [5] * 60}, "training data has labels that are no output of the model: 5"),
        ({"train_y": [-1] * 60}, "training data has labels that are no output"),
        ({"train_y": [0] * 59}, "train_x has 60 inputs and train_y 59 labels"),
        ({"train_y": [0.5] * 60}, "train_y holds fractions"),
        ({"train_y": None}, "has train_x alone"),
        ({"train_x": np.full((60, 8, 8), 0.5)}, "train_x runs from 0.5 to 0.5 and x from 0 to 255"),
        ({"train_x": np.zeros((60, 9, 8), np.uint8)}, r"train_x have shape \[1, 9, 8\] and those"),
        ({"train_flip": 2}, "train_flip is 2"),
        ({"train_flip": "yes"}, "train_flip must be one whole number"),
        ({"train_shift_pixels": 0.5}, "train_shift_pixels must be one whole number"),
        ({"train_shift_pixels": [1, 2]}, "train_shift_pixels must be one whole number"),
        ({"train_shift_pixels": 8}, "less than the image's 8 by 8 pixels"),
        ({"train_shift_pixels": -1}, "train_shift_pixels is -1"),
    ],
)
def test_bad_training_parts_are_named(load, pixels, labels, arrays, words):
    given = {"train_x": pixels, "train_y": labels, **arrays}
    given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(ValueError, match=words):
        load(x=pixels, y=labels, **given)


def test_nan_and_shifted_tables_are_named(load, labels):
    rows = np.random.RandomState(0).randn(60, 4).astype(np.float32)
    bad = rows.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="1 of the 60 training inputs holds NaN"):
        load("table", x=rows, y=labels, train_x=bad, train_y=labels)
    with pytest.raises(ValueError, match="flip and shift are for images"):
        load("table", x=rows, y=labels, train_flip=1)
