"""Diabetes: how far the disease of 442 patients went within a year, from ten measurements."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.split import Training, channel_statistics, make_data, stratified
from pruneviz.subjects.subject import Data
from pruneviz.tasks.regression import Regression

NAME = "diabetes"
TEST_FRACTION = 1 / 3
SPLIT_SEED = 0


class DiabetesMlp(nn.Module):
    """Three linear layers: (B, 10) measurements of a patient to (B, 1), the disease a year on."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(10, 32)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(32, 16)
        self.relu2 = nn.ReLU()
        self.progression = nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the progression (B, 1) of standardised measurements (B, 10)."""
        found: Tensor = self.progression(self.relu2(self.fc2(self.relu1(self.fc1(x)))))
        return found


def parts() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[str, ...]]:
    """Return raw inputs (N, 10) and targets (N, 1) to train on, to test on, and feature names.

    A third is set apart, each tenth of the targets in proportion.
    """
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    x = torch.from_numpy(bunch.data).float()
    y = torch.from_numpy(bunch.target).float()[:, None]
    test, train = stratified(Regression().strata(y).numpy(), TEST_FRACTION, SPLIT_SEED)
    names = tuple(map(str, bunch.feature_names))
    return (x[train], y[train]), (x[test], y[test]), names


def load() -> Data:
    """Return the Data: a third of the patients to evaluate, the others to train and calibrate."""
    (x, y), held_out, features = parts()
    mean, std = channel_statistics(x)
    return make_data(
        f"sample:{NAME}",
        held_out,
        (x, y),
        classes=(),
        features=features,
        mean=mean,
        std=std,
        note=(
            f"Evaluated on {len(held_out[1]):,} test inputs that no training saw; "
            f"calibrated on the {len(y):,} training inputs."
        ),
        names=tuple(f"test row {i}" for i in range(len(held_out[1]))),
        train=Training(x=x, y=y, augmentation=Augmentation(known=True), fingerprinted=False),
    )
