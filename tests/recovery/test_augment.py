"""Augmentation: half is mirrored, all moves are as likely, and what moves in is black."""

from __future__ import annotations

from dataclasses import replace

import torch

from pruneviz.recovery.training.augment import augmenter, chosen_augmentation, draws
from pruneviz.subjects import Augmentation
from pruneviz.subjects.sample_data import load_sample_data

CPU = torch.device("cpu")


def test_every_move_is_one_of_the_moves_and_black_moves_in():
    data = replace(load_sample_data("digits"), mean=(0.5,), std=(0.25,))
    x = torch.rand(600, 1, 4, 5) + 1.0
    change = augmenter(data, Augmentation(shift_pixels=1))
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1), value=-2.0)  # (0 - 0.5) / 0.25
    seen = []
    for image, moved in zip(padded, change(x, draws(600, 3, CPU)), strict=True):
        fits = [(i, j) for i in range(3) for j in range(3)
                if torch.equal(image[:, i : i + 4, j : j + 5], moved)]  # fmt: skip
        assert len(fits) == 1
        seen += fits
    counts = [seen.count((i, j)) for i in range(3) for j in range(3)]
    assert min(counts) > 35  # of 600 / 9 = 67


def test_half_of_the_images_are_mirrored():
    data = load_sample_data("digits")
    x = data.train_x[:400]
    out = augmenter(data, Augmentation(flip=True))(x, draws(400, 0, CPU))
    mirrored = [
        torch.equal(o, i.flip(2)) and not torch.equal(o, i) for o, i in zip(out, x, strict=True)
    ]
    assert all(torch.equal(o, i) or m for o, i, m in zip(out, x, mirrored, strict=True))
    assert 150 < sum(mirrored) < 250


def test_without_augmentation_inputs_are_themselves():
    data = load_sample_data("tumour")
    assert augmenter(data, data.augmentation)(data.x, draws(len(data.y), 0, CPU)) is data.x


def test_choices_mean_what_they_say():
    digits = load_sample_data("digits")
    assert chosen_augmentation(digits, "as_trained") == digits.augmentation
    assert chosen_augmentation(digits, "flip_shift").shift_pixels == 1
    larger = replace(digits, x=torch.zeros(1, 3, 32, 32), augmentation=Augmentation())
    assert chosen_augmentation(larger, "shift") == Augmentation(shift_pixels=4, known=True)
    assert chosen_augmentation(larger, "flip") == Augmentation(flip=True, known=True)
