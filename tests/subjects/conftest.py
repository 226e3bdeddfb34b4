from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

FACTORY = """
import torch
from torch import nn


def images():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


def colours():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def table():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


def signal():
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.Flatten(), nn.Linear(504, 3))


def words():
    return nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3))


def single():
    return nn.Linear(4, 1)


def undecided():
    return nn.Conv2d(1, 4, 3)


def diverged():
    model = nn.Linear(4, 3)
    nn.init.constant_(model.bias, float("nan"))
    return model


def number():
    return 7


def broken():
    raise RuntimeError("no such luck")


def leaves():
    raise SystemExit(3)
"""


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    path = tmp_path / "nets.py"
    path.write_text(FACTORY, encoding="utf-8")
    return path


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(60) % 3


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (60, 8, 8), dtype=np.uint8)
